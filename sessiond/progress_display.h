// Lines of progress for somebody who waits. On a terminal the line of a step that goes on is
// written anew in its place, and erased by what comes next; elsewhere every step gets a line, and
// one that goes on another now and then. A pure function of what comes and when.
#pragma once

#include <chrono>
#include <string>

namespace ssh2incus {

class ProgressDisplay {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPause{
      10};  // between lines of one step, without a terminal

  // What is to be written. columns: of the terminal; 0: there is none.
  std::string show(const std::string& text, bool update, std::uint32_t columns,
                   Clock::time_point now);
  // What must be written before anything else is.
  std::string end();

 private:
  bool open_ = false;         // the terminal's line isn't ended
  Clock::time_point last_{};  // line of a step that goes on, without a terminal
};

}  // namespace ssh2incus
