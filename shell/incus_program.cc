// See incus_program.h.
#include "shell/incus_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "common/unique_fd.h"

namespace ssh2incus::shell {
namespace {

constexpr const char* kProgram = "incus";
constexpr std::size_t kMostOutput = 1024UL * 1024;
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

[[noreturn]] void execute(const std::vector<std::string>& arguments) {
  for (const int number : {SIGINT, SIGQUIT, SIGTSTP, SIGPIPE}) std::signal(number, SIG_DFL);
  std::vector<std::string> words = {kProgram};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execvp(kProgram, pointers.data());
  const int error = errno;
  std::fprintf(stderr, "%s: %s\n", kProgram, std::strerror(error));
  _exit(error == ENOENT ? kNotFound : kNotExecutable);
}

int status_of(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return kNotExecutable;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Until the end, the limit or the time.
Status read_all(int fd, std::string& out, int timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd entry{fd, POLLIN, 0};
    if (left <= 0 || poll(&entry, 1, static_cast<int>(left)) == 0) return fail("too slow");
    std::array<char, 16384> buffer{};
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read");
    if (count == 0) return {};
    out.append(buffer.data(), static_cast<std::size_t>(count));
    if (out.size() > kMostOutput) return fail("too much");
  }
}

}  // namespace

int run_incus(const std::vector<std::string>& arguments) {
  // The terminal's signals are for the program, which is in the same process group.
  std::array<struct sigaction, 2> before{};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignore, &before[0]);
  sigaction(SIGQUIT, &ignore, &before[1]);
  const pid_t pid = fork();
  if (pid == 0) execute(arguments);
  const int status = pid < 0 ? kNotExecutable : status_of(pid);
  if (pid < 0) std::perror("fork");
  sigaction(SIGINT, &before[0], nullptr);
  sigaction(SIGQUIT, &before[1], nullptr);
  return status;
}

Result<std::string> output_of_incus(const std::vector<std::string>& arguments, int timeout_ms) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return system_error("fork");
  if (pid == 0) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDERR_FILENO);
    dup2(theirs.get(), STDOUT_FILENO);
    execute(arguments);
  }
  theirs.reset();
  std::string out;
  const Status status = read_all(ours.get(), out, timeout_ms);
  if (!status.ok()) kill(pid, SIGKILL);
  status_of(pid);
  TRY(status);
  return out;
}

}  // namespace ssh2incus::shell
