// The monitor's loop: waits for sessiond, the gateway, the listener's end and the deadline, checks
// each message against the rules and hands it to its handler. sessiond and the gateway are hostile.
#include "monitor/monitor.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "policy/access_rules.h"

namespace ssh2incus {
namespace {

using ipc::SessionMessage;

constexpr int kTellListenerMs = 200;

const char* name_of(RuleBook::Verdict verdict) {
  switch (verdict) {
    case RuleBook::Verdict::kAllowed: return "allowed";
    case RuleBook::Verdict::kUnknownMessage: return "no message of sessiond";
    case RuleBook::Verdict::kWrongState: return "not allowed now";
    case RuleBook::Verdict::kTooOften: return "sent too often";
  }
  return "?";
}

}  // namespace

Monitor::Monitor(const ServerConfig& config, const HostKeys& host_keys, ConnectionInfo info,
                 Log log, Channels channels)
    : config_(config),
      remotes_(remotes_of(config)),
      host_keys_(host_keys),
      policy_(config.access_policy ? config.access_policy
                                   : std::make_shared<const AccessPolicy>(
                                         default_access_policy(config.allowed_groups))),
      info_(std::move(info)),
      log_(std::move(log)),
      channels_(std::move(channels)),
      login_deadline_(Clock::now() + std::chrono::seconds(config.login_grace_seconds)),
      deadline_(login_deadline_),
      attempts_(config.max_auth_tries) {
  channels_.sessiond.limit_sending(limits::kSendToSessiondMs);
  // One that is stopped must not stop connections.
  if (channels_.listener) channels_.listener->limit_sending(kTellListenerMs);
}

ConnectionEnd Monitor::run() {
  while (!end_) poll_once();
  return *end_;
}

int Monitor::remaining_ms() const {
  std::optional<Clock::time_point> end = session_end_;
  if (state_ != MonitorState::kAuthenticated || gateway_is_opening() || target_failed_)
    end = std::min(end.value_or(deadline_), deadline_);
  if (console_waits()) end = std::min(end.value_or(console_->deadline), console_->deadline);
  if (!end) return -1;
  constexpr std::int64_t kMost = 24L * 3600 * 1000;  // then the loop looks again
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kMost));
}

int Monitor::at_most(int limit_ms) const {
  const int remaining = remaining_ms();
  return remaining < 0 ? limit_ms : std::min(limit_ms, remaining);
}

void Monitor::poll_once() {
  std::array<pollfd, 5> entries = {{{channels_.sessiond.fd(), POLLIN, 0},
                                    {gateway_ ? gateway_->fd() : -1, POLLIN, 0},
                                    {channels_.listener ? channels_.listener->fd() : -1, POLLIN, 0},
                                    {attendant_open_ ? channels_.attendant.fd() : -1, POLLIN, 0},
                                    {channels_.end_signals.get(), POLLIN, 0}}};
  const int ready = poll(entries.data(), entries.size(), remaining_ms());
  if (ready < 0) {
    if (errno != EINTR) end(ConnectionEnd::kInternal, "poll failed");
    return;
  }
  if (session_end_ && Clock::now() >= *session_end_) on_session_limit();
  if (end_) return;
  if (ready == 0) return on_timeout();
  if (entries[0].revents != 0) serve_sessiond();
  if (!end_ && gateway_ && entries[1].revents != 0) serve_gateway();
  if (!end_ && entries[2].revents != 0) serve_listener();
  if (!end_ && attendant_open_ && entries[3].revents != 0) serve_attendant();
  if (!end_ && entries[4].revents != 0) serve_end_signals();
}

void Monitor::on_timeout() {
  if (state_ != MonitorState::kAuthenticated) {
    log_.write(LogLevel::kNotice, "grace_time_exceeded", {{"login", login_}});
    end(ConnectionEnd::kGraceExceeded, "login took too long");
  } else if (console_waits() && Clock::now() >= console_->deadline) {
    on_console_timeout();
  } else if (gateway_is_opening() && Clock::now() >= deadline_) {
    CHECK(fail_target("the instance did not answer in time", "timed out").ok());
  } else if (target_failed_ && Clock::now() >= deadline_) {
    leave_failed_target();
  }
}

