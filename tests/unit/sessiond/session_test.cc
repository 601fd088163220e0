// The real sessiond in its sandbox, the stock ssh client in front of it, a real guest behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "sessiond/sandbox.h"
#include "tests/unit/guest/guest_process.h"
#include "tests/unit/sessiond/test_server.h"

namespace ssh2incus::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr long kMostKilobytes = kSanitized ? 120'000 : 24'000;
constexpr const char* kMegabytes = "head -c 20000000 /dev/zero";

TEST(Session, RunsACommandWithBothOutputsAndItsStatus) {
  TestServer server;
  const auto run = server.ssh("", "'cat; echo out; echo err >&2; exit 9'", "in\n");
  EXPECT_EQ(run.output, "in\nout\n") << run.errors;
  EXPECT_EQ(run.errors, "err\n");
  EXPECT_EQ(run.status, 9);
  EXPECT_TRUE(server.all_ended());
  const auto record = server.record();
  EXPECT_THAT(record.protocol_errors, IsEmpty());
  EXPECT_THAT(record.crashes, IsEmpty());
  ASSERT_EQ(record.opened.size(), 1U);
  ASSERT_EQ(record.closed.size(), 1U);
  EXPECT_EQ(record.closed[0].exit_status, 9U);
  EXPECT_EQ(record.closed[0].bytes_in, 3U);
  EXPECT_EQ(record.closed[0].bytes_out, 11U);
  EXPECT_EQ(record.disconnects.size(), 1U);
}

TEST(Session, GivesAShellATerminal) {
  TestServer server;
  const auto run = server.ssh("-tt", "", "stty size; tty; exit 3\n");
  EXPECT_EQ(run.status, 3) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("/dev/pts/"));
  EXPECT_TRUE(server.record().opened.at(0).pty);
}

TEST(Session, RefusesATerminalThatIsNotAllowed) {
  TestServer server({.permissions = {.shell = true, .exec = true}});
  const auto run = server.ssh("-tt -o LogLevel=INFO", "'echo still runs'");
  EXPECT_THAT(run.errors, HasSubstr("PTY allocation request failed"));
}

TEST(Session, ReportsTheSignalThatEndedTheCommand) {
  TestServer server;
  EXPECT_EQ(server.ssh("", "'kill -TERM $$'").status, 255);
  ASSERT_TRUE(server.all_ended());
  ASSERT_EQ(server.record().closed.size(), 1U);
  EXPECT_EQ(*server.record().closed.at(0).exit_signal, "TERM");
}

TEST(Session, CarriesBytesUnchangedBothWays) {
  TestServer server;
  std::string input(5'000'000, '\0');
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i * 7919 >> 8);
  const auto run = server.ssh("", "cat", input);
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_TRUE(run.output == input);
}

TEST(Session, LetsABackgroundChildOutliveTheLeader) {
  TestServer server;
  const auto run = server.ssh("", "'(sleep 1; echo late) & echo early'");
  EXPECT_EQ(run.output, "early\nlate\n") << run.errors;
}

TEST(Session, RekeysInTheMiddleOfTransfers) {
  TestServer server;
  // What is on its way while keys are exchanged doesn't count towards the next exchange.
  const auto down = server.ssh("-o RekeyLimit=1M", std::string("'") + kMegabytes + " | wc -c; " +
                                                       kMegabytes + "; " + kMegabytes + "'");
  EXPECT_EQ(down.status, 0) << down.errors;
  EXPECT_EQ(down.output.size(), 40'000'009U);
  EXPECT_GT(server.record().signatures, 10U);
  const auto up = server.ssh("-o RekeyLimit=1M", "'wc -c'", std::string(20'000'000, 'x'));
  EXPECT_EQ(up.output, "20000000\n") << up.errors;
  EXPECT_TRUE(server.all_ended());
  EXPECT_THAT(server.record().crashes, IsEmpty());
}

TEST(Session, ServesManyChannelsAndRefusesMoreThanAllowed) {
  TestServer server({.max_sessions = 2});
  const std::string control = server.folder() + "/control";
  const auto share = " -o ControlPath=" + control + " ";
  const auto run =
      run_shell(server.folder(), "sh -c \"" + server.ssh_command("-M -N -f" + share) + "; " +
                                     server.ssh_command(share) + "sleep 3 & " +
                                     server.ssh_command(share) + "sleep 3 & " + "sleep 1; " +
                                     server.ssh_command(share + "-o ProxyCommand=false") +
                                     "echo third; wait; " + server.ssh_command(share) +
                                     "echo again; " + server.ssh_command(share + "-O exit") + "\"");
  EXPECT_EQ(run.output, "again\n") << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("Session open refused by peer"));
  EXPECT_TRUE(server.all_ended());
  EXPECT_GE(server.record().opened.size(), 3U);
}

TEST(Session, CarriesManyTransfersAtOnceWhileRekeying) {
  TestServer server({.max_sessions = 9});
  const auto share = " -o ControlPath=" + server.folder() + "/control -o RekeyLimit=3M ";
  std::string line = server.ssh_command("-M -N -f" + share) + "; ";
  for (int i = 1; i <= 8; ++i) {
    const auto size = std::to_string(i * 1'111'111);
    line += "head -c " + size + " /dev/zero | " + server.ssh_command(share) + "'cat; echo >&2' | " +
            "wc -c & ";
  }
  const auto run = run_shell(
      server.folder(), "sh -c \"" + line + "wait; " + server.ssh_command(share + "-O exit") + "\"");
  for (int i = 1; i <= 8; ++i) {
    EXPECT_THAT(run.output, HasSubstr(std::to_string(i * 1'111'111) + "\n")) << run.errors;
  }
  EXPECT_TRUE(server.all_ended());
  EXPECT_THAT(server.record().crashes, IsEmpty());
}

