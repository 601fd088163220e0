// A small client that drives the guest's SFTP server with real packets, through a real guest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guest/sftp/packet.h"
#include "tests/unit/guest/guest_process.h"

namespace ssh2incus::test {

struct SftpReply {
  guest::sftp::PacketType type{};
  std::string body;  // after the request's number
  // Of a status.
  [[nodiscard]] guest::sftp::StatusCode code() const;
  [[nodiscard]] std::string message() const;
  // Of a handle or data.
  [[nodiscard]] std::string text() const;
  // Of names: the names, in order.
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::vector<std::string> long_names() const;
  [[nodiscard]] guest::sftp::Attributes attributes() const;
};

class SftpClient {
 public:
  using Packet = guest::sftp::PacketWriter;
  // Opens a session in the guest; greets unless told otherwise.
  explicit SftpClient(GuestProcess& guest, bool greet = true);

  // The arguments after the request's number; waits for the answer.
  SftpReply call(guest::sftp::PacketType type, const Packet& arguments);
  SftpReply call(const std::string& extension, const Packet& arguments);
  // Sends alone; answer() waits for that one.
  std::uint32_t send(guest::sftp::PacketType type, const Packet& arguments);
  SftpReply answer(std::uint32_t id);

  // Often used.
  SftpReply path_call(guest::sftp::PacketType type, const std::string& path);
  std::string open(const std::string& path, std::uint32_t flags);  // the handle, or ""
  std::string read_file(const std::string& path);                  // "" if it can't be opened
  void write_file(const std::string& path, const std::string& content);

  void send_bytes(const std::string& bytes);
  StreamLog& log() { return guest_.log(stream_); }
  [[nodiscard]] std::uint32_t stream() const { return stream_; }
  [[nodiscard]] const std::map<std::string, std::string>& extensions() const { return extensions_; }

 private:
  void take_replies();

  GuestProcess& guest_;
  std::uint32_t stream_;
  std::uint32_t next_id_ = 1;
  std::map<std::string, std::string> extensions_;
  std::map<std::uint32_t, SftpReply> replies_;
  bool greeted_ = false;
};

OpenSession sftp_session();

}  // namespace ssh2incus::test
