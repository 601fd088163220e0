// What the gateway asks of a proper Incus, and what it makes of its answers.
#include <algorithm>
#include <mutex>

#include "tests/unit/gateway/open_target_fixture.h"

namespace ssh2incus::test {
namespace {

constexpr std::string_view kStopped =
    R"({"metadata":{"status":"Stopped","type":"container","config":{"volatile.uuid":"ab-cd"}}})";

TEST_F(OpenTarget, TakesOneExecWithControlFirstInTheCommonCase) {
  const Bytes hello = server_frame(0x82, encoded_hello(hello_with(GuestOutcome::kReady)));
  std::mutex mutex;
  std::string exec_body;
  Bytes preface;
  FakeIncus incus([&](FakeConnection& connection, const FakeConnection::Request& asked) {
    if (asked.is("POST /1.0/instances/c1/exec?project=default")) {
      const std::lock_guard lock(mutex);
      exec_body = asked.body;
      return connection.answer(202, kExecAnswer);
    }
    if (asked.line.ends_with("secret=aa")) {
      connection.upgrade(asked);
      const std::lock_guard lock(mutex);
      preface = connection.read_frame();
      connection.drain();
      return false;
    }
    play_streams(connection, asked, hello, server_frame(0x89, {'p'}));
    return false;
  });
  auto opened = open(request(incus.path()));
  ASSERT_TRUE(opened.ok()) << opened.failure().text;
  EXPECT_EQ(opened->uid, 1000U);
  EXPECT_EQ(opened->instance_uuid, "");
  const auto requests = incus.requests();
  ASSERT_EQ(requests.size(), 5U);
  EXPECT_TRUE(requests[1].ends_with("secret=dd"));
  for (UniqueFd* fd : {&opened->streams.input, &opened->streams.output, &opened->streams.errors,
                       &opened->streams.control}) {
    EXPECT_TRUE(fd->valid());
    fd->reset();
  }
  const std::lock_guard lock(mutex);
  EXPECT_NE(exec_body.find(R"("command":["/run/ssh2incus/guest-)"), std::string::npos);
  EXPECT_NE(exec_body.find(R"("interactive":false)"), std::string::npos);
  EXPECT_EQ(exec_body.find("alice"), std::string::npos) << "nothing of the grant is in the command";
  ASSERT_GT(preface.size(), 4U);
  const auto grant = ipc::decode_fields<GuestGrant>(std::span(preface).subspan(4));
  ASSERT_TRUE(grant.ok());
  EXPECT_EQ(*grant->user, "alice");
}

TEST_F(OpenTarget, LeavesEverythingBehindTheHelloInTheSocket) {
  Bytes bytes = server_frame(0x82, encoded_hello(hello_with(GuestOutcome::kReady)));
  const Bytes later = server_frame(0x82, {1, 2, 3});
  bytes.insert(bytes.end(), later.begin(), later.end());
  FakeIncus incus([&](FakeConnection& connection, const FakeConnection::Request& asked) {
    if (asked.is("POST")) return connection.answer(202, kExecAnswer);
    // In one piece with the handshake's reply.
    play_streams(connection, asked, {}, bytes);
    return false;
  });
  auto opened = open(request(incus.path()));
  ASSERT_TRUE(opened.ok()) << opened.failure().text;
  Bytes rest(100);
  const ssize_t got = recv(opened->streams.output.get(), rest.data(), rest.size(), MSG_DONTWAIT);
  ASSERT_EQ(got, static_cast<ssize_t>(later.size()));
  rest.resize(later.size());
  EXPECT_EQ(rest, later);
}

TEST_F(OpenTarget, StartsAStoppedInstanceAndTellsItsUuid) {
  const Bytes hello = server_frame(0x82, encoded_hello(hello_with(GuestOutcome::kReady)));
  std::atomic<bool> running = false;
  FakeIncus incus([&](FakeConnection& connection, const FakeConnection::Request& asked) {
    if (asked.is("POST /1.0/instances/c1/exec")) {
      if (running) return connection.answer(202, kExecAnswer);
      return connection.answer(400, R"({"error":"Instance is not running"})");
    }
    if (asked.is("GET /1.0/instances/c1?project=default")) return connection.answer(200, kStopped);
    if (asked.is("PUT /1.0/instances/c1/state?project=default")) {
      running = asked.body.find(R"("start")") != std::string::npos;
      return connection.answer(202, R"({"operation":"/1.0/operations/55"})");
    }
    if (asked.is("GET /1.0/operations/55")) {
      return connection.answer(200, R"({"metadata":{"status_code":200}})");
    }
    play_streams(connection, asked, hello);
    return false;
  });
  auto opened = open(request(incus.path()));
  ASSERT_TRUE(opened.ok()) << opened.failure().text;
  EXPECT_EQ(opened->instance_uuid, "ab-cd");
  EXPECT_EQ(progress_, std::vector<std::string>{"starting instance c1"});
}

TEST_F(OpenTarget, DoesNotStartWhatItMayNotStart) {
  FakeIncus incus([&](FakeConnection& connection, const FakeConnection::Request& asked) {
    if (asked.is("POST")) return connection.answer(400, R"({"error":"Instance is not running"})");
    return connection.answer(200, kStopped);
  });
  auto open_request = request(incus.path());
  open_request.start_if_stopped = false;
  auto opened = open(open_request);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.failure().kind, TargetFailure::kCannotStart);
  EXPECT_EQ(incus.requests().size(), 2U);
}

TEST_F(OpenTarget, PassesTheReasonOfAFailedStartOn) {
  const Failure failed = failure([](FakeConnection& connection, const auto& asked) {
    if (asked.is("POST")) return connection.answer(400, R"({"error":"Instance is not running"})");
    if (asked.is("PUT")) return connection.answer(202, R"({"operation":"/1.0/operations/55"})");
    if (asked.is("GET /1.0/operations/55/wait")) return connection.answer(200, R"({"error":"x"})");
    if (asked.is("GET /1.0/operations/55")) {
      return connection.answer(200, R"({"metadata":{"status_code":400,"err":"disk\u001b full"}})");
    }
    return connection.answer(200, kStopped);
  });
  EXPECT_EQ(failed.kind, TargetFailure::kCannotStart);
  EXPECT_EQ(failed.text, "can't start instance c1: disk\\x1b full");
}

TEST_F(OpenTarget, TellsAMissingInstanceFromAMissingProject) {
  const auto server = [](int project_status) {
    return [=](FakeConnection& connection, const FakeConnection::Request& asked) {
      return connection.answer(asked.is("GET /1.0/projects/default") ? project_status : 404, "{}");
    };
  };
  const Failure instance = failure(server(200));
  EXPECT_EQ(instance.kind, TargetFailure::kNoSuchInstance);
  EXPECT_EQ(instance.text, "no such instance: c1 in project default");
  const Failure project = failure(server(404));
  EXPECT_EQ(project.kind, TargetFailure::kNoSuchProject);
  EXPECT_EQ(project.text, "no such project: default");
}

TEST_F(OpenTarget, SaysThatAnInstanceIsFrozen) {
  const Failure failed = failure([](FakeConnection& connection, const auto& asked) {
    if (asked.is("POST")) return connection.answer(400, R"({"error":"Instance is frozen"})");
    return connection.answer(200, R"({"metadata":{"status":"Frozen","type":"container"}})");
  });
  EXPECT_EQ(failed.kind, TargetFailure::kInstanceFrozen);
  EXPECT_EQ(failed.text, "instance c1 is frozen");
}

TEST_F(OpenTarget, SaysThatTheUserIsMissing) {
  const Bytes hello = server_frame(0x82, encoded_hello(hello_with(GuestOutcome::kNoSuchUser)));
  const Failure failed = failure([&](FakeConnection& connection, const auto& asked) {
    if (asked.is("POST")) return connection.answer(202, kExecAnswer);
    play_streams(connection, asked, hello);
    return false;
  });
  EXPECT_EQ(failed.kind, TargetFailure::kNoSuchUser);
  EXPECT_EQ(failed.text, "no such user in instance c1: alice");
}

TEST_F(OpenTarget, PushesTheGuestWhereItIsMissingAndRemovesWhatDoesNotRun) {
  std::mutex mutex;
  std::string pushed_type;
  std::string pushed;
  const Bytes end = server_frame(0x81, {});
  Bytes errors = server_frame(0x82, {'n', 'o', '\a', '\n'});
  errors.insert(errors.end(), end.begin(), end.end());
  FakeIncus incus([&](FakeConnection& connection, const FakeConnection::Request& asked) {
    if (asked.is("POST /1.0/instances/c1/exec")) return connection.answer(202, kExecAnswer);
    if (asked.is("POST /1.0/instances/c1/files") && asked.header("X-Incus-type") == "file") {
      const std::lock_guard lock(mutex);
      pushed_type = asked.header("Content-Type");
      pushed = asked.body;
    }
    if (asked.line.find("/files?") != std::string::npos) return connection.answer(200, "{}");
    if (asked.is("GET /1.0/instances/c1?")) return connection.answer(200, kRunningNative);
    if (play_streams(connection, asked, end, {}, errors)) return false;
    return connection.answer(200, R"({"metadata":{"status_code":200,"metadata":{"return":1}}})");
  });
  auto opened = open(request(incus.path()));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.failure().kind, TargetFailure::kGuestFailed);
  EXPECT_EQ(opened.failure().text, "the guest program doesn't run in instance c1: no\\x07");
  EXPECT_EQ(pushed_type, "application/octet-stream");
  EXPECT_EQ(pushed, "no real program");
  const auto requests = incus.requests();
  EXPECT_EQ(
      std::ranges::count_if(requests, [](const auto& line) { return line.starts_with("DELETE "); }),
      2);
}

}  // namespace
}  // namespace ssh2incus::test
