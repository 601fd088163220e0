// Text of Incus or of an instance, made fit for one line of a message.
#pragma once

#include <string>
#include <string_view>

#include "common/escape.h"

namespace ssh2incus {

inline constexpr std::size_t kMaxForeignText = 300;

// Trailing white space removed, cut to kMaxForeignText bytes, then escaped.
inline std::string cut_text(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  const bool cut = text.size() > kMaxForeignText;
  return escaped(text.substr(0, kMaxForeignText)) + (cut ? "..." : "");
}

}  // namespace ssh2incus
