// The root helper with a worker that lies: every request that the grant doesn't have is refused,
// and malformed ones are dropped. Needs root, as the helper does.
#include "guest/root_helper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "guest/program_order.h"
#include "guest/root_request.h"
#include "tests/unit/guest/guest_process.h"

namespace ssh2incus::guest {
namespace {

struct SocketPair {
  UniqueFd first;
  UniqueFd second;
};

SocketPair make_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A helper in a process of its own, whose "worker" only waits.
class LyingWorker : public testing::Test {
 protected:
  void start(ShellMode mode, bool may_install = false, bool shell = true) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    GuestGrant grant = test::grant_for("nobody");
    grant.shell_mode = mode;
    grant.keeper = may_install ? SessionKeeper::kTmux : SessionKeeper::kNone;
    grant.may_install_keeper = may_install;
    grant.allow_shell = shell;
    auto pair = make_pair();
    socket_ = std::move(pair.first);
    helper_ = fork();
    if (helper_ == 0) {
      const pid_t worker = fork();
      if (worker == 0) {
        pair.second.reset();
        char byte = 0;
        [[maybe_unused]] const auto ended = recv(0, &byte, 1, 0);
        for (;;) pause();
      }
      socket_.reset();
      RootHelper(Account{"nobody", 65534, 65534, "/", "/bin/sh", {65534}}, grant,
                 std::move(pair.second))
          .serve_until_end_of(worker);
      _exit(0);
    }
  }
  void TearDown() override {
    if (helper_ <= 0) return;
    const auto name = std::to_string(helper_);
    EXPECT_EQ(waitpid(helper_, nullptr, WNOHANG), 0) << "the helper has ended";
    [[maybe_unused]] const int ignored =
        system(("kill -9 $(cat /proc/" + name + "/task/" + name + "/children) " + name).c_str());
    waitpid(helper_, nullptr, 0);
  }

  // What is written to stderr until the answer comes; empty if none comes.
  std::string ask(RootOperation operation, const ProgramOrder& order) {
    auto conversation = make_pair();
    auto errors = make_pair();
    const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    const auto written = write_order(order);
    const std::array<int, 5> fds = {conversation.second.get(), null.get(), errors.second.get(),
                                    errors.second.get(), written->get()};
    const bool with_order = operation == RootOperation::kStartProgram;
    EXPECT_TRUE(
        send_root_request(socket_.get(), operation, std::span(fds).first(with_order ? 5 : 4)).ok());
    conversation.second.reset();
    const timeval limit{10, 0};
    setsockopt(conversation.first.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    EncodedRootAnswer answer{};
    if (recv(conversation.first.get(), answer.data(), answer.size(), 0) != 2) return {};
    EXPECT_NE(answer[1], 0) << "it was started";
    std::array<char, 512> text{};
    const ssize_t count = recv(errors.first.get(), text.data(), text.size(), MSG_DONTWAIT);
    return count > 0 ? std::string(text.data(), static_cast<std::size_t>(count)) : "(nothing)";
  }

  UniqueFd socket_;
  pid_t helper_ = -1;
};

ProgramOrder order_of(const std::string& program) {
  ProgramOrder order;
  order.program = program;
  order.arguments = std::vector<BoundedString<limits::kMaxCommand>>{std::string("x")};
  return order;
}

TEST_F(LyingWorker, GetsNoSuWithoutThatMode) {
  start(ShellMode::kUserShell, true);
  EXPECT_NE(ask(RootOperation::kStartProgram, order_of("/bin/id")).find("su isn't allowed"),
            std::string::npos);
  EXPECT_NE(ask(RootOperation::kStartProgram, {}).find("login isn't allowed"), std::string::npos);
}

TEST_F(LyingWorker, GetsNoLoginOnWhatIsNotItsTerminalOrWithoutShells) {
  start(ShellMode::kLogin);
  EXPECT_NE(ask(RootOperation::kStartProgram, {}).find("own terminal"), std::string::npos);
  TearDown();
  start(ShellMode::kLogin, false, false);
  EXPECT_NE(ask(RootOperation::kStartProgram, {}).find("login isn't allowed"), std::string::npos);
}

TEST_F(LyingWorker, InstallsNothingWithoutTheGrant) {
  start(ShellMode::kSu);
  EXPECT_NE(ask(RootOperation::kInstallKeeper, {}).find("nothing may be installed"),
            std::string::npos);
}

TEST_F(LyingWorker, MalformedRequestsAreDroppedAndProperOnesStillServed) {
  start(ShellMode::kSu);
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::array<int, 5> fds = {null.get(), null.get(), null.get(), null.get(), null.get()};
  for (const std::size_t count : {1UL, 3UL, 4UL, 5UL}) {
    for (const int operation : {0, 1, 2, 3, 255}) {
      EXPECT_TRUE(send_root_request(socket_.get(), static_cast<RootOperation>(operation),
                                    std::span(fds).first(count))
                      .ok());
    }
  }
  const std::string noise(5000, 'x');
  EXPECT_GT(send(socket_.get(), noise.data(), noise.size(), MSG_NOSIGNAL), 0);
  EXPECT_NE(ask(RootOperation::kInstallKeeper, {}).find("nothing may be installed"),
            std::string::npos);
}

}  // namespace
}  // namespace ssh2incus::guest
