// After the login: starting the gateway with its grant, passing the guest's streams to sessiond,
// and writing down sessions. The gateway parses what Incus and instances send and is not trusted.
#include <algorithm>
#include <array>
#include <utility>

#include "common/escape.h"
#include "common/limits.h"
#include "monitor/monitor.h"
#include "policy/greeting.h"

namespace ssh2incus {
namespace {

bool has_right_fds(ipc::GatewayMessage kind, std::size_t count) {
  if (kind == ipc::GatewayMessage::kReadyReply) return count == 4;
  if (kind == ipc::GatewayMessage::kExecStartedReply) {
    return count == kPlainSockets || count == kPlainTerminalSockets;
  }
  return count == 0;
}

EnvironmentEntry entry(const std::string& name, const std::string& value) {
  return {name, truncated<limits::kMaxEnvironmentValue>(value)};
}

const char* name_of(ipc::ForwardKind kind) {
  switch (kind) {
    case ipc::ForwardKind::kLocal: return "local";
    case ipc::ForwardKind::kRemote: return "remote";
    case ipc::ForwardKind::kAgent: return "agent";
    case ipc::ForwardKind::kX11: return "x11";
  }
  return "";
}

}  // namespace

std::string Monitor::target_text() const {
  if (!target_) return {};
  const std::string remote = remote_name();
  if (target_->kind != LoginTarget::Kind::kInstance) {
    LoginTarget command = *target_;
    if (remote == kLocalRemote) command.remote.reset();
    return format_login(command);
  }
  return (remote == kLocalRemote ? "" : remote + ":") + target_->user.str() + "@" +
         target_->instance->str() + "." +
         (target_->project ? target_->project->str() : kDefaultProject);
}

std::string Monitor::remote_name() const {
  return target_->remote ? target_->remote->str() : kLocalRemote;
}

// A forced command isn't a shell, whatever the client asked for.
std::string Monitor::welcome() const {
  if (!config_.welcome || grant().forced_command) return {};
  return filled_in(config_.greetings.welcome, greeting_names(*target_, config_.greetings.hostname));
}

Result<GuestGrant> Monitor::guest_grant() const {
  const KeyGrant key_grant = this->grant();
  GuestGrant grant;
  grant.user = target_->user.str();
  grant.allow_pty = key_grant.pty;
  grant.allow_shell = access_.grant.actions.has(Action::kShell);
  grant.allow_exec = access_.grant.actions.has(Action::kExec);
  grant.allow_sftp = access_.grant.actions.has(Action::kSftp);
  grant.confine_sftp = config_.chroot_sftp;
  grant.max_sessions = config_.max_sessions;
  grant.forward = TRY(forward_grant(config_.forwarding, key_grant, access_.grant));
  grant.shell_mode = config_.shell_mode;
  if (target_->persistent_session) {
    grant.keeper = config_.session_keeper;
    grant.may_install_keeper = access_.grant.actions.has(Action::kInstall);
  }
  if (key_grant.forced_command) grant.forced_command = **key_grant.forced_command;
  const std::string client = info_.peer.address + " " + std::to_string(info_.peer.port);
  std::vector<EnvironmentEntry> environment = {
      entry("SSH_CONNECTION",
            client + " " + info_.local.address + " " + std::to_string(info_.local.port)),
      entry("SSH_CLIENT", client + " " + std::to_string(info_.local.port)),
      entry("SSH_SESSION", info_.id)};
  for (const auto& granted : key_grant.environment) environment.push_back(granted);
  grant.environment = std::move(environment);
  std::vector<BoundedString<limits::kMaxEnvironmentName>> patterns;
  for (const std::string& pattern : config_.accepted_environment) patterns.emplace_back(pattern);
  grant.accepted_environment = std::move(patterns);
  if (ipc::encode_fields(grant).size() > limits::kMaxGuestGrant) {
    return fail("the restrictions of this login are too long");
  }
  return grant;
}

Status Monitor::open_target() {
  const int most_ms = target_->create ? limits::kCreateMs : limits::kGatewayOpenMs;
  deadline_ = Clock::now() + std::chrono::milliseconds(most_ms);
  if (access_.outcome == AccessVerdict::Outcome::kRefused) return refuse_access();
  const AccessDecision decision = decide_target_access(*target_, config_.allow_create);
  if (!decision.allowed) return fail_target(decision.reason, decision.reason);
  if (const std::string reason = why_not_remote(remotes_, *target_); !reason.empty())
    return fail_target(reason, reason);
  const bool needs_incus =
      target_->kind != LoginTarget::Kind::kExplain && target_->kind != LoginTarget::Kind::kSessions;
  if (info_.outage && needs_incus && remote_name() == remotes_.default_name) {
    const std::string reason = "Incus is not reachable at the moment: " + *info_.outage;
    return fail_target(reason + "; please try again later", reason);
  }
  if (is_console_login()) return open_console();
  if (target_->kind == LoginTarget::Kind::kIncusShell) return open_incus_shell();
  const bool attendant_kept = questions_.has_value();
  if (auto taken = take_gateway(remote_name()); !taken.ok()) {
    return fail_target("the gateway can't be started", taken.error().message);
  }
  const bool needs_labels = access_.outcome == AccessVerdict::Outcome::kNeedsLabels;
  Status sent = needs_labels ? ask_for_labels() : send_grant();
  if (attendant_kept) end_attendant();
  return sent;
}

Status Monitor::send_grant() {
  ipc::OpenRequest request;
  request.endpoint = endpoint_of(config_, remote_name());
  request.guest_path = config_.libexec_dir + "/ssh2incus-guest";
  request.project = target_->project ? target_->project->str() : std::string(kDefaultProject);
  request.instance = target_->instance->str();
  request.start_if_stopped = access_.grant.actions.has(Action::kStart);
  auto guest = guest_grant();
  if (!guest.ok()) return fail_target(guest.error().message, guest.error().message);
  request.guest = std::move(*guest);
  auto create = creation();
  if (!create.ok()) return fail_target(create.error().message, create.error().message);
  request.create = std::move(*create);
  if (request.guest.keeper == SessionKeeper::kTmux)
    request.tmux_path = config_.libexec_dir + "/ssh2incus-tmux";
  if (auto sent = gateway_->send(request); !sent.ok()) {
    return fail_target("the gateway can't be reached", sent.error().message);
  }
  return {};
}

// The one that has answered questions goes on with the same target; else it's started now, which
// is the attendant's last work.
Status Monitor::take_gateway(const std::string& remote) {
  if (questions_) {
    gateway_ = std::exchange(questions_, std::nullopt);
    return {};
  }
  auto started =
      TRY(attendant_start_gateway(channels_.attendant, remote, at_most(limits::kKeyLookupMs)));
  gateway_.emplace(std::move(started.channel));
  return {};
}

Status Monitor::fail_target(const std::string& text, const std::string& log_reason) {
  gateway_.reset();
  plain_.reset();
  console_.reset();
  target_failed_ = true;
  deadline_ = Clock::now() + std::chrono::milliseconds(limits::kAfterRefusedTargetMs);
  log_.write(LogLevel::kWarning, "target_failed",
             {{"target", target_text()}, {"reason", log_reason}});
  const ipc::TargetFailedNotice notice{
      truncated<limits::kMaxUserMessage>("ssh2incus: " + escaped(text)), 255};
  if (auto sent = channels_.sessiond.send(notice); !sent.ok()) {
    end(ConnectionEnd::kLoggedIn, sent.error().message);
  }
  return {};
}

Status Monitor::on_ready(const ipc::Packet& packet) {
  if (labels_asked_) return fail("the gateway is ready for what it wasn't asked");
  const auto ready = TRY(ipc::decode<ipc::ReadyReply>(packet.bytes));
  log_.write(LogLevel::kInfo, "target_ready",
             {{"target", target_text()}, {"uid", ready.uid}, {"uuid", *ready.instance_uuid}});
  tell_phase(Phase::kTarget, login_time_);
  std::array<int, 4> fds{};
  std::transform(packet.fds.begin(), packet.fds.end(), fds.begin(),
                 [](const UniqueFd& fd) { return fd.get(); });
  const Remote* remote = remotes_.find(remote_name());
  gateway_carries_ = remote != nullptr && remote->is_network();
  if (!gateway_carries_) gateway_.reset();
  return channels_.sessiond.send(
      ipc::TargetReadyNotice{truncated<limits::kMaxUserMessage>(target_text()),
                             static_cast<std::uint32_t>(idle_limit().count()),
                             static_cast<std::uint32_t>(config_.instance_timeout.count()),
                             welcome(), false},
      fds);
}

Status Monitor::on_gateway(const ipc::Packet& packet) {
  const auto kind = ipc::kind_of<ipc::GatewayMessage>(packet.bytes);
  if (!kind) return fail("unknown message of the gateway");
  if (!has_right_fds(*kind, packet.fds.size())) return fail("wrong number of fds from the gateway");
  const bool is_for_console = *kind != ipc::GatewayMessage::kProgressNotice &&
                              *kind != ipc::GatewayMessage::kLogNotice &&
                              *kind != ipc::GatewayMessage::kCrashNotice;
  if (console_ && is_for_console) return on_console_gateway(*kind, packet);
  if (plain_ && *kind == ipc::GatewayMessage::kReadyReply) return fail("ready in plain mode");
  switch (*kind) {
    case ipc::GatewayMessage::kProgressNotice: {
      const auto progress = TRY(ipc::decode<ipc::GatewayProgress>(packet.bytes));
      return channels_.sessiond.send(ipc::TargetProgressNotice{
          truncated<limits::kMaxUserMessage>(escaped(*progress.text)), progress.update});
    }
    case ipc::GatewayMessage::kCreationNotice:
      return on_creation(TRY(ipc::decode<ipc::CreationNotice>(packet.bytes)));
    case ipc::GatewayMessage::kResolveReply:
      return on_labels(TRY(ipc::decode<ipc::ResolveReply>(packet.bytes)));
    case ipc::GatewayMessage::kReadyReply: return on_ready(packet);
    case ipc::GatewayMessage::kFailedReply: {
      const auto failed = TRY(ipc::decode<ipc::FailedReply>(packet.bytes));
      return fail_target(*failed.text, *failed.text);
    }
    case ipc::GatewayMessage::kLogNotice:
      log_.write(LogLevel::kDebug, "gateway",
                 {{"text", *TRY(ipc::decode<ipc::GatewayLog>(packet.bytes)).text}});
      return {};
    case ipc::GatewayMessage::kCrashNotice:
      log_.write(LogLevel::kError, "crash",
                 {{"process", "gateway"},
                  {"syscall", TRY(ipc::decode<ipc::GatewayCrash>(packet.bytes)).syscall}});
      return fail("the gateway made a refused system call");
    default: return on_plain_gateway(*kind, packet);
  }
}

// Nothing but its end is expected. The streams end with it, which sessiond sees for itself.
void Monitor::end_carrying(const ipc::Packet* last_words) {
  gateway_.reset();
  gateway_carries_ = false;
  if (last_words == nullptr) return;
  const auto crash = ipc::decode<ipc::GatewayCrash>(last_words->bytes);
  const std::uint32_t number = crash.ok() ? crash->syscall : 0;
  log_.write(LogLevel::kError, "crash", {{"process", "gateway"}, {"syscall", number}});
}

Status Monitor::on_session_opened(const ipc::SessionOpenedNotice& notice) {
  if (sessions_.size() > config_.max_sessions * 2UL) return fail("more sessions than allowed");
  if (sessions_.contains(notice.stream)) return fail("session opened twice");
  std::string kind = notice.sftp ? "sftp" : notice.command ? "exec" : "shell";
  std::vector<LogField> fields = {{"stream", notice.stream},
                                  {"kind", kind},
                                  {"target", target_text()},
                                  {"pty", notice.pty ? "yes" : "no"}};
  if (notice.command) fields.emplace_back("command", **notice.command);
  if (grant_ && grant_->forced_command) {
    fields.emplace_back("forced_command", **grant_->forced_command);
  }
  log_.write(LogLevel::kInfo, "session_opened", fields);
  sessions_.emplace(notice.stream, OpenSession{Clock::now(), std::move(kind)});
  tell_table();
  return {};
}

Status Monitor::on_session_closed(const ipc::SessionClosedNotice& notice) {
  const auto found = sessions_.find(notice.stream);
  if (found == sessions_.end()) return fail("session closed that isn't open");
  if (plain_) plain_->close(notice.stream);
  on_console_session_closed(notice.stream);
  tell_listener(TrafficNotice{notice.bytes_in, notice.bytes_out});
  const auto lasted =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - found->second.opened);
  std::vector<LogField> fields = {{"stream", notice.stream},
                                  {"target", target_text()},
                                  {"bytes_in", notice.bytes_in},
                                  {"bytes_out", notice.bytes_out},
                                  {"duration_ms", static_cast<std::uint64_t>(lasted.count())}};
  if (notice.exit_status) fields.emplace_back("exit_status", *notice.exit_status);
  if (!notice.exit_signal.empty()) fields.emplace_back("exit_signal", *notice.exit_signal);
  log_.write(LogLevel::kInfo, "session_closed", fields);
  sessions_.erase(found);
  tell_table();
  return {};
}

