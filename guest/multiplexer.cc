// See multiplexer.h.
#include "guest/multiplexer.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/internal_sftp.h"
#include "common/program_rules.h"
#include "common/signals.h"
#include "guest/xauth.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kScratchSize = 128UL * 1024;
// Unsent bytes beyond which no program's output is read, and then no frame either: sessiond always
// reads, so this ends. Together they bound the guest's memory.
constexpr std::size_t kMaxQueuedForPrograms = 256UL * 1024;
constexpr std::size_t kMaxQueuedForFrames = 512UL * 1024;
constexpr std::uint32_t kMostSessions = 256;  // whatever the grant says

}  // namespace

Multiplexer::Multiplexer(Account account, GuestGrant grant, UniqueFd input, UniqueFd output,
                         UniqueFd signals, LeaderTable* leaders, UniqueFd root_helper)
    : account_(std::move(account)),
      grant_(std::move(grant)),
      input_(std::move(input)),
      output_(std::move(output)),
      signals_(std::move(signals)),
      leaders_(leaders),
      root_helper_(std::move(root_helper)),
      scratch_(kScratchSize),
      forwards_(grant_.forward, output_) {}

Status Multiplexer::run() {
  Status status;
  while (!finished_ && status.ok() && !output_.broken()) {
    collect_descriptors();
    if (poll(descriptors_.data(), descriptors_.size(), patience_ms()) < 0) {
      if (errno == EINTR) continue;
      status = system_error("poll");
      break;
    }
    for (std::size_t i = 0; i < descriptors_.size() && status.ok(); ++i) {
      if (descriptors_[i].revents != 0) status = serve(watched_[i], descriptors_[i]);
    }
    forwards_.check_deadlines();
    forget_finished();
  }
  for (auto& [stream, session] : sessions_) session.hang_up();
  return status;
}

void Multiplexer::watch(int fd, short events, Role role, std::uint32_t stream) {
  if (fd < 0) return;
  descriptors_.push_back({fd, events, 0});
  watched_.push_back({role, stream});
}

void Multiplexer::collect_descriptors() {
  descriptors_.clear();
  watched_.clear();
  watch(signals_.get(), POLLIN, Role::kSignals);
  if (output_.queued() > 0) watch(output_.fd(), POLLOUT, Role::kOutput);
  if (output_.queued() < kMaxQueuedForFrames) watch(input_.get(), POLLIN, Role::kInput);
  const bool may_read = output_.queued() < kMaxQueuedForPrograms;
  for (const auto& [stream, session] : sessions_) {
    watch(session.input_to_write(), POLLOUT, Role::kProgramInput, stream);
    if (!may_read) continue;
    watch(session.output_to_read(), POLLIN, Role::kProgramOutput, stream);
    watch(session.errors_to_read(), POLLIN, Role::kProgramErrors, stream);
  }
  for (const auto& interest : forwards_.interests(may_read)) {
    watch(interest.fd, interest.events, Role::kForward, interest.stream);
  }
}

int Multiplexer::patience_ms() const {
  const auto deadline = forwards_.deadline();
  if (!deadline) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*deadline - Connector::Clock::now());
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

Status Multiplexer::serve(const Watched& watched, const pollfd& descriptor) {
  switch (watched.role) {
    case Role::kInput: return read_frames();
    case Role::kOutput: output_.flush(); return {};
    case Role::kSignals: return read_signals();
    case Role::kForward:
      if (output_.queued() < kMaxQueuedForPrograms) {
        forwards_.handle(watched.stream, descriptor.revents, scratch_);
      }
      return {};
    default: break;
  }
  const auto found = sessions_.find(watched.stream);
  if (found == sessions_.end()) return {};  // closed in this round
  Session& session = found->second;
  if (watched.role == Role::kProgramInput) {
    session.write_input();
  } else if (output_.queued() < kMaxQueuedForPrograms) {
    if (watched.role == Role::kProgramOutput) session.read_output(scratch_);
    if (watched.role == Role::kProgramErrors) session.read_errors(scratch_);
  }
  return {};
}

