// Refusals of instances' passwords take the same time for a user that the instance doesn't have, a
// wrong password and a locked account, by a gateway that takes as long as each of them really does.
#include "tests/unit/monitor/equal_time_fixture.h"

namespace ssh2incus {
namespace {

using std::chrono::milliseconds;

// What the gateway takes: requests to Incus that vary, and a hash where there is one to compare.
struct Work {
  const char* user;
  int least_ms, most_ms;
  const char* reason;
};
constexpr std::array<Work, 3> kWorks = {{{"nobody", 4, 30, "no such user"},
                                         {"ana", 60, 180, "wrong password"},
                                         {"locked", 8, 40, "locked"}}};

class EqualTimeOfInstances : public EqualTime {
 protected:
  void SetUp() override {
    EqualTime::SetUp();
    config_.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kPassword});
    config_.instance_authentication = true;
    config_.password_failure_ms = 1;  // the floor of those that an instance was asked about counts
  }
  void TearDown() override {
    for (std::thread& thread : threads_) thread.join();
  }
  SpawnedAttendant start_attendant() override {
    auto ends = ipc::IpcChannel::pair().value();
    threads_.emplace_back([channel = std::move(ends.first)]() mutable { serve(channel); });
    return {-1, std::move(ends.second)};
  }

 private:
  // A host whose root has another password.
  static void serve(ipc::IpcChannel& channel) {
    std::thread gateway;
    for (;;) {
      const auto packet = channel.receive();
      if (!packet.ok() || !*packet) break;
      Status sent;
      switch (*ipc::kind_of<AttendantMessage>((*packet)->bytes)) {
        case AttendantMessage::kLookupRequest: {
          LookupReply reply;
          reply.found = true;
          sent = channel.send(reply);
          break;
        }
        case AttendantMessage::kPamStartRequest: {
          PamReply reply;
          reply.outcome = PamOutcome::kFailed;
          sent = channel.send(reply);
          break;
        }
        default: {
          auto pair = ipc::IpcChannel::pair().value();
          const int fd = pair.second.fd();
          gateway = std::thread([end = std::move(pair.first)]() mutable { answer(end); });
          sent = channel.send(GatewayStartReply{1, {}}, std::array{fd});
        }
      }
      EXPECT_TRUE(sent.ok());
    }
    if (gateway.joinable()) gateway.join();
  }
  static void answer(ipc::IpcChannel& channel) {
    const auto grant = channel.receive_message<ipc::AuthGrant>(60'000);
    ASSERT_TRUE(grant.ok());
    const auto* work =
        std::ranges::find_if(kWorks, [&](const Work& one) { return *grant->user == one.user; });
    ASSERT_NE(work, kWorks.end());
    std::mt19937 random(std::random_device{}());
    std::uniform_int_distribution<int> takes(work->least_ms, work->most_ms);
    while (channel.receive_message<ipc::InstancePasswordRequest>(60'000).ok()) {
      std::this_thread::sleep_for(milliseconds(takes(random)));
      EXPECT_TRUE(channel.send(ipc::InstancePasswordReply{false, std::string(work->reason)}).ok());
    }
  }

  std::vector<std::thread> threads_;
};

TEST_F(EqualTimeOfInstances, OfRefusedPasswords) {
  std::vector<Group> all;
  for (const Work& work : kWorks) {
    all.push_back({work.reason, std::string(work.user) + "@c1",
                   [](Conversation& with, const Group& group, int) {
                     const auto reply =
                         with.ask<ipc::AuthReply>(ipc::PasswordAuthRequest{secret("wrong")});
                     EXPECT_EQ(reply.outcome, ipc::AuthOutcome::kFailure) << group.name;
                     EXPECT_TRUE(reply.text.empty()) << group.name;
                     return Times{{"refusal", with.took_ms()}};
                   }});
  }
  hammer(all, static_cast<int>(kWorks.size()) * kTries / kPerConnection,
         limits::kInstanceFailureMs);
  expect_equal(all);
}

}  // namespace
}  // namespace ssh2incus
