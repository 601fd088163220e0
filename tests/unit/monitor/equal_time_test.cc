// Refusals take the same time for a wrong user, a wrong proof, a wrong group and a locked account,
// whichever way is tried: passwords, keyboard-interactive, public keys.
#include "policy/base64.h"
#include "tests/unit/monitor/equal_time_fixture.h"

namespace ssh2incus {
namespace {

constexpr int kPamFloorMs = 120;  // far above what PAM takes beside so many others
constexpr int kPamAtOnce = 30;
constexpr int kKeysAtOnce = 4;
constexpr int kSignaturesAtOnce = 10;  // they sleep most of the time

constexpr const char* kPassword = "right-Horse-5";
// sha512-crypt of it with few rounds: the tests are about time, not about hashes.
constexpr const char* kMakeHash =
    "perl -e 'print crypt(\"right-Horse-5\", \"\\$6\\$rounds=1000\\$saltsalt\\$\")'";

// With accounts of the host's, and real attendants.
class EqualTimeOnHost : public EqualTime {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    EqualTime::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const std::string base = "s2ieq" + std::to_string(getpid() % 100'000);
    for (const char* suffix : {"a", "b", "c"}) {
      const std::string name = base + suffix;
      if (!run("useradd --no-create-home --shell /bin/sh -p \"$(" + std::string(kMakeHash) +
               ")\" " + name)) {
        GTEST_SKIP() << "can't make accounts";
      }
      made_.push_back(name);
    }
    user_ = base + "a";
    not_in_group_ = base + "b";
    locked_ = base + "c";
    unknown_ = base + "x";
    ASSERT_TRUE(run("usermod -L -e 1 " + locked_));
    config_.allowed_groups = {user_, locked_};  // their own groups
    directory_.write("s2ieq", "auth required pam_unix.so\naccount required pam_unix.so\n", 0644);
    attendant_config_.account.service = "s2ieq";
    attendant_config_.account.configuration_directory = directory_.path();
  }
  void TearDown() override {
    for (const std::string& name : made_) run("userdel " + name);
  }
  SpawnedAttendant start_attendant() override { return spawn_attendant(attendant_config_).value(); }

  std::string user_, not_in_group_, locked_, unknown_;
  AttendantConfig attendant_config_;

