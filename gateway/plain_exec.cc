// See plain_exec.h.
#include "gateway/plain_exec.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/limits.h"
#include "gateway/instance_files.h"
#include "gateway/text.h"
#include "policy/plain_command.h"

namespace ssh2incus {

Outcome<Account> read_instance_account(IncusClient& client, const Target& target,
                                       const std::string& user, const Patience& patience) {
  InstanceFiles files(client, target);
  const auto passwd = files.read({"/etc/passwd", 0, {"/etc"}, limits::kMaxInstanceFile}, patience);
  if (!passwd.ok()) {
    return Failure{TargetFailure::kGuestFailed,
                   "the users of " + target.text() + " can't be read: " + passwd.error().message};
  }
  auto account = *passwd ? find_account(**passwd, user) : std::nullopt;
  if (!account) {
    return Failure{TargetFailure::kNoSuchUser,
                   "no such user in " + target.text() + ": " + cut_text(user)};
  }
  return std::move(*account);
}

Outcome<Done> PlainExec::look(Program& program, const Patience& patience) {
  if (!program.state.ended) {
    program.state = TRY_OUTCOME(exec_state(client_, program.operation, patience));
  }
  return Done{};
}

std::size_t PlainExec::running() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      programs_, [](const auto& entry) { return !entry.second.state.ended; }));
}

// What really runs counts, not what sessiond says; a program whose session has just been given up
// has a moment to end.
Outcome<Done> PlainExec::make_room(const Patience& patience) {
  constexpr int kTries = 10;
  constexpr int kPauseMs = 50;
  // Over TLS each has four connections and as many sockets.
  constexpr std::uint32_t kMostOverTls = 24;
  const std::uint32_t possible = client_.is_remote() ? kMostOverTls : limits::kMaxPlainSessions;
  const std::size_t most = std::min(grant_.max_sessions, possible);
  for (int i = 0; running() >= most; ++i) {
    if (i == kTries) return Failure{TargetFailure::kGuestFailed, "too many sessions"};
    if (i > 0) TRY_OUTCOME(patience.sleep(kPauseMs));
    for (auto& [stream, program] : programs_) TRY_OUTCOME(look(program, patience));
  }
  forget_surplus();
  return Done{};
}

// Ends that nobody has asked for.
void PlainExec::forget_surplus() {
  constexpr std::size_t kMostPrograms = 4UL * limits::kMaxPlainSessions;
  for (auto at = programs_.begin(); at != programs_.end() && programs_.size() > kMostPrograms;) {
    at = at->second.state.ended ? programs_.erase(at) : std::next(at);
  }
}

Outcome<std::vector<UniqueFd>> PlainExec::open(std::uint32_t stream, const PlainProgram& program,
                                               const Patience& patience) {
  auto command = plain_command(grant_, account_, program);
  if (!command.ok()) return Failure{TargetFailure::kGuestFailed, command.error().message};
  TRY_OUTCOME(make_room(patience));
  ExecCommand exec;
  exec.arguments = std::move(command->arguments);
  exec.environment = std::move(command->environment);
  exec.directory = std::move(command->directory);
  exec.uid = account_.uid;
  exec.gid = account_.gid;
  exec.terminal = command->size;
  auto started = TRY_OUTCOME(start_exec(client_, target_, exec, patience));
  if (!started.started()) {
    return Failure{TargetFailure::kIncusError,
                   "Incus runs no command in " + target_.text() + ": " + started.refusal};
  }
  programs_.emplace(stream, Program{std::move(started.operation), {}});
  std::vector<UniqueFd> fds;
  for (ExecSocket& socket : started.sockets)
    fds.push_back(TRY_OUTCOME(socket.release(client_.pump())));
  return fds;
}

Outcome<ExecState> PlainExec::state(std::uint32_t stream, const Patience& patience) {
  Program& program = programs_.at(stream);
  TRY_OUTCOME(look(program, patience));
  const ExecState state = program.state;
  if (state.ended) programs_.erase(stream);
  return state;
}

}  // namespace ssh2incus
