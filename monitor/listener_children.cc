// The listener's monitors: their start, what they tell, how they end, and what that costs a source.
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/listener.h"

namespace ssh2incus {
namespace {

constexpr int kReplyMs = 100;  // for a monitor that doesn't read what it has asked for

}  // namespace

std::string source_text(const std::optional<IpAddress>& source) {
  return source ? source->text() : "unknown";
}

void Listener::start_monitor(UniqueFd connection, const std::optional<IpAddress>& source,
                             ConnectionInfo info) {
  const std::string id = info.id;
  const bool proxied = info.proxied;
  auto ends = ipc::IpcChannel::pair();
  const pid_t pid = ends.ok() ? fork() : -1;
  if (pid < 0) {
    source_startups_.remove(source);
    log_.write(
        LogLevel::kError, "connection_refused",
        {{"source", source_text(source)}, {"reason", system_error("starting a monitor").message}});
    return;
  }
  if (pid == 0) {
    const ConnectionEnd how = run_connection(config_, setup_, host_keys_, std::move(info), log_,
                                             std::move(connection), std::move(ends->second));
    _exit(static_cast<int>(how));
  }
  metrics_.accepted();
  add_child(Child{std::move(ends->first), pid, source, id, proxied});
}

void Listener::add_child(Child child) {
  child.notices.limit_sending(kReplyMs);
  if (!child.adopted) own_children_[child.pid] = next_child_;
  if (!child.logged_in) ++unauthenticated_;
  children_.emplace(next_child_++, std::move(child));
}

void Listener::no_longer_starting(Child& child) {
  if (child.logged_in) return;
  child.logged_in = true;
  --unauthenticated_;
  source_startups_.remove(child.source);
}

// The end of the channel: the monitor has gone. SIGCHLD follows, unless it is somebody else's
// child.
void Listener::read_notice(std::uint64_t number) {
  Child& child = children_.at(number);
  const auto packet = child.notices.receive(0);
  if (packet.ok() && *packet && take_notice(child, **packet).ok()) return;
  no_longer_starting(child);
  child.notices_open = false;
  if (!child.adopted) return;
  if (child.end) {
    on_child_end(child, *child.end);
  } else {
    on_crash(child, 0);
  }
  children_.erase(number);
}

// What the monitor said just before its end.
void Listener::read_last_notices(Child& child) {
  for (;;) {
    const auto packet = child.notices.receive(0);
    if (!packet.ok() || !*packet || !take_notice(child, **packet).ok()) return;
  }
}

Status Listener::take_notice(Child& child, const ipc::Packet& packet) {
  if (const auto source = ipc::decode<SourceRequest>(packet.bytes); source.ok()) {
    return on_source(child, *source);
  }
  if (const auto failure = ipc::decode<FailureNotice>(packet.bytes); failure.ok()) {
    if (user_penalties_.record_failure(*failure->user, now())) {
      log_.write(LogLevel::kNotice, "user_held_back",
                 {{"user", *failure->user}, {"reason", "too many failures"}});
    }
    return {};
  }
  if (count<AttemptNotice>(packet) || count<PhaseNotice>(packet) || count<TrafficNotice>(packet)) {
    return {};
  }
  if (const auto end = ipc::decode<EndNotice>(packet.bytes); end.ok()) {
    child.end = end->how;
    return {};
  }
  const auto login = TRY(ipc::decode<LoggedInNotice>(packet.bytes));
  if (!login.user.empty()) user_penalties_.record_success(*login.user, child.source);
  no_longer_starting(child);
  return {};
}

// Counts the source, unless it is refused.
Listener::Verdict Listener::judge(const std::optional<IpAddress>& source) {
  if (config_.penalties) {
    if (const auto reason = penalties_.is_refused(source, now())) {
      metrics_.refused(Metrics::Refusal::kPenalty);
      return {SourceVerdict::kPenalised, kPenalisedText,
              "penalty for " + std::string(penalty_reason_name(*reason))};
    }
  }
  if (source_startups_.try_add(source)) return {};
  metrics_.refused(Metrics::Refusal::kSourceStartups);
  return {SourceVerdict::kTooMany, kTooManyText,
          "too many unauthenticated connections of this source"};
}

// Of a connection from behind a balancer, which is to say who its client is.
Status Listener::on_source(Child& child, const SourceRequest& request) {
  if (!child.source_awaited) return fail("a source that nobody asked for");
  child.source_awaited = false;
  const auto source = IpAddress::of_bytes(*request.address);
  const Verdict verdict = judge(source);
  if (verdict.reason.empty()) {
    child.source = source;
  } else {
    note_refusal(source, verdict.reason);
  }
  return child.notices.send(SourceReply{verdict.verdict});
}

void Listener::reap() {
  int status = 0;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    if (health_check_ && health_check_->gateway == pid) health_check_->gateway = -1;
    const auto own = own_children_.find(pid);
    if (own == own_children_.end()) continue;
    const auto found = children_.find(own->second);
    read_last_notices(found->second);
    no_longer_starting(found->second);
    if (WIFSIGNALED(status)) {
      on_crash(found->second, WTERMSIG(status));
    } else {
      on_child_end(found->second, static_cast<ConnectionEnd>(WEXITSTATUS(status)));
    }
    children_.erase(found);
    own_children_.erase(own);
  }
}

void Listener::on_crash(const Child& child, int signal) {
  log_.write(LogLevel::kError, "crash",
             {{"process", "monitor"}, {"connection", child.connection}, {"signal", signal}});
}

void Listener::on_child_end(const Child& child, ConnectionEnd how) {
  switch (how) {
    case ConnectionEnd::kLoggedIn:
    case ConnectionEnd::kInternal:
    case ConnectionEnd::kRefused: return;
    case ConnectionEnd::kNoAttempt: return penalise(child.source, PenaltyReason::kNoAuth);
    case ConnectionEnd::kAuthFailed: return penalise(child.source, PenaltyReason::kAuthFail);
    case ConnectionEnd::kInvalidUser: return penalise(child.source, PenaltyReason::kInvalidUser);
    case ConnectionEnd::kGraceExceeded:
      return penalise(child.source, PenaltyReason::kGraceExceeded);
    case ConnectionEnd::kCrashed:
    case ConnectionEnd::kViolation: return penalise(child.source, PenaltyReason::kCrash);
  }
}

void Listener::penalise(const std::optional<IpAddress>& source, PenaltyReason reason) {
  if (!config_.penalties) return;
  const SourcePenalties::Outcome outcome = penalties_.penalise(source, reason, now());
  if (!outcome.applied) return;
  metrics_.penalised(reason);
  log_.write(LogLevel::kNotice, "penalty",
             {{"source", source_text(source)},
              {"reason", penalty_reason_name(reason)},
              {"seconds", static_cast<std::uint64_t>(outcome.left.count())},
              {"refused", outcome.refused ? "yes" : "no"}});
}

}  // namespace ssh2incus
