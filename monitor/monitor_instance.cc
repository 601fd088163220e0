// Instance authentication (--inauth): what the host's keys and passwords don't answer is asked of
// the instance's own files, through a gateway that is started for it. The gateway reads what the
// instance has written and isn't believed beyond this one instance and user.
#include <ctime>

#include "monitor/monitor.h"

namespace ssh2incus {

using ipc::SessionMessage;

namespace {

template <std::size_t Max, typename List>
std::vector<BoundedString<Max>> bounded_list(const List& texts) {
  std::vector<BoundedString<Max>> bounded;
  for (const std::string& text : texts) bounded.emplace_back(text);
  return bounded;
}

}  // namespace

// Only where it could lead to a login; that depends on what the client knows already.
bool Monitor::may_ask_instance() const {
  return config_.instance_authentication && target_ &&
         instance_may_count(*policy_, config_.auth_chains, access_facts());
}

void Monitor::give_questions_up(const Error& error) {
  questions_.reset();
  questions_over_ = true;
  log_.write(LogLevel::kWarning, "instance_authentication_failed",
             {{"login", login_}, {"target", target_text()}, {"reason", error.message}});
}

Status Monitor::begin_questions() {
  ipc::AuthGrant grant;
  grant.endpoint = endpoint_of(config_, remote_name());
  grant.project = target_->project ? target_->project->str() : std::string(kDefaultProject);
  grant.instance = target_->instance->str();
  grant.user = target_->user.str();
  grant.source_address = info_.peer.address;
  grant.utc_offset_seconds = static_cast<std::uint32_t>(info_.utc_offset_seconds);
  grant.permitted_environment =
      bounded_list<limits::kMaxEnvironmentName>(config_.permitted_key_environment);
  return questions_->send(grant);
}

// A gateway that can't be started or reached is none; the host's keys still count. If it is the
// attendant that has failed, the next request to it tells.
void Monitor::start_questions() {
  asked_instance_ = true;
  if (const std::string reason = why_not_remote(remotes_, *target_); !reason.empty())
    return give_questions_up(Error{reason});
  auto started =
      attendant_start_questions(channels_.attendant, remote_name(), at_most(limits::kKeyLookupMs));
  if (!started.ok()) return give_questions_up(started.error());
  questions_.emplace(std::move(started->channel));
  if (const auto begun = begin_questions(); !begun.ok()) give_questions_up(begun.error());
}

template <typename Reply, typename Request>
Result<Reply> Monitor::ask_gateway(const Request& request) {
  TRY(questions_->send(request));
  const auto packet = TRY(questions_->receive(at_most(limits::kInstanceAuthMs)));
  if (!packet) return fail("the gateway has gone");
  if (!packet->fds.empty()) return fail("the gateway sent file descriptors");
  if (const auto crash = ipc::decode<ipc::GatewayCrash>(packet->bytes); crash.ok()) {
    log_.write(LogLevel::kError, "crash", {{"process", "gateway"}, {"syscall", crash->syscall}});
    return fail("the gateway made a refused system call");
  }
  return ipc::decode<Reply>(packet->bytes);
}

Monitor::KeyVerdict Monitor::ask_instance_for_key(const Bytes& key_blob) {
  KeyVerdict verdict;
  asked_instance_ = true;
  if (questions_over_) return verdict;
  if (!questions_) start_questions();
  if (!questions_) return verdict;
  ipc::InstanceKeyRequest request;
  request.key_blob = key_blob;
  request.now_unix = static_cast<std::uint64_t>(std::time(nullptr));
  const auto reply = ask_gateway<ipc::InstanceKeyReply>(request);
  if (!reply.ok()) {
    give_questions_up(reply.error());
    return verdict;
  }
  for (const auto& reason : reply->reasons) {
    log_.write(LogLevel::kNotice, "instance_keys",
               {{"login", login_}, {"target", target_text()}, {"reason", *reason}});
  }
  if (!reply->accepted) return verdict;
  auto grant = ipc::decode_fields<KeyGrant>(*reply->accepted->grant);
  if (!grant.ok()) {
    give_questions_up(grant.error());
    return verdict;
  }
  verdict.grant = std::move(*grant);
  verdict.details = {
      {"key_from", *reply->accepted->file + ":" + std::to_string(reply->accepted->line)}};
  verdict.by_instance = true;
  return verdict;
}

// As the listener counts guesses; cut, which counts some users of an instance as one.
BoundedString<limits::kMaxUserName> Monitor::instance_account() const {
  return truncated<limits::kMaxUserName>(target_text());
}

std::string Monitor::why_not_instance_password(const Secret& password) {
  if (password.size() > limits::kMaxInstancePassword) {
    return "instance: the password is too long";
  }
  if (!questions_ && !questions_over_) start_questions();
  asked_instance_ = true;
  if (!questions_) return "instance: it can't be asked";
  ipc::InstancePasswordRequest request;
  request.password = BoundedSecret<limits::kMaxInstancePassword>(Secret::copy_of(password.bytes()));
  request.now_unix = static_cast<std::uint64_t>(std::time(nullptr));
  const auto reply = ask_gateway<ipc::InstancePasswordReply>(request);
  if (!reply.ok()) {
    give_questions_up(reply.error());
    return "instance: it can't be asked";
  }
  if (reply->valid) return {};
  return "instance: " + *reply->reason;
}

Status Monitor::on_instance_password(SessionMessage by, Proof proof, const Secret& password,
                                     const std::string& host_reason, Clock::time_point started) {
  const std::string reason = why_not_instance_password(password);
  proof.compared_with_instance = true;
  if (!reason.empty()) return fail_attempt(by, proof, host_reason + "; " + reason, started);
  text_for_client_.clear();  // what PAM has said isn't about this user
  proof.by_instance = true;
  return on_proven(by, proof, started);
}

}  // namespace ssh2incus
