// See shell_starter.h.
#include "monitor/shell_starter.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "common/privileges.h"
#include "monitor/gateway_launcher.h"
#include "monitor/program.h"
#include "monitor/shell_syscalls.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kStreams = 3;
constexpr char kStart = 's';

Status make_home(const ShellIdentity& identity) {
  const char* path = identity.home.c_str();
  if (mkdir(path, 0700) != 0 && errno != EEXIST) return system_error(identity.home);
  const UniqueFd home(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!home.valid()) return system_error(identity.home);
  if (fchown(home.get(), identity.uid, identity.gid) != 0 || fchmod(home.get(), 0700) != 0)
    return system_error(identity.home);
  return {};
}

Status become_shell_user(const ShellIdentity& identity, pid_t parent) {
  TRY(null_standard_streams(true));
  TRY(limit_bounding_set({}));
  const std::array groups = {identity.incus_gid};
  TRY(become_user(identity.uid, identity.gid, groups));
  TRY(keep_capabilities_only({}));
  TRY(die_with_parent(parent));
  TRY(forbid_dumps());
  if (chdir(identity.home.c_str()) != 0) return system_error(identity.home);
  umask(077);
  return refuse_syscalls(kShellRefusals);
}

[[noreturn]] void execute_starter(UniqueFd channel, const ShellIdentity& identity, pid_t parent) {
  constexpr int kChannelFd = 3;  // shell/starter.h
  if (dup2(channel.get(), kChannelFd) != kChannelFd) _exit(1);
  if (channel.get() == kChannelFd) static_cast<void>(channel.release());
  if (!close_fds_from(kChannelFd + 1).ok() || !become_shell_user(identity, parent).ok()) _exit(1);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  fcntl(kChannelFd, F_SETFD, 0);
  const std::string home = "HOME=" + identity.home;
  const std::array<const char*, 3> environment = {"PATH=/usr/bin:/bin", home.c_str(), nullptr};
  const char* shell = identity.shell.c_str();
  execle(shell, "ssh2incus-shell", "--serve", identity.guest.c_str(), shell, nullptr,
         environment.data());
  _exit(127);
}

}  // namespace

Result<ShellIdentity> find_shell_identity(const std::string& libexec_dir,
                                          const std::string& run_dir,
                                          const std::string& incus_socket) {
  ShellIdentity identity;
  identity.guest = libexec_dir + "/ssh2incus-guest";
  identity.shell = libexec_dir + "/ssh2incus-shell";
  identity.home = run_dir + "/shell";
  identity.incus_socket = incus_socket;
  TRY(open_program(identity.guest));
  // The same group as the gateway's.
  const auto found = TRY(find_gateway_identity(identity.shell, incus_socket, kShellUser));
  identity.uid = found.uid;
  identity.gid = found.gid;
  identity.incus_gid = found.supplementary_gid;
  TRY(make_home(identity));
  return identity;
}

Result<UniqueFd> start_shell_starter(const ShellIdentity& identity) {
  if (identity.uid == 0 || identity.gid == 0) return fail("the Incus shell must not run as root");
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_error("socketpair");
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) {
    ours.reset();
    execute_starter(std::move(theirs), identity, parent);
  }
  return ours;
}

Result<std::array<UniqueFd, 4>> ask_for_shell(int starter) {
  std::array<UniqueFd, 4> ours;
  std::array<UniqueFd, 4> theirs;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      return system_error("socketpair");
    ours[i] = UniqueFd(ends[0]);
    theirs[i] = UniqueFd(ends[1]);
  }
  char byte = kStart;
  iovec vector{&byte, 1};
  const std::array<int, kStreams> fds = {theirs[0].get(), theirs[1].get(), theirs[2].get()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fds))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* entry = CMSG_FIRSTHDR(&message);
  entry->cmsg_level = SOL_SOCKET;
  entry->cmsg_type = SCM_RIGHTS;
  entry->cmsg_len = CMSG_LEN(sizeof(fds));
  std::copy(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(entry)));
  if (sendmsg(starter, &message, MSG_NOSIGNAL) != 1)
    return system_error("the starter of Incus shells has gone");
  return ours;
}

}  // namespace ssh2incus
