// What the server runs with: the flags' values, checked, with OpenSSH's defaults where it has one.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/guest_protocol.h"
#include "common/limits.h"
#include "policy/access_policy.h"
#include "policy/authentication_chains.h"
#include "policy/balancers.h"
#include "policy/create_config.h"
#include "policy/forward_settings.h"
#include "policy/penalties.h"
#include "policy/public_key_algorithms.h"
#include "policy/startups.h"
#include "policy/user_penalties.h"

namespace ssh2incus {

struct RemoteTable;  // monitor/remotes.h

#ifndef SSH2INCUS_LIBEXECDIR
#define SSH2INCUS_LIBEXECDIR "/usr/libexec/ssh2incus"
#endif

// As the files have them (monitor/greeting_files.h).
struct Greetings {
  std::optional<std::string> banner;  // none: the built-in one
  std::string welcome;
  std::string hostname;
};

struct ServerConfig {
  std::vector<std::string> listen = {":2222"};
  std::vector<std::string> host_key_files;  // empty: the defaults of /etc/ssh
  std::vector<std::string> allowed_groups = {"incus", "incus-admin"};
  std::string incus_socket;               // of incusd; empty: none is used
  bool socket_is_default_remote = false;  // --socket was given
  std::string remote;                     // the default one; empty: the client's
  std::string remote_url;                 // the default one instead; with it, paths, or empty:
  std::string remote_client_certificate;
  std::string remote_client_key;
  std::string remote_server_certificate;
  std::shared_ptr<RemoteTable>
      remotes;  // from there and the client's files; none: the socket alone
  std::string libexec_dir = SSH2INCUS_LIBEXECDIR;
  std::string run_dir = "/run/ssh2incus";
  std::string pid_file;
  bool master = false;  // connections outlive the listener
  bool debug = false;

  AuthenticationChains auth_chains =
      AuthenticationChains::any_of(std::array{AuthMethod::kPublicKey});
  std::string trusted_user_ca_keys;  // paths; empty: none
  std::string revoked_keys;
  std::string authorized_principals_file;  // a pattern, see monitor/key_sources.h
  std::string pam_service = "ssh2incus";
  int password_failure_ms = limits::kPasswordFailureMs;  // a refused password takes that at least
  bool chroot_sftp = false;  // --chroot-sftp: sftp is confined to the home, except root's
  bool instance_authentication = false;  // --inauth: keys and passwords inside instances
  bool no_authentication = false;        // --noauth
  bool known_to_be_open = false;         // --i-know-this-is-open
  int login_grace_seconds = limits::kLoginGraceSeconds;
  std::uint32_t max_auth_tries = 6;
  std::uint32_t max_sessions = limits::kMaxSessionsPerConnection;
  MaxStartups max_startups;
  std::uint32_t per_source_max_startups = 0;  // 0: no limit
  unsigned source_ipv4_bits = 32;             // what one source is
  unsigned source_ipv6_bits = 64;
  std::string diagnostics_listen;                    // empty: no diagnostics
  std::optional<std::chrono::seconds> health_check;  // interval; none: no checks
  Balancers balancers;                               // whose PROXY headers count
  std::string penalty_exempt;                        // address list, see policy/ip_address.h
  int penalty_half_life_seconds = 120;
  bool penalties = true;
  PenaltySettings penalty_settings;  // exempt, half-life and bits: as above
  UserPenaltySettings user_penalty_settings;
  // Comma-separated subsets of what policy/public_key_algorithms.h has, in order of preference.
  std::string key_exchange = std::string(kKeyExchangeAlgorithms);
  std::string ciphers = std::string(kCiphers);
  std::string macs = std::string(kMacs);
  std::string host_key_algorithms = std::string(kHostKeyAlgorithms);
  std::string public_key_algorithms = std::string(kPublicKeyAlgorithms);
  std::string access;  // preset or file; empty: kDefaultAccessFile if it's there
  std::shared_ptr<const AccessPolicy> access_policy;  // from there; none: allowed_groups decide
  bool allow_create = false;                          // --allow-create
  std::string create_config_file;                     // empty: the default one, if it's there
  std::shared_ptr<const CreateConfig> create_config;  // from there
  std::chrono::seconds idle_timeout{0};               // of all sessions; 0: none
  std::chrono::seconds instance_timeout{300};         // of a silent guest; 0: none
  std::vector<AuthMethod> enabled_methods = {AuthMethod::kPublicKey};  // that rules may demand
  std::vector<std::string> accepted_environment = {"LANG",      "LANGUAGE", "LC_*",    "TERM",
                                                   "COLORTERM", "TZ",       "NO_COLOR"};
  ForwardSettings forwarding;
  std::vector<std::string> permitted_key_environment;  // by environment= in authorized_keys
  bool banner = false;
  std::string banner_file;  // empty: the default one, if it's there
  bool welcome = false;
  std::string welcome_file;  // the same
  Greetings greetings;       // from there
  ShellMode shell_mode = ShellMode::kUserShell;
  bool incus_shell = true;                              // %shell, for whom the access policy lets
  SessionKeeper session_keeper = SessionKeeper::kTmux;  // of logins that ask for a session to stay
  std::string
      authorized_keys_command;  // with arguments, see policy/key_command_line.h; empty: none
  std::string authorized_keys_command_user;

  // Whether PAM is asked for more than the account.
  [[nodiscard]] bool password_authentication() const {
    return offers(AuthMethod::kPassword) || offers(AuthMethod::kKeyboardInteractive);
  }
  // In a chain, or because an access rule may demand it.
  [[nodiscard]] bool offers(AuthMethod method) const {
    return auth_chains.uses(method) ||
           std::ranges::find(enabled_methods, method) != enabled_methods.end();
  }
};

}  // namespace ssh2incus