 private:
  std::vector<std::string> made_;
};

class EqualTimeOfPam : public EqualTimeOnHost {
 protected:
  void SetUp() override {
    EqualTimeOnHost::SetUp();
    config_.auth_chains = AuthenticationChains::any_of(
        std::array{AuthMethod::kPassword, AuthMethod::kKeyboardInteractive});
    config_.password_failure_ms = kPamFloorMs;
    attendant_config_.password_authentication = true;
  }
  // with_password(password) is a group's attempt.
  std::vector<Group> groups(const auto& with_password) const {
    return {{"wrong user", "c1+" + unknown_, with_password(kPassword)},
            {"wrong password", "c1+" + user_, with_password("wrong-Horse-5")},
            {"wrong group", "c1+" + not_in_group_, with_password(kPassword)},
            {"locked account", "c1+" + locked_, with_password(kPassword)}};
  }
};

TEST_F(EqualTimeOfPam, OfRefusedPasswords) {
  auto all = groups([](const char* password) {
    return [password](Conversation& with, const Group& group, int) {
      const auto reply = with.ask<ipc::AuthReply>(ipc::PasswordAuthRequest{secret(password)});
      EXPECT_EQ(reply.outcome, ipc::AuthOutcome::kFailure) << group.name;
      EXPECT_TRUE(reply.text.empty()) << group.name;
      return Times{{"refusal", with.took_ms()}};
    };
  });
  hammer(all, kPamAtOnce, kPamFloorMs);
  expect_equal(all);
}

TEST_F(EqualTimeOfPam, OfConversations) {
  auto all = groups([](const char* password) {
    return [password](Conversation& with, const Group& group, int) {
      Times times;
      const auto question = with.ask<ipc::AuthReply>(ipc::InteractiveAuthRequest{});
      times["question"] = with.took_ms();
      EXPECT_EQ(question.outcome, ipc::AuthOutcome::kPrompts) << group.name;
      EXPECT_EQ(question.prompts.size(), 1U) << group.name;
      const auto reply = with.ask<ipc::AuthReply>(answers({password}));
      times["refusal"] = with.took_ms();
      EXPECT_EQ(reply.outcome, ipc::AuthOutcome::kFailure) << group.name;
      EXPECT_TRUE(reply.text.empty()) << group.name;
      return times;
    };
  });
  hammer(all, kPamAtOnce, kPamFloorMs);
  expect_equal(all);
}

class EqualTimeOfKeys : public EqualTimeOnHost {
 protected:
  void SetUp() override {
    EqualTimeOnHost::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    config_.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kPublicKey});
    // Where only root can write.
    keys_.emplace("/var/lib");
    ASSERT_EQ(chmod(keys_->path().c_str(), 0755), 0);
    std::string lines;
    for (const ClientKey& key : authorised_)
      lines += "ssh-ed25519 " + encode_base64(key.blob()) + "\n";
    for (const auto& user : {user_, not_in_group_, locked_}) keys_->write(user, lines, 0644);
    attendant_config_.key_sources.authorized_keys = {keys_->path("%u")};
  }
  // A key is new in each try: verdicts about those that were asked for before are remembered.
  std::vector<Group> groups(const auto& with_key) const {
    const auto unknown = [with_key](Conversation& with, const Group& group, int) {
      return with_key(with, group, ClientKey());
    };
    const auto authorised = [this, with_key](Conversation& with, const Group& group, int number) {
      return with_key(with, group, authorised_[static_cast<std::size_t>(number)]);
    };
    return {{"wrong user", "c1+" + unknown_, unknown},
            {"key that isn't authorised", "c1+" + user_, unknown},
            {"wrong group", "c1+" + not_in_group_, authorised},
            {"locked account", "c1+" + locked_, authorised}};
  }

  std::optional<TemporaryDirectory> keys_;
  std::array<ClientKey, kPerConnection> authorised_;
};

TEST_F(EqualTimeOfKeys, OfRefusedQueries) {
  auto all = groups([](Conversation& with, const Group& group, const ClientKey& key) {
    const auto reply = with.ask<ipc::PublicKeyQueryReply>(
        ipc::PublicKeyQueryRequest{std::string("ssh-ed25519"), key.blob()});
    EXPECT_FALSE(reply.acceptable) << group.name;
    return Times{{"refusal", with.took_ms()}};
  });
  all.pop_back();  // whether an account is locked is asked of those who have proven a key
  hammer(all, kKeysAtOnce, limits::kMinimumFailureMs);
  expect_equal(all);
}

TEST_F(EqualTimeOfKeys, OfRefusedSignatures) {
  auto all = groups([](Conversation& with, const Group& group, const ClientKey& key) {
    ipc::PublicKeyVerifyRequest request;
    request.algorithm = std::string("ssh-ed25519");
    request.key_blob = key.blob();
    request.signature = key.sign(
        public_key_signed_data(Conversation::session_id(), group.login, "ssh-ed25519", key.blob()));
    const auto reply = with.ask<ipc::AuthReply>(request);
    EXPECT_EQ(reply.outcome, ipc::AuthOutcome::kFailure) << group.name;
    return Times{{"refusal", with.took_ms()}};
  });
  hammer(all, kSignaturesAtOnce, limits::kSignatureFailureMs);
  expect_equal(all);
}

TEST(KolmogorovSmirnov, SeesADifference) {
  constexpr int kSize = 1000;
  std::mt19937 random(1);
  std::normal_distribution<double> one(0, 1);
  std::normal_distribution<double> other(1, 1);
  std::vector<double> a, b, c;
  for (int i = 0; i < kSize; ++i) {
    a.push_back(one(random));
    b.push_back(one(random));
    c.push_back(other(random));
  }
  EXPECT_LT(ks_distance(a, b), 0.087);
  EXPECT_GT(ks_distance(a, c), 0.25);
}

}  // namespace
}  // namespace ssh2incus
