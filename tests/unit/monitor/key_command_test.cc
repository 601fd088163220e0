// authorized-keys-command with real scripts, behind the attendant's real filter, run as a user who
// doesn't own them.
#include "monitor/key_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "monitor/attendant_syscalls.h"
#include "monitor/child_task.h"
#include "monitor/key_command_syscalls.h"
#include "monitor/strict_modes.h"
#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr uid_t kUser = 54321;
constexpr int kPatienceMs = 60'000;

class KeyCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    chmod(top_.path().c_str(), 0755);
  }
  std::string script(const std::string& body, mode_t mode = 0755) const {
    return top_.write("command", "#!/bin/sh\n" + body + "\n", mode);
  }
  // What became of the command, in a child under the filter that the attendant has.
  std::string run(const std::string& program, std::vector<std::string> arguments = {},
                  int timeout_ms = 30'000) const {
    HostUserRecord user;
    user.found = true;
    user.name = "keys";
    user.home = "/nonexistent";
    user.uid = user.gid = kUser;
    user.group_ids = {kUser, kUser + 1};
    const KeyCommand command{KeyCommandLine::parse(program).value(), user, timeout_ms};
    arguments.insert(arguments.begin(), program);
    const auto answer = ask_child(
        [&](ipc::IpcChannel& channel, pid_t) {
          std::vector<SyscallRule> rules(kAttendantSyscalls.begin(), kAttendantSyscalls.end());
          rules.insert(rules.end(), kKeyCommandSyscalls.begin(), kKeyCommandSyscalls.end());
          if (!apply_syscall_filter(rules).ok()) _exit(1);
          const auto output = run_key_command(command, arguments);
          std::string text = output.ok() ? *output : "error: " + output.error().message;
          if (text.empty()) text = "nothing";  // an empty message would be the channel's end
          static_cast<void>(channel.send_bytes(Bytes(text.begin(), text.end())));
        },
        kPatienceMs);
    return answer.ok() ? std::string(answer->begin(), answer->end())
                       : "no answer: " + answer.error().message;
  }
  std::string run_script(const std::string& body, int timeout_ms = 30'000) const {
    return run(script(body), {}, timeout_ms);
  }

  // Not in /tmp, where everybody can write.
  const TemporaryDirectory top_{"/var/lib"};
};

TEST_F(KeyCommandTest, GivesItsOutput) {
  EXPECT_EQ(run_script("echo one; echo two"), "one\ntwo\n");
  EXPECT_EQ(run_script(":"), "nothing");
}

TEST_F(KeyCommandTest, PassesArgumentsAsTheyAre) {
  EXPECT_EQ(run(script("printf '<%s>' \"$@\""), {"a b", "", "$(id)", "'"}), "<a b><><$(id)><'>");
}

TEST_F(KeyCommandTest, RunsAsTheUserWithoutPrivileges) {
  const std::string status = run_script("cat /proc/self/status");
  for (const char* expected :
       {"Uid:\t54321\t54321\t54321\t54321", "Gid:\t54321\t54321\t54321\t54321",
        "Groups:\t54321 54322 ", "CapInh:\t0000000000000000", "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t1", "Seccomp:\t2"}) {
    EXPECT_THAT(status, HasSubstr(expected));
  }
}

TEST_F(KeyCommandTest, HasACleanEnvironment) {
  setenv("S2I_SECRET", "leaked", 1);
  const std::string environment = run_script("cat /proc/$$/environ | tr '\\0' '\\n'; pwd");
  unsetenv("S2I_SECRET");
  EXPECT_THAT(environment, HasSubstr("PATH=/usr/bin:/bin:/usr/sbin:/sbin\nHOME=/nonexistent\n"
                                     "USER=keys\nLOGNAME=keys\n"));
  EXPECT_THAT(environment, Not(HasSubstr("S2I_SECRET")));
}

TEST_F(KeyCommandTest, HasNoFileButItsOutput) {
  const std::string files =
      run_script("for fd in /proc/$$/fd/*; do echo ${fd##*/} $(readlink $fd); done; echo lost >&2");
  EXPECT_THAT(files, HasSubstr("0 /dev/null\n1 pipe:"));
  EXPECT_THAT(files, HasSubstr("\n2 /dev/null\n"));
  EXPECT_THAT(files, Not(HasSubstr("socket:")));
  EXPECT_THAT(files, Not(HasSubstr("lost")));
  EXPECT_EQ(run_script("cat; echo end"), "end\n") << "nothing to read";
}

TEST_F(KeyCommandTest, IsLimited) {
  EXPECT_EQ(run_script("ulimit -c; ulimit -t; ulimit -n"), "0\n10\n256\n");
}

TEST_F(KeyCommandTest, HasItsOutputBounded) {
  EXPECT_EQ(run_script("exec yes"), "error: it printed more than 1048576 bytes");
}

