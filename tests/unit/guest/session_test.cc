// Sessions of the real guest: what a program sees, and what sessiond hears of it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/unit/guest/guest_process.h"

namespace ssh2incus::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class GuestSession : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
  }
  GuestProcess guest{grant_for("root")};
};

std::optional<GuestGrant> other_user_grant() { return grant_for("nobody"); }

TEST_F(GuestSession, KeepsStdoutAndStderrApart) {
  const auto& log = guest.run(command("echo out; echo err >&2"));
  EXPECT_EQ(log.output, "out\n");
  EXPECT_EQ(log.errors, "err\n");
  EXPECT_EQ(log.exited->status, 0U);
  EXPECT_GT(log.opened->pid, 0U);
}

TEST_F(GuestSession, ReportsTheExactExitCode) {
  for (const unsigned code : {0U, 1U, 42U, 126U, 127U, 255U}) {
    EXPECT_EQ(guest.run(command("exit " + std::to_string(code))).exited->status, code);
  }
}

TEST_F(GuestSession, ReportsTheSignalThatEndedTheProgram) {
  EXPECT_EQ(*guest.run(command("kill -TERM $$")).exited->signal, "TERM");
  EXPECT_EQ(*guest.run(command("kill -KILL $$")).exited->signal, "KILL");
}

TEST_F(GuestSession, GivesInputAndItsEnd) {
  const auto stream = guest.open(command("cat; echo end"));
  guest.send_text(stream, "hello\n");
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).output == "hello\n"; }));
  guest.send(FrameType::kEof, stream);
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_EQ(guest.log(stream).output, "hello\nend\n");
}

TEST_F(GuestSession, DeliversSignals) {
  const auto stream =
      guest.open(command("trap 'echo got; exit 3' USR1; echo on; while :; do sleep 0.02; done"));
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).output == "on\n"; }));
  guest.send(FrameType::kSignal, stream, SignalRequest{std::string("NONSENSE")});
  guest.send(FrameType::kSignal, stream, SignalRequest{std::string("USR1")});
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_EQ(guest.log(stream).exited->status, 3U);
}

TEST_F(GuestSession, LeavesNoDescriptorOpenInPrograms) {
  const auto& log = guest.run(command("ls /proc/self/fd; ls /proc/$$/fd"));
  EXPECT_THAT(log.output, Not(HasSubstr("4")));
  EXPECT_THAT(log.output, StartsWith("0\n1\n2\n"));
}

TEST_F(GuestSession, StartsProgramsWithDefaultSignalsAndUmask) {
  const auto& log = guest.run(command("grep -E '^Sig(Blk|Ign)' /proc/self/status; umask"));
  EXPECT_EQ(log.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0022\n");
}

TEST_F(GuestSession, SetsTheEnvironmentAsOpenSshDoes) {
  auto request = command("env; pwd");
  request.environment = std::vector<EnvironmentEntry>{{std::string("LC_TIME"), std::string("C")},
                                                      {std::string("LD_PRELOAD"), std::string("x")},
                                                      {std::string("OTHER"), std::string("y")}};
  const auto& output = guest.run(request).output;
  EXPECT_THAT(output, HasSubstr("HOME=/root\n"));
  EXPECT_THAT(output, HasSubstr("USER=root\n"));
  EXPECT_THAT(output, HasSubstr("LOGNAME=root\n"));
  EXPECT_THAT(output, HasSubstr("LC_TIME=C\n"));
  EXPECT_THAT(output, Not(HasSubstr("LD_PRELOAD")));
  EXPECT_THAT(output, Not(HasSubstr("OTHER")));
  EXPECT_THAT(output, HasSubstr("\n/root\n"));
}

TEST_F(GuestSession, GivesAShellWithoutACommand) {
  const auto stream = guest.open(OpenSession{});
  guest.send_text(stream, "echo name $0\nexit 5\n");
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_THAT(guest.log(stream).output, HasSubstr("name -"));
  EXPECT_EQ(guest.log(stream).exited->status, 5U);
}

TEST_F(GuestSession, KeepsOutputOfBackgroundChildren) {
  const auto& log = guest.run(command("(sleep 0.3; echo late) & echo early"));
  EXPECT_EQ(log.output, "early\nlate\n");
}

TEST_F(GuestSession, SaysThatTheLeaderEndedBeforeItsChildren) {
  const auto stream = guest.open(command("sleep 30 & exit 7"));
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).exited.has_value(); }));
  EXPECT_EQ(guest.log(stream).exited->status, 7U);
  EXPECT_FALSE(guest.log(stream).eof);
  guest.send(FrameType::kClose, stream);
}

