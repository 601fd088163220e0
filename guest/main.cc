// ssh2incus-guest [--install FINAL_PATH]: runs inside an instance, started by Incus exec as its
// root; with --console SHELL on the host, as the user that it is started as (%shell). stdin and
// stdout carry common/guest_protocol.h; the grant that comes first was written by the monitor and
// is trusted, what follows comes from sessiond and isn't. Privileges shrink here: the launcher
// resolves the user as root; the worker becomes the user for good, then serves.
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "common/guest_frames.h"
#include "guest/account.h"
#include "guest/agent_socket.h"
#include "guest/keeper_client.h"
#include "guest/leader_table.h"
#include "guest/multiplexer.h"
#include "guest/root_helper.h"
#include "guest/trampoline.h"

namespace ssh2incus::guest {
namespace {

constexpr int kPrefaceMs = 30'000;
constexpr int kStreamPipeSize = 256 * 1024;

int complain(const std::string& text) {
  const std::string line = "ssh2incus-guest: " + text + "\n";
  [[maybe_unused]] const auto ignored = write(STDERR_FILENO, line.data(), line.size());
  return 1;
}

// The pushed file takes its final name only once it is known to run, so that half a file is never
// started under it. Another connection may have been quicker.
Status install(const char* own_path, const char* final_path) {
  if (rename(own_path, final_path) == 0) return {};
  const int error = errno;
  struct stat status {};
  if (stat(final_path, &status) == 0 && S_ISREG(status.st_mode)) return {};
  return system_error(std::string("cannot install as ") + final_path, error);
}

// The real user id of a process, also of one that has died and isn't reaped; none if unknown.
std::optional<uid_t> user_of(pid_t pid) {
  const UniqueFd file(
      open(("/proc/" + std::to_string(pid) + "/status").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 2048> text{};
  if (!file.valid() || read(file.get(), text.data(), text.size() - 1) <= 0) return std::nullopt;
  const char* line = std::strstr(text.data(), "\nUid:\t");
  uid_t uid = 0;
  if (line == nullptr || std::sscanf(line, "\nUid:\t%u", &uid) != 1) return std::nullopt;
  return uid;
}

// What a killed multiplexer could not do any more, by its user's right alone.
void hang_up_for(pid_t worker, const LeaderTable* leaders) {
  const auto uid = user_of(worker);
  if (leaders == nullptr || !uid) return;
  if (setgroups(0, nullptr) != 0 || setresuid(*uid, *uid, *uid) != 0) return;
  leaders->hang_up();
  if (const auto agent = leaders->agent_socket(); !agent.empty()) remove_agent_socket(agent);
}

// Incus kills only its direct child, so that child does nothing but wait for the one that works,
// and what root is needed for.
int wait_for(pid_t worker, const LeaderTable* leaders, RootHelper* helper) {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  dup2(null.get(), STDIN_FILENO);
  dup2(null.get(), STDOUT_FILENO);
  dup2(null.get(), STDERR_FILENO);
  if (helper != nullptr) helper->serve_until_end_of(worker);
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(worker), &info, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
  if (info.si_code != CLD_EXITED) hang_up_for(worker, leaders);
  int status = 0;
  while (waitpid(worker, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Status read_exactly(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    pollfd waiting{STDIN_FILENO, POLLIN, 0};
    if (poll(&waiting, 1, kPrefaceMs) == 0) return fail("no grant came");
    const ssize_t count = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return system_error("cannot read the grant");
    if (count == 0) return fail("the grant is incomplete");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<GuestGrant> read_grant() {
  std::array<std::uint8_t, 4> prefix{};
  TRY(read_exactly(prefix));
  ipc::Reader reader(prefix);
  std::uint32_t length = 0;
  reader.get(length);
  if (length > limits::kMaxGuestGrant) return fail("the grant is too long");
  Bytes encoded(length);
  TRY(read_exactly(encoded));
  auto grant = TRY(ipc::decode_fields<GuestGrant>(encoded));
  if (grant.version != kGuestProtocolVersion) return fail("the grant has another version");
  const bool has_nul =
      grant.forced_command && (*grant.forced_command)->find('\0') != std::string::npos;
  if (has_nul) return fail("the forced command holds a NUL byte");
  return grant;
}

Status send_hello(GuestOutcome outcome, std::string_view message, uid_t uid) {
  GuestHello hello;
  hello.outcome = outcome;
  hello.message = truncated<limits::kMaxUserMessage>(message);
  hello.uid = uid;
  const auto encoded = ipc::encode_fields(hello);
  ipc::Writer writer;
  writer.put(static_cast<std::uint32_t>(encoded.size()));
  auto bytes = writer.take();
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  // Far below a pipe's size, and nothing was written before: one write.
  const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
  if (written != static_cast<ssize_t>(bytes.size())) return system_error("cannot answer");
  return {};
}

int refuse(GuestOutcome outcome, const std::string& reason) {
  [[maybe_unused]] const auto ignored = send_hello(outcome, reason, 0);
  return complain(reason);
}

UniqueFd take_stream(int standard_fd) {
  UniqueFd fd(fcntl(standard_fd, F_DUPFD_CLOEXEC, 3));
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  fcntl(fd.get(), F_SETPIPE_SZ, kStreamPipeSize);  // speed only
  return fd;
}

Result<UniqueFd> take_signals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0 || !signals.valid()) {
    return system_error("signalfd");
  }
  return signals;
}

// What the launcher knows when it starts the worker.
struct Order {
  GuestGrant grant;
  Account account;
};

// The user that this process is already, with that program as shell.
Result<std::optional<Account>> own_account(const std::string& name, const std::string& shell) {
  auto account = TRY(resolve_account(name));
  if (account && account->uid != geteuid()) return fail("runs as another user than it is for");
  if (!account) return account;
  account->shell = shell;
  const char* home = getenv("HOME");
  if (home != nullptr) account->home = home;
  return account;
}

// None: the refusal has been said. shell: of a console; empty in an instance.
std::optional<Order> take_order(const std::string& shell) {
  close_range(3, ~0U, 0);
  if (chdir("/") != 0) {
    complain("cannot enter /");
    return std::nullopt;
  }
  auto grant = read_grant();
  if (!grant.ok()) {
    refuse(GuestOutcome::kBadGrant, grant.error().message);
    return std::nullopt;
  }
  auto account = shell.empty() ? resolve_account(*grant->user) : own_account(*grant->user, shell);
  if (!account.ok()) {
    refuse(GuestOutcome::kInternalError, account.error().message);
  } else if (!*account) {
    refuse(GuestOutcome::kNoSuchUser, "no user " + *grant->user + " in the instance");
  } else {
    return Order{std::move(*grant), std::move(**account)};
  }
  return std::nullopt;
}

int serve(pid_t launcher, Order order, LeaderTable* leaders, UniqueFd root_helper) {
  auto input = take_stream(STDIN_FILENO);
  auto output = take_stream(STDOUT_FILENO);
  if (const auto status = become(order.account); !status.ok()) {
    return refuse(GuestOutcome::kInternalError, status.error().message);
  }
  auto signals = take_signals();
  if (!signals.ok()) return refuse(GuestOutcome::kInternalError, signals.error().message);
  // After the change of user, which clears it.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != launcher) return complain("the launcher has ended");
  if (!send_hello(GuestOutcome::kReady, "", order.account.uid).ok()) return 1;
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  dup2(null.get(), STDIN_FILENO);
  dup2(null.get(), STDOUT_FILENO);
  Multiplexer multiplexer(std::move(order.account), std::move(order.grant), std::move(input),
                          std::move(output), std::move(*signals), leaders, std::move(root_helper));
  const auto status = multiplexer.run();
  return status.ok() ? 0 : complain(status.error().message);
}

int launch(const std::string& shell = {}) {
  auto order = take_order(shell);
  if (!order) return 1;
  std::array<int, 2> ends = {-1, -1};
  const bool with_root = needs_root(order->grant);
  if (with_root && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return refuse(GuestOutcome::kInternalError, "cannot make a socket");
  }
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t launcher = getpid();
  LeaderTable* leaders = LeaderTable::create();
  const pid_t worker = fork();
  if (worker < 0) return refuse(GuestOutcome::kInternalError, "cannot start a process");
  if (worker == 0) {
    ours.reset();
    return serve(launcher, std::move(*order), leaders, std::move(theirs));
  }
  theirs.reset();
  if (!with_root) return wait_for(worker, leaders, nullptr);
  RootHelper helper(std::move(order->account), std::move(order->grant), std::move(ours));
  return wait_for(worker, leaders, &helper);
}

int run(int argc, char** argv) {
  if (argc > 0 && is_trampoline(argv[0])) return run_trampoline();
  if (argc == 3 && std::string_view(argv[1]) == "--keep") return attach_to_kept_session(argv[2]);
  if (argc == 3 && std::string_view(argv[1]) == "--console") return launch(argv[2]);
  if (argc == 3 && std::string_view(argv[1]) == "--install") {
    if (const auto status = install(argv[0], argv[2]); !status.ok()) {
      return complain(status.error().message);
    }
  } else if (argc != 1) {
    return complain(
        "usage: ssh2incus-guest [--install FINAL_PATH | --keep SHELL | --console SHELL]");
  }
  return launch();
}

}  // namespace
}  // namespace ssh2incus::guest

int main(int argc, char** argv) { return ssh2incus::guest::run(argc, argv); }
