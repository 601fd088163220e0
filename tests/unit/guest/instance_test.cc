// The real guest in a root file system of its own with nothing but busybox and account files that a
// test wrote: users, groups, missing homes and shells.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/guest/guest_process.h"

namespace ssh2incus::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class GuestInstance : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    if (kSanitized) GTEST_SKIP() << "needs a static guest";
    if (!fs::exists("/bin/busybox")) GTEST_SKIP() << "needs busybox-static";
    std::string name = testing::TempDir() + "instance-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
    chmod(root.c_str(), 0755);
    for (const auto* folder : {"bin", "etc", "dev", "home", "root"})
      fs::create_directory(root / folder);
    fs::create_directory(root / "home/ana");
    fs::copy("/bin/busybox", root / "bin/busybox");
    for (const auto* tool : {"sh", "id", "pwd", "grep", "cat"}) {
      fs::create_symlink("busybox", root / "bin" / tool);
    }
    fs::copy(guest_program(), root / "bin/guest");
    write("etc/passwd",
          "root:x:0:0::/root:/bin/sh\nana:x:1234:1235::/home/ana:/bin/sh\n"
          "lost:x:1236:1235::/home/lost:/bin/sh\nshell:x:1237:1235::/:/bin/none\n"
          "odd:x:-1:0::/:/bin/sh\n");
    write("etc/group", "tty:x:5:ana\nana:x:1235:\nmore:x:2000:bob,ana\nother:x:2001:bob\n");
  }
  void TearDown() override {
    guest.reset();
    if (!root.empty()) fs::remove_all(root);
  }
  void write(const char* path, const std::string& text) { std::ofstream(root / path) << text; }
  GuestHello start(const std::string& user) {
    for (const auto* chroot : {"/usr/sbin/chroot", "/sbin/chroot", "/usr/bin/chroot"}) {
      if (!fs::exists(chroot)) continue;
      guest.emplace(grant_for(user), std::vector<std::string>{chroot, root.string(), "/bin/guest"});
      return guest->hello();
    }
    ADD_FAILURE() << "no chroot program";
    return {};
  }

  fs::path root;
  std::optional<GuestProcess> guest;
};

TEST_F(GuestInstance, GivesTheUserAllItsGroupsAndNoOthers) {
  ASSERT_EQ(start("ana").outcome, GuestOutcome::kReady);
  EXPECT_EQ(guest->run(command("id -u; id -g; id -G; pwd; echo $HOME")).output,
            "1234\n1235\n1235 5 2000\n/home/ana\n/home/ana\n");
}

TEST_F(GuestInstance, SaysThatTheHomeIsMissing) {
  ASSERT_EQ(start("lost").outcome, GuestOutcome::kReady);
  const auto& log = guest->run(command("pwd"));
  EXPECT_EQ(log.output, "/\n");
  EXPECT_THAT(log.errors, HasSubstr("Could not chdir to home directory /home/lost: No such file"));
}

TEST_F(GuestInstance, SaysThatTheShellIsMissing) {
  ASSERT_EQ(start("shell").outcome, GuestOutcome::kReady);
  EXPECT_THAT(*guest->run(command("pwd")).refused,
              HasSubstr("/bin/none of user shell does not exist"));
}

TEST_F(GuestInstance, RefusesAnIdThatDoesNotFit) {
  EXPECT_EQ(start("odd").outcome, GuestOutcome::kNoSuchUser);
}

TEST_F(GuestInstance, HonoursNologinExceptForRoot) {
  write("etc/nologin", "Back at noon.\n");
  ASSERT_EQ(start("ana").outcome, GuestOutcome::kReady);
  const auto& log = guest->run(command("echo in"));
  EXPECT_EQ(log.errors, "Back at noon.\n");
  EXPECT_EQ(log.exited->status, 254U);
  guest.reset();
  ASSERT_EQ(start("root").outcome, GuestOutcome::kReady);
  EXPECT_EQ(guest->run(command("echo in")).output, "in\n");
}

TEST_F(GuestInstance, AsksGetentAboutOthers) {
  write("bin/getent",
        "#!/bin/sh\n[ \"$1 $2\" = 'passwd eve' ] && echo 'eve:*:5000:5001:E:/home/ana:/bin/sh'\n"
        "[ \"$1 $2\" = 'initgroups eve' ] && echo 'eve    5001 5002 5003'\nexit 0\n");
  chmod((root / "bin/getent").c_str(), 0755);
  ASSERT_EQ(start("eve").outcome, GuestOutcome::kReady);
  EXPECT_EQ(guest->run(command("id -u; id -G")).output, "5000\n5001 5002 5003\n");
}

TEST_F(GuestInstance, DoesNotWaitForAGetentThatHangs) {
  write("bin/getent", "#!/bin/sh\nwhile :; do :; done\n");
  chmod((root / "bin/getent").c_str(), 0755);
  const auto start_time = std::chrono::steady_clock::now();
  EXPECT_EQ(start("eve").outcome, GuestOutcome::kNoSuchUser);
  EXPECT_LT(std::chrono::steady_clock::now() - start_time, std::chrono::seconds(9));
}

TEST_F(GuestInstance, SaysThatThereAreNoTerminals) {
  fs::remove_all(root / "dev");
  ASSERT_EQ(start("ana").outcome, GuestOutcome::kReady);
  EXPECT_THAT(*guest->run(command_on_terminal("true")).refused, HasSubstr("terminal"));
}

TEST_F(GuestInstance, GivesTheUserATerminalOfItsOwn) {
  fs::create_directory(root / "dev/pts");
  fs::create_symlink("pts/ptmx", root / "dev/ptmx");
  fs::create_symlink("busybox", root / "bin/stat");
  fs::create_symlink("busybox", root / "bin/tty");
  const auto terminals = (root / "dev/pts").string();
  if (mount("devpts", terminals.c_str(), "devpts", MS_NOSUID | MS_NOEXEC,
            "newinstance,ptmxmode=0666,mode=0620,gid=5") != 0) {
    GTEST_SKIP() << "may not mount";
  }
  EXPECT_EQ(start("lost").outcome, GuestOutcome::kReady);
  const auto& log = guest->run(command_on_terminal("stat -c '%u %g %a' $SSH_TTY; tty"));
  EXPECT_THAT(log.output, HasSubstr("1236 5 620\r\n/dev/pts/0\r\n"));
  guest.reset();
  EXPECT_EQ(umount2(terminals.c_str(), MNT_DETACH), 0);
}

TEST_F(GuestInstance, ReadsNoAccountsFromAFifo) {
  fs::remove(root / "etc/passwd");
  ASSERT_EQ(mkfifo((root / "etc/passwd").c_str(), 0644), 0);
  EXPECT_EQ(start("ana").outcome, GuestOutcome::kNoSuchUser);
}

}  // namespace
}  // namespace ssh2incus::test
