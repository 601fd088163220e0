// %sessions: which connections there are, and the end of one. Whose may be seen is decided by the
// access policy; one's own always.
#include <algorithm>
#include <csignal>
#include <ctime>

#include "common/escape.h"
#include "monitor/console_text.h"
#include "monitor/monitor.h"

namespace ssh2incus {
namespace {

constexpr std::uint32_t kRefused = 1;
constexpr std::uint32_t kMisuse = 2;

}  // namespace

std::vector<ConnectionFacts> Monitor::visible_connections() const {
  auto all = channels_.connections ? channels_.connections->list() : std::vector<ConnectionFacts>();
  if (access_.grant.actions.has(Action::kSessions)) return all;
  std::erase_if(all, [this](const ConnectionFacts& facts) {
    return facts.host_user.empty() || facts.host_user != account_->name;
  });
  return all;
}

Status Monitor::on_sessions_command(const std::string& text) {
  const auto command = parse_sessions_command(text);
  if (!command.ok()) return end_console(command.error().message, kMisuse);
  if (*command) return end_connection(**command);
  TRY(say_to_console(sessions_text(visible_connections(), info_.id, std::time(nullptr))));
  return end_console({}, 0);
}

Status Monitor::end_connection(const std::string& id) {
  if (id == info_.id) return end_console("that is this connection", kMisuse);
  const auto visible = visible_connections();
  const auto found = std::ranges::find(visible, id, &ConnectionFacts::id);
  const auto pid =
      found == visible.end() ? std::nullopt : channels_.connections->claim_end(id, account_->name);
  if (!pid) return end_console("no such connection: " + id, kRefused);
  log_.write(LogLevel::kNotice, "connection_end_asked",
             {{"of", id}, {"host_user", found->host_user}, {"target_of", found->target}});
  if (kill(*pid, SIGTERM) != 0)
    return end_console("can't end " + id + ": " + system_error("kill").message, kRefused);
  TRY(say_to_console("told " + id + " to end\n"));
  return end_console({}, 0);
}

void Monitor::tell_table() {
  if (!channels_.connections || !logged_in_) return;
  ConnectionFacts facts;
  facts.id = info_.id;
  if (host_user_counts() && account_) facts.host_user = account_->name;
  facts.target = target_text();
  facts.source = info_.peer.address;
  facts.since_unix = logged_in_unix_;
  facts.sessions = static_cast<std::uint32_t>(sessions_.size());
  channels_.connections->tell(facts);
}

// Somebody wants the connection to end: %sessions, or whoever sends SIGTERM. The first time it's
// said, the second time done.
void Monitor::on_end_wanted() {
  if (told_to_end_) return end(ConnectionEnd::kLoggedIn, "told to end");
  told_to_end_ = true;
  const std::string by = channels_.connections ? channels_.connections->ended_by() : std::string();
  const std::string reason = by.empty() ? "this connection was told to end"
                                        : "this connection was ended by " + escaped(by);
  log_.write(LogLevel::kNotice, "connection_end_wanted", {{"by", by}});
  session_end_ = Clock::now() + std::chrono::milliseconds(limits::kSendToSessiondMs);
  if (!channels_.sessiond.send(ipc::ShutdownNotice{truncated<limits::kMaxUserMessage>(reason)})
           .ok())
    end(logged_in_ ? ConnectionEnd::kLoggedIn : ConnectionEnd::kInternal, "told to end");
}

}  // namespace ssh2incus