Status Monitor::on_forward_opened(const ipc::ForwardOpenedNotice& notice) {
  // Twice what may be: those that the guest has accepted are counted by themselves.
  if (forwards_.size() > limits::kMaxForwardedConnections * 2UL) {
    return fail("more forwarded connections than allowed");
  }
  const std::string kind = name_of(notice.forward);
  if (!forwards_.emplace(notice.stream, OpenSession{Clock::now(), kind}).second) {
    return fail("forwarded connection opened twice");
  }
  log_.write(LogLevel::kInfo, "forward_opened",
             {{"stream", notice.stream},
              {"kind", kind},
              {"target", target_text()},
              {"where", *notice.where}});
  return {};
}

Status Monitor::on_forward_closed(const ipc::ForwardClosedNotice& notice) {
  const auto found = forwards_.find(notice.stream);
  if (found == forwards_.end()) return fail("forwarded connection closed that isn't open");
  const auto lasted =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - found->second.opened);
  tell_listener(TrafficNotice{notice.bytes_in, notice.bytes_out});
  log_.write(LogLevel::kInfo, "forward_closed",
             {{"stream", notice.stream},
              {"kind", found->second.kind},
              {"target", target_text()},
              {"bytes_in", notice.bytes_in},
              {"bytes_out", notice.bytes_out},
              {"duration_ms", static_cast<std::uint64_t>(lasted.count())}});
  forwards_.erase(found);
  return {};
}

}  // namespace ssh2incus
