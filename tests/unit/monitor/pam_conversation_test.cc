// PAM in its child: real modules with stacks of the test's own, and children that lie.
#include "monitor/pam_conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "monitor/attendant.h"
#include "monitor/attendant_client.h"
#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

using testing::HasSubstr;

constexpr int kWaitMs = 20'000;

BoundedSecret<limits::kMaxAnswer> secret(std::string_view text) {
  return BoundedSecret<limits::kMaxAnswer>(Secret::copy_of(Bytes(text.begin(), text.end())));
}

PamAnswersRequest answers(const std::vector<std::string>& texts) {
  std::vector<BoundedSecret<limits::kMaxAnswer>> list;
  for (const std::string& text : texts) list.push_back(secret(text));
  return {std::move(list)};
}

PamReply reply_of(const ChildWork& work, int timeout_ms = kWaitMs) {
  auto conversation = PamConversation::start_with(work, timeout_ms);
  return conversation.ok() ? conversation->next() : PamReply{};
}

void say(ipc::IpcChannel& channel, const auto& message) {
  static_cast<void>(channel.send(message));
}

PamReply prompt() {
  PamReply reply;
  reply.outcome = PamOutcome::kPrompts;
  reply.prompts = std::vector<PamPrompt>{{std::string("? "), false}};
  return reply;
}

TEST(PamChild, IsAFailureWhenItLies) {
  const std::vector<std::pair<const char*, ChildWork>> lies = {
      {"nothing", [](ipc::IpcChannel&, pid_t) {}},
      {"a signal", [](ipc::IpcChannel&, pid_t) { raise(SIGKILL); }},
      {"noise",
       [](ipc::IpcChannel& channel, pid_t) {
         static_cast<void>(channel.send_bytes(Bytes{71, 2, 0, 0}));
       }},
      {"another message", [](ipc::IpcChannel& channel, pid_t) { say(channel, LookupReply{}); }},
      {"prompts that are none",
       [](ipc::IpcChannel& channel, pid_t) {
         PamReply reply = prompt();
         reply.prompts = std::vector<PamPrompt>{};
         say(channel, reply);
       }},
      {"success with fds",
       [](ipc::IpcChannel& channel, pid_t) {
         PamReply reply;
         reply.outcome = PamOutcome::kSuccess;
         static_cast<void>(channel.send(reply, std::array{channel.fd()}));
       }},
  };
  for (const auto& [what, work] : lies) {
    const PamReply reply = reply_of(work);
    EXPECT_EQ(reply.outcome, PamOutcome::kFailed) << what;
    EXPECT_FALSE(reply.log_text.empty()) << what;
  }
}

TEST(PamChild, IsGivenUpWhenItHangs) {
  const PamReply reply = reply_of([](ipc::IpcChannel&, pid_t) { pause(); }, 100);
  EXPECT_EQ(reply.outcome, PamOutcome::kFailed);
  EXPECT_THAT(*reply.log_text, HasSubstr("timed out"));
}

TEST(PamChild, AsksABoundedNumberOfTimes) {
  auto conversation = PamConversation::start_with(
      [](ipc::IpcChannel& channel, pid_t) {
        for (;;) {
          say(channel, prompt());
          if (!channel.receive_message<PamAnswersRequest>().ok()) return;
        }
      },
      kWaitMs);
  ASSERT_TRUE(conversation.ok());
  for (std::uint32_t i = 0; i < limits::kMaxRounds; ++i) {
    ASSERT_EQ(conversation->next().outcome, PamOutcome::kPrompts) << i;
    ASSERT_TRUE(conversation->answer(answers({"x"})).ok());
  }
  EXPECT_EQ(conversation->next().outcome, PamOutcome::kFailed);
}

