// The last output of a kept session, of which each client reads at its own pace; and what of it is
// shown to one that comes back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ssh2incus::guest {

class Scrollback {
 public:
  static constexpr std::size_t kCapacity = 1024UL * 1024;

  void append(std::string_view output);
  // Positions count all output from the session's start; what is kept is from begin() to end().
  [[nodiscard]] std::uint64_t begin() const { return end_ - text_.size(); }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  // From a position that is kept, at most so much.
  [[nodiscard]] std::string_view from(std::uint64_t position, std::size_t most) const;
  [[nodiscard]] std::string_view all() const { return text_; }

 private:
  std::string text_;
  std::uint64_t end_ = 0;
};

// What makes a terminal look as it did after this output, as far as the end of the output says: the
// last lines, on the screen that was in use (an editor's is not the shell's). What would make the
// terminal answer is left out: nobody waits for that answer any more.
std::string replay_of(std::string_view output);

// Puts a terminal back that a program has left in whatever state.
std::string_view terminal_reset();

}  // namespace ssh2incus::guest
