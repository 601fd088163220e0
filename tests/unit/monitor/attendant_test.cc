// The attendant as the monitor meets it: its answers, its rules, and how little it keeps.
#include "monitor/attendant.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "monitor/attendant_client.h"
#include "tests/unit/monitor/temporary_directory.h"
#include "tests/unit/monitor/test_keys.h"

namespace ssh2incus {
namespace {

using testing::HasSubstr;

constexpr int kWaitMs = 10'000;

class Attendant : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    config_.account = {"s2itest", directory_.path(), 5000};
    config_.gateways["local"] = {REPORT_PROCESS, 54321, 54322, 54323};
    directory_.write("s2itest", "account required pam_unix.so\n", 0644);
    auto spawned = spawn_attendant(config_);
    ASSERT_TRUE(spawned.ok()) << spawned.error().message;
    spawned_.emplace(std::move(spawned).value());
  }
  void TearDown() override {
    if (!spawned_) return;
    spawned_->channel.release().reset();
    waitpid(spawned_->pid, nullptr, 0);
  }
  ipc::IpcChannel& channel() { return spawned_->channel; }
  Result<LookupReply> look_up(const std::string& name) {
    return attendant_lookup(channel(), HostUser::parse(name).value(), "192.0.2.1", kWaitMs);
  }
  KeysRequest some_key() {
    KeysRequest request;
    request.key_blob = make_ed25519().blob;
    request.algorithm = std::string("ssh-ed25519");
    request.source_address = std::string("192.0.2.1");
    return request;
  }
  std::string status_file() const {
    return read_file("/proc/" + std::to_string(spawned_->pid) + "/status");
  }

  TemporaryDirectory directory_;
  AttendantConfig config_;
  std::optional<SpawnedAttendant> spawned_;
};

TEST_F(Attendant, GoesThroughAWholeLogin) {
  const auto user = look_up("root");
  ASSERT_TRUE(user.ok()) << user.error().message;
  EXPECT_TRUE(user->found);
  EXPECT_EQ(user->uid, 0U);
  EXPECT_EQ(*user->home, "/root");
  EXPECT_THAT(user->groups.get(), testing::Contains(BoundedString<kMaxGroupName>("root")));
  const auto keys = attendant_keys(channel(), some_key(), kWaitMs);
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  EXPECT_FALSE(keys->accepted.has_value());
  const auto account = attendant_account(channel(), kWaitMs);
  ASSERT_TRUE(account.ok()) << account.error().message;
  EXPECT_TRUE(account->valid) << *account->log_text;
  auto gateway = attendant_start_gateway(channel(), "local", kWaitMs);
  ASSERT_TRUE(gateway.ok()) << gateway.error().message;
  const auto packet = gateway->channel.receive(kWaitMs);
  ASSERT_TRUE(packet.ok() && *packet) << "the gateway says nothing";
  const std::string report((*packet)->bytes.begin(), (*packet)->bytes.end());
  EXPECT_THAT(report, HasSubstr("argument 54321\nargument 54322\nargument 54323\n"));
  EXPECT_THAT(report, HasSubstr("CapEff:\t00000000000001c0"));
  EXPECT_THAT(report, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(report, HasSubstr("Seccomp:\t2"));
  int status = 0;
  ASSERT_EQ(waitpid(spawned_->pid, &status, 0), spawned_->pid);
  EXPECT_EQ(status, 0) << "exits after its last reply";
}

TEST_F(Attendant, TreatsUnknownUsersLikeKnownOnesAndRefusesThem) {
  const auto user = look_up("s2i-nobody-has-this");
  ASSERT_TRUE(user.ok()) << user.error().message;
  EXPECT_FALSE(user->found);
  const auto keys = attendant_keys(channel(), some_key(), kWaitMs);
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  EXPECT_FALSE(keys->accepted.has_value());
  const auto account = attendant_account(channel(), kWaitMs);
  ASSERT_TRUE(account.ok()) << account.error().message;
  EXPECT_FALSE(account->valid);
  EXPECT_FALSE(attendant_start_gateway(channel(), "local", kWaitMs).ok());
}

TEST_F(Attendant, EndsOnRequestsOutOfOrder) {
  EXPECT_FALSE(attendant_start_gateway(channel(), "local", kWaitMs).ok());
  EXPECT_FALSE(look_up("root").ok());
}

TEST_F(Attendant, StartsNoGatewayForAnUncheckedAccount) {
  ASSERT_TRUE(look_up("root").ok());
  EXPECT_FALSE(attendant_start_gateway(channel(), "local", kWaitMs).ok());
}

TEST_F(Attendant, StartsNoGatewayBeforeALoginUnlessToldTo) {
  ASSERT_TRUE(look_up("root").ok());
  const auto gateway = attendant_start_questions(channel(), "local", kWaitMs);
  ASSERT_FALSE(gateway.ok());
  EXPECT_THAT(gateway.error().message, HasSubstr("aren't asked"));
}

TEST_F(Attendant, GoesOnAfterAGatewayForQuestions) {
  TearDown();
  config_.instance_authentication = true;
  auto spawned = spawn_attendant(config_);
  ASSERT_TRUE(spawned.ok());
  spawned_.emplace(std::move(spawned).value());
  EXPECT_FALSE(attendant_start_questions(channel(), "local", kWaitMs).ok()) << "before any lookup";
  TearDown();
  spawned = spawn_attendant(config_);
  spawned_.emplace(std::move(spawned).value());
  ASSERT_TRUE(look_up("s2i-nobody-has-this").ok());
  const auto gateway = attendant_start_questions(channel(), "local", kWaitMs);
  ASSERT_TRUE(gateway.ok()) << gateway.error().message;
  EXPECT_TRUE(attendant_keys(channel(), some_key(), kWaitMs).ok());
  EXPECT_FALSE(attendant_start_questions(channel(), "local", kWaitMs).ok()) << "one is enough";
}

TEST_F(Attendant, LooksUpOnlyOneUser) {
  ASSERT_TRUE(look_up("root").ok());
  const auto second = look_up("daemon");
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, HasSubstr("wrong state"));
}

