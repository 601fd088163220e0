// Executes by fd, so that what was checked is what runs.
#include "monitor/program.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "common/privileges.h"

namespace ssh2incus {
namespace {

constexpr int kFirstFd = 3;
constexpr int kOutOfTheWay = 16;  // no program gets that many fds

// Our helpers belong to root, or to whoever our own executable belongs to.
uid_t trusted_owner() {
  struct stat own {};
  return stat("/proc/self/exe", &own) == 0 ? own.st_uid : 0;
}

Result<UniqueFd> moved_up(int fd) {
  UniqueFd moved(fcntl(fd, F_DUPFD_CLOEXEC, kOutOfTheWay));
  if (!moved.valid()) return system_error("fcntl");
  return moved;
}

Status place_fds(std::span<const int> fds) {
  std::vector<UniqueFd> moved;
  for (const int fd : fds) moved.push_back(TRY(moved_up(fd)));
  int target = kFirstFd;
  for (const UniqueFd& fd : moved) {
    if (dup2(fd.get(), target) != target) return system_error("dup2");
    ++target;
  }
  if (close_range(static_cast<unsigned>(target), ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    return system_error("close_range");
  }
  return null_standard_streams(true);
}

void default_signals() {
  for (int number = 1; number < SIGRTMIN; ++number) {
    if (number != SIGKILL && number != SIGSTOP) std::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

Result<UniqueFd> open_program(const std::string& path) {
  UniqueFd program(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!program.valid()) return system_error(path);
  struct stat status {};
  if (fstat(program.get(), &status) != 0) return system_error(path);
  if (!S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0) {
    return fail(path + ": not a program");
  }
  if (status.st_uid != 0 && status.st_uid != trusted_owner()) {
    return fail(path + ": doesn't belong to root");
  }
  if ((status.st_mode & 022) != 0) return fail(path + ": can be written by others than its owner");
  return program;
}

Status execute_program(UniqueFd program, std::vector<std::string> arguments,
                       std::span<const int> fds) {
  const UniqueFd executable = TRY(moved_up(program.get()));
  TRY(place_fds(fds));
  default_signals();
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::array<char*, 1> environment = {nullptr};
  execveat(executable.get(), "", argv.data(), environment.data(), AT_EMPTY_PATH);
  return system_error("execveat");
}

}  // namespace ssh2incus
