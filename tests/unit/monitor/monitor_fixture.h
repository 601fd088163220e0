// A monitor between a sessiond and an attendant played by the test, over real sockets: sessiond's
// part may lie in every way, the attendant answers as configured.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "common/ipc_channel.h"
#include "monitor/monitor.h"
#include "monitor/public_key.h"
#include "policy/signature_subject.h"

namespace ssh2incus {

inline void append_string(Bytes& out, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(size >> shift));
  out.insert(out.end(), text.begin(), text.end());
}

inline std::string_view as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline BoundedSecret<limits::kMaxAnswer> secret(std::string_view text) {
  return BoundedSecret<limits::kMaxAnswer>(Secret::copy_of(Bytes(text.begin(), text.end())));
}

inline ipc::InteractiveAnswersRequest answers(const std::vector<std::string>& texts) {
  std::vector<BoundedSecret<limits::kMaxAnswer>> list;
  for (const std::string& text : texts) list.push_back(secret(text));
  return {std::move(list)};
}

// An ed25519 key of a client.
class ClientKey {
 public:
  ClientKey() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) {
    Bytes raw(32);
    std::size_t length = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &length);
    append_string(blob_, "ssh-ed25519");
    append_string(blob_, as_text(raw));
  }
  [[nodiscard]] const Bytes& blob() const { return blob_; }
  [[nodiscard]] Bytes sign(const Bytes& data) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
    Bytes raw(64);
    std::size_t length = raw.size();
    EVP_DigestSign(context.get(), raw.data(), &length, data.data(), data.size());
    Bytes out;
    append_string(out, "ssh-ed25519");
    append_string(out, as_text(raw));
    return out;
  }

 private:
  EvpKey key_;
  Bytes blob_;
};

class MonitorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::filesystem::temp_directory_path() / ("s2imonitor" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    const std::string command =
        "ssh-keygen -q -t ed25519 -N '' -f " + (directory_ / "key").string();
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(directory_); }

  void SetUp() override { config_.login_grace_seconds = 20; }

  void start() {
    auto keys = HostKeys::load({(directory_ / "key").string()});
    ASSERT_TRUE(keys.ok()) << keys.error().message;
    host_keys_.emplace(std::move(*keys));
    auto sessiond = ipc::IpcChannel::pair();
    auto attendant = ipc::IpcChannel::pair();
    ASSERT_TRUE(sessiond.ok() && attendant.ok());
    sessiond_.emplace(std::move(sessiond->first));
    attendant_thread_ = std::thread(
        [this, channel = std::move(attendant->first)]() mutable { play_attendant(channel); });
    ConnectionInfo info;
    info.id = "test";
    info.peer = {"192.0.2.1", 1000};
    info.local = {"192.0.2.2", 2222};
    info.held_back = [this](const std::string& user, const std::optional<IpAddress>&) {
      return held_back_.contains(user);
    };
    info.proxied = proxied_;
    std::optional<ipc::IpcChannel> listener;
    if (with_listener_) {
      auto notices = ipc::IpcChannel::pair();
      ASSERT_TRUE(notices.ok());
      listener_.emplace(std::move(notices->first));
      listener.emplace(std::move(notices->second));
    }
    monitor_ = std::make_unique<Monitor>(
        config_, *host_keys_, info, Log::open(false),
        Monitor::Channels{std::move(sessiond->second), std::move(attendant->second),
                          std::move(listener)});
    ended_ = std::async(std::launch::async, [this] {
      const ConnectionEnd how = monitor_->run();
      monitor_.reset();
      return how;
    });
  }

  void TearDown() override {
    sessiond_.reset();
    if (ended_.valid()) ended_.get();
    gateway_.reset();
    if (attendant_thread_.joinable()) attendant_thread_.join();
  }

  // How the monitor ended; the test's sessiond has closed or lied.
  ConnectionEnd ended() { return ended_.get(); }

  template <typename T>
  T expect() {
    auto message = sessiond_->receive_message<T>(10'000);
    EXPECT_TRUE(message.ok()) << message.error().message;
    return message.ok() ? *message : T{};
  }

  void send(const auto& message) { ASSERT_TRUE(sessiond_->send(message).ok()); }

  // Brings the monitor to a state as an honest sessiond would.
  void go_to(MonitorState state) {
    if (state == MonitorState::kStarting) return;
    send(ipc::HelloRequest{});
    hello_ = expect<ipc::HelloReply>();
    if (state == MonitorState::kAwaitingSource) return;
    if (state == MonitorState::kKeyExchange) return;
    send(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, session_id_});
    expect<ipc::SignReply>();
    if (state == MonitorState::kReady) return;
    send(ipc::AuthStartRequest{login_});
    expect<ipc::AuthStartReply>();
    if (state == MonitorState::kAuthenticating) return;
    send(signed_request(key_, session_id_, login_));
    ASSERT_EQ(expect<ipc::AuthReply>().outcome, ipc::AuthOutcome::kSuccess);
  }

  static ipc::PublicKeyVerifyRequest signed_request(const ClientKey& key, const Bytes& session_id,
                                                    const std::string& login) {
    ipc::PublicKeyVerifyRequest request;
    request.algorithm = std::string("ssh-ed25519");
    request.key_blob = key.blob();
    request.signature =
        key.sign(public_key_signed_data(session_id, login, "ssh-ed25519", key.blob()));
    return request;
  }

  void play_attendant(ipc::IpcChannel& channel) {
    for (;;) {
      auto packet = channel.receive();
      if (!packet.ok() || !*packet) return;
      const auto kind = ipc::kind_of<AttendantMessage>((*packet)->bytes);
      ASSERT_TRUE(kind);
      Status sent;
      if (*kind == AttendantMessage::kLookupRequest) {
        LookupReply reply;
        reply.found = user_exists_;
        reply.groups = std::vector<BoundedString<kMaxGroupName>>{group_};
        reply.uid = uid_;
        sent = channel.send(reply);
      } else if (*kind == AttendantMessage::kKeysRequest) {
        const auto request = ipc::decode<KeysRequest>((*packet)->bytes);
        KeysReply reply;
        const bool trusted =
            !request->certificate || trusted_cas_.contains(*request->certificate->ca_key);
        const bool known =
            *request->key_blob == authorised_blob_ || *request->key_blob == second_key_.blob();
        if (known && trusted)
          reply.accepted = AuthorizedLine{grant_, std::string("keys"), 1, {}, {}};
        key_requests_.push_back(*request);
        sent = channel.send(reply);
      } else if (*kind == AttendantMessage::kAccountRequest) {
        ++account_checks_;
        sent = channel.send(
            AccountReply{account_valid_, std::string(account_valid_ ? "" : "expired"), {}});
      } else if (const auto pam = play_pam(*kind, (*packet)->bytes)) {
        sent = channel.send(*pam);
      } else {
        auto pair = ipc::IpcChannel::pair();
        gateway_promise_.set_value(std::move(pair->first));
        const int fd = pair->second.fd();
        sent = channel.send(GatewayStartReply{1, {}}, std::array{fd});
      }
      EXPECT_TRUE(sent.ok());
    }
  }

  // PAM as configured: `password_`, asked for by keyboard-interactive in pam_rounds_ rounds of two
  // prompts of which the first of the last round must be answered by it.
  std::optional<PamReply> play_pam(AttendantMessage kind, const Bytes& bytes) {
    if (kind == AttendantMessage::kPamAbortRequest) {
      ++pam_aborts_;
      return PamReply{};
    }
    if (kind == AttendantMessage::kPamStartRequest) {
      const auto request = ipc::decode<PamStartRequest>(bytes);
      ++pam_starts_;
      pam_hopeless_ = request->hopeless;
      pam_round_ = 0;
      if (!request->password) return pam_prompts();
      return pam_result((*request->password)->text() == password_);
    }
    if (kind != AttendantMessage::kPamAnswersRequest) return std::nullopt;
    const auto request = ipc::decode<PamAnswersRequest>(bytes);
    if (++pam_round_ < pam_rounds_) return pam_prompts();
    return pam_result((*request->answers.begin())->text() == password_);
  }
  [[nodiscard]] PamReply pam_prompts() const {
    PamReply reply;
    reply.outcome = PamOutcome::kPrompts;
    reply.text = std::string("first\nsecond\x1b[2J");
    reply.prompts = std::vector<PamPrompt>{{std::string("Code:\x07 "), true},
                                           {std::string("Password: "), false}};
    return reply;
  }
  [[nodiscard]] PamReply pam_result(bool right) const {
    PamReply reply = pam_reply_;
    if (!right) reply.outcome = PamOutcome::kFailed;
    return reply;
  }

  // The gateway's end, once the monitor has asked for one; and the grant that it sent.
  ipc::OpenRequest gateway_request() {
    gateway_.emplace(gateway_promise_.get_future().get());
    auto request = gateway_->receive_message<ipc::OpenRequest>(10'000);
    EXPECT_TRUE(request.ok());
    return request.ok() ? std::move(*request) : ipc::OpenRequest{};
  }

  static inline std::filesystem::path directory_;
  ServerConfig config_;
  std::optional<HostKeys> host_keys_;
  std::optional<ipc::IpcChannel> sessiond_;
  std::optional<ipc::IpcChannel> gateway_;
  bool with_listener_ = false;
  bool proxied_ = false;                     // from behind a load balancer
  std::optional<ipc::IpcChannel> listener_;  // what the monitor tells it is read here
  std::promise<ipc::IpcChannel> gateway_promise_;
  std::unique_ptr<Monitor> monitor_;
  std::future<ConnectionEnd> ended_;
  std::thread attendant_thread_;

  ipc::HelloReply hello_;
  Bytes session_id_ = Bytes(32, 7);
  std::string login_ = "c1";
  ClientKey key_;
  Bytes authorised_blob_ = key_.blob();
  ClientKey second_key_;  // authorised too
  KeyGrant grant_;
  std::set<Bytes> trusted_cas_;
  std::set<std::string> held_back_;        // host users
  std::vector<KeysRequest> key_requests_;  // read once the attendant isn't asked any more
  bool user_exists_ = true;
  std::uint32_t uid_ = 0;
  std::string group_ = "users";
  bool account_valid_ = true;
  int account_checks_ = 0;
  std::string password_ = "right";
  int pam_rounds_ = 1;
  int pam_round_ = 0;
  PamReply pam_reply_ = {PamOutcome::kSuccess, {}, {}, {}};
  std::atomic<int> pam_starts_ = 0;
  std::atomic<int> pam_aborts_ = 0;
  std::atomic<bool> pam_hopeless_ = false;
};

}  // namespace ssh2incus
