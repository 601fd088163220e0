// Answers of Incus 6.0, and answers with every member missing or of another type.
#include "gateway/incus_answer.h"

#include <gtest/gtest.h>

#include "tests/unit/gateway/fake_incus.h"

namespace ssh2incus {
namespace {

std::string instance(const std::string& status, const std::string& type = R"("container")") {
  return R"({"metadata":{"status":)" + status + R"(,"type":)" + type +
         R"(,"config":{"volatile.uuid":"b137cca6-32c0-4b56-8d25-9014a00ef83f"}}})";
}

TEST(IncusAnswer, ReadsAnInstance) {
  const auto info = interpret_instance(instance(R"("Running")"));
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->state, InstanceState::kRunning);
  EXPECT_EQ(info->uuid, "b137cca6-32c0-4b56-8d25-9014a00ef83f");
  EXPECT_FALSE(info->virtual_machine);
  EXPECT_TRUE(interpret_instance(instance(R"("Ready")", R"("virtual-machine")"))->virtual_machine);
  EXPECT_EQ(interpret_instance(instance(R"("Stopped")"))->state, InstanceState::kStopped);
  EXPECT_EQ(interpret_instance(instance(R"("Frozen")"))->state, InstanceState::kFrozen);
  const auto other = interpret_instance(instance(R"("\u001b[2J")"));
  EXPECT_EQ(other->state, InstanceState::kOther);
  EXPECT_EQ(other->state_text.find('\x1b'), std::string::npos);
}

TEST(IncusAnswer, KeepsNoUuidThatIsNone) {
  const auto info = interpret_instance(
      R"({"metadata":{"status":"Running","type":"container","config":{"volatile.uuid":"../x"}}})");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->uuid, "");
}

TEST(IncusAnswer, RefusesWhatIsNoInstance) {
  const std::string cases[] = {"",
                               "{",
                               "null",
                               "[]",
                               "1",
                               R"("x")",
                               R"({"metadata":null})",
                               R"({"metadata":[]})",
                               R"({"metadata":{"status":"Running"}})",
                               instance("103"),
                               instance("null"),
                               instance(R"("Running")", "{}"),
                               "\xff\xfe",
                               std::string(5000, '[')};
  for (const std::string& body : cases) EXPECT_FALSE(interpret_instance(body).ok()) << body;
}

TEST(IncusAnswer, ReadsOnlyTheLabelsThatWereAskedFor) {
  const auto labels =
      interpret_labels(R"({"metadata":{"config":{"user.env":"own"},"expanded_config":)"
                       R"({"user.env":"prod","user.team":"a","env":"x","volatile.uuid":"b"}}})",
                       {"env", "owner"});
  ASSERT_TRUE(labels.ok());
  EXPECT_EQ(*labels, (std::map<std::string, std::string>{{"env", "prod"}}));
}

TEST(IncusAnswer, RefusesLabelsThatItCannotReport) {
  const std::string many(limits::kMaxLabelValue + 1, 'x');
  for (const std::string& body :
       {std::string("{}"), std::string(R"({"metadata":{"config":{}}})"),
        std::string(R"({"metadata":{"expanded_config":[]}})"),
        std::string(R"({"metadata":{"expanded_config":{"user.env":7}}})"),
        R"({"metadata":{"expanded_config":{"user.env":")" + many + R"("}}})"}) {
    EXPECT_FALSE(interpret_labels(body, {"env"}).ok()) << body;
  }
}

TEST(IncusAnswer, ReadsAnExec) {
  const auto operation = interpret_exec(test::kExecAnswer);
  ASSERT_TRUE(operation.ok());
  EXPECT_EQ(operation->id, "0a-1b");
  EXPECT_EQ(operation->stdin_secret, "aa");
  EXPECT_EQ(operation->stdout_secret, "bb");
  EXPECT_EQ(operation->stderr_secret, "cc");
  EXPECT_EQ(operation->control_secret, "dd");
}

TEST(IncusAnswer, RefusesExecsWhoseNamesCouldBreakOutOfAUrl) {
  const auto with = [](const std::string& id, const std::string& secret) {
    return R"({"operation":")" + id + R"(","metadata":{"metadata":{"fds":{"0":"aa","1":"bb",)" +
           R"("2":"cc","control":")" + secret + R"("}}}})";
  };
  ASSERT_TRUE(interpret_exec(with("/1.0/operations/ab", "dd")).ok());
  // As members of clusters say it that passed the request on.
  EXPECT_EQ(interpret_exec(with("/1.0/operations/ab?project=default", "dd"))->id, "ab");
  for (const char* id : {"", "ab", "/1.0/operations/", "/1.0/operations/../x", "/1.0/operations/?x",
                         "/1.0/operations/a b", "/2.0/operations/ab"}) {
    EXPECT_FALSE(interpret_exec(with(id, "dd")).ok()) << id;
  }
  for (const std::string& secret : {std::string(), std::string("d&x=1"), std::string("D"),
                                    std::string("d\\r\\n"), std::string(129, 'a')}) {
    EXPECT_FALSE(interpret_exec(with("/1.0/operations/ab", secret)).ok()) << secret;
  }
  EXPECT_FALSE(interpret_exec(R"({"operation":"/1.0/operations/ab","metadata":null})").ok());
  EXPECT_FALSE(interpret_exec(R"({"operation":7})").ok());
}

TEST(IncusAnswer, ReadsHowAnOperationWent) {
  const auto running = interpret_operation(R"({"metadata":{"status_code":103,"err":""}})");
  ASSERT_TRUE(running.ok());
  EXPECT_FALSE(running->finished);
  const auto done = interpret_operation(R"({"metadata":{"status_code":200,"err":""}})");
  EXPECT_TRUE(done->finished && done->succeeded);
  const auto failed = interpret_operation(R"({"metadata":{"status_code":400,"err":"why\n"}})");
  EXPECT_TRUE(failed->finished && !failed->succeeded);
  EXPECT_EQ(failed->error, "why");
  for (const char* body : {"", "{}", R"({"metadata":null})", R"({"metadata":{"status_code":"2"}})",
                           R"({"metadata":{"status_code":2.5}})"}) {
    EXPECT_FALSE(interpret_operation(body).ok()) << body;
  }
}

TEST(IncusAnswer, CutsAndEscapesErrors) {
  EXPECT_EQ(interpret_error(404, R"({"error":"Instance not found"})"), "Instance not found");
  EXPECT_EQ(interpret_error(500, "not JSON"), "HTTP status 500");
  EXPECT_EQ(interpret_error(500, R"({"error":5})"), "HTTP status 500");
  const std::string text =
      interpret_error(500, R"({"error":"\u0007)" + std::string(9000, 'x') + "\"}");
  EXPECT_LT(text.size(), 400U);
  EXPECT_EQ(text.find('\a'), std::string::npos);
}

}  // namespace
}  // namespace ssh2incus
