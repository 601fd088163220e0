// Packets to handlers; see server.h.
#include "guest/sftp/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace ssh2incus::guest::sftp {
namespace {

constexpr std::size_t kReservedFiles = 8;  // of the process: pipes, the root, what is passing
constexpr std::size_t kMostHandles = 65536;

std::size_t handle_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
  return limit.rlim_cur > kReservedFiles + 1
             ? std::min<std::size_t>(limit.rlim_cur - kReservedFiles, kMostHandles)
             : 1;
}

}  // namespace

Server::Server(Tree tree, Account account, Options options)
    : tree_(std::move(tree)),
      account_(std::move(account)),
      options_(std::move(options)),
      handles_(handle_limit()) {}

Result<std::size_t> Server::process(std::span<const std::uint8_t> input) {
  std::size_t used = 0;
  while (replies_.has_room() && input.size() - used >= 4) {
    const auto rest = input.subspan(used);
    const std::uint32_t length = PacketReader(rest.first(4)).u32();
    if (length < 1 || length > kMaxPacket) {
      return fail("sftp: a packet of " + std::to_string(length) +
                  " bytes came; something else than SFTP may have been sent");
    }
    if (rest.size() - 4 < length) break;
    TRY(handle_packet(rest.subspan(4, length)));
    used += 4 + length;
  }
  return used;
}

Status Server::handle_packet(std::span<const std::uint8_t> packet) {
  PacketReader reader(packet);
  const auto type = static_cast<PacketType>(reader.byte());
  if (type == PacketType::kInit) return handle_init(reader);
  if (!initialised_) return fail("sftp: a request came before the version");
  Request request{reader.u32(), reader};
  if (reader.failed()) return fail("sftp: a request without its number came");
  request.reader = reader;
  handle_request(type, request);
  return {};
}

Status Server::handle_init(PacketReader& reader) {
  reader.u32();  // whatever the client speaks, this is version 3
  if (reader.failed() || initialised_) return fail("sftp: malformed or repeated version");
  initialised_ = true;
  PacketWriter answer(PacketType::kVersion);
  answer.u32(kSftpVersion);
  for (const auto& extension : kExtensions) {
    if (options_.permits(std::string(extension.name), extension.writes))
      answer.text(extension.wire_name).text(extension.version);
  }
  reply(answer);
  return {};
}

void Server::handle_request(PacketType type, Request& request) {
  if (type == PacketType::kExtended) return handle_extended(request);
  const auto known = std::ranges::find(kRequests, type, &RequestName::type);
  if (known == kRequests.end()) return reply_status(request, StatusCode::kOpUnsupported);
  if (!options_.permits(std::string(known->name), known->writes))
    return reply_status(request, StatusCode::kPermissionDenied);
  (this->*handler_of(type))(request);
}

void Server::handle_extended(Request& request) {
  const auto name = request.reader.text();
  if (request.reader.failed()) return reply_malformed(request);
  const auto known = std::ranges::find(kExtensions, name, &ExtensionName::wire_name);
  if (known == kExtensions.end()) return reply_status(request, StatusCode::kOpUnsupported);
  if (!options_.permits(std::string(known->name), known->writes))
    return reply_status(request, StatusCode::kPermissionDenied);
  (this->*handler_of(known->extension))(request);
}

Server::Handler Server::handler_of(PacketType type) {
  switch (type) {
    case PacketType::kOpen: return &Server::open;
    case PacketType::kClose: return &Server::close;
    case PacketType::kRead: return &Server::read;
    case PacketType::kWrite: return &Server::write;
    case PacketType::kLstat: return &Server::lstat;
    case PacketType::kFstat: return &Server::fstat;
    case PacketType::kSetstat: return &Server::setstat;
    case PacketType::kFsetstat: return &Server::fsetstat;
    case PacketType::kOpendir: return &Server::opendir;
    case PacketType::kReaddir: return &Server::readdir;
    case PacketType::kRemove: return &Server::remove;
    case PacketType::kMkdir: return &Server::mkdir;
    case PacketType::kRmdir: return &Server::rmdir;
    case PacketType::kRealpath: return &Server::realpath;
    case PacketType::kStat: return &Server::stat;
    case PacketType::kRename: return &Server::rename;
    case PacketType::kReadlink: return &Server::readlink;
    case PacketType::kSymlink: return &Server::symlink;
    default: CHECK(false); return nullptr;  // kRequests has no other
  }
}

Server::Handler Server::handler_of(Extension extension) {
  switch (extension) {
    case Extension::kPosixRename: return &Server::posix_rename;
    case Extension::kStatvfs: return &Server::statvfs;
    case Extension::kFstatvfs: return &Server::fstatvfs;
    case Extension::kHardlink: return &Server::hardlink;
    case Extension::kFsync: return &Server::fsync;
    case Extension::kLsetstat: return &Server::lsetstat;
    case Extension::kLimits: return &Server::tell_limits;
    case Extension::kExpandPath: return &Server::expand_path;
    case Extension::kCopyData: return &Server::copy_data;
    case Extension::kHomeDirectory: return &Server::home_directory;
    case Extension::kUsersGroupsById: return &Server::users_groups_by_id;
  }
  CHECK(false);
  return nullptr;
}

}  // namespace ssh2incus::guest::sftp
