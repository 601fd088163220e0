// See plain_link.h. Who hears of an event may call back: a stream is looked up anew after each.
#include "sessiond/plain_link.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/signals.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kReceiveSize = 64UL * 1024;
constexpr std::size_t kWindow = 256UL * 1024;  // output that the client hasn't taken
constexpr std::size_t kMaxEarlySignals = 16;
constexpr std::size_t kMaxHungUp = 4;  // then the oldest is killed
constexpr std::uint32_t kUnknownStatus = 255;

PlainProgram program_of(const OpenSession& request) {
  PlainProgram program;
  if (request.pty) program.terminal = PlainTerminal{request.pty->term, request.pty->size};
  program.command = request.command;
  program.environment = request.environment;
  // The client's environment alone can be too long.
  if (ipc::encode_fields(program).size() > kMaxPlainProgram) program.environment = {};
  return program;
}

}  // namespace

PlainLink::PlainLink(std::string reason, std::size_t most, Requests requests, SessionEvents events)
    : reason_(std::move(reason)),
      most_(most),
      requests_(std::move(requests)),
      events_(std::move(events)),
      scratch_(kReceiveSize) {}

PlainLink::Stream* PlainLink::find(std::uint32_t stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : &found->second;
}

bool PlainLink::is_live(std::uint32_t stream) const { return streams_.contains(stream); }

std::uint32_t PlainLink::open_session(const OpenSession& request) {
  CHECK(next_stream_ != 0);
  const std::uint32_t id = next_stream_++;
  const bool full = streams_.size() >= most_;
  Stream& stream = streams_[id];
  if (full) {
    stream.refusal = "too many sessions";
  } else if (request.sftp) {
    stream.refusal = "no SFTP in plain mode (" + reason_ + ")";
  } else {
    requests_.open(id, program_of(request));
  }
  return id;
}

void PlainLink::tell_refusals() {
  std::vector<std::uint32_t> refused;
  for (const auto& [id, stream] : streams_) {
    if (stream.refusal) refused.push_back(id);
  }
  for (const auto id : refused) {
    const auto node = streams_.extract(id);
    if (node) events_.open_failed(id, *node.mapped().refusal);
  }
}

void PlainLink::on_started(std::uint32_t id, std::vector<UniqueFd> sockets) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->session || stream->refusal) return;
  auto session = PlainSession::create(std::move(sockets));
  if (!session.ok()) return on_failed(id, session.error().message);
  stream->session = std::move(*session);
  if (stream->size) stream->session->resize(*stream->size);
  for (const int number : stream->signals) stream->session->send_signal(number);
  if (stream->eof) stream->session->send_eof();
  if (stream->session->has_terminal() && !std::exchange(reason_told_, true)) {
    say(id, "plain mode, because " + reason_ +
                ": no SFTP, forwarding, agent or supplementary groups, and what runs ends with the "
                "connection");
  }
}

void PlainLink::on_failed(std::uint32_t id, const std::string& text) {
  if (streams_.erase(id) > 0) events_.open_failed(id, text);
}

void PlainLink::on_exited(std::uint32_t id, std::optional<std::uint32_t> status) {
  Stream* stream = find(id);
  if (stream == nullptr || !stream->session || stream->exited) return;
  stream->exited = true;
  stream->status = status;
  look_at_end(id);
}

void PlainLink::deliver(std::uint32_t id, std::span<const std::uint8_t> data, bool is_stderr) {
  Stream* stream = find(id);
  if (stream == nullptr || data.empty()) return;
  stream->unconsumed += data.size();
  events_.data(id, data, is_stderr);
}

void PlainLink::say(std::uint32_t id, const std::string& text) {
  const std::string line = "ssh2incus: " + text + "\r\n";
  deliver(id, {reinterpret_cast<const std::uint8_t*>(line.data()), line.size()}, true);
}

