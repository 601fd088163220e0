// Public keys: looks them up through the attendant, and verifies signatures over bytes that it
// builds itself. Every request comes from sessiond and repeats what the network sent.
#include <algorithm>
#include <ctime>

#include "monitor/monitor.h"
#include "monitor/public_key.h"
#include "monitor/signature_verifier.h"
#include "policy/algorithm_lists.h"
#include "policy/public_key_algorithms.h"
#include "policy/signature_subject.h"

namespace ssh2incus {

Result<Monitor::KeyVerdict> Monitor::look_up_key(const std::string& algorithm,
                                                 const Bytes& key_blob) {
  if (const auto known = keys_.find(key_blob); known != keys_.end()) return known->second;
  KeysRequest request;
  request.key_blob = key_blob;
  if (const auto facts = inspect_public_key(key_blob); facts.ok()) {
    request.key_type = std::string(key_type_name(facts->type));
    request.fingerprint = fingerprint(key_blob);
  }
  request.algorithm = algorithm;
  constexpr int kMarginMs = 1000;  // for everything else that happens until the reply
  request.command_ms = static_cast<std::uint32_t>(
      std::max(0, at_most(limits::kKeyCommandMs + kMarginMs) - kMarginMs));
  request.source_address = info_.peer.address;
  request.now_unix = static_cast<std::uint64_t>(std::time(nullptr));
  request.utc_offset_seconds = static_cast<std::uint32_t>(info_.utc_offset_seconds);
  std::vector<BoundedString<limits::kMaxEnvironmentName>> permitted;
  for (const std::string& pattern : config_.permitted_key_environment)
    permitted.emplace_back(pattern);
  request.permitted_environment = std::move(permitted);
  const bool with_command = !config_.authorized_keys_command.empty();
  const int most_ms =
      with_command ? 2 * limits::kKeyLookupMs + limits::kKeyCommandMs : limits::kKeyLookupMs;
  const auto reply =
      TRY(from_attendant(attendant_keys(channels_.attendant, request, at_most(most_ms))));
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
  const bool sound = check_public_key(*request.algorithm, *request.key_blob).ok() &&
                     lists_algorithm(config_.public_key_algorithms, *request.algorithm);
  const KeyVerdict verdict = TRY(look_up_key(*request.algorithm, *request.key_blob));
  const bool acceptable = sound && verdict.grant.has_value() && account_refusal_.empty() &&
                          may_try(AuthMethod::kPublicKey) &&
                          !used_keys_.contains(*request.key_blob);
  if (acceptable) {
    attempts_.record(auth_method_name(AuthMethod::kPublicKey), AttemptResult::kPostponed);
    return channels_.sessiond.send(ipc::PublicKeyQueryReply{true});
  }
  const auto counted =
      attempts_.record(auth_method_name(AuthMethod::kPublicKey), AttemptResult::kFailed);
  log_.write(LogLevel::kNotice, "auth_failed",
             {{"login", login_},
              {"method", auth_method_name(AuthMethod::kPublicKey)},
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
  if (!lists_algorithm(config_.public_key_algorithms, *request.algorithm))
    return std::string("signature algorithm isn't accepted");
  if (!may_try(AuthMethod::kPublicKey)) return std::string("method isn't offered now");
  if (used_keys_.contains(*request.key_blob)) return std::string("key was used already");
  return std::string();
}

Status Monitor::on_key_verify(const ipc::PublicKeyVerifyRequest& request) {
  const auto started = Clock::now();
  Proof proof;
  proof.method = AuthMethod::kPublicKey;
  proof.details = {{"algorithm", *request.algorithm},
                   {"fingerprint", fingerprint(*request.key_blob)}};
  const std::string reason = TRY(why_not_proven(request));
  if (!reason.empty()) return fail_attempt(request.kKind, proof, reason, started);
  const KeyVerdict& verdict = keys_.at(*request.key_blob);
  proof.grant = *verdict.grant;
  proof.details.emplace_back("key_from", verdict.where);
  used_keys_.insert(*request.key_blob);
  return on_proven(request.kKind, proof, started);
}

}  // namespace ssh2incus
