// The link with a real guest behind a small stand-in for Incus.
#include "sessiond/guest_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/guest/guest_process.h"
#include "tests/unit/sessiond_link/fake_incus.h"
#include "tests/unit/sessiond_link/recording_observer.h"

namespace ssh2incus::test {
namespace {

using testing::HasSubstr;

long peak_memory_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (status >> word && word != "VmHWM:") {
  }
  long kib = 0;
  status >> kib;
  return kib;
}

class GuestLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
    WebsocketPairs pairs;
    incus = std::make_unique<FakeIncus>(std::move(pairs.server), guest.take_pipes());
    auto created = GuestLink::create(std::move(pairs.client), observer);
    ASSERT_TRUE(created.ok());
    observer.link = std::move(created).value();
  }
  void TearDown() override {
    observer.link.reset();
    EXPECT_TRUE(guest.ends());  // its input has ended with the link
    EXPECT_FALSE(incus->client_broke_protocol());
  }
  bool feed(std::uint32_t stream, std::size_t total) {
    const Bytes chunk(200'000, 'x');
    std::size_t sent = 0;
    return observer.run_until(
        [&] {
          while (sent < total) {
            const auto piece = std::span(chunk).first(std::min(chunk.size(), total - sent));
            const auto taken = observer.link->send_data(stream, piece);
            sent += taken;
            if (taken < piece.size()) return false;
          }
          return true;
        },
        30'000);
  }

  GuestProcess guest{grant_for("root")};
  std::unique_ptr<FakeIncus> incus;
  RecordingObserver observer;
};

TEST_F(GuestLinkTest, RunsACommand) {
  const auto& log = observer.run(command("cat; echo out; echo err >&2; exit 9"));
  EXPECT_EQ(log.output, "out\n");
  EXPECT_EQ(log.errors, "err\n");
  EXPECT_EQ(log.exited->status, 9U);
  EXPECT_FALSE(observer.link->is_live(1));
}

TEST_F(GuestLinkTest, RunsATerminal) {
  const auto stream =
      observer.link->open_session(command_on_terminal("stty size; read x; stty size"));
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[stream].output == "24 80\r\n"; }));
  observer.link->send_window_change(
      stream, {.columns = 90, .rows = 30, .width_pixels = 0, .height_pixels = 0});
  const Bytes newline{'\n'};
  observer.link->send_data(stream, newline);
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[stream].over(); }));
  EXPECT_THAT(observer.logs[stream].output, HasSubstr("30 90"));
}

TEST_F(GuestLinkTest, CarriesMegabytesBothWays) {
  const std::size_t total = 40'000'000;
  const auto count = observer.link->open_session(command("wc -c"));
  ASSERT_TRUE(feed(count, total));
  observer.link->send_eof(count);
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[count].over(); }));
  EXPECT_EQ(observer.logs[count].output, std::to_string(total) + "\n");
  observer.keeps_output = false;
  const auto& log = observer.run(command("head -c 40000000 /dev/zero"));
  EXPECT_EQ(log.bytes, total);
  EXPECT_LT(peak_memory_kib(guest.worker()), (kSanitized ? 64 : 8) * 1024);
}

TEST_F(GuestLinkTest, HoldsBackWhatTheClientDoesNotRead) {
  observer.returns_credit = false;
  const auto stream = observer.link->open_session(command("yes"));
  auto& log = observer.logs[stream];
  ASSERT_TRUE(observer.run_until([&] { return log.bytes == limits::kGuestWindow; }));
  EXPECT_FALSE(observer.run_until([&] { return log.bytes > limits::kGuestWindow; }, 200));
  EXPECT_EQ(observer.run(command("echo other")).output, "other\n");
  observer.link->consumed(stream, limits::kGuestWindow);
  EXPECT_TRUE(observer.run_until([&] { return log.bytes == 2 * limits::kGuestWindow; }));
  observer.link->send_close(stream);
}

TEST_F(GuestLinkTest, GrowsTheWindowOfBulkDataUpToItsBound) {
  observer.keeps_output = false;
  const auto stream = observer.link->open_session(command("yes"));
  auto& log = observer.logs[stream];
  const std::uint64_t enough = 8UL * limits::kMaxGuestWindow;
  ASSERT_TRUE(observer.run_until([&] { return log.bytes >= enough; }, 30'000));
  observer.returns_credit = false;
  const std::uint64_t consumed = log.bytes;
  EXPECT_TRUE(
      observer.run_until([&] { return log.bytes > consumed + 4UL * limits::kGuestWindow; }));
  EXPECT_FALSE(
      observer.run_until([&] { return log.bytes > consumed + limits::kMaxGuestWindow; }, 200));
  EXPECT_EQ(observer.run(command("echo other")).output, "");
  EXPECT_EQ(observer.logs[stream + 1].bytes, 6U);
  observer.link->send_close(stream);
}

TEST_F(GuestLinkTest, TakesNoMoreInputThanTheProgram) {
  const auto stream = observer.link->open_session(command("sleep 0.3; cat >/dev/null"));
  const Bytes chunk(3 * limits::kGuestWindow, 'x');
  std::size_t sent = observer.link->send_data(stream, chunk);
  EXPECT_LE(sent, limits::kGuestWindow);
  EXPECT_LT(observer.link->credit(stream), chunk.size());
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[stream].credits > 0; }));
  EXPECT_GT(observer.link->credit(stream), 0U);
  observer.link->send_close(stream);
}

TEST_F(GuestLinkTest, SignalsAndCloses) {
  const auto first = observer.link->open_session(command("sleep 100"));
  const auto second = observer.link->open_session(command("sleep 100"));
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[second].opened.has_value(); }));
  observer.link->send_signal(first, "TERM");
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[first].over(); }));
  EXPECT_EQ(*observer.logs[first].exited->signal, "TERM");
  const auto pid = static_cast<pid_t>(observer.logs[second].opened->pid);
  observer.link->send_close(second);
  EXPECT_FALSE(observer.link->is_live(second));
  EXPECT_TRUE(observer.run_until([&] { return !process_exists(pid); }));
  EXPECT_FALSE(observer.logs[second].over());
}

TEST_F(GuestLinkTest, ReportsRefusals) {
  OpenSession request = command("true");
  request.command.emplace(std::string("a\0b", 3));
  EXPECT_THAT(*observer.run(request).refused, HasSubstr("NUL"));
}

TEST_F(GuestLinkTest, AnswersPingsOnAllSockets) {
  incus->ping();
  EXPECT_TRUE(observer.run_until([&] { return incus->pongs() == 4; }));
  EXPECT_EQ(observer.run(command("echo on")).output, "on\n");
}

TEST_F(GuestLinkTest, NoticesThatTheGuestIsGone) {
  const auto stream = observer.link->open_session(command("sleep 100"));
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[stream].opened.has_value(); }));
  kill(guest.worker(), SIGKILL);
  ASSERT_TRUE(observer.run_until([&] { return observer.broken.has_value(); }));
  EXPECT_THAT(*observer.broken, HasSubstr("ended"));
  EXPECT_TRUE(observer.link->broken());
  EXPECT_EQ(observer.link->interests()[1].fd, -1);
  kill(static_cast<pid_t>(observer.logs[stream].opened->pid), SIGKILL);
}

}  // namespace
}  // namespace ssh2incus::test
