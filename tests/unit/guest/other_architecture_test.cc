// The guest for the other architecture, run by qemu-user: `make build` has made it. The programs
// that it starts are the host's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/guest/guest_process.h"

namespace ssh2incus::test {
namespace {

using testing::HasSubstr;

class OtherArchitecture : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    for (const char* file : {SSH2INCUS_EMULATOR, SSH2INCUS_OTHER_GUEST}) {
      ASSERT_EQ(access(file, X_OK), 0) << file << " is missing: make other-guest";
    }
  }
  static std::vector<std::string> emulated() { return {SSH2INCUS_EMULATOR, SSH2INCUS_OTHER_GUEST}; }
};

TEST_F(OtherArchitecture, SaysHelloAsTheUserOfTheGrant) {
  GuestProcess guest(grant_for("nobody"), emulated());
  const auto hello = guest.hello();
  EXPECT_EQ(hello.outcome, GuestOutcome::kReady);
  EXPECT_EQ(hello.uid, 65534U);
}

TEST_F(OtherArchitecture, KnowsNoUserThatThereIsNot) {
  GuestProcess guest(grant_for("no-such-user"), emulated());
  EXPECT_EQ(guest.hello().outcome, GuestOutcome::kNoSuchUser);
}

TEST_F(OtherArchitecture, CarriesInputOutputAndStatus) {
  GuestProcess guest(grant_for("root"), emulated());
  ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
  const auto stream = guest.open(command("cat; echo err >&2; exit 7"));
  guest.send_text(stream, "echoed\n");
  guest.send(FrameType::kEof, stream);
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
  EXPECT_EQ(guest.log(stream).output, "echoed\n");
  EXPECT_EQ(guest.log(stream).errors, "err\n");
  EXPECT_EQ(guest.log(stream).exited->status, 7U);
  EXPECT_EQ(*guest.run(command("kill -TERM $$")).exited->signal, "TERM");
}

TEST_F(OtherArchitecture, GivesATerminalOfTheWantedSize) {
  GuestProcess guest(grant_for("root"), emulated());
  ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
  auto request = command_on_terminal("stty size; tty");
  request.pty->size = {132, 43, 0, 0};
  const auto& log = guest.run(request);
  EXPECT_THAT(log.output, HasSubstr("43 132\r\n/dev/pts/"));
  EXPECT_EQ(log.exited->status, 0U);
}

TEST_F(OtherArchitecture, RunsSessionsSideBySide) {
  GuestProcess guest(grant_for("root"), emulated());
  ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(guest.open(command("read line; echo got $line; exit " + std::to_string(i))));
  }
  for (auto at = streams.rbegin(); at != streams.rend(); ++at) {
    guest.send_text(*at, std::to_string(*at) + "\n");
  }
  for (unsigned i = 0; i < streams.size(); ++i) {
    const auto stream = streams[i];
    ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).over(); }));
    EXPECT_EQ(guest.log(stream).output, "got " + std::to_string(stream) + "\n");
    EXPECT_EQ(guest.log(stream).exited->status, i);
  }
}

TEST_F(OtherArchitecture, MovesMuchDataUnharmed) {
  GuestProcess guest(grant_for("root"), emulated());
  ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
  const auto& log = guest.run(command("head -c 5000000 /dev/zero | tr '\\0' x"));
  EXPECT_EQ(log.output.size(), 5'000'000U);
  EXPECT_EQ(log.output.find_first_not_of('x'), std::string::npos);
}

TEST_F(OtherArchitecture, HangsUpWhatRunsWhenItsInputEnds) {
  GuestProcess guest(grant_for("root"), emulated());
  ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
  const auto stream = guest.open(command("echo $$; exec sleep 1000"));
  ASSERT_TRUE(guest.read_until([&] { return guest.log(stream).output.ends_with('\n'); }));
  const auto pid = static_cast<pid_t>(std::stoi(guest.log(stream).output));
  ASSERT_TRUE(process_exists(pid));
  guest.close_input();
  EXPECT_TRUE(eventually([&] { return !process_exists(pid); }));
}

}  // namespace
}  // namespace ssh2incus::test
