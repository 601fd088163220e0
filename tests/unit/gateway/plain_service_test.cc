// Plain mode in the gateway, against an Incus that plays execs, properly or not: what the grant
// forbids can't be had, whatever is asked.
#include "gateway/plain_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "gateway/service.h"
#include "tests/unit/gateway/service_fixture.h"

namespace ssh2incus::test {
namespace {

using testing::HasSubstr;

class PlainServiceTest : public ServiceFixture {
 protected:
  PlainServiceTest() { grant_.user = std::string("ana"); }

  Status serve(ipc::IpcChannel& monitor, Result<IncusClient>& client) override {
    client->use_socket(incus_->path());
    PlainExec exec(*client, {*InstanceName::parse("c1"), *ProjectName::parse("default")}, grant_,
                   {"ana", 1000, 1001, "/home/ana", "/bin/sh", {1001}});
    return PlainService(monitor, std::move(exec)).run();
  }

  bool play(FakeConnection& connection, const FakeConnection::Request& request) override {
    if (incus_hangs_) {
      connection.drain();
      return false;
    }
    if (request.is("POST /1.0/instances/c1/exec")) {
      const std::lock_guard lock(mutex_);
      bodies_.push_back(request.body);
      if (exec_status_ != 200) return connection.answer(exec_status_, exec_answer_);
      return connection.answer(200, exec_answer_);
    }
    if (request.is("GET /1.0/operations/0a-1b/websocket")) {
      connection.upgrade(request);
      connection.drain();
      return false;
    }
    ++looks_;
    const std::lock_guard lock(mutex_);
    return connection.answer(operation_status_, operation_);
  }

