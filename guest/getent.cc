// See getent.h.
#include "guest/getent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/unique_fd.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxGetentOutput = 64UL * 1024;
constexpr int kUnknownKey = 2;  // its exit status

int now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int>((now.tv_sec % 1'000'000) * 1'000 + now.tv_nsec / 1'000'000);
}

[[noreturn]] void exec_getent(const char* database, const std::string& key, int output) {
  // In a child: only descriptors 0-2, a bare environment.
  dup2(output, STDOUT_FILENO);
  const UniqueFd null(open("/dev/null", O_RDWR));
  dup2(null.get(), STDIN_FILENO);
  dup2(null.get(), STDERR_FILENO);
  close_range(3, ~0U, 0);
  std::array<char*, 4> arguments = {const_cast<char*>("getent"), const_cast<char*>(database),
                                    const_cast<char*>(key.c_str()), nullptr};
  std::array<char*, 2> environment = {const_cast<char*>("PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
                                      nullptr};
  for (const char* path : {"/usr/bin/getent", "/bin/getent"}) {
    execve(path, arguments.data(), environment.data());
  }
  _exit(127);
}

}  // namespace

std::optional<std::string> run_getent(const char* database, const std::string& key, int limit_ms) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = fork();
  if (child < 0) return std::nullopt;
  if (child == 0) exec_getent(database, key, writing.get());
  writing.reset();
  std::string output;
  const int deadline = now_ms() + limit_ms;
  bool complete = false;
  while (output.size() < kMaxGetentOutput) {
    pollfd waiting{reading.get(), POLLIN, 0};
    if (poll(&waiting, 1, std::max(0, deadline - now_ms())) <= 0) break;
    std::array<char, 4096> buffer;
    const ssize_t count = read(reading.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    complete = count == 0;
    if (count <= 0) break;
    output.append(buffer.data(), static_cast<std::size_t>(count));
  }
  if (!complete) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const bool answered =
      WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kUnknownKey);
  if (!complete || !answered) return std::nullopt;
  return output;
}

}  // namespace ssh2incus::guest
