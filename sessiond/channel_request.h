// Payloads of channel requests (RFC 4254 §6) taken apart. Fed by authenticated clients; none means
// malformed, out of bounds, or with a NUL where the instance could not take one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/guest_protocol.h"

namespace ssh2incus {

using RequestPayload = std::span<const std::uint8_t>;

std::optional<PtyRequest> parse_pty_request(RequestPayload payload);
std::optional<TerminalSize> parse_window_change(RequestPayload payload);
std::optional<EnvironmentEntry> parse_environment(RequestPayload payload);
std::optional<BoundedString<limits::kMaxCommand>> parse_command(RequestPayload payload);
std::optional<X11Request> parse_x11_request(RequestPayload payload);
// A signal's name, without "SIG".
std::optional<std::string> parse_signal(RequestPayload payload);

}  // namespace ssh2incus