TEST_F(GuestSession, HangsUpTheWholeGroupWhenClosed) {
  const auto stream = guest.open(command("sleep 100 & echo $! $$; sleep 100"));
  auto& log = guest.log(stream);
  ASSERT_TRUE(guest.read_until([&] { return log.output.ends_with('\n'); }));
  pid_t child = 0;
  pid_t leader = 0;
  ASSERT_EQ(sscanf(log.output.c_str(), "%d %d", &child, &leader), 2);
  EXPECT_TRUE(process_exists(child));
  guest.send(FrameType::kClose, stream);
  EXPECT_TRUE(eventually([&] { return !process_exists(child) && !process_exists(leader); }));
  EXPECT_TRUE(eventually([&] { return kill(leader, 0) != 0; })) << "left as a zombie";
}

TEST_F(GuestSession, HangsUpEverythingWhenInputEnds) {
  const auto stream = guest.open(command("echo $$; sleep 100"));
  auto& log = guest.log(stream);
  ASSERT_TRUE(guest.read_until([&] { return log.output.ends_with('\n'); }));
  const pid_t leader = std::stoi(log.output);
  guest.close_input();
  EXPECT_TRUE(guest.ends());
  EXPECT_TRUE(eventually([&] { return !process_exists(leader); }));
}

TEST_F(GuestSession, HangsUpEverythingWhenTheLauncherIsKilled) {
  const auto stream = guest.open(command("echo $$; sleep 100"));
  auto& log = guest.log(stream);
  ASSERT_TRUE(guest.read_until([&] { return log.output.ends_with('\n'); }));
  const pid_t leader = std::stoi(log.output);
  const pid_t worker = guest.worker();
  ASSERT_GT(worker, 0);
  kill(guest.launcher(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return !process_exists(leader) && !process_exists(worker); }));
}

TEST_F(GuestSession, HoldsBackWhatNobodyReads) {
  guest.returns_credit = false;
  const auto stalled = guest.open(command("yes"));
  const auto& log = guest.log(stalled);
  ASSERT_TRUE(guest.read_until([&] { return log.output.size() == limits::kGuestWindow; }));
  EXPECT_FALSE(guest.read_until([&] { return log.output.size() > limits::kGuestWindow; },
                                std::chrono::milliseconds(200)));
  EXPECT_EQ(guest.run(command("echo other")).output, "other\n");  // not blocked
  guest.send(FrameType::kWindowAdjust, stalled, WindowAdjust{1000});
  EXPECT_TRUE(guest.read_until([&] { return log.output.size() == limits::kGuestWindow + 1000; }));
  guest.send(FrameType::kClose, stalled);
}

TEST_F(GuestSession, ReturnsCreditOnlyForInputThatWasTaken) {
  const auto stream = guest.open(command("sleep 0.4; wc -c"));
  const Bytes chunk(limits::kGuestWindow / 8, 'x');
  for (int i = 0; i < 8; ++i) guest.send(FrameType::kData, stream, chunk);
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).opened.has_value(); }));
  EXPECT_LT(guest.log(stream).granted, limits::kGuestWindow / 2);
  guest.send(FrameType::kEof, stream);
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_EQ(guest.log(stream).output, std::to_string(limits::kGuestWindow) + "\n");
  EXPECT_GE(guest.log(stream).granted, limits::kGuestWindow / 2);
}

TEST_F(GuestSession, DropsInputThatTheProgramDoesNotWant) {
  const auto stream = guest.open(command("exec 0<&-; echo closed; sleep 0.3"));
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).output == "closed\n"; }));
  const Bytes chunk(limits::kGuestWindow / 4, 'x');
  for (int i = 0; i < 4; ++i) guest.send(FrameType::kData, stream, chunk);
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_EQ(guest.log(stream).granted, limits::kGuestWindow);
}

