// The connection's channels in plain mode (plain_link.h) and on a console (console_link.h), and
// what the poll loop sees of any link.
#include "common/escape.h"
#include "sessiond/channels.h"

namespace ssh2incus {

void Channels::on_plain_ready(const ipc::PlainReadyNotice& ready) {
  PlainLink::Requests requests;
  // A monitor that is gone shows in the event loop.
  requests.open = [this](std::uint32_t stream, const PlainProgram& program) {
    static_cast<void>(monitor_.notify(ipc::PlainOpenRequest{stream, program}));
  };
  requests.ask_status = [this](std::uint32_t stream) {
    static_cast<void>(monitor_.notify(ipc::PlainStatusRequest{stream}));
  };
  target_.plain = std::make_unique<PlainLink>(escaped(*ready.reason), ready.max_sessions,
                                              std::move(requests), session_events());
  target_.welcome = *ready.welcome;
  begin_sessions(*ready.description, ready.idle_limit_seconds);
}

void Channels::begin_sessions(const std::string& description, std::uint32_t idle_limit_seconds) {
  target_.state = Target::State::kReady;
  target_.description = description;
  target_.idle.limit_to(idle_limit_seconds);
  for (auto& channel : channels_) channel.on_target_ready();
  for (auto& forward : forwards_) forward.on_target_ready();
  target_.news = true;
}

SessionEvents Channels::session_events() {
  SessionEvents events;
  events.open_failed = [this](std::uint32_t stream, const std::string& message) {
    if (auto* channel = find(stream)) channel->on_open_failed(message);
  };
  events.data = [this](std::uint32_t stream, std::span<const std::uint8_t> data, bool is_stderr) {
    if (auto* channel = find(stream)) channel->on_guest_data(data, is_stderr);
  };
  events.eof = [this](std::uint32_t stream) {
    if (auto* channel = find(stream)) channel->on_guest_eof();
  };
  events.exited = [this](std::uint32_t stream, const Exited& exited) {
    if (auto* channel = find(stream)) channel->on_exited(exited);
  };
  events.credit = [this](std::uint32_t stream) {
    if (auto* channel = find(stream)) channel->on_credit();
  };
  return events;
}

void Channels::on_plain_opened(PlainOpened opened) {
  if (target_.plain) target_.plain->on_started(opened.stream, std::move(opened.sockets));
  target_.news = true;
}

void Channels::on_plain_failed(const ipc::PlainFailedNotice& failed) {
  if (target_.plain) target_.plain->on_failed(failed.stream, *failed.text);
}

void Channels::on_plain_exited(const ipc::PlainExitedNotice& exited) {
  if (target_.plain) target_.plain->on_exited(exited.stream, exited.status);
}

void Channels::on_console_ready(const ipc::ConsoleReadyNotice& ready) {
  ConsoleLink::Requests requests;
  requests.open = [this](const ipc::ConsoleOpenRequest& request) {
    static_cast<void>(monitor_.notify(request));
  };
  requests.answer = [this](const ipc::ConsoleAnswerRequest& answer) {
    static_cast<void>(monitor_.notify(answer));
  };
  target_.console = std::make_unique<ConsoleLink>(std::move(requests), session_events());
  begin_sessions(*ready.description, ready.idle_limit_seconds);
}

void Channels::on_console_output(const ipc::ConsoleOutputNotice& output) {
  if (target_.console) target_.console->on_output(output);
}

void Channels::on_console_end(const ipc::ConsoleEndNotice& ended) {
  if (target_.console) target_.console->on_end(ended);
}

void Channels::flush() {
  if (target_.link) target_.link->flush();
  if (target_.plain) target_.plain->flush();
  if (target_.console) target_.console->flush();
}

void Channels::add_interests(std::vector<pollfd>& interests) const {
  if (target_.link) {
    for (const auto& interest : target_.link->interests()) {
      interests.push_back({interest.fd, interest.events, 0});
    }
  }
  if (target_.plain) target_.plain->add_interests(interests);
}

void Channels::handle(int fd, short revents) {
  if (target_.link) target_.link->handle(fd, revents);
  if (target_.plain) target_.plain->handle(fd, revents);
}

}  // namespace ssh2incus