TEST_F(Attendant, LooksForABoundedNumberOfKeys) {
  ASSERT_TRUE(look_up("nobody").ok());
  const KeysRequest request = some_key();
  for (std::uint32_t i = 0; i < limits::kMaxKeyQueries; ++i) {
    ASSERT_TRUE(attendant_keys(channel(), request, kWaitMs).ok()) << i;
  }
  EXPECT_FALSE(attendant_keys(channel(), request, kWaitMs).ok());
}

TEST_F(Attendant, EndsOnMalformedRequests) {
  ASSERT_TRUE(channel().send_bytes(Bytes{1, 0}).ok());
  const auto answer = channel().receive_message<AttendantFailed>(kWaitMs);
  EXPECT_TRUE(answer.ok());
}

TEST_F(Attendant, KeepsOneChannelAndFewCapabilities) {
  ASSERT_TRUE(look_up("root").ok());
  const std::string status = status_file();
  // SETGID, SETUID, SETPCAP, KILL, DAC_READ_SEARCH, AUDIT_WRITE
  EXPECT_THAT(status, HasSubstr("CapEff:\t00000000200001e4"));
  EXPECT_THAT(status, HasSubstr("CapPrm:\t00000000200001e4"));
  EXPECT_THAT(status, HasSubstr("CapBnd:\t00000000200001e4"));
  EXPECT_THAT(status, HasSubstr("CapAmb:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  const std::string fds = "/proc/" + std::to_string(spawned_->pid) + "/fd";
  const auto count = std::distance(std::filesystem::directory_iterator(fds), {});
  EXPECT_EQ(count, 4);
}

TEST_F(Attendant, EndsWithItsChannel) {
  channel().release().reset();
  int status = 0;
  ASSERT_EQ(waitpid(spawned_->pid, &status, 0), spawned_->pid);
  EXPECT_EQ(status, 0);
  spawned_.reset();
}

TEST(AttendantSecrets, AreWipedInTheChildOnly) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto [ours, theirs] = ipc::IpcChannel::pair().value();
  int wiped_here = 0;
  AttendantConfig config;
  config.wipe_secrets = [&wiped_here, fd = theirs.fd()] {
    ++wiped_here;
    [[maybe_unused]] const ssize_t ignored = write(fd, "w", 1);
  };
  auto spawned = spawn_attendant(config);
  ASSERT_TRUE(spawned.ok());
  const auto packet = ours.receive(kWaitMs);
  EXPECT_TRUE(packet.ok() && *packet);
  EXPECT_EQ(wiped_here, 0);
  spawned->channel.release().reset();
  waitpid(spawned->pid, nullptr, 0);
}

}  // namespace
}  // namespace ssh2incus