TEST_F(GuestSession, RunsManySessionsAtOnce) {
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < 10; ++i) streams.push_back(guest.open(command("cat; echo done")));
  const auto refused = guest.open(command("true"));
  ASSERT_TRUE(guest.read_until([&] { return guest.log(refused).over(); }));
  EXPECT_THAT(*guest.log(refused).refused, HasSubstr("too many sessions"));
  for (const auto stream : streams) guest.send(FrameType::kEof, stream);
  for (const auto stream : streams) {
    ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
    EXPECT_EQ(guest.log(stream).output, "done\n");
  }
}

TEST_F(GuestSession, LeavesNoProcessBehindAfterManyCommands) {
  for (int i = 0; i < 50; ++i) ASSERT_EQ(guest.run(command("true")).exited->status, 0U);
  const auto worker = guest.worker();
  const auto& log =
      guest.run(command("cat /proc/" + std::to_string(worker) + "/task/" + std::to_string(worker) +
                        "/children | wc -w; ls /proc/" + std::to_string(worker) + "/fd | wc -w"));
  EXPECT_EQ(log.output, "1\n9\n");  // 0-2, three streams of its own, three of this command
}

class GuestTerminal : public GuestSession {};

TEST_F(GuestTerminal, IsAControllingTerminalOfTheRightSize) {
  auto request =
      command_on_terminal("tty; stty size; echo $TERM $SSH_TTY; stat -c '%U %G %a' $(tty)");
  request.pty->size = {.columns = 132, .rows = 43, .width_pixels = 0, .height_pixels = 0};
  const auto& log = guest.run(request);
  const auto tty = *log.opened->tty;
  EXPECT_THAT(tty, StartsWith("/dev/pts/"));
  EXPECT_EQ(log.output, tty + "\r\n43 132\r\nvt100 " + tty + "\r\nroot tty 620\r\n");
  EXPECT_EQ(log.exited->status, 0U);
}

TEST_F(GuestTerminal, ChangesItsSizeAndSaysSo) {
  const auto stream = guest.open(
      command_on_terminal("trap 'stty size; exit' WINCH; echo on; while :; do sleep 0.02; done"));
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).output == "on\r\n"; }));
  WindowChange change;
  change.size = {.columns = 100, .rows = 50, .width_pixels = 0, .height_pixels = 0};
  guest.send(FrameType::kWindowChange, stream, change);
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_THAT(guest.log(stream).output, HasSubstr("50 100"));
}

TEST_F(GuestTerminal, TakesModesOfTheClient) {
  auto request = command_on_terminal("stty -a");
  request.pty->modes = Bytes{53, 0, 0, 0, 0, 1, 0, 0, 0, 7, 0};  // no echo, interrupt by ^G
  const auto& log = guest.run(request);
  EXPECT_THAT(log.output, HasSubstr(" -echo "));
  EXPECT_THAT(log.output, HasSubstr("intr = ^G"));
}

TEST_F(GuestTerminal, InterruptsByItsCharacter) {
  const auto stream = guest.open(command_on_terminal("echo on; sleep 100; echo no"));
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).output == "on\r\n"; }));
  guest.send_text(stream, "\x03");
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_EQ(*guest.log(stream).exited->signal, "INT");
}

TEST_F(GuestTerminal, TakesTheEndOfDataForNothing) {
  const auto stream = guest.open(command_on_terminal("stty -echo; echo on; read x; echo got $x"));
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).output == "on\r\n"; }));
  guest.send_text(stream, "text\n");
  guest.send(FrameType::kEof, stream);
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_THAT(guest.log(stream).output, HasSubstr("got text"));
}

TEST_F(GuestTerminal, EndsWithItsLeaderAndAllItsOutput) {
  const auto& log = guest.run(command_on_terminal("sleep 50 & seq 1 20000; exit 4"));
  EXPECT_THAT(log.output, testing::EndsWith("\r\n20000\r\n"));
  EXPECT_EQ(log.exited->status, 4U);
}

TEST_F(GuestTerminal, HangsUpWhenClosed) {
  const auto stream = guest.open(command_on_terminal("sleep 100 & echo $! ; sleep 100"));
  auto& log = guest.log(stream);
  ASSERT_TRUE(guest.read_until([&] { return log.output.ends_with('\n'); }));
  const pid_t child = std::stoi(log.output);
  guest.send(FrameType::kClose, stream);
  EXPECT_TRUE(eventually([&] { return !process_exists(child); }));
}

