// Requests as they come, piece by piece: what is decided stays so, and in time.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "diagnostics/http_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = parse_http_request(text);
  if (!whole && size > kMaxHttpHead) abort();
  const std::size_t end = text.find("\r\n\r\n");
  if (whole && end != std::string_view::npos && end <= kMaxHttpHead) {
    const auto alone = parse_http_request(text.substr(0, end + 4));
    if (!alone || alone->page != whole->page || alone->head_only != whole->head_only) abort();
    if (parse_http_request(text.substr(0, end + 3))) abort();
  }
  return 0;
}
