// See child_setup.h.
#include "guest/child_setup.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace ssh2incus::guest {

void complain(std::string_view text) {
  [[maybe_unused]] const auto ignored = write(STDERR_FILENO, text.data(), text.size());
}

// By the system call itself: the C library refuses to touch the two signals that it keeps for
// itself, and who started us may have ignored them too.
void reset_signals() {
  constexpr std::array<unsigned long, 4> kDefaultAction{};  // of whatever layout: all zero
  constexpr std::size_t kKernelSetSize = 8;
  for (int number = 1; number < NSIG; ++number) {
    syscall(SYS_rt_sigaction, number, kDefaultAction.data(), nullptr, kKernelSetSize);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void place_standard_streams(const std::array<int, 3>& sources) {
  std::array<int, 3> moved{};
  for (std::size_t i = 0; i < 3; ++i) moved[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, 10);
  for (int i = 0; i < 3; ++i) {
    if (dup2(moved[static_cast<std::size_t>(i)], i) != i) _exit(1);
  }
}

void close_descriptors_from(int first) {
  if (close_range(static_cast<unsigned>(first), ~0U, 0) == 0) return;
  const long highest = std::min(sysconf(_SC_OPEN_MAX), 65536L);  // kernel before 5.9
  for (int fd = first; fd < highest; ++fd) close(fd);
}

void keep_descriptors(const std::array<int, 2>& kept) {
  std::array<int, 2> moved{};
  for (std::size_t i = 0; i < kept.size(); ++i) moved[i] = fcntl(kept[i], F_DUPFD_CLOEXEC, 10);
  for (int i = 0; i < 2; ++i) {
    dup3(moved[static_cast<std::size_t>(i)], kKeptDescriptor + i, O_CLOEXEC);
  }
  close_descriptors_from(kKeptDescriptor + 2);
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (auto& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace ssh2incus::guest
