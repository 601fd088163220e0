// The one loop of sessiond: client, monitor and guest. Begins with the monitor's settings and ends
// when the client or the monitor is gone, or the monitor or the protocol says so.
#pragma once

#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sessiond/authentication.h"
#include "sessiond/channels.h"
#include "sessiond/host_key_proofs.h"
#include "sessiond/monitor_client.h"
#include "sessiond/ssh_session.h"

namespace ssh2incus {

class EventLoop {
 public:
  EventLoop(MonitorClient monitor, UniqueFd connection)
      : monitor_(std::move(monitor)), connection_(std::move(connection)) {}

  // To the end of the connection. An error: the monitor is gone or nothing could be set up.
  Status run();

 private:
  static int on_service(ssh_session session, const char* service, void* self);
  static int on_auth(ssh_session session, const void* request, size_t length, void* self);
  static int on_answers(ssh_session session, const void* response, size_t length, void* self);
  static ssh_string on_sign(ssh_session session, ssh_key key, const char* algorithm,
                            const void* hash, size_t length, void* self);
  static ssh_channel on_open_session(ssh_session session, void* self);
  static int on_channel_open(ssh_session session, ssh_channel channel, const char* type,
                             const void* payload, size_t length, void* self);
  static int on_global_request(ssh_session session, const char* name, int want_reply,
                               const void* payload, size_t length, void* self);
  static int on_channel_request(ssh_session session, ssh_channel channel, const char* type,
                                int want_reply, const void* payload, size_t length, void* self);

  Status start();
  Status tell_source();
  Status poll_once();
  void handle_notices();
  int judge(std::span<const std::uint8_t> request);
  int judge_answers(std::span<const std::uint8_t> response);
  int carry_out(const AuthVerdict& verdict);
  void send_banner_once();
  void announce_host_keys_once();
  bool on_global_request(std::string_view name, bool wants_reply,
                         std::span<const std::uint8_t> payload);
  SshString sign(ssh_key key, std::string_view algorithm, std::span<const std::uint8_t> hash);
  void leave(std::string text);

  MonitorClient monitor_;
  UniqueFd connection_;
  ipc::HelloReply settings_;
  ssh_server_callbacks_struct callbacks_{};
  std::unique_ptr<SshSession> session_;
  std::optional<Authentication> authentication_;
  std::optional<Channels> channels_;
  std::optional<HostKeyProofs> host_keys_;
  std::vector<pollfd> poll_entries_;
  bool service_requested_ = false;
  bool banner_sent_ = false;
  bool owes_host_keys_ = false;  // to a client that has logged in
  bool monitor_lost_ = false;
  std::optional<std::string> farewell_;  // what to tell the client at the end
};

}  // namespace ssh2incus
