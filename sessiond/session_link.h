// What a session channel needs of whatever runs its program: the guest (guest_link.h), an Incus
// exec for each (plain_link.h), or the monitor itself (console_link.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "common/guest_protocol.h"

namespace ssh2incus {

// What the session channels hear of a link that isn't the guest's; as GuestLink::Observer.
struct SessionEvents {
  std::function<void(std::uint32_t stream, const std::string& message)> open_failed;
  std::function<void(std::uint32_t stream, std::span<const std::uint8_t> data, bool is_stderr)>
      data;
  std::function<void(std::uint32_t stream)> eof;
  std::function<void(std::uint32_t stream, const Exited& exited)> exited;
  std::function<void(std::uint32_t stream)> credit;
};

class SessionLink {
 public:
  virtual ~SessionLink() = default;

  // Asks for a session and returns the stream's number. Data may be sent at once.
  virtual std::uint32_t open_session(const OpenSession& request) = 0;
  // Neither over nor unknown.
  [[nodiscard]] virtual bool is_live(std::uint32_t stream) const = 0;
  // Takes what there is room for and returns how much; if that is less than all, on_credit()
  // follows. Data for a stream that is over are taken and dropped.
  virtual std::size_t send_data(std::uint32_t stream, std::span<const std::uint8_t> data) = 0;
  virtual void send_eof(std::uint32_t stream) = 0;
  // name as in RFC 4254 §6.9, at most 32 bytes; an unknown one is ignored.
  virtual void send_signal(std::uint32_t stream, std::string_view name) = 0;
  virtual void send_window_change(std::uint32_t stream, const TerminalSize& size) = 0;
  // Ends the stream: HUP for what runs, what is still on its way is dropped.
  virtual void send_close(std::uint32_t stream) = 0;
  // So many bytes of on_data() have been written to the client.
  virtual void consumed(std::uint32_t stream, std::size_t bytes) = 0;
};

}  // namespace ssh2incus
