// Forks and executes the gateway. Everything here is ours but the owner of incusd's socket.
#include "monitor/gateway_launcher.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "common/ipc_gateway.h"
#include "common/privileges.h"
#include "monitor/program.h"
#include "monitor/system_users.h"

namespace ssh2incus {
namespace {

constexpr const char* kIncusGroup = "incus-admin";
// What it takes to become another user without a way back.
constexpr std::array<cap_value_t, 3> kGatewayStartCapabilities = {CAP_SETUID, CAP_SETGID,
                                                                  CAP_SETPCAP};

std::vector<std::string> arguments_for(const GatewayIdentity& identity) {
  std::vector<std::string> arguments = {"ssh2incus-gateway", std::to_string(identity.uid),
                                        std::to_string(identity.gid)};
  if (identity.host.empty()) {
    arguments.push_back(std::to_string(identity.supplementary_gid));
  } else {
    arguments.push_back(identity.host);
    arguments.push_back(std::to_string(identity.port));
  }
  return arguments;
}

[[noreturn]] void run_child(const GatewayIdentity& identity, UniqueFd program,
                            const ipc::IpcChannel& channel) {
  Status status = keep_capabilities_only(kGatewayStartCapabilities);
  if (status.ok()) {
    const std::array fds = {channel.fd()};
    status = execute_program(std::move(program), arguments_for(identity), fds);
  }
  // The channel may have moved to fd 3 by now; if not, this tells nobody, and its end says enough.
  ipc::IpcChannel answer(UniqueFd(3));
  static_cast<void>(answer.send(ipc::FailedReply{
      ipc::TargetFailure::kIncusError,
      truncated<limits::kMaxUserMessage>("can't start the gateway: " + status.error().message)}));
  _exit(127);
}

}  // namespace

Result<GatewayIdentity> find_gateway_identity(const std::string& program,
                                              const std::string& incus_socket,
                                              const std::string& user) {
  const SystemUser found = TRY(find_system_user(user));
  TRY(open_program(program));
  GatewayIdentity identity{program, found.uid, found.gid};
  if (incus_socket.empty()) return identity;
  struct stat status {};
  if (stat(incus_socket.c_str(), &status) == 0) {
    identity.supplementary_gid = status.st_gid;
  }
  if (identity.supplementary_gid != 0) return identity;
  const group* entry = getgrnam(kIncusGroup);
  if (entry == nullptr || entry->gr_gid == 0) {
    return fail(std::string("there is no group ") + kIncusGroup +
                " on this host: is Incus installed?");
  }
  identity.supplementary_gid = entry->gr_gid;
  return identity;
}

Result<LaunchedGateway> launch_gateway(const GatewayIdentity& identity) {
  if (identity.uid == 0 || identity.gid == 0) return fail("the gateway must not run as root");
  if (identity.host.empty() && identity.supplementary_gid == 0)
    return fail("there is no group of an Incus socket");
  UniqueFd program = TRY(open_program(identity.program));
  auto [ours, theirs] = TRY(ipc::IpcChannel::pair());
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) run_child(identity, std::move(program), theirs);
  return LaunchedGateway{child, std::move(ours)};
}

}  // namespace ssh2incus
