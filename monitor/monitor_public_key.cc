// Public keys and certificates: verifies what CAs and clients have signed, the latter over bytes
// that it builds itself, and has keys looked up by the attendant. Every request comes from sessiond
// and repeats what the network sent.
#include <algorithm>
#include <ctime>

#include "monitor/certificate_check.h"
#include "monitor/monitor.h"
#include "monitor/public_key.h"
#include "monitor/signature_verifier.h"
#include "policy/algorithm_lists.h"
#include "policy/combined_grant.h"
#include "policy/signature_subject.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxLoggedText = 256;  // of key ids and principals

CertificateQuery query_about(const Certificate& certificate) {
  KeyDigests digests = digests_of(certificate.ca_key);
  CertificateQuery query;
  query.ca_key = certificate.ca_key;
  query.ca_sha1 = std::move(digests.sha1);
  query.ca_sha256 = std::move(digests.sha256);
  query.serial = certificate.serial;
  query.key_id = certificate.key_id;
  std::vector<BoundedString<limits::kMaxPublicKeyBlob>> principals;
  for (const std::string& principal : certificate.principals) principals.emplace_back(principal);
  query.principals = std::move(principals);
  return query;
}

// The key, and the certificate if it is one; the key of what can't be parsed is all of it.
std::vector<LogField> describe(const std::string& algorithm, const Bytes& blob,
                               const Result<OfferedKey>& offered) {
  std::vector<LogField> fields = {
      {"algorithm", algorithm},
      {"fingerprint", fingerprint(offered.ok() ? offered->key_blob : blob)}};
  if (!offered.ok() || !offered->certificate) return fields;
  fields.emplace_back("cert_id", *truncated<kMaxLoggedText>(offered->certificate->key_id));
  fields.emplace_back("cert_serial", offered->certificate->serial);
  fields.emplace_back("cert_ca", fingerprint(offered->certificate->ca_key));
  return fields;
}

}  // namespace

