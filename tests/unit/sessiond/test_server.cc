// See test_server.h.
#include "tests/unit/sessiond/test_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "monitor/signature_verifier.h"
#include "policy/public_key_algorithms.h"
#include "policy/signature_subject.h"
#include "tests/unit/guest/guest_process.h"
#include "tests/unit/sessiond_link/fake_incus.h"

namespace ssh2incus::test {
namespace {

constexpr const char* kNobody = "65534";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void make_key(const std::string& path, const std::string& type) {
  if (std::filesystem::exists(path)) return;
  const std::string line = "ssh-keygen -q -N '' -t " + type + " -f " + path;
  if (std::system(line.c_str()) != 0) std::abort();
}

}  // namespace

Folder::Folder() {
  std::string name = "/tmp/ssh2incus-sessiond-test.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path = name;
}
Folder::~Folder() { std::filesystem::remove_all(path); }

pid_t spawn_sessiond(const std::string& empty_root, int monitor_fd, int connection_fd) {
  const pid_t child = fork();
  if (child != 0) return child;
  // Out of the way of 3 and 4 first.
  const int monitor = fcntl(monitor_fd, F_DUPFD, 10);
  const int connection = fcntl(connection_fd, F_DUPFD, 10);
  dup2(monitor, 3);
  dup2(connection, 4);
  close_range(5, ~0U, 0);
  // It can't be traced, which looking for leaks at the end needs.
  setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  execl(SSH2INCUS_SESSIOND_PROGRAM, "ssh2incus-sessiond", empty_root.c_str(), kNobody, kNobody,
        nullptr);
  _exit(127);
}

struct TestServer::Connection {
  explicit Connection(ipc::IpcChannel end) : channel(std::move(end)) {}
  ipc::IpcChannel channel;
  pid_t pid = -1;
  bool reaped = false;
  Bytes session_id;
  ipc::SignatureAlgorithm algorithm{};
  std::string login;
  int failures = 0;
  std::size_t round = 0;
  std::unique_ptr<GuestProcess> guest;
  std::unique_ptr<FakeIncus> incus;
  bool served = false;  // all that sessiond said has been heard
  std::thread thread;
};

TestServer::TestServer(MonitorScript script) : script_(std::move(script)) {
  std::vector<std::string> paths;
  for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
    paths.push_back(folder_.path + "/host_" + type);
    make_key(paths.back(), type);
  }
  auto keys = HostKeys::load(paths);
  if (!keys.ok()) std::abort();
  host_keys_.emplace(std::move(*keys));
  std::filesystem::create_directory(folder_.path + "/empty");
  std::filesystem::permissions(folder_.path + "/empty", std::filesystem::perms{0755});
  listener_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_.get(), generic, length) != 0 || listen(listener_.get(), 64) != 0 ||
      getsockname(listener_.get(), generic, &length) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  std::ofstream known(folder_.path + "/known_hosts");
  for (const auto& path : paths) {
    known << "[127.0.0.1]:" << port_ << " " << read_file(path + ".pub");
  }
  acceptor_ = std::thread([this] { accept_connections(); });
}

TestServer::~TestServer() {
  stop_ = true;
  acceptor_.join();
  for (auto& connection : connections_) {
    if (!connection.reaped) kill(connection.pid, SIGKILL);
    if (connection.thread.joinable()) connection.thread.join();
    if (!connection.reaped) waitpid(connection.pid, nullptr, 0);
  }
}

