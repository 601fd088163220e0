// The event loop and libssh's server callbacks; see event_loop.h. All state is looked at again
// before each blocking poll: what one source brings may be what another waits for.
#include "sessiond/event_loop.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/escape.h"
#include "sessiond/debug_log.h"
#include "sessiond/proxy_reader.h"

namespace ssh2incus {
namespace {

using ipc::SignatureAlgorithm;

std::optional<SignatureAlgorithm> signature_algorithm(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, SignatureAlgorithm>, 6> kNames = {{
      {"ssh-ed25519", SignatureAlgorithm::kSshEd25519},
      {"ecdsa-sha2-nistp256", SignatureAlgorithm::kEcdsaNistp256},
      {"ecdsa-sha2-nistp384", SignatureAlgorithm::kEcdsaNistp384},
      {"ecdsa-sha2-nistp521", SignatureAlgorithm::kEcdsaNistp521},
      {"rsa-sha2-256", SignatureAlgorithm::kRsaSha2_256},
      {"rsa-sha2-512", SignatureAlgorithm::kRsaSha2_512},
  }};
  for (const auto& [known, algorithm] : kNames) {
    if (name == known) return algorithm;
  }
  return std::nullopt;
}

// As the monitor counts host keys.
std::optional<std::uint8_t> index_of_host_key(const ipc::HelloReply& settings, ssh_key key) {
  std::uint8_t index = 0;
  for (const auto& known : settings.host_keys) {
    const SshKey candidate = import_public_key(*known);
    if (candidate && ssh_key_cmp(candidate.get(), key, SSH_KEY_CMP_PUBLIC) == 0) return index;
    ++index;
  }
  return std::nullopt;
}

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

int EventLoop::on_service(ssh_session /*session*/, const char* service, void* self) {
  auto& loop = *static_cast<EventLoop*>(self);
  if (std::string_view(service) == "ssh-userauth") {
    loop.service_requested_ = true;
    return 0;
  }
  return -1;  // libssh disconnects
}

int EventLoop::on_auth(ssh_session /*session*/, const void* request, size_t length, void* self) {
  return static_cast<EventLoop*>(self)->judge({static_cast<const std::uint8_t*>(request), length});
}

int EventLoop::on_answers(ssh_session /*session*/, const void* response, size_t length,
                          void* self) {
  return static_cast<EventLoop*>(self)->judge_answers(
      {static_cast<const std::uint8_t*>(response), length});
}

int EventLoop::judge(std::span<const std::uint8_t> request) {
  if (farewell_ || monitor_.must_end()) return SSH_AUTH_INFO;  // no answer any more
  if (!service_requested_) {
    leave("no service requested");
    return SSH_AUTH_INFO;
  }
  send_banner_once();
  return carry_out(authentication_->judge(request));
}

int EventLoop::judge_answers(std::span<const std::uint8_t> response) {
  if (farewell_ || monitor_.must_end()) return SSH_AUTH_INFO;
  return carry_out(authentication_->judge_answers(response));
}

int EventLoop::carry_out(const AuthVerdict& verdict) {
  // A goodbye that came with the verdict is the answer; the event loop says it.
  if (monitor_.must_end()) return SSH_AUTH_INFO;
  session_->set_methods(verdict.methods);
  session_->send_banner(authentication_->take_banner());
  using Kind = AuthVerdict::Kind;
  if (verdict.kind != Kind::kPrompts && verdict.kind != Kind::kDisconnect) {
    if (!verdict.text.empty()) session_->send_banner(verdict.text + "\r\n");
  }
  switch (verdict.kind) {
    case AuthVerdict::Kind::kDenied: return SSH_AUTH_DENIED;
    case AuthVerdict::Kind::kPartial: return SSH_AUTH_PARTIAL;
    case AuthVerdict::Kind::kSuccess: owes_host_keys_ = true; return SSH_AUTH_SUCCESS;
    case AuthVerdict::Kind::kKeyAcceptable: {
      const SshString algorithm(ssh_string_from_char(verdict.key.algorithm->c_str()));
      const SshString blob = to_ssh_string(*verdict.key.key_blob);
      if (!algorithm || !blob) return SSH_AUTH_DENIED;
      ssh_auth_reply_pk_ok(session_->raw(), algorithm.get(), blob.get());
      return SSH_AUTH_INFO;
    }
    case AuthVerdict::Kind::kPrompts:
      session_->ask(verdict.text, verdict.prompts);
      return SSH_AUTH_INFO;
    case AuthVerdict::Kind::kDisconnect:
      monitor_lost_ = verdict.monitor_lost;
      leave(verdict.text);
      return SSH_AUTH_INFO;
  }
  return SSH_AUTH_DENIED;
}

void EventLoop::send_banner_once() {
  if (banner_sent_) return;
  banner_sent_ = true;
  if (settings_.banner.empty()) return;
  session_->send_banner(*settings_.banner);
}

// Once the success has been sent.
void EventLoop::announce_host_keys_once() {
  if (!std::exchange(owes_host_keys_, false)) return;
  session_->notify("hostkeys-00@openssh.com", host_keys_->announcement());
}

ssh_string EventLoop::on_sign(ssh_session /*session*/, ssh_key key, const char* algorithm,
                              const void* hash, size_t length, void* self) {
  if (algorithm == nullptr) return nullptr;
  return static_cast<EventLoop*>(self)
      ->sign(key, algorithm, {static_cast<const std::uint8_t*>(hash), length})
      .release();
}

SshString EventLoop::sign(ssh_key key, std::string_view algorithm,
                          std::span<const std::uint8_t> hash) {
  const auto index = index_of_host_key(settings_, key);
  const auto known = signature_algorithm(algorithm);
  if (!index || !known || hash.size() > limits::kMaxExchangeHash) return nullptr;
  authentication_->set_host_key(*index);
  const auto reply = monitor_.call<ipc::SignReply>(
      ipc::SignRequest{*index, *known, Bytes(hash.begin(), hash.end())});
  if (!reply.ok()) {
    monitor_lost_ = true;
    return nullptr;
  }
  return to_ssh_string(*reply->signature);
}

ssh_channel EventLoop::on_open_session(ssh_session /*session*/, void* self) {
  return static_cast<EventLoop*>(self)->channels_->open();
}

int EventLoop::on_channel_open(ssh_session /*session*/, ssh_channel channel, const char* type,
                               const void* payload, size_t length, void* self) {
  const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(payload), length);
  auto& loop = *static_cast<EventLoop*>(self);
  if (std::string_view(type) == "session" && loop.channels_->no_more_sessions()) {
    loop.leave("a session after no more sessions were wanted");  // as sshd: something is wrong
  }
  return loop.channels_->open_forward(channel, type, bytes) ? SSH_OK : SSH_AGAIN;
}

int EventLoop::on_global_request(ssh_session /*session*/, const char* name, int want_reply,
                                 const void* payload, size_t length, void* self) {
  auto& loop = *static_cast<EventLoop*>(self);
  const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(payload), length);
  if (!loop.on_global_request(name, want_reply != 0, bytes)) loop.leave("too many requests");
  return SSH_OK;
}

