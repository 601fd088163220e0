// The connection's channels; see channels.h. Which channels there are is the client's choice, what
// comes for them is the guest's.
#include "sessiond/channels.h"

#include <algorithm>

#include "common/escape.h"
#include "sessiond/forward_request.h"

namespace ssh2incus {
namespace {

template <typename Channel>
void forget_finished(std::list<Channel>& channels) {
  std::list<Channel> finished;  // freeing one may make libssh call back
  for (auto next = channels.begin(); next != channels.end();) {
    const auto channel = next++;
    if (channel->finished()) finished.splice(finished.end(), channels, channel);
  }
}

ipc::ForwardKind kind_of(AcceptedKind kind) {
  switch (kind) {
    case AcceptedKind::kAgent: return ipc::ForwardKind::kAgent;
    case AcceptedKind::kX11: return ipc::ForwardKind::kX11;
    case AcceptedKind::kForwarded: break;
  }
  return ipc::ForwardKind::kRemote;
}

}  // namespace

ssh_channel Channels::open() {
  if (channels_.size() >= max_sessions_) return nullptr;
  ssh_channel channel = ssh_channel_new(session_.raw());
  if (channel != nullptr) {
    channels_.emplace_back(session_, monitor_, target_, permissions_, channel);
  }
  return channel;
}

bool Channels::open_forward(ssh_channel channel, std::string_view type,
                            std::span<const std::uint8_t> payload) {
  if (type == "session") return false;
  if (!is_direct_channel(type)) {
    ssh_channel_open_refuse(channel, static_cast<std::uint32_t>(OpenFailure::kUnknownChannelType),
                            "unknown channel type");
    ssh_channel_free(channel);
    return true;
  }
  auto wish = parse_direct_channel(type, payload);
  OpenFailure reason = OpenFailure::kProhibited;
  const char* text = nullptr;
  if (!wish) {
    reason = OpenFailure::kConnectFailed;
    text = "malformed request";
  } else if (!permissions_.local_forwarding) {
    text = "forwarding to the instance is not allowed here";
  } else if (forwards_.size() >= limits::kMaxForwardedConnections) {
    reason = OpenFailure::kResourceShortage;
    text = "too many forwarded connections";
  }
  if (text != nullptr) {
    ssh_channel_open_refuse(channel, static_cast<std::uint32_t>(reason), text);
    ssh_channel_free(channel);
    return true;
  }
  auto& forward = forwards_.emplace_back(session_, monitor_, target_, channel, std::move(*wish));
  if (target_.state == Target::State::kReady) forward.on_target_ready();
  if (target_.state == Target::State::kFailed) forward.on_target_failed();
  return true;
}

void Channels::close_all() {
  channels_.clear();
  forwards_.clear();
}

void Channels::forget_freed() {
  for (auto& channel : channels_) channel.forget_freed();
  for (auto& forward : forwards_) forward.forget_freed();
}

bool Channels::on_request(ssh_channel channel, std::string_view type,
                          std::span<const std::uint8_t> payload) {
  const auto found = std::ranges::find(channels_, channel, &SessionChannel::channel);
  return found != channels_.end() && found->on_request(type, payload);
}

void Channels::on_progress(const std::string& text, bool update) {
  target_.progress = text;
  for (auto& channel : channels_) channel.on_progress(text, update);
}

void Channels::on_target_ready(TargetReady ready) {
  auto link = GuestLink::create(std::move(ready.sockets), *this, ready.raw);
  if (!link.ok()) {
    on_target_failed("ssh2incus: " + link.error().message, 255);
    return;
  }
  target_.link = std::move(*link);
  target_.state = Target::State::kReady;
  target_.idle.limit_to(ready.idle_limit_seconds);
  target_.description = std::move(ready.description);
  target_.link->pulse().limit_to(ready.silence_limit_seconds, GuestPulse::Clock::now());
  target_.welcome = std::move(ready.welcome);
  for (auto& channel : channels_) channel.on_target_ready();
  for (auto& forward : forwards_) forward.on_target_ready();
  target_.news = true;
}

void Channels::on_target_failed(const std::string& text, std::uint32_t exit_status) {
  target_.state = Target::State::kFailed;
  target_.failure = text;
  target_.exit_status = exit_status;
  for (auto& channel : channels_) channel.on_target_failed();
  for (auto& forward : forwards_) forward.on_target_failed();
  remote_.on_link_gone();
  target_.news = true;
}

int Channels::until_given_up_ms() const {
  constexpr std::chrono::milliseconds kToRead{1000};
  const bool opening = target_.state == Target::State::kOpening;
  if (!target_.cancelled || !opening || !channels_.empty() || !forwards_.empty()) return -1;
  const auto left = *target_.cancelled + kToRead - std::chrono::steady_clock::now();
  return std::max(0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

int Channels::guest_patience_ms() const {
  if (target_.state != Target::State::kReady || !target_.link) return -1;
  return target_.link->pulse().left_ms(GuestPulse::Clock::now());
}

void Channels::watch_guest() {
  if (target_.state != Target::State::kReady || !target_.link) return;
  switch (target_.link->pulse().next(GuestPulse::Clock::now())) {
    case GuestPulse::Step::kNothing: return;
    case GuestPulse::Step::kAsk: target_.link->send_ping(); return;
    case GuestPulse::Step::kWarn: tell_sessions(" doesn't answer; waiting for it"); return;
    case GuestPulse::Step::kRecovered: tell_sessions(" answers again"); return;
    case GuestPulse::Step::kGiveUp: {
      const auto limit = target_.link->pulse().limit();
      target_.link.reset();
      on_target_failed("ssh2incus: " + target_.description + " has not answered for " +
                           std::to_string(limit.count()) + " seconds",
                       255);
      return;
    }
  }
}

void Channels::tell_sessions(const std::string& what) {
  for (auto& channel : channels_) channel.on_guest_silence(target_.description + what);
}

void Channels::pump() {
  target_.news = false;
  for (auto& channel : channels_) channel.pump();
  for (auto& forward : forwards_) forward.pump();
  remote_.pump();
  forget_finished(channels_);
  forget_finished(forwards_);
}

SessionChannel* Channels::find(std::uint32_t stream) {
  const auto found = std::ranges::find(channels_, stream, &SessionChannel::stream);
  return found == channels_.end() ? nullptr : &*found;
}

ForwardChannel* Channels::find_forward(std::uint32_t stream) {
  const auto found = std::ranges::find(forwards_, stream, &ForwardChannel::stream);
  return found == forwards_.end() ? nullptr : &*found;
}

void Channels::on_opened(std::uint32_t stream, const Opened& /*opened*/) {
  if (auto* forward = find_forward(stream)) forward->on_opened();
}

void Channels::on_open_failed(std::uint32_t stream, const OpenFailed& refusal) {
  if (auto* channel = find(stream)) return channel->on_open_failed(*refusal.message);
  if (auto* forward = find_forward(stream)) return forward->on_open_failed(refusal);
  remote_.on_open_failed(stream);
}

void Channels::on_listening(std::uint32_t stream, const Listening& listening) {
  remote_.on_listening(stream, listening);
}

void Channels::on_accepted(std::uint32_t stream, const Accepted& accepted) {
  const auto listener = remote_.find(accepted.listener);
  const auto offer = offer_to_client(accepted, listener);
  const bool fits = forwards_.size() < limits::kMaxForwardedConnections;
  ssh_channel channel = offer && fits ? ssh_channel_new(session_.raw()) : nullptr;
  if (channel == nullptr) return target_.link->send_close(stream);
  const auto where = listener ? text_of(*listener) : std::string();
  forwards_
      .emplace_back(session_, monitor_, target_, channel, stream, kind_of(accepted.kind), where)
      .offer(offer->type, offer->payload);
}

void Channels::on_closed(std::uint32_t stream) {
  if (auto* forward = find_forward(stream)) forward->on_closed();
}

void Channels::on_data(std::uint32_t stream, std::span<const std::uint8_t> data, bool is_stderr) {
  if (auto* channel = find(stream)) return channel->on_guest_data(data, is_stderr);
  if (auto* forward = find_forward(stream)) forward->on_guest_data(data);
}

void Channels::on_eof(std::uint32_t stream) {
  if (auto* channel = find(stream)) return channel->on_guest_eof();
  if (auto* forward = find_forward(stream)) forward->on_guest_eof();
}

void Channels::on_exited(std::uint32_t stream, const Exited& exited) {
  if (auto* channel = find(stream)) channel->on_exited(exited);
}

void Channels::on_credit(std::uint32_t stream) {
  if (auto* channel = find(stream)) return channel->on_credit();
  if (auto* forward = find_forward(stream)) forward->on_credit();
}

void Channels::on_broken(const std::string& reason) {
  on_target_failed("ssh2incus: connection to the instance lost: " + escaped(reason), 255);
}

}  // namespace ssh2incus
