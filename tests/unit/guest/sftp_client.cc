// See sftp_client.h.
#include "tests/unit/guest/sftp_client.h"

#include <gtest/gtest.h>

namespace ssh2incus::test {
namespace {

using guest::sftp::PacketReader;
using guest::sftp::PacketType;
using guest::sftp::StatusCode;

PacketReader reader_of(const std::string& text) {
  return PacketReader({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::vector<std::string> names_in(const std::string& body, bool long_ones) {
  auto reader = reader_of(body);
  std::vector<std::string> names;
  for (std::uint32_t left = reader.u32(); left > 0 && !reader.failed(); --left) {
    const std::string name(reader.text());
    const std::string long_name(reader.text());
    reader.attributes();
    names.push_back(long_ones ? long_name : name);
  }
  EXPECT_FALSE(reader.failed());
  return names;
}

}  // namespace

StatusCode SftpReply::code() const {
  EXPECT_EQ(type, PacketType::kStatus);
  return static_cast<StatusCode>(reader_of(body).u32());
}

std::string SftpReply::message() const {
  auto reader = reader_of(body);
  reader.u32();
  return std::string(reader.text());
}

std::string SftpReply::text() const { return std::string(reader_of(body).text()); }
std::vector<std::string> SftpReply::names() const { return names_in(body, false); }
std::vector<std::string> SftpReply::long_names() const { return names_in(body, true); }
guest::sftp::Attributes SftpReply::attributes() const {
  EXPECT_EQ(type, PacketType::kAttrs);
  return reader_of(body).attributes();
}

OpenSession sftp_session() {
  OpenSession request;
  request.sftp = true;
  return request;
}

SftpClient::SftpClient(GuestProcess& guest, bool greet)
    : guest_(guest), stream_(guest.open(sftp_session())) {
  if (!greet) return;
  send_bytes(std::string("\0\0\0\5\1\0\0\0\3", 9));
  EXPECT_TRUE(guest_.read_until([&] {
    take_replies();
    return greeted_ || log().over();
  }));
}

void SftpClient::send_bytes(const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size(); sent += limits::kMaxGuestFrame) {
    guest_.send_text(stream_, bytes.substr(sent, limits::kMaxGuestFrame));
  }
}

std::uint32_t SftpClient::send(PacketType type, const Packet& arguments) {
  const std::uint32_t id = next_id_++;
  Packet packet(type);
  packet.u32(id).append(arguments);
  const auto& bytes = packet.finish();
  send_bytes(std::string(bytes.begin(), bytes.end()));
  return id;
}

void SftpClient::take_replies() {
  std::string& output = log().output;
  std::size_t used = 0;
  while (output.size() - used >= 4) {
    const auto length = reader_of(output.substr(used, 4)).u32();
    if (output.size() - used - 4 < length) break;
    const std::string packet = output.substr(used + 4, length);
    used += 4 + length;
    auto reader = reader_of(packet);
    const auto type = static_cast<PacketType>(reader.byte());
    const auto id = reader.u32();
    if (type == PacketType::kVersion) {
      greeted_ = id == guest::sftp::kSftpVersion;
      while (!reader.at_end() && !reader.failed()) {
        const std::string name(reader.text());
        extensions_[name] = reader.text();
      }
    } else {
      EXPECT_TRUE(replies_.emplace(id, SftpReply{type, packet.substr(5)}).second);
    }
  }
  output.erase(0, used);
}

SftpReply SftpClient::answer(std::uint32_t id) {
  EXPECT_TRUE(guest_.read_until([&] {
    take_replies();
    return replies_.contains(id) || log().over();
  })) << "no answer";
  const auto found = replies_.extract(id);
  EXPECT_FALSE(found.empty()) << log().errors;
  return found.empty() ? SftpReply{} : found.mapped();
}

SftpReply SftpClient::call(PacketType type, const Packet& arguments) {
  return answer(send(type, arguments));
}

SftpReply SftpClient::call(const std::string& extension, const Packet& arguments) {
  Packet packet;
  packet.text(extension).append(arguments);
  return call(PacketType::kExtended, packet);
}

SftpReply SftpClient::path_call(PacketType type, const std::string& path) {
  return call(type, Packet().text(path));
}

std::string SftpClient::open(const std::string& path, std::uint32_t flags) {
  const auto reply = call(PacketType::kOpen, Packet().text(path).u32(flags).u32(0));
  return reply.type == PacketType::kHandle ? reply.text() : "";
}

std::string SftpClient::read_file(const std::string& path) {
  const auto handle = open(path, guest::sftp::kOpenRead);
  if (handle.empty()) return {};
  std::string content;
  while (true) {
    const auto reply =
        call(PacketType::kRead, Packet().text(handle).u64(content.size()).u32(1 << 20));
    if (reply.type != PacketType::kData) break;
    content += reply.text();
  }
  call(PacketType::kClose, Packet().text(handle));
  return content;
}

void SftpClient::write_file(const std::string& path, const std::string& content) {
  using namespace guest::sftp;
  const auto handle = open(path, kOpenWrite | kOpenCreate | kOpenTruncate);
  ASSERT_FALSE(handle.empty()) << path;
  for (std::size_t offset = 0; offset < content.size(); offset += kMaxData) {
    const auto reply =
        call(PacketType::kWrite,
             Packet().text(handle).u64(offset).text(content.substr(offset, kMaxData)));
    EXPECT_EQ(reply.code(), StatusCode::kOk) << reply.message();
  }
  EXPECT_EQ(call(PacketType::kClose, Packet().text(handle)).code(), StatusCode::kOk);
}

}  // namespace ssh2incus::test