// Asks for the status as soon as the program seems to have ended, and is done with the stream when
// both that and the last output have come.
void PlainLink::look_at_end(std::uint32_t id) {
  Stream* stream = find(id);
  if (stream == nullptr || !stream->session) return;
  const bool output_ended = stream->session->output_ended();
  if ((output_ended || stream->session->control_ended()) &&
      !std::exchange(stream->status_asked, true)) {
    requests_.ask_status(id);
  }
  if (!output_ended || !stream->exited) return;
  const auto status = stream->status;
  if (!status) say(id, "connection to the instance lost");
  if (streams_.erase(id) == 0) return;
  events_.eof(id);
  events_.exited(
      id, Exited{.status = status.value_or(kUnknownStatus), .signal = {}, .core_dumped = false});
}

void PlainLink::add_interests(std::vector<pollfd>& interests) const {
  for (const auto& [id, stream] : streams_) {
    if (stream.session) stream.session->add_interests(interests, stream.unconsumed < kWindow);
  }
  for (const auto& session : hung_up_) session.add_interests(interests, false);
}

void PlainLink::handle(int fd, short revents) {
  for (auto& [id, stream] : streams_) {
    if (!stream.session || !stream.session->owns(fd)) continue;
    const auto stream_id = id;  // the entry may go
    const auto output = stream.session->handle(fd, revents, scratch_);
    deliver(stream_id, output.data, output.is_stderr);
    return look_at_end(stream_id);
  }
  for (auto& session : hung_up_) {
    if (session.owns(fd)) static_cast<void>(session.handle(fd, revents, scratch_));
  }
}

void PlainLink::flush() {
  tell_refusals();
  for (auto& [id, stream] : streams_) {
    if (stream.session) stream.session->flush();
  }
  for (auto& session : hung_up_) session.flush();
  std::erase_if(hung_up_, [](const PlainSession& session) { return session.control_ended(); });
  wake_waiting();
}

void PlainLink::wake_waiting() {
  std::vector<std::uint32_t> ready;
  for (auto& [id, stream] : streams_) {
    if (!stream.wants_credit || !stream.session) continue;
    if (stream.session->room() > 0 || !stream.session->takes_input()) ready.push_back(id);
  }
  for (const auto id : ready) {
    Stream* stream = find(id);
    if (stream != nullptr && std::exchange(stream->wants_credit, false)) events_.credit(id);
  }
}

std::size_t PlainLink::send_data(std::uint32_t id, std::span<const std::uint8_t> data) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->refusal) return data.size();
  if (stream->session && !stream->session->takes_input()) return data.size();
  const std::size_t room = stream->session ? stream->session->room() : 0;
  const auto taken = data.first(std::min(data.size(), room));
  stream->wants_credit = taken.size() < data.size();
  if (!taken.empty()) stream->session->send(taken);
  return taken.size();
}

void PlainLink::send_eof(std::uint32_t id) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  if (stream->session) {
    stream->session->send_eof();
  } else {
    stream->eof = true;
  }
}

void PlainLink::send_signal(std::uint32_t id, std::string_view name) {
  Stream* stream = find(id);
  const auto number = signal_number(name);
  if (stream == nullptr || !number) return;
  if (stream->session) {
    stream->session->send_signal(*number);
  } else if (stream->signals.size() < kMaxEarlySignals) {
    stream->signals.push_back(*number);
  }
}

void PlainLink::send_window_change(std::uint32_t id, const TerminalSize& size) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  if (stream->session) {
    stream->session->resize(size);
  } else {
    stream->size = size;
  }
}

void PlainLink::send_close(std::uint32_t id) {
  auto node = streams_.extract(id);
  if (!node || !node.mapped().session) return;
  node.mapped().session->hang_up();
  hung_up_.push_back(std::move(*node.mapped().session));
  if (hung_up_.size() > kMaxHungUp) hung_up_.pop_front();
}

void PlainLink::consumed(std::uint32_t id, std::size_t bytes) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  CHECK(bytes <= stream->unconsumed);
  stream->unconsumed -= bytes;
}

}  // namespace ssh2incus