  void ask(std::uint32_t stream, const std::string& command, bool terminal = false) {
    ipc::ExecRequest request;
    request.stream = stream;
    request.program.command.emplace(command);
    if (terminal) request.program.terminal = PlainTerminal{std::string("xterm"), {}};
    send(request);
  }
  std::vector<UniqueFd> started(std::uint32_t stream, std::size_t sockets = 4) {
    std::vector<UniqueFd> fds;
    const auto reply = monitor_->receive_message<ipc::ExecStartedReply>(10'000, &fds, sockets);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    EXPECT_EQ(reply.ok() ? reply->stream : 0, stream);
    return fds;
  }
  std::string failed(std::uint32_t stream) {
    const auto reply = monitor_->receive_message<ipc::ExecFailedReply>(20'000);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    if (!reply.ok()) return "";
    EXPECT_EQ(reply->stream, stream);
    return *reply->text;
  }
  std::optional<std::uint32_t> ended(std::uint32_t stream) {
    const auto reply = monitor_->receive_message<ipc::ExecEndedReply>(10'000);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    if (!reply.ok()) return 9999;
    EXPECT_EQ(reply->stream, stream);
    return reply->status;
  }
  void operation_is(const std::string& text, int status = 200) {
    const std::lock_guard lock(mutex_);
    operation_ = text;
    operation_status_ = status;
  }
  nlohmann::json body() {
    const std::lock_guard lock(mutex_);
    return nlohmann::json::parse(bodies_.back());
  }

  static constexpr const char* kRunning = R"({"metadata":{"status_code":103,"metadata":{}}})";
  static constexpr const char* kEnded =
      R"({"metadata":{"status_code":200,"metadata":{"return":7}}})";

  GuestGrant grant_;
  std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::string exec_answer_{kExecAnswer};
  int exec_status_ = 200;
  std::string operation_ = kRunning;
  int operation_status_ = 200;
  std::atomic<int> looks_ = 0;
  bool incus_hangs_ = false;
};

TEST_F(PlainServiceTest, RunsCommandsAsTheInstanceUser) {
  start();
  ask(1, "echo hi");
  EXPECT_EQ(started(1).size(), 4U);
  const auto sent = body();
  EXPECT_EQ(sent["command"], nlohmann::json({"/bin/sh", "-c", "echo hi"}));
  EXPECT_EQ(sent["user"], 1000);
  EXPECT_EQ(sent["group"], 1001);
  EXPECT_EQ(sent["cwd"], "/home/ana");
  EXPECT_EQ(sent["interactive"], false);
  EXPECT_EQ(sent["environment"]["USER"], "ana");
}

TEST_F(PlainServiceTest, GivesATerminalItsTwoStreams) {
  exec_answer_ = R"({"operation":"/1.0/operations/0a-1b","metadata":{"metadata":{"fds":)"
                 R"({"0":"aa","control":"dd"}}}})";
  start();
  ask(1, "tty", true);
  EXPECT_EQ(started(1, 2).size(), 2U);
  EXPECT_EQ(body()["interactive"], true);
  EXPECT_EQ(body()["width"], 80);
}

TEST_F(PlainServiceTest, EnforcesTheGrant) {
  grant_.allow_exec = false;
  grant_.allow_pty = false;
  start();
  ask(1, "echo hi");
  EXPECT_THAT(failed(1), HasSubstr("commands are not allowed"));
  ask(2, "echo hi", true);
  EXPECT_THAT(failed(2), HasSubstr("terminal is not allowed"));
  EXPECT_TRUE(incus_->requests().empty());
}

TEST_F(PlainServiceTest, RunsNothingButTheForcedCommand) {
  grant_.forced_command.emplace(std::string("only this"));
  start();
  ask(1, "rm -rf /");
  started(1);
  EXPECT_EQ(body()["command"], nlohmann::json({"/bin/sh", "-c", "only this"}));
}

TEST_F(PlainServiceTest, CountsWhatReallyRuns) {
  grant_.max_sessions = 2;
  start();
  ask(1, "a");
  started(1);
  ask(2, "b");
  started(2);
  ask(3, "c");  // whatever sessiond has done with the first two
  EXPECT_THAT(failed(3), HasSubstr("too many sessions"));
  operation_is(kEnded);
  ask(4, "d");
  started(4);
  // What was found at its end to make room is still known.
  send(ipc::ExecStatusRequest{1});
  EXPECT_EQ(ended(1), 7U);
}

TEST_F(PlainServiceTest, TellsTheStatusOnceTheProgramHasEnded) {
  start();
  ask(1, "a");
  started(1);
  send(ipc::ExecStatusRequest{1});
  while (looks_ < 3) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  operation_is(kEnded);
  EXPECT_EQ(ended(1), 7U);
  ask(2, "b");  // other work goes on
  started(2);
}

TEST_F(PlainServiceTest, TellsThatAStatusIsUnknown) {
  operation_is(R"({"error":"not found"})", 404);
  start();
  ask(1, "a");
  started(1);
  send(ipc::ExecStatusRequest{1});
  EXPECT_EQ(ended(1), std::nullopt);
  for (const char* nonsense : {"", "[]", R"({"metadata":{"status_code":"x"}})",
                               R"({"metadata":{"status_code":200,"metadata":{"return":-1}}})",
                               R"({"metadata":{"status_code":200,"metadata":{"return":256}}})",
                               R"({"metadata":{"status_code":200,"metadata":{"return":"7"}}})"}) {
    operation_is(nonsense);
    static std::uint32_t stream = 2;
    ask(stream, "a");
    started(stream);
    send(ipc::ExecStatusRequest{stream});
    EXPECT_EQ(ended(stream++), std::nullopt) << nonsense;
  }
}

TEST_F(PlainServiceTest, TellsWhyIncusRunsNothing) {
  exec_status_ = 400;
  exec_answer_ = R"({"error":"Instance is frozen\u001b"})";
  start();
  ask(1, "a");
  const std::string text = failed(1);
  EXPECT_THAT(text, HasSubstr("Instance is frozen"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST_F(PlainServiceTest, TakesNoStreamTwice) {
  start();
  ask(5, "a");
  started(5);
  ask(5, "b");
  EXPECT_FALSE(ended_well());
}

TEST_F(PlainServiceTest, TakesNothingButItsRequests) {
  start();
  send(ipc::ResolveRequest{});
  EXPECT_FALSE(ended_well());
}

TEST_F(PlainServiceTest, EndsWithTheMonitor) {
  start();
  ask(1, "a");
  started(1);
  monitor_.reset();
  EXPECT_TRUE(ended_well());
}

// A taken-over sessiond may pile up requests while Incus hangs; the monitor's end is noticed.
TEST_F(PlainServiceTest, EndsWithTheMonitorAlsoWhileIncusHangs) {
  incus_hangs_ = true;
  start();
  ask(1, "a");
  ask(2, "b");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(ended_);
  monitor_.reset();
  thread_.join();
  EXPECT_TRUE(ended_);
}

}  // namespace
}  // namespace ssh2incus::test
