// An Incus that is broken or hostile: each fault ends in one clear failure, soon.
#include <sys/socket.h>

#include <array>

#include "tests/unit/gateway/open_target_fixture.h"

namespace ssh2incus::test {
namespace {

using Request = FakeConnection::Request;

TEST_F(OpenTarget, SaysThatIncusIsUnreachable) {
  auto opened = open(request("/nonexistent/socket"));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.failure().kind, TargetFailure::kIncusUnreachable);
  EXPECT_EQ(opened.failure().text,
            "can't reach Incus at /nonexistent/socket: No such file or directory");
}

TEST_F(OpenTarget, RefusesNamesThatAreNone) {
  auto bad_instance = request("/nonexistent/socket");
  bad_instance.instance = std::string("../c1");
  EXPECT_EQ(open(bad_instance).failure().kind, TargetFailure::kNoSuchInstance);
  auto bad_project = request("/nonexistent/socket");
  bad_project.project = std::string("a/b");
  EXPECT_EQ(open(bad_project).failure().kind, TargetFailure::kNoSuchProject);
}

TEST_F(OpenTarget, SurvivesAnswersThatAreNoneOfIncus) {
  for (const char* body : {"", "{", "[]", "null", R"({"operation":7})", "\xff",
                           R"({"operation":"/1.0/operations/ab","metadata":{"metadata":1}})"}) {
    const Failure failed = failure(
        [&](FakeConnection& connection, const Request&) { return connection.answer(202, body); });
    EXPECT_EQ(failed.kind, TargetFailure::kIncusError) << body;
  }
}

TEST_F(OpenTarget, SurvivesAnEarlyEnd) {
  for (const char* text : {"", "HTTP/1.1 202", "HTTP/1.1 202 OK\r\nContent-Length: 100\r\n\r\n{",
                           "\r\n\r\n\r\n", "SSH-2.0-x\r\n"}) {
    const Failure failed = failure([&](FakeConnection& connection, const Request&) {
      connection.send(std::string_view(text));
      return false;
    });
    EXPECT_EQ(failed.kind, TargetFailure::kIncusError) << text;
  }
}

TEST_F(OpenTarget, StopsReadingAnEndlessBody) {
  const Failure failed = failure([](FakeConnection& connection, const Request&) {
    connection.send(std::string_view("HTTP/1.1 202 OK\r\n\r\n"));
    const std::string block(65536, 'x');
    while (connection.send(std::string_view(block))) {
    }
    return false;
  });
  EXPECT_EQ(failed.kind, TargetFailure::kIncusError);
  EXPECT_NE(failed.text.find("endless"), std::string::npos) << failed.text;
}

TEST_F(OpenTarget, GivesUpOnASilentIncus) {
  const Failure failed = failure(
      [](FakeConnection& connection, const Request&) {
        connection.drain();
        return false;
      },
      200);
  EXPECT_EQ(failed.kind, TargetFailure::kTimedOut);
}

// A server that answers the exec, and each websocket's request with this.
FakeIncus::Handler with_handshake(std::string reply) {
  return [reply = std::move(reply)](FakeConnection& connection, const Request& asked) {
    if (asked.is("POST")) return connection.answer(202, kExecAnswer);
    if (asked.is("GET /1.0/operations")) {
      connection.send(std::string_view(reply));
      connection.drain();
    }
    return false;
  };
}

TEST_F(OpenTarget, RefusesHandshakesThatAreNone) {
  for (const char* reply :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"}) {
    EXPECT_EQ(failure(with_handshake(reply)).kind, TargetFailure::kIncusError) << reply;
  }
  EXPECT_EQ(failure(with_handshake("HTTP/1.1 101 X\r\nA: " + std::string(40000, 'x'))).kind,
            TargetFailure::kIncusError);
  EXPECT_EQ(failure(with_handshake("HTTP/1.1 101"), 200).kind, TargetFailure::kTimedOut);
}

TEST_F(OpenTarget, RefusesHellosThatAreNone) {
  const auto with_output = [](Bytes output) {
    return [output = std::move(output)](FakeConnection& connection, const Request& asked) {
      if (asked.is("POST")) return connection.answer(202, kExecAnswer);
      play_streams(connection, asked, output);
      return false;
    };
  };
  for (const Bytes& payload : {Bytes{0xff, 0xff, 0xff, 0xff}, Bytes{0, 0, 0, 1, 9}, Bytes(3000)}) {
    EXPECT_EQ(failure(with_output(server_frame(0x82, payload))).kind, TargetFailure::kGuestFailed);
  }
  EXPECT_EQ(failure(with_output({0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0})).kind,
            TargetFailure::kIncusError);
  EXPECT_EQ(failure(with_output({0x82, 10, 0}), 300).kind, TargetFailure::kTimedOut);
  const Bytes unwell = encoded_hello(hello_with(GuestOutcome::kInternalError));
  const Failure failed = failure(with_output(server_frame(0x82, unwell)));
  EXPECT_EQ(failed.kind, TargetFailure::kGuestFailed);
  EXPECT_EQ(failed.text, "the guest program in instance c1 gave up: because");
}

TEST_F(OpenTarget, DoesNotTryForEverWhereARunningInstanceRefuses) {
  const Failure failed = failure([](FakeConnection& connection, const Request& asked) {
    if (asked.is("POST")) return connection.answer(500, R"({"error":"no"})");
    return connection.answer(200, R"({"metadata":{"status":"Running","type":"container"}})");
  });
  EXPECT_EQ(failed.kind, TargetFailure::kIncusError);
  EXPECT_EQ(failed.text, "Incus runs no command in instance c1: no");
}

TEST_F(OpenTarget, EndsWhenTheMonitorHasGone) {
  std::array<int, 2> channel{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel.data()), 0);
  const UniqueFd ours(channel[0]);
  UniqueFd monitor(channel[1]);
  FakeIncus incus([&](FakeConnection& connection, const Request& asked) {
    if (asked.is("POST")) return connection.answer(202, kExecAnswer);
    monitor.reset();
    connection.drain();
    return false;
  });
  const auto before = Patience::Clock::now();
  EXPECT_FALSE(open(request(incus.path()), 20'000, ours.get()).ok());
  EXPECT_LT(Patience::Clock::now() - before, std::chrono::seconds(5));
}

}  // namespace
}  // namespace ssh2incus::test
