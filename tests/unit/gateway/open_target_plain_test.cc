// Instances where the guest doesn't run: which of its builds is tried, and when plain exec has to
// do.
#include <gmock/gmock.h>

#include <mutex>

#include "tests/unit/gateway/open_target_fixture.h"

namespace ssh2incus::test {
namespace {

using testing::HasSubstr;

// The architecture that isn't the host's.
const std::string kOther = kNativeArchitecture == "aarch64" ? "x86_64" : "aarch64";

class OpenTargetPlain : public OpenTarget {
 protected:
  ~OpenTargetPlain() override { unlink(other_path().c_str()); }

  [[nodiscard]] std::string other_path() const { return guest_path_ + "." + kOther; }

  bool play(FakeConnection& connection, const FakeConnection::Request& asked) {
    if (asked.is("POST /1.0/instances/c1/exec")) {
      const std::lock_guard lock(mutex_);
      ++execs_;
      if (execs_ > execs_before_hang_) {
        connection.drain();
        return false;
      }
      return connection.answer(202, kExecAnswer);
    }
    if (asked.line.find("/files?") != std::string::npos) {
      const bool is_push = asked.header("X-Incus-type") == "file";
      if (is_push) {
        const std::lock_guard lock(mutex_);
        pushed_.push_back(asked.body);
      }
      return connection.answer(asked.is("POST") ? store_status_ : 200, store_answer_);
    }
    if (asked.is("GET /1.0/instances/c1?")) return connection.answer(200, instance_);
    if (play_streams(connection, asked, server_frame(0x81, {}), {}, server_frame(0x81, {}))) {
      return false;
    }
    return connection.answer(200, R"({"metadata":{"status_code":400,"metadata":{"return":)" +
                                      std::to_string(exit_status_) + "}}}");
  }
  Outcome<OpenedTarget> open_there(int patience_ms = 10'000) {
    incus_.emplace([this](FakeConnection& connection, const FakeConnection::Request& asked) {
      return play(connection, asked);
    });
    return open(request(incus_->path()), patience_ms);
  }
  std::string plain_reason() {
    auto opened = open_there();
    EXPECT_TRUE(opened.ok()) << opened.failure().text;
    return opened.ok() ? opened->plain_reason.value_or("the guest runs") : "";
  }
  void instance_is(const std::string& architecture, const std::string& type = "container") {
    instance_ = R"({"metadata":{"status":"Running","type":")" + type + R"(","architecture":")" +
                architecture + R"("}})";
  }

  std::mutex mutex_;
  std::vector<std::string> pushed_;
  int execs_ = 0;
  int execs_before_hang_ = 1000;
  std::string instance_ = kRunningNative;
  int store_status_ = 200;
  std::string store_answer_ = "{}";
  int exit_status_ = 126;
  std::optional<FakeIncus> incus_;
};

TEST_F(OpenTargetPlain, FallsBackWhereNothingCanBeExecuted) {
  EXPECT_THAT(plain_reason(), HasSubstr("can't be executed in /run/ssh2incus"));
  EXPECT_EQ(pushed_.size(), 2U);
}

TEST_F(OpenTargetPlain, FallsBackWhereNothingCanBeStored) {
  store_status_ = 500;
  store_answer_ = R"({"error":"read-only file system"})";
  EXPECT_THAT(plain_reason(), HasSubstr("can't be stored in /run/ssh2incus: read-only"));
}

TEST_F(OpenTargetPlain, FallsBackWhereTheGuestIsKilled) {
  exit_status_ = 128 + 31;
  EXPECT_THAT(plain_reason(), HasSubstr("SIGSYS"));
}

TEST_F(OpenTargetPlain, TellsAGuestThatFailsAndDoesNotFallBack) {
  for (const int status : {0, 1, 128 + 9, 128 + 15}) {
    exit_status_ = status;
    auto opened = open_there();
    ASSERT_FALSE(opened.ok()) << status;
    EXPECT_EQ(opened.failure().kind, TargetFailure::kGuestFailed);
  }
}

TEST_F(OpenTargetPlain, TellsThatAnInstanceIsTooSlowAndDoesNotFallBack) {
  for (const int answered : {0, 2, 3}) {
    execs_ = 0;
    execs_before_hang_ = answered;
    auto opened = open_there(1500);
    ASSERT_FALSE(opened.ok()) << answered;
    EXPECT_EQ(opened.failure().kind, TargetFailure::kTimedOut) << opened.failure().text;
  }
}

TEST_F(OpenTargetPlain, StoresTheBuildForTheInstancesArchitecture) {
  instance_is(kOther);
  std::ofstream(other_path()) << "the other program";
  EXPECT_THAT(plain_reason(), HasSubstr("can't be executed"));
  EXPECT_EQ(pushed_, (std::vector<std::string>{"the other program", "the other program"}));
}

TEST_F(OpenTargetPlain, FallsBackIfThereIsNoBuildForTheArchitecture) {
  instance_is(kOther);  // and its build isn't installed
  EXPECT_THAT(plain_reason(), HasSubstr("there is no guest program for " + kOther));
  instance_is("riscv64");
  EXPECT_EQ(plain_reason(), "there is no guest program for riscv64");
  instance_is("i686", "virtual-machine");
  EXPECT_EQ(plain_reason(), "there is no guest program for i686");
  EXPECT_TRUE(pushed_.empty());
}

TEST_F(OpenTargetPlain, MakesNoPathOfAnArchitecture) {
  instance_is("../../etc/passwd\\u001b");
  const std::string reason = plain_reason();
  EXPECT_THAT(reason, HasSubstr("no guest program for ../../etc/passwd\\x1b"));
}

}  // namespace
}  // namespace ssh2incus::test
