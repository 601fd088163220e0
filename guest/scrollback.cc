// See scrollback.h. Control sequences as ECMA-48 and xterm have them.
#include "guest/scrollback.h"

#include <algorithm>

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kReplayed = 64UL * 1024;
constexpr char kEscape = '\x1b';
constexpr std::string_view kEnterOtherScreen = "\x1b[?1049h";
constexpr std::string_view kLeaveOtherScreen = "\x1b[?1049l";
constexpr std::size_t kLongestSequence = 4096;

bool is_final(char c) { return c >= '@' && c <= '~'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// The length of the control sequence at the start of the text; all of it if it isn't complete. One
// that a control character breaks off ends before it.
std::size_t sequence_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  const char kind = text[1];
  if (kind == '[') {
    const auto end = std::find_if(text.begin() + 2, text.end(),
                                  [](char c) { return is_final(c) || is_control(c); });
    const auto length = static_cast<std::size_t>(end - text.begin());
    return end != text.end() && is_final(*end) ? length + 1 : length;
  }
  // Strings: device control, operating system command, privacy message, application program.
  if (kind == 'P' || kind == ']' || kind == '^' || kind == '_' || kind == 'X') {
    for (std::size_t i = 2; i < std::min(text.size(), kLongestSequence); ++i) {
      if (text[i] == '\a') return i + 1;
      if (text[i] == kEscape) return i + 1 < text.size() && text[i + 1] == '\\' ? i + 2 : i;
    }
    return std::min(text.size(), kLongestSequence);
  }
  return is_control(kind) ? 1 : 2;
}

// The same as one character of UTF-8 instead of two of ASCII.
bool is_c1(std::string_view text) {
  return text.size() >= 2 && text[0] == '\xc2' && static_cast<unsigned char>(text[1]) < 0xa0;
}

// Whether a terminal would answer it, or do more than show something.
bool asks(std::string_view sequence) {
  if (sequence.size() < 2) return true;
  const char kind = sequence[1];
  if (kind == 'Z') return true;  // DECID
  if (kind != '[') return kind == 'P' || kind == ']' || kind == '^' || kind == '_' || kind == 'X';
  if (sequence.size() < 3) return true;
  const char last = sequence.back();
  const bool is_request = sequence.find('$') != std::string_view::npos && last == 'p';
  // Attributes, status, parameters, window, version, keyboard.
  return last == 'c' || last == 'n' || last == 'x' || last == 't' || last == 'q' || is_request ||
         (last == 'u' && sequence.find('?') != std::string_view::npos) || !is_final(last);
}

std::string without_questions(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t length = 1;
    if (text[0] == kEscape) length = sequence_length(text);
    if (is_c1(text)) length = 2;
    const std::string_view part = text.substr(0, length);
    const bool dropped = text[0] == kEscape ? asks(part) : text[0] == '\x05' || is_c1(text);
    if (!dropped) out += part;
    text.remove_prefix(length);
  }
  return out;
}

// The last lines: from a line's start, so that no sequence is cut.
std::string_view tail_of(std::string_view text) {
  if (text.size() <= kReplayed) return text;
  text.remove_prefix(text.size() - kReplayed);
  const auto line = text.find('\n');
  return line == std::string_view::npos ? text : text.substr(line + 1);
}

}  // namespace

void Scrollback::append(std::string_view output) {
  end_ += output.size();
  text_ += output.substr(output.size() - std::min(output.size(), kCapacity));
  // Not at every byte: moving a megabyte costs.
  if (text_.size() > kCapacity) text_.erase(0, text_.size() - kCapacity / 2);
}

std::string_view Scrollback::from(std::uint64_t position, std::size_t most) const {
  return std::string_view(text_).substr(static_cast<std::size_t>(position - begin()), most);
}

std::string replay_of(std::string_view output) {
  const auto entered = output.rfind(kEnterOtherScreen);
  const auto left = output.rfind(kLeaveOtherScreen);
  const bool on_other =
      entered != std::string_view::npos && (left == std::string_view::npos || left < entered);
  std::string replay = "\x1b[0m\x1b[H\x1b[2J";
  if (on_other) {
    replay += kEnterOtherScreen;
    replay += "\x1b[H\x1b[2J";
    output.remove_prefix(entered + kEnterOtherScreen.size());
  } else if (left != std::string_view::npos) {
    output.remove_prefix(left + kLeaveOtherScreen.size());
  }
  return replay + without_questions(tail_of(output));
}

std::string_view terminal_reset() {
  return "\x18\x1b[0m\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l"
         "\x1b>\x1b[?25h";
}

}  // namespace ssh2incus::guest
