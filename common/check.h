// CHECK: a condition that only a bug of ours can break. Ends the process; never used on input.
#pragma once

#include <unistd.h>

#include <cstdlib>

namespace ssh2incus {

[[noreturn]] inline void check_failed(const char* text, std::size_t length) {
  [[maybe_unused]] auto ignored = write(STDERR_FILENO, text, length);
  std::abort();
}

}  // namespace ssh2incus

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      constexpr char kCheckText[] = "CHECK failed: " #condition "\n"; \
      ::ssh2incus::check_failed(kCheckText, sizeof(kCheckText) - 1);  \
    }                                                                 \
  } while (false)
