// A listener on loopback with the real ssh2incus-sessiond behind it, in its sandbox, and a stand-in
// for the monitor that does what a test tells it. Behind that, if wanted, a real guest.
#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/ipc_channel.h"
#include "common/ipc_sessiond.h"
#include "common/unique_fd.h"
#include "monitor/host_keys.h"

namespace ssh2incus::test {

struct MonitorScript {
  std::string key_exchange{};  // empty: the server's own list
  bool accept_keys = true;     // otherwise no key is authorised
  std::string refusal{};       // of the login name
  int most_failures = 6;
  std::uint32_t max_sessions = 10;
  ipc::SessionPermissions permissions{.shell = true, .exec = true, .pty = true};
  std::string progress{};  // before the target is ready
  std::string failure{};   // of the target
  std::uint32_t silence_limit_seconds = 0;
  int target_delay_ms = 0;
  bool real_guest = true;  // otherwise the target stays on its way
  bool vanish_after_login = false;
  std::string password{};  // of everybody; empty: none is right
  std::size_t rounds = 1;  // of questions, and how many prompts each has
  std::size_t prompts = 1;
};

struct MonitorRecord {
  std::vector<std::string> logins;
  std::size_t signatures = 0;
  std::size_t queries = 0;
  std::size_t verified = 0;
  std::size_t wrong_signatures = 0;
  std::size_t host_bound = 0;
  std::size_t proofs = 0;  // of host keys
  std::size_t failures = 0;
  std::vector<std::string> unsupported;
  std::vector<std::string> passwords;
  std::vector<std::vector<std::string>> answers;  // round by round
  std::vector<ipc::SessionOpenedNotice> opened;
  std::vector<ipc::SessionClosedNotice> closed;
  std::vector<std::string> disconnects;
  std::vector<std::uint32_t> crashes;
  std::vector<std::string> protocol_errors;
};

struct Folder {
  Folder();
  ~Folder();
  std::string path;
};

class TestServer {
 public:
  explicit TestServer(MonitorScript script = {});
  ~TestServer();

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] const std::string& folder() const { return folder_.path; }
  // A client key of that type ("ed25519", "ecdsa", "rsa"), made when first asked for.
  std::string client_key(const std::string& type = "ed25519");
  MonitorRecord record();
  // Whether every sessiond has ended by itself within the limit.
  bool all_ended(int limit_ms = 30'000);
  std::vector<pid_t> processes();

  // `ssh` with these arguments before "test@127.0.0.1"; command is one shell word list after it.
  struct Run {
    int status = -1;
    std::string output;
    std::string errors;
  };
  Run ssh(const std::string& options, const std::string& command, const std::string& input = "");
  // The same as a shell command line, to be put into larger ones.
  std::string ssh_command(const std::string& options);

 private:
  struct Connection;
  void accept_connections();
  void serve(Connection& connection);
  Status answer(Connection& connection, const Bytes& bytes);
  Status answer_auth(Connection& connection, ipc::SessionMessage kind, const Bytes& bytes);
  Status verify(Connection& connection, const ipc::PublicKeyVerifyRequest& request);
  Status judge_password(Connection& connection, bool right);
  Status ask(Connection& connection);
  Status open_target(Connection& connection);
  ipc::HelloReply hello() const;

  MonitorScript script_;
  Folder folder_;
  std::optional<HostKeys> host_keys_;
  UniqueFd listener_;
  int port_ = 0;
  std::mutex mutex_;
  MonitorRecord record_;
  std::list<Connection> connections_;
  std::atomic<bool> stop_ = false;
  std::thread acceptor_;
};

// Runs a shell command line.
TestServer::Run run_shell(const std::string& folder, const std::string& line,
                          const std::string& input = "");
// Starts sessiond as the launcher does; fds 3 and 4 are these.
pid_t spawn_sessiond(const std::string& empty_root, int monitor_fd, int connection_fd);

}  // namespace ssh2incus::test
