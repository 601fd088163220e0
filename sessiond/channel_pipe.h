// The bytes of one channel of the client and one stream of the guest, both ways, without ever
// holding more than the two windows allow. What the client sends waits in libssh's buffer, and
// keeps the client's window closed, until the guest has credit for it; what the guest sends is
// credited anew once it has been written.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>

#include "sessiond/ssh_session.h"
#include "sessiond/target.h"

namespace ssh2incus {

class ChannelPipe {
 public:
  ChannelPipe(SshSession& session, Target& target, ssh_channel channel)
      : session_(session), target_(target), channel_(channel) {}

  // Until then the client's data wait. From then on they go to that stream of the target's link.
  void carry(std::uint32_t stream);
  // What the client sends from now on goes nowhere; what waits for the client still leaves.
  void drop_input();

  // The client: how much was taken of what libssh offers. The rest it will offer again.
  std::size_t take(std::span<const std::uint8_t> data);
  void on_client_eof();
  // The guest, for the stream.
  void deliver(std::span<const std::uint8_t> data, bool is_stderr);
  void on_credit();

  // Of our own: a line to stderr; text to stderr or stdout as it is.
  void say(const std::string& text) { tell(text + "\r\n"); }
  void tell(const std::string& text);
  void show(const std::string& text);

  // Move what can be moved now.
  void pump_input();
  void pump_output();
  // Nothing of what the client has sent waits for the guest.
  [[nodiscard]] bool is_input_drained() const { return unread_ == 0; }
  // Nothing waits for the client.
  [[nodiscard]] bool is_delivered() const { return output_.empty(); }
  [[nodiscard]] std::uint64_t bytes_in() const { return bytes_in_; }    // from the client
  [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }  // to the client

 private:
  enum class Input : std::uint8_t { kWaits, kIsCarried, kIsDropped };
  struct Chunk {
    Bytes data;
    std::size_t written = 0;
    bool is_stderr = false;
    bool from_guest = false;
  };

  void count_written(std::size_t bytes);

  SshSession& session_;
  Target& target_;
  ssh_channel channel_;
  std::uint32_t stream_ = 0;
  Input input_ = Input::kWaits;
  std::size_t unread_ = 0;   // of the client's data, left in libssh's buffer
  bool resume_ = false;      // offer it again
  bool client_eof_ = false;  // to be passed on once unread_ is 0
  std::deque<Chunk> output_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace ssh2incus
