// Incus's side of the four exec websockets: bridges them to the pipes of a real guest, in a thread,
// with server frames of at most 32 KiB. Or lets a test write what it likes.
#pragma once

#include <array>
#include <atomic>
#include <string>
#include <thread>

#include "common/bounded.h"
#include "common/unique_fd.h"

namespace ssh2incus::test {

// Four socket pairs; the client's ends are given to a GuestLink.
struct WebsocketPairs {
  WebsocketPairs();
  std::array<UniqueFd, 4> client;
  std::array<UniqueFd, 4> server;
};

// An unmasked frame as a server sends it.
Bytes server_frame(std::uint8_t opcode, const Bytes& payload, bool final = true);
inline constexpr std::uint8_t kContinuation = 0;
inline constexpr std::uint8_t kText = 1;
inline constexpr std::uint8_t kBinary = 2;
inline constexpr std::uint8_t kClose = 8;
inline constexpr std::uint8_t kPing = 9;
inline constexpr std::uint8_t kPong = 10;

// Decodes client frames; sets broken if one is unmasked, not minimal or too long.
struct ClientFrames {
  Bytes unread;
  bool broken = false;
  std::size_t pongs = 0;
  // Payload of all complete binary frames in unread plus bytes.
  Bytes take(const std::uint8_t* bytes, std::size_t size);
};

void write_fully(int fd, const Bytes& bytes);

class FakeIncus {
 public:
  // pipes: the guest's stdin, stdout and stderr.
  FakeIncus(std::array<UniqueFd, 4> sockets, std::array<UniqueFd, 3> pipes);
  ~FakeIncus();
  [[nodiscard]] std::size_t pongs() const { return pongs_; }
  [[nodiscard]] bool client_broke_protocol() const { return broken_; }
  [[nodiscard]] std::size_t largest_frame() const { return largest_; }
  // Pings all four sockets.
  void ping() { ping_ = true; }

 private:
  void from_client();
  void to_client(UniqueFd& pipe, UniqueFd& socket);
  void from_guest();

  std::array<UniqueFd, 4> sockets_;
  std::array<UniqueFd, 3> pipes_;
  std::atomic<std::size_t> pongs_ = 0;
  std::atomic<bool> broken_ = false;
  std::atomic<std::size_t> largest_ = 0;
  std::atomic<bool> ping_ = false;
  std::atomic<bool> stop_ = false;
  std::thread upward_;
  std::thread downward_;
};

}  // namespace ssh2incus::test
