// The guest as all channels of the connection see it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sessiond/console_link.h"
#include "sessiond/guest_link.h"
#include "sessiond/idle_clock.h"
#include "sessiond/plain_link.h"

namespace ssh2incus {

struct Target {
  enum class State : std::uint8_t { kOpening, kReady, kFailed };
  State state = State::kOpening;
  std::string progress;             // the last line of it
  std::string description;          // when ready: "alice@c1.default"
  std::unique_ptr<GuestLink> link;  // when ready, unless it is in plain mode:
  std::unique_ptr<PlainLink> plain;
  std::unique_ptr<ConsoleLink> console;  // or no instance at all
  std::string welcome;                   // above shells on a terminal
  std::string failure;                   // when failed: a line for the user
  std::uint32_t exit_status = 255;
  // By a session that waited for it, lately.
  std::optional<std::chrono::steady_clock::time_point> cancelled;
  // Something has happened that the next pump() must see, before the loop may wait.
  bool news = false;
  IdleClock idle;

  // What runs programs; null if nothing does.
  [[nodiscard]] SessionLink* sessions() const {
    if (plain) return plain.get();
    if (console) return console.get();
    return link.get();
  }
};

}  // namespace ssh2incus
