// Terminal modes as the client's pty request has them, and a hostile /etc/environment beside them.
#include "guest/session_environment.h"
#include "guest/terminal_modes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  termios settings{};
  guest::apply_terminal_modes({data, size}, settings);
  const std::string text(data, data + size);
  const Account account{"a", 1, 1, "/", "/bin/sh", {1}};
  const GuestGrant grant;
  const OpenSession request;
  const auto lines =
      guest::session_environment({account, grant, request, text, std::nullopt, ""}).lines();
  for (const auto& line : lines) {
    if (line.find('\0') != std::string::npos || line.starts_with("LD_")) __builtin_trap();
  }
  return 0;
}
