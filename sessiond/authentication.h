// Authentication as the monitor decides it: carries each request of the client to the monitor and
// its verdict back. Keeps what RFC 4252 wants kept: one user and one service per connection.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sessiond/auth_request.h"
#include "sessiond/monitor_client.h"

namespace ssh2incus {

struct AuthVerdict {
  enum class Kind : std::uint8_t {
    kDenied,
    kPartial,
    kSuccess,
    kKeyAcceptable,
    kPrompts,
    kDisconnect,
  };
  Kind kind = Kind::kDenied;
  std::string methods;                     // that can continue
  std::string text;                        // for the client, if not empty
  PublicKeyAuth key{};                     // with kKeyAcceptable
  std::vector<ipc::AuthPrompt> prompts{};  // with kPrompts
  bool monitor_lost = false;               // with kDisconnect: nobody is there to decide
};

class Authentication {
 public:
  Authentication(MonitorClient& monitor, std::vector<Bytes> host_keys)
      : monitor_(monitor), host_keys_(std::move(host_keys)) {}

  // The key that signed this connection's first exchange hash; host-bound signatures name it.
  void set_host_key(std::uint8_t index) {
    if (!host_key_) host_key_ = index;
  }

  // payload: SSH_MSG_USERAUTH_REQUEST from the user name on.
  AuthVerdict judge(std::span<const std::uint8_t> payload);

  // payload: SSH_MSG_USERAUTH_INFO_RESPONSE from the number of responses on.
  AuthVerdict judge_answers(std::span<const std::uint8_t> payload);

  // What the monitor has for the client to see before anything else; empty from the second call on.
  std::string take_banner() { return std::exchange(banner_, {}); }

  [[nodiscard]] const ipc::SessionPermissions& permissions() const { return permissions_; }

 private:
  Result<AuthVerdict> judge_request(AuthRequest request);
  Result<std::optional<AuthVerdict>> start(const AuthRequest& request);
  Result<AuthVerdict> query(const PublicKeyAuth& key);
  Result<AuthVerdict> verify(const PublicKeyAuth& key);
  Result<AuthVerdict> by_password(PasswordAuth password);
  Result<AuthVerdict> answer(std::optional<InteractiveAnswers> answers);
  static AuthVerdict or_disconnect(Result<AuthVerdict> verdict);
  Result<AuthVerdict> refuse(const std::string& method);
  AuthVerdict verdict_of(const ipc::AuthReply& reply);
  [[nodiscard]] bool is_bound_to_us(const PublicKeyAuth& key) const;

  MonitorClient& monitor_;
  std::vector<Bytes> host_keys_;
  std::optional<std::uint8_t> host_key_;
  std::optional<std::string> user_;
  std::string methods_;
  std::string banner_;
  bool asked_ = false;  // the client owes answers
  ipc::SessionPermissions permissions_;
};

}  // namespace ssh2incus
