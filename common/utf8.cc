// See utf8.h. The text may come from anyone.
#include "common/utf8.h"

namespace ssh2incus {

Utf8Character decode_utf8(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  std::uint32_t code_point = 0;
  std::uint32_t least = 0;
  if ((first & 0xe0) == 0xc0) {
    length = 2, code_point = first & 0x1fU, least = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    length = 3, code_point = first & 0x0fU, least = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    length = 4, code_point = first & 0x07U, least = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    code_point = (code_point << 6) | (next & 0x3fU);
  }
  if (code_point < least || code_point > 0x10ffff ||
      (code_point >= 0xd800 && code_point < 0xe000)) {
    return {};
  }
  return {code_point, length};
}

}  // namespace ssh2incus
