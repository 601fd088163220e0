// The TLS pump: carries bytes between an https remote's streams and sockets whose other ends
// sessiond has, so that sessiond needs no TLS. It looks at none of them. Each direction has one
// buffer of fixed size: who doesn't read stops the other end, and nobody else. An end of one side
// is passed on once all before it has been; when both directions have ended, or one side has
// broken, the connection is dropped.
#pragma once

#include <poll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "common/unique_fd.h"
#include "gateway/patience.h"
#include "gateway/tls_stream.h"

namespace ssh2incus {

class TlsPump : public Meanwhile {
 public:
  // The far end of the stream's socket.
  Result<UniqueFd> carry(TlsStream stream);
  [[nodiscard]] bool is_empty() const { return links_.empty(); }

  void watch(std::vector<pollfd>& entries) const override;
  void serve(std::span<const pollfd> entries) override;
  [[nodiscard]] int timeout_ms() const override;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kBuffer = 64UL * 1024;

  struct Buffer {
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kBuffer);
    std::size_t begin = 0;
    std::size_t end = 0;
    bool at_end = false;  // nothing more is read
    bool passed = false;  // and the other side knows it
    [[nodiscard]] bool empty() const { return begin == end; }
    [[nodiscard]] bool has_room() const { return !at_end && empty(); }
  };
  struct Link {
    TlsStream remote;
    UniqueFd local;
    Buffer inwards{};   // from the remote
    Buffer outwards{};  // to it
    // Of the remote's socket, for what reading and writing wait.
    short read_waits_for = 0;
    short write_waits_for = 0;
    bool local_has_hung_up = false;
    bool has_more = false;  // without waiting
    bool broken = false;
    Clock::time_point give_up = Clock::time_point::max();  // after the local end has gone
  };

  void serve(Link& link);
  bool move_inwards(Link& link);
  bool move_outwards(Link& link);
  static bool fill_from_remote(Link& link);
  bool drain_to_local(Link& link);
  static bool fill_from_local(Link& link);
  bool drain_to_remote(Link& link);
  static void pass_ends_on(Link& link);
  void account_for(std::size_t bytes);

  std::deque<Link> links_;
  std::uint64_t moved_ = 0;  // since the process got new processor time
  Clock::time_point renewed_ = Clock::now();
};

enum class PumpWait : std::uint8_t { kMonitor, kServed, kTimeout };

// One wait for the monitor's channel or the pump's work, which is done; timeout_ms: -1 for ever.
Result<PumpWait> wait_with_pump(int monitor_fd, TlsPump& pump, int timeout_ms);

}  // namespace ssh2incus