TEST_F(KeyCommandTest, IsEndedWithItsHelpersWhenItHangs) {
  const std::string marker = top_.path("left");
  const std::string body = "sleep 3141 & echo $! >" + marker + "; echo some; wait";
  top_.write("left", "", 0666);
  EXPECT_EQ(run_script(body, 3000), "error: it took too long");
  const pid_t helper = std::stoi(read_file(marker));
  for (int tries = 0; tries < 500 && kill(helper, 0) == 0; ++tries) usleep(20'000);
  const std::string state = read_file("/proc/" + std::to_string(helper) + "/stat");
  EXPECT_THAT(state, AnyOf("", HasSubstr(") Z "))) << "the helper lives";
}

TEST_F(KeyCommandTest, IsEndedWhenOnlyAHelperHoldsTheOutput) {
  EXPECT_EQ(run_script("sleep 3141 & exit 0", 2000), "error: it took too long");
}

TEST_F(KeyCommandTest, IsEndedWhenItClosesItsOutputAndStays) {
  EXPECT_EQ(run_script("echo x; exec >/dev/null; sleep 3141", 2000), "error: it took too long");
}

TEST_F(KeyCommandTest, GivesNothingWhenItFails) {
  EXPECT_EQ(run_script("echo key; exit 3"), "error: it ended with exit code 3");
  EXPECT_EQ(run_script("echo key; kill -SEGV $$"), "error: it was ended by signal 11");
  EXPECT_EQ(run(script("ignored", 0744)),
            "error: it can't be executed: " + top_.path("command") + ": Permission denied");
  EXPECT_EQ(run(top_.write("command", "not a program", 0755)),
            "error: it can't be executed: " + top_.path("command") + ": Exec format error");
}

TEST_F(KeyCommandTest, MayUseTheUsualTools) {
  const std::string tools =
      "set -e\n"
      "cat /etc/passwd | grep '^root:' | sed 's/:.*//' | tr a-z A-Z | sort -u | head -n 1\n"
      "awk 'BEGIN { print \"awk\" }'; cut -c1 /etc/passwd | tail -n 1 | wc -l\n"
      "file=$(mktemp); echo kept >$file; cat <$file; rm -f $file\n"
      "timeout 20 echo timed; (sleep 0.01 & wait); date +%s >/dev/null; ls -l / >/dev/null\n"
      "find /etc/passwd -name passwd; id -u; getent passwd root >/dev/null; uname >/dev/null\n"
      "/usr/bin/python3 -c 'import subprocess, socket, threading\n"
      "print(subprocess.run([\"echo\", \"python\"], capture_output=True, text=True).stdout, "
      "end=\"\")'\n"
      "/bin/bash -c 'cat <<< bash; echo $((1+1))'";
  EXPECT_EQ(run_script(tools), "ROOT\nawk\n1\nkept\ntimed\n/etc/passwd\n54321\npython\nbash\n2\n");
}

TEST_F(KeyCommandTest, MayNotUseWhatTheFilterForbids) {
  EXPECT_THAT(run("/usr/bin/unshare", {"-U", "true"}),
              HasSubstr("signal 31: it made a system call"));
}

TEST_F(KeyCommandTest, MustBeATrustedProgram) {
  const auto verdict = [](const std::string& path) {
    const auto trusted = trusted_program(path);
    return trusted.ok() ? "trusted " + *trusted : trusted.error().message;
  };
  const std::string path = script("echo x");
  EXPECT_EQ(verdict(path), "trusted " + path);
  EXPECT_THAT(verdict(top_.path("absent")), HasSubstr("no such file"));
  EXPECT_THAT(verdict(top_.path()), HasSubstr("not a regular file"));
  EXPECT_THAT(verdict(script("echo x", 0775)), HasSubstr("can be written by others"));
  EXPECT_THAT(verdict(script("echo x", 0757)), HasSubstr("can be written by others"));
  EXPECT_THAT(verdict(script("echo x", 0644)), HasSubstr("not executable"));
  script("echo x");
  chmod(path.c_str(), 0755);
  ASSERT_EQ(chown(path.c_str(), kUser, 0), 0);
  EXPECT_THAT(verdict(path), HasSubstr("doesn't belong to root"));
  ASSERT_EQ(chown(path.c_str(), 0, 0), 0);
  std::filesystem::create_symlink(path, top_.path("link"));
  EXPECT_EQ(verdict(top_.path("link")), "trusted " + path) << "the real path";
  chmod(top_.path().c_str(), 0777);
  EXPECT_THAT(verdict(path), HasSubstr("can be written by others"));
  EXPECT_EQ(run(path), "error: directory " + top_.path() + " can be written by others");
  chmod(top_.path().c_str(), 0755);
  ASSERT_EQ(chown(top_.path().c_str(), kUser, 0), 0);
  EXPECT_THAT(verdict(path), HasSubstr("doesn't belong to root"));
  ASSERT_EQ(chown(top_.path().c_str(), 0, 0), 0);
}

TEST_F(KeyCommandTest, MustHaveAUserWhoIsNotRoot) {
  const std::string path = script("echo x");
  const auto why_not = [&](const std::string& text, const std::string& user) {
    const auto found = find_key_command(text, user);
    return found.ok() ? "" : found.error().message;
  };
  EXPECT_EQ(why_not(path + " %u", "nobody"), "");
  EXPECT_THAT(why_not(path, "root"), HasSubstr("must not be root"));
  EXPECT_THAT(why_not(path, "s2i-nobody-has-this"), HasSubstr("there is no user"));
  EXPECT_THAT(why_not("command", "nobody"), HasSubstr("absolute path"));
  EXPECT_THAT(why_not(top_.path("absent"), "nobody"), HasSubstr("no such file"));
}

}  // namespace
}  // namespace ssh2incus