TEST(GuestUser, DropsToTheUserForGood) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto grant = *other_user_grant();
  // nobody's shell is nologin: what matters is who runs it.
  GuestProcess guest(grant);
  const auto hello = guest.hello();
  ASSERT_EQ(hello.outcome, GuestOutcome::kReady);
  const passwd* nobody = getpwnam("nobody");
  ASSERT_NE(nobody, nullptr);
  EXPECT_EQ(hello.uid, nobody->pw_uid);
  struct stat status {};
  GuestProcess observer(grant_for("root"));
  observer.hello();
  const auto path = "/proc/" + std::to_string(guest.worker()) + "/status";
  const auto ids =
      observer.run(command("grep -E '^(Uid|Gid|Groups|CapEff|CapPrm)' " + path)).output;
  const auto id = std::to_string(nobody->pw_uid);
  EXPECT_THAT(ids, HasSubstr("Uid:\t" + id + "\t" + id + "\t" + id + "\t" + id + "\n"));
  EXPECT_THAT(ids, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(ids, HasSubstr("CapPrm:\t0000000000000000"));
  // Not dumpable: /proc/PID belongs to root.
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
  // The shell of such an account says no, in its own words.
  const auto& log = guest.run(command("echo hi"));
  EXPECT_TRUE(log.refused || log.exited->status == 1) << log.output;
}

TEST(GuestInstall, TakesItsFinalNameBeforeItRuns) {
  const std::string pushed = testing::TempDir() + "guest-pushed";
  const std::string final_path = testing::TempDir() + "guest-final";
  unlink(final_path.c_str());
  ASSERT_EQ(system(("cp " + guest_program() + " " + pushed).c_str()), 0);
  {
    GuestProcess guest(grant_for("root"), {pushed, "--install", final_path});
    ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
    EXPECT_NE(access(pushed.c_str(), F_OK), 0);
    EXPECT_EQ(access(final_path.c_str(), X_OK), 0);
    EXPECT_EQ(guest.run(command("echo runs")).output, "runs\n");
  }
  unlink(final_path.c_str());
}

// What a taken-over sessiond might send: each ends the guest and what runs in it.
class LyingSessiond : public testing::TestWithParam<std::pair<const char*, Bytes>> {};

TEST_P(LyingSessiond, EndsTheGuest) {
  GuestProcess guest(grant_for("root"));
  ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
  const auto stream = guest.open(command("echo $$; sleep 100"));
  auto& log = guest.log(stream);
  ASSERT_TRUE(guest.read_until([&] { return log.output.ends_with('\n'); }));
  guest.send_raw(GetParam().second);
  EXPECT_TRUE(guest.ends());
  EXPECT_TRUE(eventually([&] { return !process_exists(std::stoi(log.output)); }));
}

Bytes frame(std::uint8_t type, std::uint32_t stream, std::uint32_t length, std::size_t payload = 0,
            std::uint8_t reserved = 0) {
  Bytes bytes{type, reserved, 0, 0};
  for (const auto value : {stream, length}) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  }
  bytes.insert(bytes.end(), payload, 0xff);
  return bytes;
}

Bytes repeated(const Bytes& bytes, int times) {
  Bytes result;
  for (int i = 0; i < times; ++i) result.insert(result.end(), bytes.begin(), bytes.end());
  return result;
}

INSTANTIATE_TEST_SUITE_P(Frames, LyingSessiond,
                         testing::Values(std::pair("UnknownType", frame(200, 1, 0)),
                                         std::pair("TypeOfTheOtherSide", frame(33, 1, 0)),
                                         std::pair("Reserved", frame(67, 1, 0, 0, 1)),
                                         std::pair("AbsurdLength", frame(65, 1, 0xffffffff)),
                                         std::pair("UnknownStream", frame(65, 9, 1, 1)),
                                         std::pair("StreamZero", frame(67, 0, 0)),
                                         std::pair("StreamUsedAgain", frame(1, 1, 6, 6)),
                                         std::pair("MalformedMessage", frame(2, 1, 3, 3)),
                                         std::pair("MalformedOpen", frame(1, 2, 30, 30)),
                                         std::pair("DataTwiceEnded", repeated(frame(67, 1, 0), 2)),
                                         std::pair("MoreThanTheCredit",
                                                   repeated(frame(65, 1, 262144, 262144), 6))),
                         [](const auto& suite) { return std::string(suite.param.first); });

}  // namespace
}  // namespace ssh2incus::test