TEST(Session, RefusesWhatItDoesNotOffer) {
  TestServer server;
  const auto subsystem = server.ssh("-s", "netconf");
  EXPECT_NE(subsystem.status, 0);
  EXPECT_THAT(subsystem.errors, HasSubstr("subsystem request failed"));
  const auto forward = server.ssh("-o ExitOnForwardFailure=yes -R 0:127.0.0.1:1", "true");
  EXPECT_THAT(forward.errors, HasSubstr("remote port forwarding failed"));
  EXPECT_EQ(server.ssh("-W 127.0.0.1:1", "").status, 255);
  EXPECT_EQ(server.ssh("-A -X", "true").status, 0);
}

TEST(Session, WaitsForTheTargetAndShowsItsProgress) {
  TestServer server({.progress = "starting instance c1", .target_delay_ms = 700});
  const auto run = server.ssh("", "'echo here'");
  EXPECT_EQ(run.output, "here\n");
  EXPECT_THAT(run.errors, HasSubstr("ssh2incus: starting instance c1\r\n"));
}

TEST(Session, IsCancelledByCtrlCWhileItWaits) {
  TestServer server({.progress = "creating instance c9", .real_guest = false});
  // Once there is something to wait for.
  const auto run =
      run_shell(server.folder(), "sh -c \"{ sleep 1; printf 'typed\\003'; sleep 3; } | " +
                                     server.ssh_command("-tt") + "\"");
  EXPECT_EQ(run.status, 130);
  EXPECT_THAT(run.errors, HasSubstr("ssh2incus: creating instance c9\r\n"));
  EXPECT_THAT(run.errors, HasSubstr("ssh2incus: cancelled\r\n"));
  EXPECT_EQ(run.output, "");
  EXPECT_TRUE(server.all_ended(3000));
  EXPECT_THAT(server.record().opened, IsEmpty());
}

TEST(Session, PassesThatByteOnWhereNobodyTypesIt) {
  TestServer server({.target_delay_ms = 300});
  EXPECT_EQ(server.ssh("", "'od -An -tx1'", "\x03").output, " 03\n");
}

TEST(Session, SaysWhyThereIsNoTarget) {
  TestServer server({.failure = "ssh2incus: no such instance: c9", .target_delay_ms = 100});
  const auto run = server.ssh("", "'echo never'");
  EXPECT_EQ(run.status, 255);
  EXPECT_EQ(run.output, "");
  EXPECT_THAT(run.errors, HasSubstr("no such instance: c9"));
}

TEST(Session, SaysThatTheGuestIsLost) {
  TestServer server;
  const auto run = server.ssh("", "'echo here; kill -9 $PPID; sleep 20'");
  EXPECT_EQ(run.status, 255);
  EXPECT_THAT(run.errors, HasSubstr("connection to the instance lost"));
}

TEST(Session, EndsWithItsClient) {
  TestServer server;
  const auto run = run_shell(server.folder(),
                             "timeout -s KILL 2 " + server.ssh_command("") + "'yes; sleep 100'");
  EXPECT_TRUE(server.all_ended(3000));
  EXPECT_EQ(server.record().closed.size(), 1U);
}

TEST(Session, EndsWithItsMonitor) {
  TestServer server({.vanish_after_login = true});
  EXPECT_EQ(server.ssh("", "'sleep 100'").status, 255);
  EXPECT_TRUE(server.all_ended(2000));
}

long resident_kilobytes(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  std::string word;
  while (status >> word) {
    long value = 0;
    if (word == "VmRSS:" && status >> value) return value;
  }
  return -1;
}

TEST(Session, StaysSmallWhileTheClientReadsNothing) {
  TestServer server;
  const std::string line = server.ssh_command("") + "'head -c 300000000 /dev/zero' </dev/null | " +
                           "(head -c 1 >/dev/null; sleep 4; wc -c)";
  std::thread reader([&] {
    const auto run = run_shell(server.folder(), "sh -c \"" + line + "\"");
    EXPECT_EQ(std::stol(run.output.empty() ? "0" : run.output) / 1000000, 299) << run.errors;
  });
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const auto processes = server.processes();
  ASSERT_EQ(processes.size(), 1U);
  const long before = resident_kilobytes(processes[0]);
  EXPECT_LT(before, kMostKilobytes);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_LE(resident_kilobytes(processes[0]) - before, 256);
  reader.join();
}

TEST(Session, StaysSmallWhileTheProgramReadsNothing) {
  TestServer server;
  std::thread writer([&] {
    const auto run = run_shell(server.folder(), "sh -c \"head -c 100000000 /dev/zero | " +
                                                    server.ssh_command("") + "'sleep 4; wc -c'\"");
    EXPECT_EQ(run.output, "100000000\n") << run.errors;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  const auto processes = server.processes();
  ASSERT_EQ(processes.size(), 1U);
  EXPECT_LT(resident_kilobytes(processes[0]), kMostKilobytes);
  writer.join();
}

}  // namespace
}  // namespace ssh2incus::test