bool EventLoop::on_global_request(std::string_view name, bool wants_reply,
                                  std::span<const std::uint8_t> payload) {
  if (name != "hostkeys-prove-00@openssh.com" || !wants_reply) {
    return channels_->on_global_request(name, wants_reply, payload);
  }
  auto proofs = host_keys_->prove(payload);
  monitor_lost_ = monitor_lost_ || host_keys_->monitor_lost();
  return channels_->on_answered_request(wants_reply, std::move(proofs));
}

int EventLoop::on_channel_request(ssh_session /*session*/, ssh_channel channel, const char* type,
                                  int /*want_reply*/, const void* payload, size_t length,
                                  void* self) {
  const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(payload), length);
  return static_cast<EventLoop*>(self)->channels_->on_request(channel, type, bytes) ? SSH_OK
                                                                                    : SSH_ERROR;
}

Status EventLoop::start() {
  settings_ = TRY(monitor_.call<ipc::HelloReply>(ipc::HelloRequest{}));
  if (settings_.debug) send_debug_log_to(monitor_);
  if (settings_.proxied) TRY(tell_source());
  std::vector<Bytes> host_keys;
  for (const auto& key : settings_.host_keys) host_keys.push_back(*key);
  authentication_.emplace(monitor_, std::move(host_keys));
  host_keys_.emplace(monitor_, settings_);
  callbacks_.userdata = this;
  callbacks_.service_request_function = on_service;
  callbacks_.auth_request_function = on_auth;
  callbacks_.auth_info_response_function = on_answers;
  callbacks_.sign_function = on_sign;
  callbacks_.channel_open_request_session_function = on_open_session;
  callbacks_.channel_request_function = on_channel_request;
  callbacks_.channel_open_function = on_channel_open;
  callbacks_.global_request_function = on_global_request;
  ssh_callbacks_init(&callbacks_);
  session_ = TRY(SshSession::create(settings_, std::move(connection_), &callbacks_));
  channels_.emplace(*session_, monitor_, authentication_->permissions(), settings_.max_sessions);
  return {};
}