// Clients without a session would hold the connection, and the listener's descriptor, for ever. The
// first time it's said, the second time done.
void Monitor::leave_failed_target() {
  if (told_to_end_) return end(ConnectionEnd::kLoggedIn, "nothing to connect to");
  told_to_end_ = true;
  deadline_ = Clock::now() + std::chrono::milliseconds(limits::kSendToSessiondMs);
  const ipc::ShutdownNotice notice{std::string("there is nothing to connect to")};
  if (!channels_.sessiond.send(notice).ok()) end(ConnectionEnd::kLoggedIn, "nothing to connect to");
}

void Monitor::serve_sessiond() {
  auto packet = channels_.sessiond.receive();
  if (!packet.ok()) {
    end(ConnectionEnd::kViolation, packet.error().message);
    return;
  }
  if (!*packet) {
    end(logged_in_ ? ConnectionEnd::kLoggedIn : end_of_attempts(ConnectionEnd::kNoAttempt),
        disconnect_reason_);
    return;
  }
  if (auto status = dispatch(**packet); !status.ok()) end_after(status.error());
}

ConnectionEnd Monitor::end_of_attempts(ConnectionEnd otherwise) const {
  if (refused_source_) return ConnectionEnd::kRefused;
  if (attempts_.failures() == 0) return otherwise;
  return target_ && !account_ ? ConnectionEnd::kInvalidUser : ConnectionEnd::kAuthFailed;
}

void Monitor::end_after(const Error& error) {
  if (!attendant_failed_) {
    log_.write(LogLevel::kWarning, "sessiond_violation", {{"reason", error.message}});
    end(ConnectionEnd::kViolation, error.message);
  } else if (remaining_ms() == 0) {
    log_.write(LogLevel::kNotice, "grace_time_exceeded", {{"login", login_}});
    end(ConnectionEnd::kGraceExceeded, "login took too long");
  } else {
    log_.write(LogLevel::kError, "attendant_failed", {{"reason", error.message}});
    // What the client has failed at before counts all the same.
    end(end_of_attempts(ConnectionEnd::kInternal), error.message);
  }
}

Status Monitor::dispatch(const ipc::Packet& packet) {
  if (!packet.fds.empty()) return fail("sessiond sent file descriptors");
  const auto kind = ipc::kind_of<SessionMessage>(packet.bytes);
  if (!kind) return fail("unknown message");
  const RuleBook::Verdict verdict = rules_.check(*kind, state_);
  if (verdict != RuleBook::Verdict::kAllowed) {
    return fail("message " + std::to_string(static_cast<int>(*kind)) + " " + name_of(verdict));
  }
  TRY(end_conversation(*kind));
  return handle(*kind, packet.bytes);
}

Status Monitor::handle(SessionMessage kind, const Bytes& bytes) {
  switch (kind) {
    case SessionMessage::kHelloRequest: return on_hello(TRY(ipc::decode<ipc::HelloRequest>(bytes)));
    case SessionMessage::kProxyHeaderRequest:
      return on_proxy_header(TRY(ipc::decode<ipc::ProxyHeaderRequest>(bytes)));
    case SessionMessage::kSignRequest: return on_sign(TRY(ipc::decode<ipc::SignRequest>(bytes)));
    case SessionMessage::kHostKeyProofRequest:
      return on_host_key_proof(TRY(ipc::decode<ipc::HostKeyProofRequest>(bytes)));
    case SessionMessage::kAuthStartRequest:
      return on_auth_start(TRY(ipc::decode<ipc::AuthStartRequest>(bytes)));
    case SessionMessage::kPublicKeyQueryRequest:
      return on_key_query(TRY(ipc::decode<ipc::PublicKeyQueryRequest>(bytes)));
    case SessionMessage::kPublicKeyVerifyRequest:
      return on_key_verify(TRY(ipc::decode<ipc::PublicKeyVerifyRequest>(bytes)));
    case SessionMessage::kNoneAuthRequest:
      return on_none(TRY(ipc::decode<ipc::NoneAuthRequest>(bytes)));
    case SessionMessage::kUnsupportedAuthRequest:
      return on_unsupported(TRY(ipc::decode<ipc::UnsupportedAuthRequest>(bytes)));
    case SessionMessage::kPasswordAuthRequest:
      return on_password(TRY(ipc::decode<ipc::PasswordAuthRequest>(bytes)));
    case SessionMessage::kInteractiveAuthRequest:
      return on_interactive(TRY(ipc::decode<ipc::InteractiveAuthRequest>(bytes)));
    case SessionMessage::kInteractiveAnswersRequest:
      return on_interactive_answers(TRY(ipc::decode<ipc::InteractiveAnswersRequest>(bytes)));
    case SessionMessage::kDisconnectNotice:
      disconnect_reason_ = *TRY(ipc::decode<ipc::DisconnectNotice>(bytes)).reason;
      return {};
    case SessionMessage::kLogNotice:
      log_.write(LogLevel::kDebug, "sessiond",
                 {{"text", *TRY(ipc::decode<ipc::LogNotice>(bytes)).text}});
      return {};
    case SessionMessage::kCrashNotice: return on_crash(TRY(ipc::decode<ipc::CrashNotice>(bytes)));
    default: return handle_after_login(kind, bytes);
  }
}

