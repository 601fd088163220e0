// Any text as login: what parses is formatted to a text that means the same and is its own format.
#include "common/check.h"
#include "policy/login_target.h"
#include "policy/ssh_wire.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto target = parse_login(as_text({data, size}));
  if (!target.ok()) {
    CHECK(!target.error().message.empty());
    return 0;
  }
  const std::string canonical = format_login(*target);
  const auto again = parse_login(canonical);
  CHECK(again.ok() && *again == *target && format_login(*again) == canonical);
  return 0;
}
