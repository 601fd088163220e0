// %shell: a guest on the host, as a user of its own, whose shell speaks to Incus. The attendant has
// it started; from then on it is to sessiond what a guest in an instance is.
#include <array>

#include "monitor/monitor.h"
#include "monitor/shell_starter.h"

namespace ssh2incus {

Result<GuestGrant> Monitor::shell_grant() const {
  GuestGrant grant = TRY(guest_grant());
  grant.user = std::string(kShellUser);
  grant.allow_shell = grant.allow_exec = true;
  grant.allow_sftp = false;
  grant.forward = {};
  grant.shell_mode = ShellMode::kUserShell;
  std::vector<EnvironmentEntry> environment = *grant.environment;
  environment.push_back(
      {std::string("INCUS_SOCKET"), truncated<limits::kMaxEnvironmentValue>(config_.incus_socket)});
  grant.environment = std::move(environment);
  return grant;
}

Status Monitor::open_incus_shell() {
  if (!config_.incus_shell || config_.incus_socket.empty())
    return fail_target("there is no Incus shell on this server", "incus-shell: no");
  auto grant = shell_grant();
  if (!grant.ok()) return fail_target(grant.error().message, grant.error().message);
  const auto sockets =
      attendant_start_shell(channels_.attendant, *grant, at_most(limits::kGuestHelloMs));
  end_attendant();
  if (!sockets.ok())
    return fail_target("the Incus shell can't be started", sockets.error().message);
  log_.write(LogLevel::kInfo, "target_ready", {{"target", target_text()}});
  ipc::TargetReadyNotice notice;
  notice.description = truncated<limits::kMaxUserMessage>(target_text());
  notice.idle_limit_seconds = static_cast<std::uint32_t>(idle_limit().count());
  notice.raw = true;
  const std::array fds = {(*sockets)[0].get(), (*sockets)[1].get(), (*sockets)[2].get(),
                          (*sockets)[3].get()};
  return channels_.sessiond.send(notice, fds);
}

}  // namespace ssh2incus
