// Key exchange and authentication: signs exchange hashes, looks keys up through the attendant,
// verifies signatures over bytes that it builds itself, and counts failures. Every request comes
// from sessiond and repeats what the network sent.
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <thread>

#include "monitor/monitor.h"
#include "monitor/public_key.h"
#include "monitor/signature_verifier.h"
#include "policy/public_key_algorithms.h"
#include "policy/signature_subject.h"

namespace ssh2incus {
namespace {

constexpr const char* kMethods = "publickey";
constexpr const char* kPublicKey = "publickey";
constexpr std::string_view kNone = "none";

// A failure takes a little longer than any of the lookups differ by, and by how much depends on the
// user name, so that its length tells nothing about whether the user exists.
std::chrono::milliseconds floor_for(const std::string& login) {
  std::uint32_t hash = 2166136261U;
  for (const char c : login) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return std::chrono::milliseconds(limits::kMinimumFailureMs + static_cast<int>(hash % 5));
}

}  // namespace

Status Monitor::on_hello(const ipc::HelloRequest& request) {
  if (request.version != ipc::kSessionProtocolVersion)
    return fail("sessiond speaks another version");
  ipc::HelloReply reply;
  std::vector<BoundedBytes<limits::kMaxPublicKeyBlob>> blobs;
  for (const Bytes& blob : host_keys_.public_blobs()) blobs.emplace_back(blob);
  reply.host_keys = std::move(blobs);
  reply.key_exchange = std::string(kKeyExchangeAlgorithms);
  reply.host_key_algorithms = std::string(kHostKeyAlgorithms);
  reply.ciphers = std::string(kCiphers);
  reply.macs = std::string(kMacs);
  reply.public_key_algorithms = std::string(kPublicKeyAlgorithms);
  reply.software_version = std::string("ssh2incus_" SSH2INCUS_VERSION);
  reply.max_sessions = config_.max_sessions;
  reply.debug = config_.debug;
  move_to(request.kKind, MonitorState::kKeyExchange);
  return channels_.sessiond.send(reply);
}

Status Monitor::on_sign(const ipc::SignRequest& request) {
  const std::size_t length = request.exchange_hash.size();
  if (length != 32 && length != 48 && length != 64) return fail("no exchange hash has that length");
  const Bytes signature =
      TRY(host_keys_.sign(request.host_key, request.algorithm, *request.exchange_hash));
  if (session_id_.empty()) {
    session_id_ = *request.exchange_hash;
    move_to(request.kKind, MonitorState::kReady);
  }
  return channels_.sessiond.send(ipc::SignReply{signature});
}

Status Monitor::on_auth_start(const ipc::AuthStartRequest& request) {
  login_ = *request.login;
  move_to(request.kKind, MonitorState::kAuthenticating);
  auto target = parse_login(login_);
  ipc::AuthStartReply reply;
  reply.methods = std::string(kMethods);
  if (!target.ok()) {
    attempts_.record("login", AttemptResult::kFailed);
    log_.write(LogLevel::kNotice, "auth_failed",
               {{"login", login_}, {"reason", target.error().message}});
    reply.refusal =
        truncated<limits::kMaxUserMessage>("invalid login name: " + target.error().message);
    move_to(request.kKind, MonitorState::kClosing);
    return channels_.sessiond.send(reply);
  }
  target_ = std::move(*target);
  const auto found = TRY(from_attendant(
      attendant_lookup(channels_.attendant, target_->host_user, at_most(limits::kKeyLookupMs))));
  if (found.found) {
    account_.emplace();
    account_->name = target_->host_user.str();
    account_->uid = found.uid;
    for (const auto& group : found.groups) account_->group_names.push_back(*group);
    const AccessDecision decision = decide_host_access(*account_, config_.allowed_groups);
    if (!decision.allowed) account_refusal_ = decision.reason;
  } else {
    account_refusal_ = "no such user";
  }
  return channels_.sessiond.send(reply);
}

Result<Monitor::KeyVerdict> Monitor::look_up_key(const std::string& algorithm,
                                                 const Bytes& key_blob) {
  if (const auto known = keys_.find(key_blob); known != keys_.end()) return known->second;
  KeysRequest request;
  request.key_blob = key_blob;
  request.algorithm = algorithm;
  request.source_address = info_.peer.address;
  request.now_unix = static_cast<std::uint64_t>(std::time(nullptr));
  request.utc_offset_seconds = static_cast<std::uint32_t>(info_.utc_offset_seconds);
  std::vector<BoundedString<limits::kMaxEnvironmentName>> permitted;
  for (const std::string& pattern : config_.permitted_key_environment)
    permitted.emplace_back(pattern);
  request.permitted_environment = std::move(permitted);
  const auto reply = TRY(
      from_attendant(attendant_keys(channels_.attendant, request, at_most(limits::kKeyLookupMs))));
  for (const auto& reason : reply.reasons) {
    log_.write(LogLevel::kWarning, "authorized_keys", {{"login", login_}, {"reason", *reason}});
  }
  KeyVerdict verdict;
  if (reply.accepted && account_) {
    verdict.grant = reply.accepted->grant;
    verdict.where = *reply.accepted->file + ":" + std::to_string(reply.accepted->line);
  }
  return keys_.emplace(key_blob, verdict).first->second;
}

Status Monitor::on_key_query(const ipc::PublicKeyQueryRequest& request) {
  const auto started = Clock::now();
  const bool sound = check_public_key(*request.algorithm, *request.key_blob).ok();
  const KeyVerdict verdict = TRY(look_up_key(*request.algorithm, *request.key_blob));
  const bool acceptable = sound && verdict.grant.has_value() && account_refusal_.empty();
  if (acceptable) {
    attempts_.record(kPublicKey, AttemptResult::kPostponed);
    return channels_.sessiond.send(ipc::PublicKeyQueryReply{true});
  }
  const auto counted = attempts_.record(kPublicKey, AttemptResult::kFailed);
  log_.write(LogLevel::kNotice, "auth_failed",
             {{"login", login_},
              {"method", kPublicKey},
              {"fingerprint", fingerprint(*request.key_blob)},
              {"reason", account_refusal_.empty() ? "key not authorised" : account_refusal_}});
  wait_for_floor(started);
  if (counted.too_many) {
    // Before the reply: with it sessiond could already pass on the next request.
    move_to(request.kKind, MonitorState::kClosing);
    log_.write(LogLevel::kNotice, "too_many_failures", {{"login", login_}});
    TRY(channels_.sessiond.send(
        ipc::ShutdownNotice{std::string("Too many authentication failures")}));
  }
  return channels_.sessiond.send(ipc::PublicKeyQueryReply{false});
}

Result<std::string> Monitor::why_not_proven(const ipc::PublicKeyVerifyRequest& request) {
  const auto facts = check_public_key(*request.algorithm, *request.key_blob);
  const KeyVerdict verdict = TRY(look_up_key(*request.algorithm, *request.key_blob));
  if (!facts.ok()) return facts.error().message;
  const auto blobs = host_keys_.public_blobs();
  if (request.hostbound && request.host_key >= blobs.size()) return std::string("no such host key");
  std::optional<std::span<const std::uint8_t>> host_key;
  if (request.hostbound) host_key = blobs[request.host_key];
  const Bytes data =
      public_key_signed_data(session_id_, login_, *request.algorithm, *request.key_blob, host_key);
  // Verified for any key, so that an unknown user costs the same time as a known one.
  const KeyGrant grant = verdict.grant.value_or(KeyGrant{});
  const Status verified =
      verify_signature(*request.key_blob, *request.algorithm, *request.signature, data,
                       SkRequirements{grant.require_touch, grant.require_verify});
  if (!account_refusal_.empty()) return account_refusal_;
  if (!verdict.grant) return std::string("key not authorised");
  if (!verified.ok()) return verified.error().message;
  if (!account_check_) {
    account_check_ = TRY(from_attendant(
        attendant_account(channels_.attendant, at_most(limits::kAccountCheckMs + 1000))));
  }
  if (!account_check_->valid) return "account: " + *account_check_->log_text;
  return std::string();
}

Status Monitor::on_key_verify(const ipc::PublicKeyVerifyRequest& request) {
  const auto started = Clock::now();
  const std::string reason = TRY(why_not_proven(request));
  if (!reason.empty()) {
    log_.write(LogLevel::kNotice, "auth_failed",
               {{"login", login_},
                {"method", kPublicKey},
                {"fingerprint", fingerprint(*request.key_blob)},
                {"reason", reason}});
    return refuse(kPublicKey, reason, started);
  }
  return accept(request);
}

Status Monitor::accept(const ipc::PublicKeyVerifyRequest& request) {
  const KeyVerdict& verdict = keys_.at(*request.key_blob);
  grant_ = *verdict.grant;
  log_.write(LogLevel::kInfo, "auth_succeeded",
             {{"login", login_},
              {"method", kPublicKey},
              {"algorithm", *request.algorithm},
              {"fingerprint", fingerprint(*request.key_blob)},
              {"key_from", verdict.where},
              {"host_user", target_->host_user.str()},
              {"target", target_text()}});
  logged_in_ = true;
  move_to(request.kKind, MonitorState::kAuthenticated);
  if (channels_.listener.valid()) {
    [[maybe_unused]] const ssize_t ignored = write(channels_.listener.get(), "A", 1);
  }
  ipc::AuthReply reply;
  reply.outcome = ipc::AuthOutcome::kSuccess;
  reply.permissions = {grant_.pty, grant_.agent_forwarding, grant_.port_forwarding,
                       grant_.x11_forwarding};
  TRY(channels_.sessiond.send(reply));
  return open_target();
}

Status Monitor::refuse(std::string_view method, const std::string& reason,
                       Clock::time_point started) {
  const auto counted = attempts_.record(method, AttemptResult::kFailed);
  if (method != kNone) wait_for_floor(started);
  ipc::AuthReply reply;
  reply.methods = std::string(kMethods);
  if (counted.too_many) {
    reply.outcome = ipc::AuthOutcome::kTooManyFailures;
    log_.write(LogLevel::kNotice, "too_many_failures", {{"login", login_}, {"last", reason}});
    state_ = MonitorState::kClosing;
  }
  return channels_.sessiond.send(reply);
}

Status Monitor::on_none(const ipc::NoneAuthRequest&) {
  return refuse(kNone, "method none", Clock::now());
}

Status Monitor::on_unsupported(const ipc::UnsupportedAuthRequest& request) {
  log_.write(LogLevel::kDebug, "auth_failed",
             {{"login", login_}, {"method", *request.method}, {"reason", "method isn't offered"}});
  return refuse(*request.method, "method isn't offered", Clock::now());
}

void Monitor::wait_for_floor(Clock::time_point started) const {
  const auto spent = Clock::now() - started;
  auto floor = std::chrono::duration_cast<Clock::duration>(floor_for(login_));
  while (floor < spent) floor *= 2;  // as OpenSSH does: the next power of two hides by how much
  std::this_thread::sleep_for(floor - spent);
}

}  // namespace ssh2incus