// Before the first word of ours: who the client of a load balancer is decides whether it gets one.
Status EventLoop::tell_source() {
  auto header = read_proxy_header(connection_, monitor_.fd());
  if (!header.ok()) return fail("PROXY header: " + header.error().message);
  const auto reply = TRY(monitor_.call<ipc::ProxyHeaderReply>(*header));
  if (!reply.refusal) return {};
  const std::string& text = **reply.refusal;
  send(connection_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return fail("refused: " + text);
}

Status EventLoop::run() {
  if (const Status started = start(); !started.ok()) {
    return monitor_.notify(
        ipc::DisconnectNotice{truncated<limits::kMaxLogText>(escaped(started.error().message))});
  }
  for (;;) {
    handle_notices();
    if (monitor_lost_) return fail("the monitor has gone");
    if (farewell_ || !session_->alive()) break;
    session_->renew_budget();
    channels_->watch_guest();
    channels_->pump();
    channels_->flush();
    if (channels_->until_given_up_ms() == 0) leave("cancelled");
    if (farewell_ || !session_->alive()) break;
    if (auto polled = poll_once(); !polled.ok()) return polled;
  }
  const std::string reason = farewell_ ? *farewell_ : session_->closing_reason();
  // Before the channels close: a client whose last one does may leave without reading on.
  if (farewell_ && session_->disconnect(*farewell_)) channels_->forget_freed();
  channels_->close_all();
  return monitor_.notify(ipc::DisconnectNotice{truncated<limits::kMaxLogText>(escaped(reason))});
}

Status EventLoop::poll_once() {
  std::vector<pollfd>& entries = poll_entries_;
  entries.clear();
  entries.push_back({monitor_.fd(), POLLIN, 0});
  entries.push_back({session_->fd(), session_->events(), 0});
  channels_->add_interests(entries);
  const bool must_not_wait = channels_->has_news() || session_->has_new_budget();
  const int idle_ms = channels_->idle().left_ms();
  if (idle_ms == 0) {
    leave("idle for " + std::to_string(channels_->idle().limit().count()) + " seconds");
    return {};
  }
  // -1, for ever, is the greatest of all.
  const auto patience_ms = static_cast<int>(std::min(
      {static_cast<unsigned>(idle_ms), static_cast<unsigned>(channels_->guest_patience_ms()),
       static_cast<unsigned>(channels_->until_given_up_ms())}));
  if (poll(entries.data(), entries.size(), must_not_wait ? 0 : patience_ms) < 0) {
    if (errno == EINTR) return {};
    return system_error("poll");
  }
  if (entries[0].revents != 0) TRY(monitor_.receive_notice());
  if (entries[1].revents != 0) session_->handle_events();
  announce_host_keys_once();
  for (std::size_t i = 2; i < entries.size(); ++i) {
    if (entries[i].revents != 0) channels_->handle(entries[i].fd, entries[i].revents);
  }
  return {};
}

void EventLoop::handle_notices() {
  while (auto notice = monitor_.next_notice()) {
    std::visit(Overloaded{
                   [this](ipc::TargetProgressNotice& progress) {
                     channels_->on_progress(escaped(*progress.text), progress.update);
                   },
                   [this](TargetReady& ready) { channels_->on_target_ready(std::move(ready)); },
                   [this](ipc::TargetFailedNotice& failed) {
                     channels_->on_target_failed(escaped(*failed.text), failed.exit_status);
                   },
                   [this](ipc::ShutdownNotice& shutdown) { leave(*shutdown.reason); },
                   [this](ipc::PlainReadyNotice& ready) { channels_->on_plain_ready(ready); },
                   [this](PlainOpened& opened) { channels_->on_plain_opened(std::move(opened)); },
                   [this](ipc::PlainFailedNotice& failed) { channels_->on_plain_failed(failed); },
                   [this](ipc::PlainExitedNotice& exited) { channels_->on_plain_exited(exited); },
                   [this](ipc::ConsoleReadyNotice& ready) { channels_->on_console_ready(ready); },
                   [this](ipc::ConsoleOutputNotice& text) { channels_->on_console_output(text); },
                   [this](ipc::ConsoleEndNotice& ended) { channels_->on_console_end(ended); },
               },
               *notice);
  }
}

void EventLoop::leave(std::string text) {
  if (!farewell_) farewell_ = std::move(text);
}

}  // namespace ssh2incus