void TestServer::accept_connections() {
  while (!stop_) {
    pollfd entry{listener_.get(), POLLIN, 0};
    if (poll(&entry, 1, 20) <= 0) continue;
    const UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid()) continue;
    const int on = 1;
    setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    auto ends = ipc::IpcChannel::pair();
    if (!ends.ok()) std::abort();
    const std::scoped_lock lock(mutex_);
    auto& connection = connections_.emplace_back(std::move(ends->first));
    connection.pid = spawn_sessiond(folder_.path + "/empty", ends->second.fd(), client.get());
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void TestServer::serve(Connection& connection) {
  while (true) {
    auto packet = connection.channel.receive();
    if (!packet.ok() || !*packet) break;
    if (auto status = answer(connection, (*packet)->bytes); !status.ok()) {
      const std::scoped_lock lock(mutex_);
      if (!script_.vanish_after_login) record_.protocol_errors.push_back(status.error().message);
      break;
    }
  }
  connection.channel = ipc::IpcChannel(UniqueFd());
  const std::scoped_lock lock(mutex_);
  connection.served = true;
}

ipc::HelloReply TestServer::hello() const {
  ipc::HelloReply reply;
  std::vector<BoundedBytes<limits::kMaxPublicKeyBlob>> blobs;
  for (const auto& blob : host_keys_->public_blobs()) blobs.emplace_back(blob);
  reply.host_keys = std::move(blobs);
  reply.key_exchange =
      script_.key_exchange.empty() ? std::string(kKeyExchangeAlgorithms) : script_.key_exchange;
  reply.host_key_algorithms = std::string(kHostKeyAlgorithms);
  reply.ciphers = std::string(kCiphers);
  reply.macs = std::string(kMacs);
  reply.public_key_algorithms = std::string(kPublicKeyAlgorithms);
  reply.software_version = std::string("ssh2incus_test");
  reply.max_sessions = script_.max_sessions;
  return reply;
}

Status TestServer::answer(Connection& connection, const Bytes& bytes) {
  using ipc::SessionMessage;
  const auto kind = ipc::kind_of<SessionMessage>(bytes);
  if (!kind) return fail("unknown message");
  const std::unique_lock lock(mutex_);
  switch (*kind) {
    case SessionMessage::kHelloRequest: return connection.channel.send(hello());
    case SessionMessage::kSignRequest: {
      const auto request = TRY(ipc::decode<ipc::SignRequest>(bytes));
      ++record_.signatures;
      connection.algorithm = request.algorithm;
      if (connection.session_id.empty()) connection.session_id = *request.exchange_hash;
      return connection.channel.send(ipc::SignReply{
          TRY(host_keys_->sign(request.host_key, request.algorithm, *request.exchange_hash))});
    }
    case SessionMessage::kHostKeyProofRequest: {
      const auto key = TRY(ipc::decode<ipc::HostKeyProofRequest>(bytes)).host_key;
      const auto by = host_keys_->proof_algorithm(key, connection.algorithm, kHostKeyAlgorithms);
      ++record_.proofs;
      return connection.channel.send(
          ipc::SignReply{TRY(host_keys_->prove(key, by.value(), connection.session_id))});
    }
    case SessionMessage::kSessionOpenedNotice:
      record_.opened.push_back(TRY(ipc::decode<ipc::SessionOpenedNotice>(bytes)));
      return {};
    case SessionMessage::kSessionClosedNotice:
      record_.closed.push_back(TRY(ipc::decode<ipc::SessionClosedNotice>(bytes)));
      return {};
    case SessionMessage::kForwardOpenedNotice:
    case SessionMessage::kForwardClosedNotice: return {};
    case SessionMessage::kDisconnectNotice:
      record_.disconnects.push_back(*TRY(ipc::decode<ipc::DisconnectNotice>(bytes)).reason);
      return {};
    case SessionMessage::kCrashNotice:
      record_.crashes.push_back(TRY(ipc::decode<ipc::CrashNotice>(bytes)).syscall);
      return {};
    default: return answer_auth(connection, *kind, bytes);
  }
}

Status TestServer::answer_auth(Connection& connection, ipc::SessionMessage kind,
                               const Bytes& bytes) {
  using ipc::SessionMessage;
  ipc::AuthReply refused;
  refused.methods = std::string("publickey");
  switch (kind) {
    case SessionMessage::kAuthStartRequest: {
      connection.login = *TRY(ipc::decode<ipc::AuthStartRequest>(bytes)).login;
      record_.logins.push_back(connection.login);
      ipc::AuthStartReply reply;
      if (!script_.refusal.empty()) reply.refusal = script_.refusal;
      reply.methods = std::string("publickey");
      return connection.channel.send(reply);
    }
    case SessionMessage::kPublicKeyQueryRequest:
      ++record_.queries;
      if (!script_.accept_keys) ++record_.failures;
      if (!script_.accept_keys && ++connection.failures >= script_.most_failures) {
        TRY(connection.channel.send(
            ipc::ShutdownNotice{std::string("Too many authentication failures")}));
      }
      return connection.channel.send(ipc::PublicKeyQueryReply{script_.accept_keys});
    case SessionMessage::kPublicKeyVerifyRequest:
      return verify(connection, TRY(ipc::decode<ipc::PublicKeyVerifyRequest>(bytes)));
    case SessionMessage::kNoneAuthRequest: return connection.channel.send(refused);
    case SessionMessage::kUnsupportedAuthRequest:
      record_.unsupported.push_back(*TRY(ipc::decode<ipc::UnsupportedAuthRequest>(bytes)).method);
      if (++connection.failures >= script_.most_failures) {
        refused.outcome = ipc::AuthOutcome::kTooManyFailures;
      }
      return connection.channel.send(refused);
    case SessionMessage::kPasswordAuthRequest: {
      const auto request = TRY(ipc::decode<ipc::PasswordAuthRequest>(bytes));
      record_.passwords.emplace_back(request.password->text());
      return judge_password(connection, record_.passwords.back() == script_.password);
    }
    case SessionMessage::kInteractiveAuthRequest: connection.round = 0; return ask(connection);
    case SessionMessage::kInteractiveAnswersRequest: {
      const auto request = TRY(ipc::decode<ipc::InteractiveAnswersRequest>(bytes));
      auto& texts = record_.answers.emplace_back();
      for (const auto& answer : request.answers) texts.emplace_back(answer->text());
      if (++connection.round < script_.rounds) return ask(connection);
      return judge_password(connection, !texts.empty() && texts.back() == script_.password);
    }
    default: return fail("unexpected message");
  }
}

Status TestServer::judge_password(Connection& connection, bool right) {
  ipc::AuthReply reply;
  reply.methods = std::string("publickey,password,keyboard-interactive");
  reply.text = std::string("a word from PAM");
  if (right && !script_.password.empty()) {
    reply.outcome = ipc::AuthOutcome::kSuccess;
    reply.permissions = script_.permissions;
    TRY(connection.channel.send(reply));
    return open_target(connection);
  }
  if (++connection.failures >= script_.most_failures) {
    reply.outcome = ipc::AuthOutcome::kTooManyFailures;
  }
  return connection.channel.send(reply);
}

Status TestServer::ask(Connection& connection) {
  ipc::AuthReply reply;
  reply.outcome = ipc::AuthOutcome::kPrompts;
  reply.text = std::string("instruction");
  std::vector<ipc::AuthPrompt> prompts;
  for (std::size_t i = 0; i < script_.prompts; ++i) {
    const std::string number = std::to_string(connection.round) + "." + std::to_string(i) + ": ";
    prompts.push_back({number, i % 2 == 1});
  }
  reply.prompts = std::move(prompts);
  return connection.channel.send(reply);
}

Status TestServer::verify(Connection& connection, const ipc::PublicKeyVerifyRequest& request) {
  const auto blobs = host_keys_->public_blobs();
  std::optional<std::span<const std::uint8_t>> host_key;
  if (request.hostbound) {
    ++record_.host_bound;
    host_key = blobs.at(request.host_key);
  }
  const Bytes data = public_key_signed_data(connection.session_id, connection.login,
                                            *request.algorithm, *request.key_blob, host_key);
  const auto verified = verify_signature(*request.key_blob, *request.algorithm, *request.signature,
                                         data, SkRequirements{});
  ipc::AuthReply reply;
  reply.methods = std::string("publickey");
  if (!verified.ok() || !script_.accept_keys) {
    if (!verified.ok()) ++record_.wrong_signatures;
    return connection.channel.send(reply);
  }
  ++record_.verified;
  reply.outcome = ipc::AuthOutcome::kSuccess;
  reply.permissions = script_.permissions;
  TRY(connection.channel.send(reply));
  if (script_.vanish_after_login) return fail("vanished");
  return open_target(connection);
}

Status TestServer::open_target(Connection& connection) {
  if (!script_.progress.empty()) {
    TRY(connection.channel.send(ipc::TargetProgressNotice{script_.progress}));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(script_.target_delay_ms));
  if (!script_.failure.empty()) {
    return connection.channel.send(ipc::TargetFailedNotice{script_.failure, 255});
  }
  if (!script_.real_guest) return {};
  auto grant = grant_for("root");
  grant.max_sessions = script_.max_sessions;
  connection.guest = std::make_unique<GuestProcess>(grant);
  if (connection.guest->hello().outcome != GuestOutcome::kReady) return fail("no guest");
  WebsocketPairs pairs;
  connection.incus =
      std::make_unique<FakeIncus>(std::move(pairs.server), connection.guest->take_pipes());
  std::array<int, 4> fds{};
  std::ranges::transform(pairs.client, fds.begin(), &UniqueFd::get);
  return connection.channel.send(
      ipc::TargetReadyNotice{std::string("test"), 0, script_.silence_limit_seconds, {}}, fds);
}

std::string TestServer::client_key(const std::string& type) {
  const std::string path = folder_.path + "/client_" + type;
  make_key(path, type);
  return path;
}

MonitorRecord TestServer::record() {
  const std::scoped_lock lock(mutex_);
  return record_;
}

std::vector<pid_t> TestServer::processes() {
  const std::scoped_lock lock(mutex_);
  std::vector<pid_t> pids;
  for (const auto& connection : connections_) pids.push_back(connection.pid);
  return pids;
}

bool TestServer::all_ended(int limit_ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  while (std::chrono::steady_clock::now() < end) {
    bool all = true;
    {
      const std::scoped_lock lock(mutex_);
      for (auto& connection : connections_) {
        connection.reaped =
            connection.reaped || waitpid(connection.pid, nullptr, WNOHANG) == connection.pid;
        all = all && connection.reaped && connection.served;
      }
    }
    if (all) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string TestServer::ssh_command(const std::string& options) {
  std::string line =
      "ssh -F none " + options + " -o BatchMode=yes -o IdentitiesOnly=yes -o LogLevel=ERROR ";
  line += "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=" + folder_.path + "/known_hosts ";
  line += "-o ConnectTimeout=20 -p " + std::to_string(port_);
  if (options.find("-i ") == std::string::npos) line += " -i " + client_key();
  return line + " test@127.0.0.1 ";
}

TestServer::Run TestServer::ssh(const std::string& options, const std::string& command,
                                const std::string& input) {
  return run_shell(folder_.path, ssh_command(options) + command, input);
}

TestServer::Run run_shell(const std::string& folder, const std::string& line,
                          const std::string& input) {
  static std::atomic<int> counter = 0;
  const std::string base = folder + "/run" + std::to_string(++counter);
  std::ofstream(base + ".in", std::ios::binary) << input;
  const std::string whole =
      "timeout 120 " + line + " <" + base + ".in >" + base + ".out 2>" + base + ".err";
  const int status = std::system(whole.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(base + ".out"),
          read_file(base + ".err")};
}

}  // namespace ssh2incus::test
