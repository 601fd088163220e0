// The environment of a session's program, as a pure function of the account, the grant, what the
// client asked for and the instance's own settings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/account_files.h"
#include "common/guest_protocol.h"

namespace ssh2incus::guest {

// Names in the order of first appearance, each once.
class Environment {
 public:
  void set(std::string_view name, std::string_view value);
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  // "NAME=VALUE" for execve().
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

struct EnvironmentSources {
  const Account& account;
  const GuestGrant& grant;
  const OpenSession& request;
  std::string_view etc_environment;          // content of /etc/environment, or nothing
  std::optional<std::string_view> timezone;  // TZ of the guest itself
  std::string_view tty;                      // empty without a pty
  std::string_view agent_socket = {};        // empty without an agent
};

// Weakest first: defaults and /etc/environment, the client's variables as far as the grant accepts
// them, who the user is, the grant's own, and what describes this session.
Environment session_environment(const EnvironmentSources& sources);

}  // namespace ssh2incus::guest
