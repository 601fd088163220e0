// See progress_display.h.
#include "sessiond/progress_display.h"

#include <algorithm>

namespace ssh2incus {
namespace {

constexpr const char* kErase = "\r\x1b[K";
constexpr std::size_t kMostColumns = 500;

}  // namespace

std::string ProgressDisplay::show(const std::string& text, bool update, std::uint32_t columns,
                                  Clock::time_point now) {
  if (columns == 0) {
    if (update && now - last_ < kPause) return {};
    if (update) last_ = now;
    return text + "\r\n";
  }
  std::string out = end();
  if (!update) return out + text + "\r\n";
  // One line at most: a longer one couldn't be erased.
  const std::size_t most = std::min<std::size_t>(columns, kMostColumns) - 1;
  open_ = true;
  return (out.empty() ? "\r" : out) + text.substr(0, most);
}

std::string ProgressDisplay::end() {
  if (!open_) return {};
  open_ = false;
  return kErase;
}

}  // namespace ssh2incus
