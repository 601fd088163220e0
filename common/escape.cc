// Escaping for logs and terminals. Fed by anyone; trusts nothing.
#include "common/escape.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/utf8.h"

namespace ssh2incus {
namespace {

void append_hex(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};
// Controls, and characters that are invisible or change the direction of what follows.
constexpr std::array<Range, 12> kUnsafe = {{{0x00, 0x1f},
                                            {0x7f, 0x9f},
                                            {0xad, 0xad},
                                            {0x061c, 0x061c},
                                            {0x180e, 0x180e},
                                            {0x200b, 0x200f},
                                            {0x2028, 0x202e},
                                            {0x2060, 0x206f},
                                            {0xfe00, 0xfe0f},
                                            {0xfeff, 0xfeff},
                                            {0xfff9, 0xfffb},
                                            {0xe0000, 0xe0fff}}};

bool is_unsafe(std::uint32_t code_point) {
  for (const Range& range : kUnsafe) {
    if (code_point >= range.first && code_point <= range.last) return true;
  }
  return false;
}

std::string escape(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character decoded = decode_utf8(text);
    const std::size_t length = decoded.length == 0 ? 1 : decoded.length;
    if (decoded.length == 0 || is_unsafe(decoded.code_point)) {
      append_hex(out, text.substr(0, length));
    } else {
      if (quotes && (text[0] == '"' || text[0] == '\\')) out += '\\';
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string escaped(std::string_view text) { return escape(text, false); }

std::string escaped_lines(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    safe += escaped(text.substr(0, end));
    if (end == text.size()) break;
    safe += '\n';
    text.remove_prefix(end + 1);
  }
  return safe;
}

std::string quoted(std::string_view text) {
  std::string out = escape(text, true);
  if (!out.empty() && out.find_first_of(" =\"") == std::string::npos) return out;
  return '"' + out + '"';
}

}  // namespace ssh2incus