Status Monitor::handle_after_login(SessionMessage kind, const Bytes& bytes) {
  switch (kind) {
    case SessionMessage::kSessionOpenedNotice:
      return on_session_opened(TRY(ipc::decode<ipc::SessionOpenedNotice>(bytes)));
    case SessionMessage::kSessionClosedNotice:
      return on_session_closed(TRY(ipc::decode<ipc::SessionClosedNotice>(bytes)));
    case SessionMessage::kForwardOpenedNotice:
      return on_forward_opened(TRY(ipc::decode<ipc::ForwardOpenedNotice>(bytes)));
    case SessionMessage::kForwardClosedNotice:
      return on_forward_closed(TRY(ipc::decode<ipc::ForwardClosedNotice>(bytes)));
    case SessionMessage::kPlainOpenRequest:
      return on_plain_open(TRY(ipc::decode<ipc::PlainOpenRequest>(bytes)));
    case SessionMessage::kPlainStatusRequest:
      return on_plain_status(TRY(ipc::decode<ipc::PlainStatusRequest>(bytes)));
    case SessionMessage::kConsoleOpenRequest:
      return on_console_open(TRY(ipc::decode<ipc::ConsoleOpenRequest>(bytes)));
    case SessionMessage::kConsoleAnswerRequest:
      return on_console_answer(TRY(ipc::decode<ipc::ConsoleAnswerRequest>(bytes)));
    default: return fail("message of the wrong direction");
  }
}

Status Monitor::on_crash(const ipc::CrashNotice& notice) {
  log_.write(LogLevel::kError, "crash", {{"process", "sessiond"}, {"syscall", notice.syscall}});
  end(ConnectionEnd::kCrashed, "sessiond made a refused system call");
  return {};
}

void Monitor::serve_gateway() {
  auto packet = gateway_->receive();
  if (gateway_carries_) return end_carrying(packet.ok() && *packet ? &**packet : nullptr);
  if (!packet.ok() || !*packet) {
    const auto failed = fail_target("the gateway ended unexpectedly",
                                    packet.ok() ? "gateway closed" : packet.error().message);
    CHECK(failed.ok());
    return;
  }
  if (auto status = on_gateway(**packet); !status.ok()) {
    CHECK(fail_target("the gateway answered wrongly", status.error().message).ok());
  }
}

// The listener sends nothing: readable means that it has ended. In master mode connections go on.
void Monitor::serve_listener() {
  channels_.listener.reset();
  if (config_.master) return;
  if (!channels_.sessiond.send(ipc::ShutdownNotice{std::string("the server is shutting down")})
           .ok()) {
    end(ConnectionEnd::kInternal, "sessiond can't be told to end");
  }
}

// The attendant sends nothing unasked: readable means that it has done its work and ended.
void Monitor::serve_attendant() { end_attendant(); }

void Monitor::serve_end_signals() {
  signalfd_siginfo signal{};
  if (read(channels_.end_signals.get(), &signal, sizeof(signal)) == sizeof(signal)) on_end_wanted();
}

void Monitor::end_attendant() {
  attendant_open_ = false;
  channels_.attendant.release().reset();
  channels_.attendant_ended();
}

void Monitor::move_to(SessionMessage message, MonitorState next) {
  CHECK(RuleBook::may_lead_to(message, state_, next));
  state_ = next;
}

void Monitor::end(ConnectionEnd how, const std::string& reason) {
  if (end_) return;
  end_ = how;
  disconnect_reason_ = reason;
  for (const auto& [stream, session] : sessions_) {
    log_.write(LogLevel::kInfo, "session_closed",
               {{"stream", stream}, {"reason", "connection ended"}});
  }
  if (creating_) log_.write(LogLevel::kNotice, "creation_given_up", {{"target", target_text()}});
  log_.write(LogLevel::kInfo, "connection_closed", {{"reason", reason}});
}

}  // namespace ssh2incus
