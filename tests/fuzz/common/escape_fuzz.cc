// Any text, escaped: one line, printable, and escaping it again changes nothing.
#include "common/check.h"
#include "common/escape.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string out = escaped({reinterpret_cast<const char*>(data), size});
  for (const char c : out) CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  CHECK(escaped(out) == out);
  CHECK(escaped(quoted(out)) == quoted(out));
  return 0;
}
