// The libssh objects of the one connection that this process serves, and the few facts about libssh
// that everything else relies on: it never blocks here, its output buffer stays bounded because
// write() takes no more than the budget of the round, and its callbacks come from handle_events()
// and from write().
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/ipc_sessiond.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus {

struct SshSessionRelease {
  void operator()(ssh_session session) const { ssh_free(session); }
};
struct SshEventRelease {
  void operator()(ssh_event event) const { ssh_event_free(event); }
};
struct SshStringRelease {
  void operator()(ssh_string string) const { ssh_string_free(string); }
};
struct SshKeyRelease {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using SshKey = std::unique_ptr<ssh_key_struct, SshKeyRelease>;
using SshString = std::unique_ptr<ssh_string_struct, SshStringRelease>;

// Copies in libssh's form, or null.
SshString to_ssh_string(std::span<const std::uint8_t> bytes);
SshKey import_public_key(std::span<const std::uint8_t> blob);

class SshSession {
 public:
  // Takes the connected socket. The host keys are public keys: callbacks must have a sign_function.
  // callbacks outlive the session.
  static Result<std::unique_ptr<SshSession>> create(const ipc::HelloReply& settings,
                                                    UniqueFd connection,
                                                    ssh_server_callbacks callbacks);
  ~SshSession();
  SshSession(const SshSession&) = delete;
  SshSession& operator=(const SshSession&) = delete;

  [[nodiscard]] ssh_session raw() const { return session_.get(); }

  // For poll(); -1 once the connection is gone.
  [[nodiscard]] int fd() const;
  [[nodiscard]] short events() const;
  // After poll(): reads, decrypts, calls callbacks, writes.
  void handle_events();
  [[nodiscard]] bool alive() const;
  // Why it isn't, as far as libssh knows. The client may have written it.
  [[nodiscard]] std::string closing_reason() const;

  // Called once a round: gives a new budget if the last one has left the buffer.
  void renew_budget();
  // The budget is used up, but what was written has left already: there is more to give.
  [[nodiscard]] bool has_new_budget() const;
  // Writes what window and budget allow and returns how much that was.
  std::size_t write(ssh_channel channel, std::span<const std::uint8_t> data, bool is_stderr);

  void set_methods(std::string_view methods);
  // SSH_MSG_USERAUTH_BANNER (RFC 4252 §5.4), unless there is nothing to say. Lines end with CR LF.
  void send_banner(const std::string& text);
  // SSH_MSG_USERAUTH_INFO_REQUEST (RFC 4256 §3.2).
  void ask(std::string_view instruction, std::span<const ipc::AuthPrompt> prompts);
  // A global request that wants no reply (RFC 4254 §4).
  void notify(const std::string& name, std::span<const std::uint8_t> payload);
  // Says goodbye with this text. True if the connection was still there: all its channels are freed
  // then.
  bool disconnect(const std::string& text);

 private:
  SshSession() = default;
  Status configure(const ipc::HelloReply& settings, UniqueFd connection);
  void drain(int timeout_ms);

  std::unique_ptr<ssh_session_struct, SshSessionRelease> session_;
  std::unique_ptr<ssh_event_struct, SshEventRelease> event_;
  std::size_t budget_ = 0;
  bool in_event_ = false;
};

}  // namespace ssh2incus
