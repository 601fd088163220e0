// Reads lines from the terminal, with editing, history and completion (libedit, editline(3)). One
// at a time per process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ssh2incus::shell {

class LineEditor {
 public:
  using Complete = std::function<std::vector<std::string>(std::string_view line)>;

  LineEditor(std::string prompt, Complete complete);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class Input : std::uint8_t { kLine, kInterrupted, kEnd };
  // Without its end of line; lines that aren't empty become history.
  Input read(std::string& line);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ssh2incus::shell
