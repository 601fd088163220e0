// One structured line per event, to stderr or to journald (its native protocol, over a socket
// opened before any sandbox closes). Values are escaped here; callers pass them as they are.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/unique_fd.h"

namespace ssh2incus {

enum class LogLevel : std::uint8_t { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6, kDebug = 7 };

struct LogField {
  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const std::string& text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const char* text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, std::uint64_t number)
      : name(field_name), value(std::to_string(number)) {}
  LogField(std::string_view field_name, int number)
      : name(field_name), value(std::to_string(number)) {}
  LogField(std::string_view field_name, std::uint32_t number)
      : name(field_name), value(std::to_string(number)) {}

  std::string_view name;  // lower case, underscores
  std::string value;
};

class Log {
 public:
  // journald if stderr is connected to it ($JOURNAL_STREAM), else stderr.
  static Log open(bool debug);
  // Lines to that fd, which stays the caller's.
  static Log to(int fd);

  void write(LogLevel level, std::string_view event, const std::vector<LogField>& fields) const;
  // A log whose lines all carry these fields too.
  [[nodiscard]] Log with(const std::vector<LogField>& fields) const;
  // The same with more or fewer details.
  [[nodiscard]] Log at(bool debug) const {
    Log log(*this);
    log.debug_ = debug;
    return log;
  }
  [[nodiscard]] bool debug() const { return debug_; }
  // The fd that lines go to; open for as long as any Log made from this one is used.
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = 2;
  bool journal_ = false;
  bool debug_ = false;
  std::string text_fields_;
  std::string journal_fields_;
};

}  // namespace ssh2incus