Status Multiplexer::read_frames() {
  const ssize_t count = read(input_.get(), scratch_.data(), scratch_.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (count <= 0) {
    finished_ = true;
    return {};
  }
  auto bytes = std::span<const std::uint8_t>(scratch_).first(static_cast<std::size_t>(count));
  while (true) {
    const auto event = TRY(decoder_.next(bytes));
    if (!event) return {};
    TRY(dispatch(*event));
  }
}

Status Multiplexer::dispatch(const FrameEvent& event) {
  const std::uint32_t stream = event.header.stream;
  if (event.header.type == FrameType::kPing && stream == 0) {
    output_.send_frame(FrameType::kPong, 0, {});
    return {};
  }
  switch (event.header.type) {
    case FrameType::kOpenSession: return open_session(stream, event.payload);
    case FrameType::kOpenConnection:
      TRY(take_number(stream));
      return forwards_.open_connection(stream, event.payload);
    case FrameType::kOpenListener:
      TRY(take_number(stream));
      return forwards_.open_listener(stream, event.payload);
    default: return dispatch_to_stream(event);
  }
}

Status Multiplexer::take_number(std::uint32_t stream) {
  if (stream <= last_stream_ || stream >= kFirstAcceptedStream) {
    return fail("stream number used again");
  }
  last_stream_ = stream;
  return {};
}

Status Multiplexer::dispatch_to_stream(const FrameEvent& event) {
  const std::uint32_t stream = event.header.stream;
  if (forwards_.has(stream)) return forwards_.take(event);
  if (forwards_.was_accepted(stream)) return {};
  if (stream == 0 || stream > last_stream_) return fail("unknown stream");
  if (event.header.type == FrameType::kClose) {
    close_session(stream);
    return {};
  }
  const auto found = sessions_.find(stream);
  if (found == sessions_.end()) return {};  // over: what was on its way is dropped
  return handle(found->second, event);
}

Status Multiplexer::handle(Session& session, const FrameEvent& event) {
  switch (event.header.type) {
    case FrameType::kData: return session.take_data(event.payload);
    case FrameType::kEof: return session.take_eof();
    case FrameType::kWindowAdjust:
      return session.add_credit(TRY(ipc::decode_fields<WindowAdjust>(event.payload)));
    case FrameType::kWindowChange: {
      session.change_window(TRY(ipc::decode_fields<WindowChange>(event.payload)).size);
      return {};
    }
    case FrameType::kSignal: {
      const auto request = TRY(ipc::decode_fields<SignalRequest>(event.payload));
      if (const auto number = signal_number(*request.name)) session.signal(*number);
      return {};
    }
    default: return fail("unexpected frame");
  }
}

Status Multiplexer::open_session(std::uint32_t stream, std::span<const std::uint8_t> payload) {
  TRY(take_number(stream));
  const auto request = TRY(ipc::decode_fields<OpenSession>(payload));
  auto process = start(stream, request);
  if (!process.ok()) {
    forwards_.close_display(stream);
    output_.send_message(FrameType::kOpenFailed, stream,
                         OpenFailed{truncated<limits::kMaxUserMessage>(process.error().message)});
    return {};
  }
  output_.send_message(
      FrameType::kOpened, stream,
      Opened{static_cast<std::uint32_t>(process->pid), truncated<64>(process->tty)});
  if (leaders_ != nullptr) leaders_->add(process->pid);
  sessions_.try_emplace(stream, stream, std::move(process).value(), output_);
  return {};
}

const char* Multiplexer::why_not(const OpenSession& request) const {
  const bool forced_sftp = grant_.forced_command && is_internal_sftp(**grant_.forced_command);
  if (runs_internal_sftp(grant_, request)) {
    if (!grant_.allow_sftp) return "file transfer (sftp) is not allowed here";
    return request.pty && !grant_.allow_pty ? "a terminal is not allowed here" : nullptr;
  }
  if (forced_sftp) return "This service allows sftp connections only.";
  return why_not_program(grant_, request.command.has_value(), request.pty.has_value());
}

Result<SessionProcess> Multiplexer::start(std::uint32_t stream, const OpenSession& request) {
  if (const char* reason = why_not(request); reason != nullptr) return fail(reason);
  if (sessions_.size() >= std::min(grant_.max_sessions, kMostSessions)) {
    return fail("too many sessions on this connection");
  }
  if (request.command && (*request.command)->find('\0') != std::string::npos) {
    return fail("a command can't hold a NUL byte");
  }
  return start_session_process(account_, grant_, request, root_helper_.get(),
                               forward_to_session(stream, request));
}

// What can't be had is told to the user; the program is started all the same.
ForwardedToSession Multiplexer::forward_to_session(std::uint32_t stream,
                                                   const OpenSession& request) {
  ForwardedToSession forwarded;
  if (request.agent) {
    auto path = forwards_.share_agent(stream);
    if (path.ok()) {
      forwarded.agent_socket = *path;
      if (leaders_ != nullptr) leaders_->set_agent_socket(*path);
    } else {
      forwarded.complaint = "agent forwarding: " + path.error().message;
    }
  }
  if (!request.x11 || !is_usable(*request.x11)) return forwarded;
  forwarded.xauth = find_xauth();
  if (forwarded.xauth.empty()) {
    forwarded.complaint = "X11 forwarding: there is no xauth in this instance";
    return forwarded;
  }
  const auto display = forwards_.open_display(stream, *request.x11);
  if (display.ok()) {
    forwarded.display = *display;
  } else {
    forwarded.complaint = "X11 forwarding: " + display.error().message;
  }
  return forwarded;
}

Status Multiplexer::read_signals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    if (info.ssi_signo == SIGTERM) finished_ = true;
  }
  for (auto& [stream, session] : sessions_) session.check_exit();
  reap_abandoned();
  return {};
}

void Multiplexer::close_session(std::uint32_t stream) {
  const auto found = sessions_.find(stream);
  if (found == sessions_.end()) return;
  found->second.hang_up();
  forwards_.close_display(stream);
  abandon(found->second.pid());
  sessions_.erase(found);
  reap_abandoned();
}

void Multiplexer::forget_finished() {
  for (auto entry = sessions_.begin(); entry != sessions_.end();) {
    if (!entry->second.is_over()) {
      ++entry;
      continue;
    }
    forwards_.close_display(entry->first);
    abandon(entry->second.pid());
    entry = sessions_.erase(entry);
  }
  forwards_.forget_finished(abandoned_);
  if (!abandoned_.empty()) reap_abandoned();
}

void Multiplexer::abandon(pid_t leader) {
  if (leaders_ != nullptr) leaders_->remove(leader);
  abandoned_.push_back(leader);
}

void Multiplexer::reap_abandoned() {
  std::erase_if(abandoned_, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
}

}  // namespace ssh2incus::guest
