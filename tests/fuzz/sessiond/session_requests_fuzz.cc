// Authentication and channel requests as the network sends them: whatever is accepted is in bounds.
#include <cstddef>
#include <cstdint>

#include "sessiond/auth_request.h"
#include "sessiond/channel_request.h"
#include "sessiond/forward_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const std::span<const std::uint8_t> bytes(data, size);
  static_cast<void>(parse_auth_request(bytes).ok());
  static_cast<void>(parse_interactive_answers(bytes).ok());
  static_cast<void>(parse_pty_request(bytes));
  static_cast<void>(parse_window_change(bytes));
  static_cast<void>(parse_environment(bytes));
  static_cast<void>(parse_command(bytes));
  static_cast<void>(parse_signal(bytes));
  static_cast<void>(parse_x11_request(bytes));
  for (const char* type : {"direct-tcpip", "direct-streamlocal@openssh.com"}) {
    if (const auto wish = parse_direct_channel(type, bytes)) static_cast<void>(text_of(*wish));
  }
  for (const char* name : {"tcpip-forward", "cancel-streamlocal-forward@openssh.com"}) {
    if (const auto wish = parse_forward_request(name, bytes)) {
      static_cast<void>(offer_to_client(Accepted{AcceptedKind::kForwarded, 1, {}, 0}, *wish));
    }
  }
  return 0;
}
