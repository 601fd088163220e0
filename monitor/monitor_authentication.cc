// Key exchange and authentication: signs exchange hashes, counts failures, and lets in who has
// proven all that a chain of methods asks for. Every request comes from sessiond and repeats what
// the network sent. The methods themselves: monitor_public_key.cc.
#include <algorithm>
#include <thread>
#include <utility>

#include "common/escape.h"
#include "monitor/monitor.h"
#include "policy/algorithm_lists.h"
#include "policy/combined_grant.h"
#include "policy/failure_time.h"
#include "policy/greeting.h"
#include "policy/user_penalties.h"

namespace ssh2incus {

using ipc::SessionMessage;

namespace {

// For a balancer's header and for what the listener says of it.
constexpr std::chrono::milliseconds kSourceTime(limits::kProxyHeaderMs + limits::kListenerAnswerMs);
constexpr std::string_view kNone = "none";
constexpr std::string_view kOpenBanner =
    "ssh2incus: this server runs with --noauth: whoever can connect can log in.\r\n";

}  // namespace

Status Monitor::on_hello(const ipc::HelloRequest& request) {
  if (request.version != ipc::kSessionProtocolVersion)
    return fail("sessiond speaks another version");
  ipc::HelloReply reply;
  std::vector<BoundedBytes<limits::kMaxPublicKeyBlob>> blobs;
  for (const Bytes& blob : host_keys_.public_blobs()) blobs.emplace_back(blob);
  reply.host_keys = std::move(blobs);
  reply.key_exchange = config_.key_exchange;
  reply.host_key_algorithms = config_.host_key_algorithms;
  reply.ciphers = config_.ciphers;
  reply.macs = config_.macs;
  reply.public_key_algorithms = config_.public_key_algorithms;
  reply.software_version = std::string("ssh2incus_" SSH2INCUS_VERSION);
  reply.max_sessions = config_.max_sessions;
  reply.debug = config_.debug;
  if (config_.no_authentication) reply.banner = std::string(kOpenBanner);
  reply.proxied = info_.proxied;
  if (info_.proxied) {
    move_to(request.kKind, MonitorState::kAwaitingSource);
    deadline_ = std::min(deadline_, Clock::now() + kSourceTime);
  } else {
    move_to(request.kKind, MonitorState::kKeyExchange);
  }
  return channels_.sessiond.send(reply);
}

Status Monitor::on_sign(const ipc::SignRequest& request) {
  const std::size_t length = request.exchange_hash.size();
  if (length != 32 && length != 48 && length != 64) return fail("no exchange hash has that length");
  if (!lists_algorithm(config_.host_key_algorithms, signature_algorithm_name(request.algorithm)))
    return fail("host keys don't sign by that algorithm here");
  const Bytes signature =
      TRY(host_keys_.sign(request.host_key, request.algorithm, *request.exchange_hash));
  exchange_algorithm_ = request.algorithm;
  if (session_id_.empty()) {
    session_id_ = *request.exchange_hash;
    tell_phase(Phase::kHandshake, started_);
    move_to(request.kKind, MonitorState::kReady);
  }
  return channels_.sessiond.send(ipc::SignReply{signature});
}

Status Monitor::on_host_key_proof(const ipc::HostKeyProofRequest& request) {
  const auto algorithm = host_keys_.proof_algorithm(request.host_key, exchange_algorithm_,
                                                    config_.host_key_algorithms);
  if (!algorithm) return fail("no such host key");
  return channels_.sessiond.send(
      ipc::SignReply{TRY(host_keys_.prove(request.host_key, *algorithm, session_id_))});
}

Status Monitor::on_auth_start(const ipc::AuthStartRequest& request) {
  login_ = *request.login;
  move_to(request.kKind, MonitorState::kAuthenticating);
  auto target = parse_login(login_);
  ipc::AuthStartReply reply;
  reply.methods = config_.auth_chains.next_names(done_methods_);
  if (!target.ok()) {
    attempts_.record("login", AttemptResult::kFailed);
    log_.write(LogLevel::kNotice, "auth_failed",
               {{"login", login_}, {"reason", target.error().message}});
    reply.refusal =
        truncated<limits::kMaxUserMessage>("invalid login name: " + target.error().message);
    move_to(request.kKind, MonitorState::kClosing);
    return channels_.sessiond.send(reply);
  }
  const bool names_remote = target->remote.has_value();
  target_ = resolve_target(remotes_, *target);
  if (config_.banner) {
    // Nobody learns about a remote that they name by what it adds to the login.
    const GreetingNames names =
        greeting_names(names_remote ? *target : *target_, config_.greetings.hostname);
    reply.banner = config_.greetings.banner ? filled_in(*config_.greetings.banner, names)
                                            : built_in_banner(names);
  }
  // PAM looks names up: what is no address must not reach it as one.
  const std::string source = IpAddress::parse(info_.peer.address) ? info_.peer.address : "";
  const auto found = TRY(from_attendant(attendant_lookup(channels_.attendant, target_->host_user,
                                                         source, at_most(limits::kKeyLookupMs))));
  if (found.found) {
    account_.emplace();
    account_->name = target_->host_user.str();
    account_->uid = found.uid;
    for (const auto& group : found.groups) account_->group_names.push_back(*group);
    account_refusal_ = why_account_refused();
  } else {
    account_refusal_ = "no such user";
    if (!found.doubt->empty()) account_refusal_ += " (" + *found.doubt + ")";
  }
  return channels_.sessiond.send(reply);
}

bool Monitor::may_try(AuthMethod method) const {
  if (access_.outcome == AccessVerdict::Outcome::kMoreMethods)
    return std::ranges::find(access_.next, method) != access_.next.end();
  return config_.auth_chains.may_try(done_methods_, method);
}

Status Monitor::fail_attempt(SessionMessage by, const Proof& proof, const std::string& reason,
                             Clock::time_point started) {
  std::vector<LogField> fields = {{"login", login_}, {"method", auth_method_name(proof.method)}};
  fields.insert(fields.end(), proof.details.begin(), proof.details.end());
  fields.emplace_back("reason", reason);
  log_.write(LogLevel::kNotice, "auth_failed", fields);
  tell_listener(AttemptNotice{proof.method, LoginResult::kFailed});
  count_guesses(proof);
  return refuse(by, auth_method_name(proof.method), reason, started);
}

std::string Monitor::guessed_host_user() const {
  return ssh2incus::guessed_host_user(*target_, config_.instance_authentication);
}

bool Monitor::is_held_back(const std::string& user) const {
  return info_.held_back(user, IpAddress::parse(info_.peer.address));
}

bool Monitor::host_user_held_back() const {
  return is_held_back(target_->host_user.str()) || is_held_back(guessed_host_user());
}

// One for each whose secret it could have been: whoever guesses at two users' at once has no guess
// for nothing, and where it couldn't have let the host user in, it was none at theirs.
void Monitor::count_guesses(const Proof& proof) {
  if (!can_be_guessed(proof.method)) return;
  if (proof.compared_with_instance) tell_listener(FailureNotice{instance_account()});
  if (proof.compared_with_host) tell_listener(FailureNotice{guessed_host_user()});
}

// Whatever is still against the login, although the method has succeeded; empty if nothing is.
Result<std::string> Monitor::why_not_let_in(const Proof& proof) {
  const bool held_back =
      proof.by_instance ? is_held_back(*instance_account()) : host_user_held_back();
  if (can_be_guessed(proof.method) && held_back) return std::string(kHeldBack);
  if (proofs_by_instance_ != 0 && proofs_by_instance_ != done_methods_.size()) {
    return std::string("what the instance vouches for is no part of a host user's proof");
  }
  if (proof.grant) {
    auto combined = grant_ ? combined_grant(*grant_, *proof.grant) : *proof.grant;
    if (!combined.ok()) return combined.error().message;
    grant_ = std::move(*combined);
  }
  proven_enough_ = all_proven();
  if (!proven_enough_) return std::string();
  if (!host_user_counts()) return std::string();
  if (!account_check_) {
    account_check_ = TRY(from_attendant(
        attendant_account(channels_.attendant, at_most(limits::kAccountCheckMs + 1000))));
  }
  if (account_check_->user_message)
    text_for_client_ = escaped_lines(**account_check_->user_message);
  if (!account_check_->valid) return "account: " + *account_check_->log_text;
  return std::string();
}

Status Monitor::on_proven(SessionMessage by, const Proof& proof, Clock::time_point started) {
  done_methods_.push_back(proof.method);
  if (proof.by_instance) ++proofs_by_instance_;
  if (proof.key) proven_keys_.push_back(*proof.key);
  const std::string reason = TRY(why_not_let_in(proof));
  if (!reason.empty()) {
    done_methods_.pop_back();
    if (proof.by_instance) --proofs_by_instance_;
    if (proof.key) proven_keys_.pop_back();
    return fail_attempt(by, proof, reason, started);
  }
  std::vector<LogField> fields = {{"login", login_}, {"method", auth_method_name(proof.method)}};
  fields.insert(fields.end(), proof.details.begin(), proof.details.end());
  if (proofs_by_instance_ > 0) fields.emplace_back("authenticated_by", "instance");
  if (host_user_counts()) fields.emplace_back("host_user", target_->host_user.str());
  fields.emplace_back("target", target_text());
  tell_listener(AttemptNotice{proof.method,
                              proven_enough_ ? LoginResult::kSucceeded : LoginResult::kPartial});
  if (proven_enough_) return accept(by, fields);
  attempts_.record(auth_method_name(proof.method), AttemptResult::kPartial);
  ipc::AuthReply reply;
  reply.outcome = ipc::AuthOutcome::kPartial;
  reply.methods = next_methods();
  reply.text = take_text_for_client();
  fields.emplace_back("next", *reply.methods);
  if (!access_.rule.empty()) fields.emplace_back("rule", access_.rule);
  log_.write(LogLevel::kInfo, "auth_partial", fields);
  return channels_.sessiond.send(reply);
}

Status Monitor::accept(SessionMessage by, const std::vector<LogField>& fields) {
  std::vector<LogField> all_fields = fields;
  if (!access_.rule.empty()) all_fields.emplace_back("rule", access_.rule);
  log_.write(LogLevel::kInfo, "auth_succeeded", all_fields);
  logged_in_ = true;
  logged_in_unix_ = std::time(nullptr);
  tell_table();
  login_time_ = Clock::now();
  move_to(by, MonitorState::kAuthenticated);
  tell_listener(LoggedInNotice{host_user_counts() ? target_->host_user.str() : std::string()});
  if (host_user_counts() && guessed_host_user() != target_->host_user.str())
    tell_listener(LoggedInNotice{guessed_host_user()});
  ipc::AuthReply reply;
  reply.outcome = ipc::AuthOutcome::kSuccess;
  reply.text = take_text_for_client();
  reply.permissions = permissions();
  begin_session_limit();
  TRY(channels_.sessiond.send(reply));
  return open_target();
}

Status Monitor::refuse(SessionMessage by, std::string_view method, const std::string& reason,
                       Clock::time_point started) {
  const auto counted = attempts_.record(method, AttemptResult::kFailed);
  if (method != kNone) wait_for_floor(started, failure_floor_ms(by, method));
  ipc::AuthReply reply;
  reply.methods = next_methods();
  reply.text = take_text_for_client();
  if (counted.too_many) {
    reply.outcome = ipc::AuthOutcome::kTooManyFailures;
    log_.write(LogLevel::kNotice, "too_many_failures", {{"login", login_}, {"last", reason}});
    move_to(by, MonitorState::kClosing);
  }
  return channels_.sessiond.send(reply);
}

bool Monitor::host_user_counts() const { return done_methods_.size() > proofs_by_instance_; }

Status Monitor::on_none(const ipc::NoneAuthRequest& request) {
  const auto started = Clock::now();
  if (may_try(AuthMethod::kNone)) {
    Proof proof;
    proof.method = AuthMethod::kNone;
    if (account_refusal_.empty()) return on_proven(request.kKind, proof, started);
    wait_for_floor(started, limits::kMinimumFailureMs);
    return fail_attempt(request.kKind, proof, account_refusal_, started);
  }
  return refuse(request.kKind, kNone, "method none", started);
}

Status Monitor::on_unsupported(const ipc::UnsupportedAuthRequest& request) {
  log_.write(LogLevel::kDebug, "auth_failed",
             {{"login", login_}, {"method", *request.method}, {"reason", "method isn't offered"}});
  return refuse(request.kKind, *request.method, "method isn't offered", Clock::now());
}

int Monitor::failure_floor_ms(SessionMessage by, std::string_view method) {
  // Above what it takes to read an instance's files and compute a hash, or to ask for an account.
  int least = limits::kMinimumFailureMs;
  if (by == SessionMessage::kPublicKeyVerifyRequest) least = limits::kSignatureFailureMs;
  if (std::exchange(asked_instance_, false)) least = limits::kInstanceFailureMs;
  for (const AuthMethod slow : {AuthMethod::kPassword, AuthMethod::kKeyboardInteractive}) {
    if (method == auth_method_name(slow) && config_.offers(slow)) {
      return std::max(config_.password_failure_ms, least);
    }
  }
  return least;
}

void Monitor::wait_for_floor(Clock::time_point started, int floor_ms) const {
  const auto spent = Clock::now() - started;
  if (spent > std::chrono::milliseconds(limits::kMaximumFailureMs)) return;
  std::this_thread::sleep_for(failure_time(login_, std::chrono::milliseconds(floor_ms), spent) -
                              spent);
}

}  // namespace ssh2incus
