// Requests about paths; see server.h.
#include <fcntl.h>

#include <cerrno>
#include <ctime>

#include "guest/sftp/server.h"

namespace ssh2incus::guest::sftp {
namespace {

constexpr mode_t kDefaultDirectoryMode = 0777;
constexpr std::uint32_t kMostEntries = 256;  // of one answer
constexpr std::size_t kMostEntryBytes = 128UL * 1024;

}  // namespace

void Server::stat_path(Request& request, Links links) {
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  struct stat status {};
  if (const int error = tree_.status(path, links, status); error != 0)
    return reply_errno(request, error);
  reply_attributes(request, status);
}

void Server::lstat(Request& request) { stat_path(request, Links::kKeep); }
void Server::stat(Request& request) { stat_path(request, Links::kFollow); }

void Server::change_path(Request& request, Links links) {
  const auto path = request.reader.name();
  const auto wanted = request.reader.attributes();
  if (request.reader.failed()) return reply_malformed(request);
  reply_errno(request, tree_.change(path, links, wanted));
}

void Server::setstat(Request& request) { change_path(request, Links::kFollow); }
void Server::lsetstat(Request& request) { change_path(request, Links::kKeep); }

void Server::opendir(Request& request) {
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  if (handles_.full()) return reply_failure(request, "too many open files");
  UniqueFd file;
  const int error = tree_.open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, file);
  if (error != 0) return reply_errno(request, error);
  OpenFile opened;
  opened.directory.reset(fdopendir(file.get()));
  if (opened.directory == nullptr) return reply_errno(request, errno);
  static_cast<void>(file.release());  // the directory's now
  reply_handle(request, std::move(opened));
}

void Server::readdir(Request& request) {
  const auto handle = request.reader.text();
  if (request.reader.failed()) return reply_malformed(request);
  const OpenFile* open = handles_.find_directory(handle);
  if (open == nullptr) return reply_failure(request, "no such handle");
  DIR* directory = open->directory.get();
  const time_t now = time(nullptr);
  PacketWriter entries;
  std::uint32_t count = 0;
  errno = 0;
  while (count < kMostEntries && entries.size() < kMostEntryBytes) {
    errno = 0;
    const dirent* entry = ::readdir(directory);
    if (entry == nullptr) break;
    struct stat status {};
    const bool known = fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!known && errno == ENOENT) continue;
    entries.text(entry->d_name)
        .text(long_name(entry->d_name, status, names(), now))
        .attributes(known ? attributes_of(status) : Attributes{});
    ++count;
  }
  if (count == 0)
    return errno != 0 ? reply_errno(request, errno) : reply_status(request, StatusCode::kEof);
  PacketWriter packet(PacketType::kName);
  packet.u32(request.id).u32(count);
  packet.append(entries);
  reply(packet);
}

void Server::remove(Request& request) {
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  reply_errno(request, tree_.remove_file(path));
}

void Server::mkdir(Request& request) {
  const auto path = request.reader.name();
  const auto attributes = request.reader.attributes();
  if (request.reader.failed()) return reply_malformed(request);
  const mode_t mode = attributes.permissions.value_or(kDefaultDirectoryMode);
  reply_errno(request, tree_.make_directory(path, mode));
}

void Server::rmdir(Request& request) {
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  reply_errno(request, tree_.remove_directory(path));
}

void Server::realpath(Request& request) {
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  std::string real;
  if (const int error = tree_.real_path(path, real); error != 0) return reply_errno(request, error);
  reply_path(request, real);
}

void Server::rename_path(Request& request, bool replace) {
  const auto from = request.reader.name();
  const auto to = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  reply_errno(request, tree_.rename(from, to, replace));
}

void Server::rename(Request& request) { rename_path(request, false); }
void Server::posix_rename(Request& request) { rename_path(request, true); }

void Server::readlink(Request& request) {
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  std::string content;
  if (const int error = tree_.read_symlink(path, content); error != 0)
    return reply_errno(request, error);
  reply_path(request, content);
}

// The content comes first, as OpenSSH has it; the draft says otherwise.
void Server::symlink(Request& request) {
  const auto content = request.reader.name();
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  reply_errno(request, tree_.make_symlink(content, path));
}

void Server::hardlink(Request& request) {
  const auto existing = request.reader.name();
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  reply_errno(request, tree_.link(existing, path));
}

void Server::statvfs(Request& request) {
  const auto path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  struct statvfs status {};
  if (const int error = tree_.file_system(path, status); error != 0)
    return reply_errno(request, error);
  reply_file_system(request, status);
}

}  // namespace ssh2incus::guest::sftp