KeysRequest Monitor::keys_request(const std::string& algorithm, const Bytes& blob,
                                  const Result<OfferedKey>& offered) const {
  KeysRequest request;
  request.key_blob = offered.ok() ? offered->key_blob : blob;
  KeyDigests digests = digests_of(*request.key_blob);
  request.key_sha1 = std::move(digests.sha1);
  request.key_sha256 = std::move(digests.sha256);
  if (offered.ok() && offered->certificate) {
    request.certificate = query_about(*offered->certificate);
  } else if (const auto facts = inspect_public_key(*request.key_blob); facts.ok()) {
    request.key_type = std::string(key_type_name(facts->type));
    request.fingerprint = fingerprint(*request.key_blob);
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
  return request;
}

Result<Monitor::KeyVerdict> Monitor::ask_for_key(const KeysRequest& request) {
  const bool with_command = !config_.authorized_keys_command.empty();
  constexpr int kMarginMs = 1000;  // so that the attendant's own limit ends the wait
  const int most_ms =
      (with_command ? 2 * limits::kKeyLookupMs + limits::kKeyCommandMs : limits::kKeyLookupMs) +
      kMarginMs;
  const auto reply =
      TRY(from_attendant(attendant_keys(channels_.attendant, request, at_most(most_ms))));
  for (const auto& reason : reply.reasons) {
    log_.write(LogLevel::kWarning, "authorized_keys", {{"login", login_}, {"reason", *reason}});
  }
  KeyVerdict verdict;
  verdict.refusal = reply.refusal.empty() ? "key not authorised" : *reply.refusal;
  verdict.not_revoked = reply.not_revoked || config_.revoked_keys.empty();
  if (!reply.accepted || !account_) return verdict;
  verdict.grant = reply.accepted->grant;
  verdict.details = {
      {"key_from", *reply.accepted->file + ":" + std::to_string(reply.accepted->line)}};
  if (!reply.accepted->principal.empty()) {
    verdict.details.emplace_back("principal",
                                 *truncated<kMaxLoggedText>(*reply.accepted->principal));
  }
  if (!reply.accepted->principal_from.empty()) {
    verdict.details.emplace_back("principal_from", *reply.accepted->principal_from);
  }
  return verdict;
}

// Instances know nothing of certificates.
bool Monitor::may_ask_instance_for_key(const KeyVerdict& by_host,
                                       const Result<OfferedKey>& offered) const {
  const bool answered = by_host.grant && account_refusal_.empty();
  return !answered && by_host.not_revoked && offered.ok() && !offered->certificate &&
         may_ask_instance();
}

Result<Monitor::KeyVerdict> Monitor::look_up_key(const std::string& algorithm, const Bytes& blob,
                                                 const Result<OfferedKey>& offered) {
  if (const auto known = keys_.find(blob); known != keys_.end()) return known->second;
  const KeysRequest request = keys_request(algorithm, blob, offered);
  // What a certificate itself forbids, no file allows, and about one that is forged none is asked.
  std::optional<KeyGrant> certified;
  KeyVerdict verdict;
  if (offered.ok() && offered->certificate) {
    auto grant = check_certificate(*offered->certificate, blob,
                                   {info_.peer.address,
                                    static_cast<std::int64_t>(request.now_unix),
                                    info_.utc_offset_seconds,
                                    {}});
    if (!grant.ok()) {
      verdict.refusal = grant.error().message;
      if (may_ask_instance_for_key(verdict, offered)) {
        KeyVerdict other = ask_instance_for_key(blob);
        if (other.grant) verdict = std::move(other);
      }
      return keys_.emplace(blob, std::move(verdict)).first->second;
    }
    certified = std::move(*grant);
  }
  verdict = TRY(ask_for_key(request));
  if (verdict.grant && certified) {
    auto grant = combined_grant(*verdict.grant, *certified);
    if (!grant.ok()) verdict.refusal = grant.error().message;
    verdict.grant = grant.ok() ? std::optional(std::move(*grant)) : std::nullopt;
  }
  if (may_ask_instance_for_key(verdict, offered)) {
    KeyVerdict other = ask_instance_for_key(blob);
    if (other.grant) verdict = std::move(other);
  }
  return keys_.emplace(blob, std::move(verdict)).first->second;
}

Status Monitor::on_key_query(const ipc::PublicKeyQueryRequest& request) {
  const auto started = Clock::now();
  const auto offered = inspect_offered_key(*request.algorithm, *request.key_blob);
  const bool listed = lists_algorithm(config_.public_key_algorithms, *request.algorithm);
  const KeyVerdict verdict = TRY(look_up_key(*request.algorithm, *request.key_blob, offered));
  const bool let_in = verdict.by_instance || account_refusal_.empty();
  const bool acceptable = offered.ok() && listed && verdict.grant.has_value() && let_in &&
                          may_try(AuthMethod::kPublicKey) &&
                          !used_keys_.contains(offered->key_blob);
  if (acceptable) {
    attempts_.record(auth_method_name(AuthMethod::kPublicKey), AttemptResult::kPostponed);
    return channels_.sessiond.send(ipc::PublicKeyQueryReply{true});
  }
  const auto counted =
      attempts_.record(auth_method_name(AuthMethod::kPublicKey), AttemptResult::kFailed);
  std::vector<LogField> fields = {{"login", login_},
                                  {"method", auth_method_name(AuthMethod::kPublicKey)}};
  for (auto& field : describe(*request.algorithm, *request.key_blob, offered)) {
    fields.push_back(std::move(field));
  }
  std::string reason = verdict.refusal.empty() ? "key not authorised" : verdict.refusal;
  if (!offered.ok()) reason = offered.error().message;
  if (!account_refusal_.empty()) reason = account_refusal_;
  fields.emplace_back("reason", reason);
  log_.write(LogLevel::kNotice, "auth_failed", fields);
  wait_for_floor(started,
                 failure_floor_ms(request.kKind, auth_method_name(AuthMethod::kPublicKey)));
  if (counted.too_many) {
    // Before the reply: with it sessiond could already pass on the next request.
    move_to(request.kKind, MonitorState::kClosing);
    log_.write(LogLevel::kNotice, "too_many_failures", {{"login", login_}});
    TRY(channels_.sessiond.send(
        ipc::ShutdownNotice{std::string("Too many authentication failures")}));
  }
  return channels_.sessiond.send(ipc::PublicKeyQueryReply{false});
}

Result<std::string> Monitor::why_not_proven(const ipc::PublicKeyVerifyRequest& request,
                                            const Result<OfferedKey>& offered) {
  const KeyVerdict verdict = TRY(look_up_key(*request.algorithm, *request.key_blob, offered));
  if (!offered.ok()) return offered.error().message;
  const auto blobs = host_keys_.public_blobs();
  if (request.hostbound && request.host_key >= blobs.size()) return std::string("no such host key");
  std::optional<std::span<const std::uint8_t>> host_key;
  if (request.hostbound) host_key = blobs[request.host_key];
  // What is signed names the algorithm and has the certificate as they were sent; who signs is the
  // holder of the key in it.
  const Bytes data =
      public_key_signed_data(session_id_, login_, *request.algorithm, *request.key_blob, host_key);
  // Verified for any key, so that an unknown user costs the same time as a known one.
  const KeyGrant grant = verdict.grant.value_or(KeyGrant{});
  const Status verified =
      verify_signature(offered->key_blob, offered->signature_algorithm, *request.signature, data,
                       SkRequirements{grant.require_touch, grant.require_verify});
  if (!verdict.by_instance && !account_refusal_.empty()) return account_refusal_;
  if (!verdict.grant) return verdict.refusal;
  if (!verified.ok()) return verified.error().message;
  if (!lists_algorithm(config_.public_key_algorithms, *request.algorithm))
    return std::string("signature algorithm isn't accepted");
  if (!may_try(AuthMethod::kPublicKey)) return std::string("method isn't offered now");
  if (used_keys_.contains(offered->key_blob)) return std::string("key was used already");
  return std::string();
}

Status Monitor::on_key_verify(const ipc::PublicKeyVerifyRequest& request) {
  const auto started = Clock::now();
  const auto offered = inspect_offered_key(*request.algorithm, *request.key_blob);
  Proof proof;
  proof.method = AuthMethod::kPublicKey;
  proof.details = describe(*request.algorithm, *request.key_blob, offered);
  const std::string reason = TRY(why_not_proven(request, offered));
  if (!reason.empty()) return fail_attempt(request.kKind, proof, reason, started);
  const KeyVerdict& verdict = keys_.at(*request.key_blob);
  proof.grant = *verdict.grant;
  proof.key.emplace();
  proof.key->fingerprint = fingerprint(offered->key_blob);
  if (offered->certificate) proof.key->principals = offered->certificate->principals;
  proof.details.insert(proof.details.end(), verdict.details.begin(), verdict.details.end());
  used_keys_.insert(offered->key_blob);
  proof.by_instance = verdict.by_instance;
  return on_proven(request.kKind, proof, started);
}

}  // namespace ssh2incus