class PamInAttendant : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    config_.account.service = "s2itest";
    config_.account.configuration_directory = directory_.path();
    config_.password_authentication = true;
  }
  void TearDown() override {
    if (!spawned_) return;
    spawned_->channel.release().reset();
    waitpid(spawned_->pid, nullptr, 0);
  }
  void spawn(const std::string& stack, const std::string& user = "root") {
    directory_.write("s2itest", stack, 0644);
    auto spawned = spawn_attendant(config_);
    ASSERT_TRUE(spawned.ok()) << spawned.error().message;
    spawned_.emplace(std::move(spawned).value());
    ASSERT_TRUE(
        attendant_lookup(spawned_->channel, HostUser::parse(user).value(), "192.0.2.1", kWaitMs)
            .ok());
  }
  PamReply begin(std::optional<std::string> password = {}, bool hopeless = false) {
    PamStartRequest request;
    if (password) request.password = secret(*password);
    request.hopeless = hopeless;
    auto reply = attendant_pam_start(spawned_->channel, request, kWaitMs);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    return reply.ok() ? *reply : PamReply{};
  }

  TemporaryDirectory directory_;
  AttendantConfig config_;
  std::optional<SpawnedAttendant> spawned_;
};

constexpr const char* kPermit = "auth required pam_permit.so\naccount required pam_permit.so\n";
constexpr const char* kUnix = "auth required pam_unix.so\naccount required pam_unix.so\n";

TEST_F(PamInAttendant, SuccessCoversTheAccountAndOpensTheWayToTheGateway) {
  spawn(kPermit);
  EXPECT_EQ(begin().outcome, PamOutcome::kSuccess);
  const auto again = attendant_account(spawned_->channel, kWaitMs);
  EXPECT_FALSE(again.ok()) << "the account has been checked";
}

TEST_F(PamInAttendant, AsksWithThePromptsOfTheModules) {
  spawn(kUnix);
  const PamReply reply = begin();
  ASSERT_EQ(reply.outcome, PamOutcome::kPrompts);
  ASSERT_EQ(reply.prompts.size(), 1U);
  EXPECT_EQ(*reply.prompts.begin()->text, "Password: ");
  EXPECT_FALSE(reply.prompts.begin()->echo);
  const auto end = attendant_pam_answer(spawned_->channel, answers({"not this"}), kWaitMs);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->outcome, PamOutcome::kFailed);
  EXPECT_TRUE(end->text.empty());
}

TEST_F(PamInAttendant, NeverSucceedsForUnknownUsersOrRefusedLogins) {
  spawn(kPermit, "s2i-nobody-has-this");
  EXPECT_EQ(begin("x").outcome, PamOutcome::kFailed);
  TearDown();
  spawn(kPermit);
  EXPECT_EQ(begin("x", true).outcome, PamOutcome::kFailed);
  EXPECT_EQ(begin("x").outcome, PamOutcome::kSuccess);
}

TEST_F(PamInAttendant, ChecksTheAccountToo) {
  spawn("auth required pam_permit.so\naccount required pam_deny.so\n");
  EXPECT_EQ(begin("x").outcome, PamOutcome::kFailed);
}

TEST_F(PamInAttendant, KeepsToItselfWhatModulesSayBeforeAnythingIsAnswered) {
  spawn("auth required pam_echo.so locked\n" + std::string(kUnix));
  EXPECT_TRUE(begin().text.empty());
}

TEST_F(PamInAttendant, HoldsOneConversationAtATime) {
  spawn(kUnix);
  ASSERT_EQ(begin().outcome, PamOutcome::kPrompts);
  ASSERT_EQ(begin().outcome, PamOutcome::kPrompts);
  ASSERT_TRUE(attendant_pam_abort(spawned_->channel, kWaitMs).ok());
  EXPECT_FALSE(attendant_pam_answer(spawned_->channel, answers({"x"}), kWaitMs).ok());
}

TEST_F(PamInAttendant, EndsWithItsMonitorInTheMiddleOfAConversation) {
  spawn(kUnix);
  ASSERT_EQ(begin().outcome, PamOutcome::kPrompts);
  spawned_->channel.release().reset();
  int status = 0;
  ASSERT_EQ(waitpid(spawned_->pid, &status, 0), spawned_->pid);
  EXPECT_EQ(status, 0);
  spawned_.reset();
}

TEST_F(PamInAttendant, KeepsWhatPamNeedsForWritingOnlyThen) {
  spawn(kPermit);
  const std::string status = read_file("/proc/" + std::to_string(spawned_->pid) + "/status");
  // Besides those without passwords: CHOWN, DAC_OVERRIDE.
  EXPECT_THAT(status, HasSubstr("CapPrm:\t00000000200001e7"));
}

}  // namespace
}  // namespace ssh2incus
