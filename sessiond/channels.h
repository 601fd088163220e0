// All channels of the connection and the target behind them: hands the guest's events to
// the channel whose stream they name, and news of the target to all.
#pragma once

#include <poll.h>

#include <list>
#include <vector>

#include "sessiond/forward_channel.h"
#include "sessiond/remote_forwards.h"
#include "sessiond/session_channel.h"

namespace ssh2incus {

class Channels : public GuestLink::Observer {
 public:
  Channels(SshSession& session, MonitorClient& monitor, const ipc::SessionPermissions& permissions,
           std::uint32_t max_sessions)
      : session_(session),
        monitor_(monitor),
        permissions_(permissions),
        max_sessions_(max_sessions),
        remote_(session, target_, permissions) {}

  // A new channel for libssh to confirm, or null to refuse it.
  ssh_channel open();
  // A global request; false: the connection should end.
  bool on_global_request(std::string_view name, bool wants_reply,
                         std::span<const std::uint8_t> payload) {
    return remote_.on_request(name, wants_reply, payload);
  }
  bool on_answered_request(bool wants_reply, std::optional<Bytes> payload) {
    return remote_.on_answered_request(wants_reply, std::move(payload));
  }
  [[nodiscard]] bool no_more_sessions() const { return remote_.no_more_sessions(); }
  // A channel that the client opens; false: a session's, which open() is for.
  bool open_forward(ssh_channel channel, std::string_view type,
                    std::span<const std::uint8_t> payload);
  bool on_request(ssh_channel channel, std::string_view type,
                  std::span<const std::uint8_t> payload);

  void on_progress(const std::string& text, bool update);
  void on_target_ready(TargetReady ready);
  void on_target_failed(const std::string& text, std::uint32_t exit_status);
  void on_plain_ready(const ipc::PlainReadyNotice& ready);
  void on_plain_opened(PlainOpened opened);
  void on_plain_failed(const ipc::PlainFailedNotice& failed);
  void on_plain_exited(const ipc::PlainExitedNotice& exited);
  void on_console_ready(const ipc::ConsoleReadyNotice& ready);
  void on_console_output(const ipc::ConsoleOutputNotice& output);
  void on_console_end(const ipc::ConsoleEndNotice& ended);

  // Asks and tells about a guest that is silent.
  void watch_guest();
  // For poll(): -1 if there's nothing to watch.
  [[nodiscard]] int guest_patience_ms() const;
  // Moves what can be moved, and forgets channels that are finished. Not from within callbacks.
  void pump();
  // Whether anything has happened since that pump() must see before the loop may wait.
  [[nodiscard]] bool has_news() const { return target_.news; }
  // Somebody has cancelled the wait for the target, and nobody else waits for it: how long until
  // the connection should end (the client has read its exit status by then); -1: it needn't.
  [[nodiscard]] int until_given_up_ms() const;
  [[nodiscard]] const IdleClock& idle() const { return target_.idle; }
  void close_all();
  // libssh has freed its channels.
  void forget_freed();

  // For the poll loop: what runs the sessions.
  void flush();
  void add_interests(std::vector<pollfd>& interests) const;
  void handle(int fd, short revents);

  void on_opened(std::uint32_t stream, const Opened& opened) override;
  void on_open_failed(std::uint32_t stream, const OpenFailed& refusal) override;
  void on_data(std::uint32_t stream, std::span<const std::uint8_t> data, bool is_stderr) override;
  void on_eof(std::uint32_t stream) override;
  void on_exited(std::uint32_t stream, const Exited& exited) override;
  void on_listening(std::uint32_t stream, const Listening& listening) override;
  void on_accepted(std::uint32_t stream, const Accepted& accepted) override;
  void on_closed(std::uint32_t stream) override;
  void on_credit(std::uint32_t stream) override;
  void on_broken(const std::string& reason) override;

 private:
  SessionChannel* find(std::uint32_t stream);
  ForwardChannel* find_forward(std::uint32_t stream);
  void tell_sessions(const std::string& what);
  SessionEvents session_events();
  void begin_sessions(const std::string& description, std::uint32_t idle_limit_seconds);

  SshSession& session_;
  MonitorClient& monitor_;
  const ipc::SessionPermissions& permissions_;
  std::uint32_t max_sessions_;
  Target target_;
  std::list<SessionChannel> channels_;  // stays put when a callback opens one more
  std::list<ForwardChannel> forwards_;
  RemoteForwards remote_;
};

}  // namespace ssh2incus
