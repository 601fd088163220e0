// Requests about limits, homes and names; see server.h. The confined see no account but their own.
#include <algorithm>
#include <cerrno>

#include "guest/account.h"
#include "guest/sftp/server.h"

namespace ssh2incus::guest::sftp {
namespace {

constexpr std::size_t kMaxAccountFile = 16UL * 1024 * 1024;
constexpr std::size_t kMaxUserName = 256;
constexpr std::size_t kMostNameBytes = 200UL * 1024;

// Ids packed into a string, answered by their names in one.
PacketWriter names_of(std::string_view ids, const NameTable& table) {
  PacketReader reader({reinterpret_cast<const std::uint8_t*>(ids.data()), ids.size()});
  PacketWriter names;
  while (!reader.at_end() && !reader.failed()) names.text(table.name_of(reader.u32()));
  return names;
}

}  // namespace

const Names& Server::names() {
  if (!names_ && tree_.confined()) {
    const auto own = account_.name + ":x:";
    names_.emplace(Names{NameTable(own + std::to_string(account_.uid)), NameTable("")});
  }
  if (!names_) {
    const auto users = read_small_file("/etc/passwd", kMaxAccountFile);
    const auto groups = read_small_file("/etc/group", kMaxAccountFile);
    names_.emplace(Names{NameTable(users.value_or("")), NameTable(groups.value_or(""))});
  }
  return *names_;
}

std::optional<std::string> Server::home_of(const std::string& user) {
  const bool own = user.empty() || user == account_.name;
  if (tree_.confined()) return own ? std::optional<std::string>("/") : std::nullopt;
  if (own) return account_.home;
  if (user.size() > kMaxUserName || user.starts_with('-')) return std::nullopt;
  const auto account = resolve_account(user);
  if (!account.ok() || !*account) return std::nullopt;
  return (**account).home;
}

void Server::tell_limits(Request& request) {
  PacketWriter packet(PacketType::kExtendedReply);
  packet.u32(request.id).u64(kMaxPacket).u64(kMaxData).u64(kMaxData).u64(handles_.most());
  reply(packet);
}

void Server::expand_path(Request& request) {
  std::string path = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  if (path.starts_with('~')) {
    const auto end = std::min(path.find('/'), path.size());
    const auto home = home_of(path.substr(1, end - 1));
    if (!home) return reply_errno(request, ENOENT);
    path = *home + path.substr(end);
  }
  std::string real;
  if (const int error = tree_.real_path(path, real); error != 0) return reply_errno(request, error);
  reply_path(request, real);
}

void Server::home_directory(Request& request) {
  const auto user = request.reader.name();
  if (request.reader.failed()) return reply_malformed(request);
  const auto home = home_of(user);
  if (!home) return reply_errno(request, ENOENT);
  reply_path(request, *home);
}

void Server::users_groups_by_id(Request& request) {
  const auto users = request.reader.text();
  const auto groups = request.reader.text();
  if (request.reader.failed() || users.size() % 4 != 0 || groups.size() % 4 != 0)
    return reply_malformed(request);
  const auto user_names = names_of(users, names().users);
  const auto group_names = names_of(groups, names().groups);
  if (user_names.size() + group_names.size() > kMostNameBytes)
    return reply_failure(request, "too many names in one answer");
  PacketWriter packet(PacketType::kExtendedReply);
  packet.u32(request.id).text(user_names.content()).text(group_names.content());
  reply(packet);
}

}  // namespace ssh2incus::guest::sftp
