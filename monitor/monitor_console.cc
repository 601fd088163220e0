// Logins that are a command of ours instead of an instance: %list, %rm, %explain, %sessions. The
// gateway, which isn't trusted, finds and deletes instances; what may be seen and done is decided
// here, by policy/.
#include <algorithm>

#include "common/escape.h"
#include "monitor/console_text.h"
#include "monitor/monitor.h"
#include "monitor/remotes.h"
#include "policy/explanation.h"

namespace ssh2incus {
namespace {

using Kind = LoginTarget::Kind;
using Step = ConsoleState::Step;
using Outcome = AccessVerdict::Outcome;

constexpr std::uint32_t kMisuse = 2;
constexpr std::uint32_t kRefused = 1;

bool is_console(Kind kind) {
  return kind == Kind::kList || kind == Kind::kRemove || kind == Kind::kExplain ||
         kind == Kind::kSessions;
}

}  // namespace

bool Monitor::is_console_login() const { return target_ && is_console(target_->kind); }

Status Monitor::open_console() {
  if (grant().forced_command)
    return fail_target("this key is for one command only",
                       "a forced command, and " + target_text());
  if (target_->kind == Kind::kExplain) begin_explaining();
  const bool asks_for_labels = access_of_explained_.outcome == Outcome::kNeedsLabels &&
                               why_not_remote(remotes_, explained_.target).empty();
  const bool asks_gateway =
      target_->kind == Kind::kList || target_->kind == Kind::kRemove || asks_for_labels;
  if (asks_gateway) {
    if (auto taken = take_gateway(asks_for_labels ? explained_.remote : remote_name()); !taken.ok())
      return fail_target("the gateway can't be started", taken.error().message);
  } else {
    end_attendant();
  }
  console_.emplace();
  ipc::ConsoleReadyNotice notice;
  notice.description = truncated<limits::kMaxUserMessage>(target_text());
  notice.idle_limit_seconds = static_cast<std::uint32_t>(idle_limit().count());
  return channels_.sessiond.send(notice);
}

void Monitor::begin_explaining() {
  auto explained = parse_login(target_->explained);
  CHECK(explained.ok());
  explained_ = facts_;
  explained_.target = resolve_target(remotes_, std::move(*explained));
  const LoginTarget& target = explained_.target;
  explained_.remote = target.remote ? target.remote->str() : AccessFacts().remote;
  explained_.project = target.project ? target.project->str() : AccessFacts().project;
  access_of_explained_ = decide_access(*policy_, explained_);
}

Status Monitor::on_console_open(const ipc::ConsoleOpenRequest& request) {
  if (!console_) return target_failed_ ? Status() : fail("a console's session without a console");
  if (console_->step != Step::kIdle) {
    TRY(channels_.sessiond.send(ipc::ConsoleOutputNotice{
        request.stream, std::string("ssh2incus: one session at a time, please\n"), true, false}));
    return channels_.sessiond.send(ipc::ConsoleEndNotice{request.stream, kMisuse});
  }
  console_->stream = request.stream;
  const std::string arguments = request.arguments ? **request.arguments : std::string();
  if (target_->kind == Kind::kSessions) return on_sessions_command(arguments);
  if (!arguments.empty()) return end_console("this takes no command", kMisuse);
  switch (target_->kind) {
    case Kind::kList: return ask_for_list();
    case Kind::kRemove: return ask_what_it_is();
    default: return explain();
  }
}

// Text goes out in pieces that fit a message.
Status Monitor::say_to_console(std::string_view text, bool question) {
  if (console_->stream == 0) return {};
  while (text.size() > limits::kMaxConsoleOutput) {
    const auto piece = truncated<limits::kMaxConsoleOutput>(text);
    text.remove_prefix(piece.size());
    TRY(channels_.sessiond.send(ipc::ConsoleOutputNotice{console_->stream, piece, false, false}));
  }
  return channels_.sessiond.send(
      ipc::ConsoleOutputNotice{console_->stream, std::string(text), false, question});
}

Status Monitor::end_console(const std::string& error, std::uint32_t exit_status) {
  const std::uint32_t stream = std::exchange(console_->stream, 0);
  console_->step = Step::kIdle;
  console_->listed.clear();
  if (stream == 0) return {};
  if (!error.empty()) {
    TRY(channels_.sessiond.send(ipc::ConsoleOutputNotice{
        stream, truncated<limits::kMaxConsoleOutput>("ssh2incus: " + escaped(error) + "\n"), true,
        false}));
  }
  return channels_.sessiond.send(ipc::ConsoleEndNotice{stream, exit_status});
}

void Monitor::begin_console_step(Step step, int limit_ms) {
  console_->step = step;
  console_->deadline = Clock::now() + std::chrono::milliseconds(limit_ms);
}

template <typename Request>
Status Monitor::ask_console_gateway(const Request& request, Step step, int limit_ms) {
  if (!gateway_) return end_console("Incus can't be asked any more", kRefused);
  begin_console_step(step, limit_ms);
  if (const auto sent = gateway_->send(request); !sent.ok())
    return fail_target("the connection to Incus is lost", sent.error().message);
  return {};
}

std::vector<BoundedString<limits::kMaxLabelName>> Monitor::label_names() const {
  std::vector<BoundedString<limits::kMaxLabelName>> names;
  for (const std::string& name : policy_->label_names()) names.emplace_back(name);
  return names;
}

Status Monitor::ask_for_list() {
  ipc::ListRequest request;
  request.endpoint = endpoint_of(config_, remote_name());
  request.label_names = label_names();
  return ask_console_gateway(request, Step::kListing, limits::kListMs);
}

Status Monitor::ask_what_it_is() {
  ipc::ExamineRequest request;
  request.endpoint = endpoint_of(config_, remote_name());
  request.project = facts_.project;
  request.instance = target_->instance->str();
  request.label_names = label_names();
  return ask_console_gateway(request, Step::kExamining, limits::kListMs);
}

Status Monitor::explain() {
  if (access_of_explained_.outcome == Outcome::kNeedsLabels && !explained_.labels && gateway_) {
    ipc::ResolveRequest request;
    request.endpoint = endpoint_of(config_, explained_.remote);
    request.project = explained_.project;
    request.instance = explained_.target.instance->str();
    request.names = label_names();
    return ask_console_gateway(request, Step::kResolving, limits::kListMs);
  }
  std::string text;
  describe_login(text, explained_);
  explain_line(text, "proven", method_names(explained_.methods));
  describe_verdict(text, explained_, *policy_, false,
                   why_impossible(explained_.target, config_.allow_create, remotes_),
                   config_.allow_create ? config_.create_config.get() : nullptr);
  TRY(say_to_console(text));
  return end_console({}, 0);
}

Status Monitor::on_console_gateway(ipc::GatewayMessage kind, const ipc::Packet& packet) {
  const auto expect = [this](Step step) -> Status {
    return console_->step == step ? Status() : fail("an answer that nobody asked for");
  };
  switch (kind) {
    case ipc::GatewayMessage::kListReply:
      TRY(expect(Step::kListing));
      return on_list(TRY(ipc::decode<ipc::ListReply>(packet.bytes)));
    case ipc::GatewayMessage::kExamineReply:
      TRY(expect(Step::kExamining));
      return on_examined(TRY(ipc::decode<ipc::ExamineReply>(packet.bytes)));
    case ipc::GatewayMessage::kDeleteReply:
      TRY(expect(Step::kDeleting));
      log_.write(LogLevel::kNotice, "instance_deleted",
                 {{"target", target_text()}, {"rule", access_.rule}});
      TRY(say_to_console("deleted\n"));
      return end_console({}, 0);
    case ipc::GatewayMessage::kResolveReply: {
      TRY(expect(Step::kResolving));
      const auto reply = TRY(ipc::decode<ipc::ResolveReply>(packet.bytes));
      explained_.labels = TRY(labels_of(policy_->label_names(), reply.labels));
      return explain();
    }
    case ipc::GatewayMessage::kFailedReply:
      return on_console_failure(TRY(ipc::decode<ipc::FailedReply>(packet.bytes)));
    default: return fail("not an answer to a console's request");
  }
}

Status Monitor::on_console_failure(const ipc::FailedReply& failed) {
  if (console_->step == Step::kIdle || console_->step == Step::kAsking)
    return fail("a failure of nothing");
  log_.write(LogLevel::kNotice, "console_failed",
             {{"target", target_text()}, {"reason", *failed.text}});
  if (console_->step != Step::kResolving) return end_console(*failed.text, kRefused);
  gateway_.reset();  // it ends after that
  TRY(say_to_console("note: " + escaped(*failed.text) + "\n"));
  return explain();
}

Status Monitor::on_list(const ipc::ListReply& reply) {
  const std::vector<std::string> asked = policy_->label_names();
  for (const ipc::ListedInstance& listed : reply.instances) {
    const auto project = TRY(ProjectName::parse(*listed.project));
    const auto instance = TRY(InstanceName::parse(*listed.instance));
    AccessFacts facts = facts_;
    facts.labels = TRY(labels_of(asked, listed.labels));
    if (!may_enter(*policy_, std::move(facts), project, instance)) continue;
    if (console_->listed.size() >= limits::kMaxListedInstances) return fail("an endless list");
    console_->listed.push_back(listed);
  }
  if (!reply.last) return {};
  TRY(say_to_console(list_text(std::move(console_->listed))));
  return end_console({}, 0);
}

Status Monitor::on_examined(const ipc::ExamineReply& reply) {
  facts_.labels = TRY(labels_of(policy_->label_names(), reply.labels));
  access_ = decide_access(*policy_, facts_);
  if (access_.outcome != Outcome::kAllowed) {
    log_.write(LogLevel::kNotice, "access_refused",
               {{"target", target_text()}, {"rule", access_.rule}, {"reason", access_.reason}});
    return end_console(
        "deleting " + target_->instance->str() + " is refused by this server's access policy",
        kRefused);
  }
  TRY(say_to_console(removal_text(target_->instance->str(), facts_.project, reply)));
  if (reply.is_protected)
    return end_console("it is protected against deletion (security.protection.delete)", kRefused);
  if (target_->without_asking)
    return ask_console_gateway(ipc::DeleteRequest{}, Step::kDeleting, limits::kRemoveMs);
  begin_console_step(Step::kAsking, limits::kConsoleAnswerMs);
  return say_to_console(removal_question(reply), true);
}

Status Monitor::on_console_answer(const ipc::ConsoleAnswerRequest& answer) {
  if (!console_) return target_failed_ ? Status() : fail("an answer without a console");
  if (console_->step != Step::kAsking || answer.stream != console_->stream) return {};  // too late
  if (*answer.line != kDeleteAnswer) return end_console("not deleted", kRefused);
  return ask_console_gateway(ipc::DeleteRequest{}, Step::kDeleting, limits::kRemoveMs);
}

void Monitor::on_console_session_closed(std::uint32_t stream) {
  if (!console_ || console_->stream != stream) return;
  console_->stream = 0;
  // What the gateway does goes on; its answer ends the step.
  if (console_->step == Step::kAsking) console_->step = Step::kIdle;
}

void Monitor::on_console_timeout() {
  if (console_->step == Step::kAsking) {
    CHECK(end_console("no answer in time", kRefused).ok());
  } else {
    CHECK(fail_target("Incus did not answer in time", "timed out").ok());
  }
}

}  // namespace ssh2incus
