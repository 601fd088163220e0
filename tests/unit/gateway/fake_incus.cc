// Blocking sockets and threads: simple, since the peer is our own code.
#include "tests/unit/gateway/fake_incus.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/check.h"
#include "gateway/websocket_handshake.h"

namespace ssh2incus::test {

std::string FakeConnection::Request::header(std::string_view name) const {
  const std::string start = "\r\n" + std::string(name) + ": ";
  const auto found = head.find(start);
  if (found == std::string::npos) return {};
  const auto from = found + start.size();
  return head.substr(from, head.find("\r\n", from) - from);
}

bool FakeConnection::read_request(Request& request) {
  request = {};
  char byte = 0;
  while (!request.head.ends_with("\r\n\r\n")) {
    if (recv(fd_.get(), &byte, 1, 0) != 1) return false;
    request.head += byte;
  }
  request.line = request.head.substr(0, request.head.find(" HTTP/1.1"));
  const std::string length = request.header("Content-Length");
  request.body.resize(length.empty() ? 0 : std::stoul(length));
  for (char& each : request.body) {
    if (recv(fd_.get(), &each, 1, 0) != 1) return false;
  }
  return true;
}

bool FakeConnection::send(std::string_view bytes) {
  return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

bool FakeConnection::send(const Bytes& bytes) {
  return send(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

bool FakeConnection::answer(int status, std::string_view body) {
  return send("HTTP/1.1 " + std::to_string(status) +
              " Text\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
}

bool FakeConnection::upgrade(const Request& request, const Bytes& then) {
  std::string bytes =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      websocket_accept(request.header("Sec-WebSocket-Key")) + "\r\n\r\n";
  bytes.append(then.begin(), then.end());
  return send(bytes);
}

Bytes FakeConnection::read_frame() {
  std::array<std::uint8_t, 2> start{};
  if (recv(fd_.get(), start.data(), 2, MSG_WAITALL) != 2) return {};
  std::size_t length = start[1] & 0x7fU;
  if (length == 126) {
    std::array<std::uint8_t, 2> more{};
    if (recv(fd_.get(), more.data(), 2, MSG_WAITALL) != 2) return {};
    length = more[0] * 256UL + more[1];
  }
  Bytes mask_and_payload(length + 4);
  if (recv(fd_.get(), mask_and_payload.data(), mask_and_payload.size(), MSG_WAITALL) !=
      static_cast<ssize_t>(mask_and_payload.size())) {
    return {};
  }
  return {mask_and_payload.begin() + 4, mask_and_payload.end()};
}

void FakeConnection::drain() {
  std::array<char, 4096> buffer{};
  while (recv(fd_.get(), buffer.data(), buffer.size(), 0) > 0) {
  }
}

FakeIncus::FakeIncus(Handler handler) : handler_(std::move(handler)) {
  std::string pattern = "/tmp/fake-incus-XXXXXX";
  CHECK(mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  path_ = directory_ + "/unix.socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path_, address.sun_path);
  listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  CHECK(listen(listener_.get(), 16) == 0);
  acceptor_ = std::thread([this] { serve(); });
}

FakeIncus::~FakeIncus() {
  shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  unlink(path_.c_str());
  rmdir(directory_.c_str());
}

void FakeIncus::serve() {
  for (;;) {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd.valid()) return;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd.get());
    threads_.emplace_back([this, raw = fd.release()] {
      FakeConnection connection{UniqueFd(raw)};
      FakeConnection::Request request;
      while (connection.read_request(request)) {
        {
          const std::lock_guard inner(mutex_);
          requests_.push_back(request.line);
        }
        if (!handler_(connection, request)) break;
      }
      const std::lock_guard inner(mutex_);
      std::erase(open_, raw);
    });
  }
}

std::vector<std::string> FakeIncus::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

Bytes server_frame(std::uint8_t first_byte, const Bytes& payload) {
  ipc::Writer writer;
  writer.put(first_byte);
  if (payload.size() < 126) {
    writer.put(static_cast<std::uint8_t>(payload.size()));
  } else {
    writer.put(std::uint8_t{126});
    writer.put(static_cast<std::uint16_t>(payload.size()));
  }
  Bytes frame = writer.take();
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

Bytes encoded_hello(const GuestHello& hello) {
  const Bytes encoded = ipc::encode_fields(hello);
  ipc::Writer writer;
  writer.put(static_cast<std::uint32_t>(encoded.size()));
  Bytes bytes = writer.take();
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  return bytes;
}

}  // namespace ssh2incus::test
