// What a login that has proven enough may do: asks policy/ with all that is known, for the
// instance's labels where they matter, and ends the connection when its time is over. The gateway
// is not trusted: its labels decide only what the rules leave to labels.
#include <algorithm>
#include <ctime>

#include "common/internal_sftp.h"
#include "monitor/monitor.h"
#include "monitor/public_key.h"
#include "policy/duration.h"

namespace ssh2incus {
namespace {

using Outcome = AccessVerdict::Outcome;

// What sessiond gets to say goodbye and to end.
constexpr std::chrono::seconds kGoodbye{5};

}  // namespace

Result<Labels> labels_of(const std::vector<std::string>& asked,
                         const BoundedList<ipc::InstanceLabel, limits::kMaxLabels>& told) {
  Labels labels;
  for (const ipc::InstanceLabel& label : told) {
    const bool wanted = std::ranges::find(asked, *label.name) != asked.end();
    if (!wanted || !labels.emplace(*label.name, *label.value).second)
      return fail("a label that nobody asked for");
  }
  return labels;
}

std::string Monitor::why_account_refused() const {
  if (config_.access_policy) return why_never_let_in(*policy_, *account_);
  const AccessDecision decision = decide_host_access(*account_, config_.allowed_groups);
  return decision.allowed ? "" : decision.reason;
}

AccessFacts Monitor::access_facts() const {
  AccessFacts facts;
  facts.authenticated_by_instance = !host_user_counts();
  if (account_ && host_user_counts()) facts.account = *account_;
  for (const ProvenKey& key : proven_keys_) {
    facts.key_fingerprints.push_back(key.fingerprint);
    facts.certificate_principals.insert(facts.certificate_principals.end(), key.principals.begin(),
                                        key.principals.end());
  }
  facts.methods = done_methods_;
  facts.source_address = info_.peer.address;
  facts.now_unix = std::time(nullptr);
  facts.utc_offset_seconds = info_.utc_offset_seconds;
  facts.target = *target_;
  if (target_->remote) facts.remote = target_->remote->str();
  if (target_->project) facts.project = target_->project->str();
  return facts;
}

bool Monitor::all_proven() {
  access_ = {};
  if (!config_.auth_chains.was_complete(done_methods_)) return false;
  facts_ = access_facts();
  access_ = decide_access(*policy_, facts_);
  return access_.outcome != Outcome::kMoreMethods;
}

std::string Monitor::next_methods() const {
  if (access_.outcome != Outcome::kMoreMethods)
    return config_.auth_chains.next_names(done_methods_);
  std::string names;
  for (const AuthMethod method : access_.next) {
    if (!names.empty()) names += ',';
    names += auth_method_name(method);
  }
  return names;
}

// Where it isn't decided yet, or refused, sessiond refuses nothing by itself: the guest does, or
// the refusal of the target says why.
ipc::SessionPermissions Monitor::permissions() const {
  const KeyGrant key = grant();
  const bool decided = access_.outcome == Outcome::kAllowed;
  const ActionSet actions = decided ? access_.grant.actions : ActionSet::all();
  const bool forced = key.forced_command.has_value();
  ipc::SessionPermissions permissions;
  permissions.pty = key.pty;
  if (target_->kind != LoginTarget::Kind::kInstance) {
    permissions.shell = permissions.exec = true;
    return permissions;
  }
  permissions.shell = actions.has(Action::kShell) || (forced && actions.has(Action::kExec));
  permissions.exec = actions.has(Action::kExec) || (forced && actions.has(Action::kShell));
  // A forced command takes the subsystem's place, unless it is SFTP itself.
  const bool replaced = forced && !is_internal_sftp(**key.forced_command);
  permissions.sftp = replaced ? permissions.shell || permissions.exec : actions.has(Action::kSftp);
  const ForwardSettings& forwarding = config_.forwarding;
  permissions.local_forwarding =
      forwarding.local && key.port_forwarding && actions.has(Action::kLocalForward);
  permissions.remote_forwarding =
      forwarding.remote && key.port_forwarding && actions.has(Action::kRemoteForward);
  permissions.agent_forwarding =
      forwarding.agent && key.agent_forwarding && actions.has(Action::kAgent);
  permissions.x11_forwarding = forwarding.x11 && key.x11_forwarding;
  return permissions;
}

std::chrono::seconds Monitor::idle_limit() const {
  if (!access_.grant.idle_limit) return config_.idle_timeout;
  if (config_.idle_timeout.count() == 0) return *access_.grant.idle_limit;
  return std::min(*access_.grant.idle_limit, config_.idle_timeout);
}

void Monitor::begin_session_limit() {
  if (access_.outcome == Outcome::kAllowed && access_.grant.session_limit)
    session_end_ = Clock::now() + *access_.grant.session_limit;
}

// The first time it's said, the second time done.
void Monitor::on_session_limit() {
  if (told_to_end_) return end(ConnectionEnd::kLoggedIn, "session limit");
  told_to_end_ = true;
  session_end_ = Clock::now() + kGoodbye;
  const std::string limit = duration_text(access_.grant.session_limit.value_or(kGoodbye));
  log_.write(LogLevel::kNotice, "session_limit",
             {{"target", target_text()}, {"rule", access_.rule}, {"limit", limit}});
  const ipc::ShutdownNotice notice{"the session limit of " + limit + " is reached"};
  if (!channels_.sessiond.send(notice).ok()) end(ConnectionEnd::kLoggedIn, "session limit");
}

// The client learns that, not why: rules are for the log.
Status Monitor::refuse_access() {
  log_.write(LogLevel::kNotice, "access_refused",
             {{"target", target_text()}, {"rule", access_.rule}, {"reason", access_.reason}});
  return fail_target("access to " + target_text() + " is refused by this server's access policy",
                     "access policy: " + access_.reason);
}

Status Monitor::ask_for_labels() {
  ipc::ResolveRequest request;
  request.endpoint = endpoint_of(config_, remote_name());
  request.project = facts_.project;
  request.instance = target_->instance->str();
  request.names = label_names();
  request.may_be_missing = target_->create.has_value();
  labels_asked_ = true;
  if (auto sent = gateway_->send(request); !sent.ok())
    return fail_target("the gateway can't be reached", sent.error().message);
  return {};
}

Status Monitor::on_labels(const ipc::ResolveReply& reply) {
  if (!labels_asked_) return fail("labels that nobody asked for");
  labels_asked_ = false;
  Labels labels = TRY(labels_of(policy_->label_names(), reply.labels));
  if (reply.missing && (!target_->create || !labels.empty()))
    return fail("labels of an instance that isn't there");
  decided_on_missing_ = reply.missing;
  facts_.labels = reply.missing ? labels_of_creation() : std::move(labels);
  access_ = decide_access(*policy_, facts_);
  if (access_.outcome != Outcome::kAllowed) return refuse_access();
  log_.write(LogLevel::kInfo, "access_granted",
             {{"target", target_text()}, {"rule", access_.rule}});
  begin_session_limit();
  return send_grant();
}

}  // namespace ssh2incus
