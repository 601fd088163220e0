// What goes back to the client; see server.h.
#include "guest/sftp/server.h"
#include "guest/sftp/status.h"

namespace ssh2incus::guest::sftp {

void Server::reply(PacketWriter& packet) { replies_.append(packet.finish()); }

void Server::reply_status(const Request& request, StatusCode code) {
  PacketWriter packet(PacketType::kStatus);
  packet.u32(request.id).u32(static_cast<std::uint32_t>(code)).text(status_text(code)).text("");
  reply(packet);
}

void Server::reply_failure(const Request& request, const std::string& text) {
  PacketWriter packet(PacketType::kStatus);
  packet.u32(request.id).u32(static_cast<std::uint32_t>(StatusCode::kFailure)).text(text).text("");
  reply(packet);
}

void Server::reply_errno(const Request& request, int error_number) {
  const StatusCode code = status_of(error_number);
  PacketWriter packet(PacketType::kStatus);
  packet.u32(request.id)
      .u32(static_cast<std::uint32_t>(code))
      .text(status_text(code, error_number))
      .text("");
  reply(packet);
}

void Server::reply_malformed(const Request& request) {
  reply_status(request, StatusCode::kBadMessage);
}

void Server::reply_handle(const Request& request, OpenFile file) {
  PacketWriter packet(PacketType::kHandle);
  packet.u32(request.id).text(handles_.add(std::move(file)));
  reply(packet);
}

void Server::reply_attributes(const Request& request, const struct stat& status) {
  PacketWriter packet(PacketType::kAttrs);
  packet.u32(request.id).attributes(attributes_of(status));
  reply(packet);
}

// Twice, as the long name too, and without attributes: what clients expect of a path.
void Server::reply_path(const Request& request, const std::string& path) {
  PacketWriter packet(PacketType::kName);
  packet.u32(request.id).u32(1).text(path).text(path).attributes({});
  reply(packet);
}

void Server::reply_file_system(const Request& request, const struct statvfs& status) {
  constexpr std::uint64_t kReadOnly = 1;
  constexpr std::uint64_t kNoSetuid = 2;
  PacketWriter packet(PacketType::kExtendedReply);
  packet.u32(request.id)
      .u64(status.f_bsize)
      .u64(status.f_frsize)
      .u64(status.f_blocks)
      .u64(status.f_bfree)
      .u64(status.f_bavail)
      .u64(status.f_files)
      .u64(status.f_ffree)
      .u64(status.f_favail)
      .u64(status.f_fsid)
      .u64(((status.f_flag & ST_RDONLY) != 0 ? kReadOnly : 0) |
           ((status.f_flag & ST_NOSUID) != 0 ? kNoSetuid : 0))
      .u64(status.f_namemax);
  reply(packet);
}

}  // namespace ssh2incus::guest::sftp
