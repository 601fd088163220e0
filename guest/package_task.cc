// See package_task.h.
#include "guest/package_task.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "guest/account.h"
#include "guest/child_setup.h"
#include "guest/package_manager.h"
#include "guest/program_path.h"

namespace ssh2incus::guest {
namespace {

constexpr int kInstallMs = 5 * 60 * 1000;
constexpr int kGraceMs = 5'000;  // from being asked to end to being killed
constexpr int kTickMs = 200;
constexpr std::uint8_t kFailed = 1;
constexpr std::uint8_t kCancelled = 130;
constexpr std::size_t kMaxOsRelease = 16UL * 1024;

void say(int terminal, const std::string& text) {
  const std::string line = "ssh2incus: " + text + "\n";
  [[maybe_unused]] const auto ignored = write(terminal, line.data(), line.size());
}

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

[[noreturn]] void become_step(const std::string& program, std::vector<std::string> arguments,
                              int terminal) {
  setsid();
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  place_standard_streams({null, terminal, terminal});
  close_descriptors_from(3);
  reset_signals();
  umask(022);
  arguments.insert(arguments.begin(), program);
  std::vector<std::string> environment = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C",
      "TERM=dumb", "DEBIAN_FRONTEND=noninteractive"};
  const auto argument_pointers = pointers_to(arguments);
  const auto environment_pointers = pointers_to(environment);
  execve(program.c_str(), argument_pointers.data(), environment_pointers.data());
  complain(program + ": " + strerror(errno) + "\n");
  _exit(127);
}

// Whether the user wants it to end. The end of the conversation is none: nobody is there any more.
bool is_cancelled(UniqueFd& conversation) {
  if (!conversation.valid()) return false;
  std::uint8_t number = 0;
  const ssize_t count = recv(conversation.get(), &number, 1, MSG_DONTWAIT);
  if (count == 0) conversation.reset();
  return count == 1 && (number == SIGINT || number == SIGQUIT || number == SIGTERM);
}

class Step {
 public:
  explicit Step(pid_t pid) : pid_(pid) {}

  // Its exit code, or kCancelled.
  int wait(UniqueFd& conversation, std::int64_t deadline, int terminal) {
    for (;;) {
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) {
        if (end_at_ != 0) return kCancelled;
        return WIFEXITED(status) ? WEXITSTATUS(status) : kFailed;
      }
      pollfd waiting{conversation.get(), POLLIN, 0};
      poll(&waiting, 1, kTickMs);
      if (end_at_ == 0 && is_cancelled(conversation)) end("cancelled", terminal);
      if (end_at_ == 0 && now_ms() > deadline) end("that takes too long", terminal);
      if (end_at_ != 0 && now_ms() > end_at_) kill(-pid_, SIGKILL);
    }
  }

 private:
  void end(const char* why, int terminal) {
    say(terminal, why);
    kill(-pid_, SIGTERM);
    end_at_ = now_ms() + kGraceMs;
  }

  pid_t pid_;
  std::int64_t end_at_ = 0;  // 0: it hasn't been asked to
};

int run_steps(const PackageManager& manager, const std::string& program, RootRequest& request) {
  const std::int64_t deadline = now_ms() + kInstallMs;
  const int terminal = request.standard[1].get();
  int status = kFailed;
  for (const auto& arguments : manager.steps) {
    const pid_t pid = fork();
    if (pid == 0) become_step(program, arguments, terminal);
    if (pid < 0) return kFailed;
    status = Step(pid).wait(request.conversation, deadline, terminal);
    if (status == kCancelled) return status;
  }
  return status;
}

}  // namespace

std::string keeper_program(SessionKeeper keeper) {
  if (keeper == SessionKeeper::kTmux) return "tmux";
  if (keeper == SessionKeeper::kScreen) return "screen";
  return {};
}

RootAnswer install_keeper(const GuestGrant& grant, RootRequest& request) {
  const std::string package = keeper_program(grant.keeper);
  const int terminal = request.standard[1].get();
  if (!grant.may_install_keeper || package.empty()) {
    say(terminal, "nothing may be installed here");
    return {false, kFailed};
  }
  const auto own = read_small_file("/etc/os-release", kMaxOsRelease);
  const auto vendors = read_small_file("/usr/lib/os-release", kMaxOsRelease);
  for (const PackageManager& manager :
       package_managers(own ? *own : vendors.value_or(""), package)) {
    const auto program = find_program(manager.program);
    if (!program.ok()) continue;
    say(terminal, "installing " + package + " with " + manager.program + " (Ctrl-C cancels)");
    const int status = run_steps(manager, *program, request);
    if (status != 0 && status != kCancelled)
      say(terminal, manager.program + " has failed (" + std::to_string(status) + ")");
    return {false, static_cast<std::uint8_t>(status)};
  }
  say(terminal, "there is no package manager that could install " + package);
  return {false, kFailed};
}

}  // namespace ssh2incus::guest
