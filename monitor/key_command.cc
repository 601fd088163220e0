// Starts the command, reads what it prints, ends it. The program is the administrator's; arguments
// come from the network, checked for form; its output is bytes here and nothing more.
#include "monitor/key_command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include "common/privileges.h"
#include "common/unique_fd.h"
#include "monitor/strict_modes.h"

namespace ssh2incus {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kOpenFiles = 256;
constexpr rlim_t kCpuSeconds = 10;
constexpr rlim_t kFileSize = 16UL * 1024 * 1024;
// Of the user, all logins together: a fork bomb ends, a busy server doesn't notice.
constexpr rlim_t kProcesses = 1024;
constexpr std::size_t kMaxFailureText = 512;

struct Running {
  pid_t pid = -1;
  UniqueFd output;
  UniqueFd failure;  // why it couldn't be executed; closed by executing it
};

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Status limit_resources() {
  TRY(apply_resource_limits({false, false, kOpenFiles}));
  constexpr std::array<std::pair<__rlimit_resource, rlim_t>, 4> kLimits = {
      {{RLIMIT_CPU, kCpuSeconds},
       {RLIMIT_FSIZE, kFileSize},
       {RLIMIT_NPROC, kProcesses},
       {RLIMIT_CORE, 0}}};
  for (const auto& [resource, value] : kLimits) {
    const rlimit limit{value, value};
    if (setrlimit(resource, &limit) != 0) return system_error("setrlimit");
  }
  return {};
}

Status become_command_user(const HostUserRecord& user, pid_t parent) {
  TRY(limit_bounding_set({}));
  TRY(become_user(user.uid, user.gid, user.group_ids));
  TRY(keep_capabilities_only({}));
  TRY(die_with_parent(parent));
  return limit_resources();
}

// The output on 1, nothing on 0 and 2, the failure pipe out of the way and closed by execve.
Status place_streams(const UniqueFd& output, const UniqueFd& failure) {
  constexpr int kFailureFd = 3;
  UniqueFd kept_output(fcntl(output.get(), F_DUPFD_CLOEXEC, kFailureFd + 1));
  UniqueFd kept_failure(fcntl(failure.get(), F_DUPFD_CLOEXEC, kFailureFd + 1));
  if (!kept_output.valid() || !kept_failure.valid()) return system_error("fcntl");
  TRY(null_standard_streams(true));
  if (dup2(kept_output.get(), STDOUT_FILENO) != STDOUT_FILENO ||
      dup3(kept_failure.get(), kFailureFd, O_CLOEXEC) != kFailureFd) {
    return system_error("dup2");
  }
  kept_output.reset();
  kept_failure.reset();
  return close_fds_from(kFailureFd + 1);
}

Status execute(const std::string& program, std::vector<std::string> arguments,
               const HostUserRecord& user) {
  std::array<std::string, 4> variables = {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + user.home,
                                          "USER=" + user.name, "LOGNAME=" + user.name};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  execve(program.c_str(), argv.data(), environment.data());
  return system_error(program);
}

[[noreturn]] void run_child(const KeyCommand& command, const std::string& program,
                            std::vector<std::string> arguments, const Pipe& output,
                            const Pipe& failure, pid_t parent) {
  setsid();  // a process group of its own, and no terminal
  int tell = failure.write_end.get();
  Status status = place_streams(output.write_end, failure.write_end);
  if (status.ok()) {
    tell = 3;
    status = become_command_user(command.user, parent);
  }
  if (status.ok()) status = execute(program, std::move(arguments), command.user);
  const std::string text = status.error().message.substr(0, kMaxFailureText);
  [[maybe_unused]] const ssize_t ignored = write(tell, text.data(), text.size());
  _exit(127);
}

Result<Running> start(const KeyCommand& command, std::vector<std::string> arguments) {
  const std::string program = TRY(trusted_program(command.line.program()));
  Pipe output = TRY(make_pipe());
  Pipe failure = TRY(make_pipe());
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) run_child(command, program, std::move(arguments), output, failure, parent);
  return Running{child, std::move(output.read_end), std::move(failure.read_end)};
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

// To the end of the stream, which comes when nobody holds it any more.
Result<std::string> read_to_end(const UniqueFd& stream, Clock::time_point deadline) {
  std::string content;
  std::array<char, 16UL * 1024> chunk{};
  for (;;) {
    pollfd entry{stream.get(), POLLIN, 0};
    const int ready = poll(&entry, 1, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return system_error("poll");
    if (ready == 0) return fail("it took too long");
    const ssize_t got = read(stream.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read");
    if (got == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(got));
    if (content.size() > limits::kMaxAuthorizedKeysFile) {
      return fail("it printed more than " + std::to_string(limits::kMaxAuthorizedKeysFile) +
                  " bytes");
    }
  }
}

// Whether it has ended; not reaped, so that its process group's number stays its own.
bool has_ended(pid_t pid, Clock::time_point deadline) {
  for (;;) {
    siginfo_t info{};
    const int result = waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    if (result != 0 && errno != EINTR) return true;
    if (result == 0 && info.si_pid == pid) return true;
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

int kill_group_and_reap(pid_t pid) {
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::optional<std::string> why_failed(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    std::string text = "it was ended by signal " + std::to_string(number);
    if (number == SIGSYS) text += ": it made a system call that commands may not make";
    return text;
  }
  if (WEXITSTATUS(status) == 0) return std::nullopt;
  return "it ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<KeyCommand> find_key_command(const std::string& text, const std::string& user) {
  KeyCommandLine line = TRY(KeyCommandLine::parse(text));
  const HostUser name = TRY(HostUser::parse(user));
  HostUserRecord record = TRY(look_up_host_user(name));
  if (!record.found) return fail("there is no user " + user + " on this host");
  if (record.uid == 0 || record.gid == 0) return fail("user " + user + " must not be root");
  if (const auto trusted = trusted_program(line.program()); !trusted.ok()) {
    return fail(line.program() + ": " + trusted.error().message);
  }
  return KeyCommand{std::move(line), std::move(record)};
}

Result<std::string> run_key_command(const KeyCommand& command, std::vector<std::string> arguments,
                                    std::uint32_t most_ms) {
  const Running running = TRY(start(command, std::move(arguments)));
  const auto deadline = Clock::now() + std::min(std::chrono::milliseconds(command.timeout_ms),
                                                std::chrono::milliseconds(most_ms));
  auto output = read_to_end(running.output, deadline);
  const bool ended = output.ok() && has_ended(running.pid, deadline);
  const int status = kill_group_and_reap(running.pid);
  if (!output.ok()) return output;
  if (!ended) return fail("it took too long");
  const std::string failure = TRY(read_to_end(running.failure, Clock::now()));
  if (!failure.empty()) return fail("it can't be executed: " + failure);
  if (const auto why = why_failed(status)) return fail(*why);
  return output;
}

}  // namespace ssh2incus
