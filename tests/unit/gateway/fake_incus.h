// A server on a Unix socket in the place of incusd, which answers as a test tells it to: properly,
// wrongly, for ever or not at all.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/bounded.h"
#include "common/guest_protocol.h"
#include "common/unique_fd.h"

namespace ssh2incus::test {

// One connection, in a thread of its own.
class FakeConnection {
 public:
  explicit FakeConnection(UniqueFd fd) : fd_(std::move(fd)) {}

  struct Request {
    std::string line;  // "GET /1.0/... HTTP/1.1"
    std::string head;
    std::string body;
    [[nodiscard]] std::string header(std::string_view name) const;
    [[nodiscard]] bool is(std::string_view start) const { return line.starts_with(start); }
  };

  // False: the client has gone.
  bool read_request(Request& request);
  bool send(std::string_view bytes);
  bool send(const Bytes& bytes);
  // A JSON answer.
  bool answer(int status, std::string_view body);
  // The 101 that belongs to a request, and what follows it in the same write.
  bool upgrade(const Request& request, const Bytes& then = {});
  // Waits for a client frame and returns its payload; empty at the end.
  Bytes read_frame();
  // Waits until the client closes.
  void drain();
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

class FakeIncus {
 public:
  // Called for each request; returning ends the connection unless it returns true.
  using Handler = std::function<bool(FakeConnection&, const FakeConnection::Request&)>;

  explicit FakeIncus(Handler handler);
  ~FakeIncus();

  [[nodiscard]] const std::string& path() const { return path_; }
  // Request lines so far, without "HTTP/1.1".
  [[nodiscard]] std::vector<std::string> requests();

 private:
  void serve();

  Handler handler_;
  std::string directory_;
  std::string path_;
  UniqueFd listener_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<int> open_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

// A server frame.
Bytes server_frame(std::uint8_t first_byte, const Bytes& payload);
// The length and the hello, as a guest writes them.
Bytes encoded_hello(const GuestHello& hello);

inline constexpr std::string_view kExecAnswer =
    R"({"type":"async","operation":"/1.0/operations/0a-1b","metadata":{"metadata":{"fds":)"
    R"({"0":"aa","1":"bb","2":"cc","control":"dd"}}}})";

}  // namespace ssh2incus::test
