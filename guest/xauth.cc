// See xauth.h.
#include "guest/xauth.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "common/unique_fd.h"

namespace ssh2incus::guest {
namespace {

constexpr std::array kPlaces = {"/usr/bin/xauth", "/usr/local/bin/xauth", "/bin/xauth",
                                "/usr/X11R6/bin/xauth"};
constexpr int kPatienceMs = 10'000;
constexpr int kStepMs = 10;

bool is_word(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".:/-_").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

[[noreturn]] void exec_xauth(const std::string& xauth, int input, char* const* environment) {
  dup2(input, STDIN_FILENO);
  const UniqueFd null(open("/dev/null", O_WRONLY));
  dup2(null.get(), STDOUT_FILENO);
  dup2(null.get(), STDERR_FILENO);
  close_range(3, ~0U, 0);
  std::array<char*, 4> arguments = {const_cast<char*>("xauth"), const_cast<char*>("-q"),
                                    const_cast<char*>("-"), nullptr};
  execve(xauth.c_str(), arguments.data(), environment);
  _exit(127);
}

// Its wait status; none: it took too long and was killed.
bool succeeds_in_time(pid_t child) {
  for (int waited = 0; waited < kPatienceMs; waited += kStepMs) {
    int status = 0;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (ended < 0 && errno != EINTR) return false;
    const timespec step{0, kStepMs * 1'000'000L};
    nanosleep(&step, nullptr);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return false;
}

}  // namespace

std::string find_xauth() {
  for (const char* place : kPlaces) {
    if (access(place, X_OK) == 0) return place;
  }
  return {};
}

bool is_usable(const X11Request& request) {
  return is_word(*request.protocol) && is_word(*request.cookie);
}

std::string add_cookie(const std::string& xauth, const X11Request& request, unsigned display,
                       char* const* environment) {
  const std::string name = "unix:" + std::to_string(display) + "." + std::to_string(request.screen);
  const std::string commands =
      "remove " + name + "\nadd " + name + " " + *request.protocol + " " + *request.cookie + "\n";
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return "cannot make a pipe";
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = fork();
  if (child < 0) return "cannot start a process";
  if (child == 0) exec_xauth(xauth, reading.get(), environment);
  // Far below a pipe's size; the reading end is ours too, so no SIGPIPE.
  const auto written = write(writing.get(), commands.data(), commands.size());
  writing.reset();
  if (!succeeds_in_time(child) || written != static_cast<ssize_t>(commands.size())) {
    return xauth + " failed";
  }
  return {};
}

}  // namespace ssh2incus::guest
