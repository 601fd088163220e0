// The table of connections, shared by processes.
#include "monitor/connection_table.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>

#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

class ConnectionTableTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    table_.emplace(ConnectionTable::open(path_).value());
  }
  // A process that does what it's told and stays until it is killed.
  pid_t child(const std::function<bool()>& does) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      const char done = does() ? '+' : '-';
      if (write(ends[1], &done, 1) != 1) _exit(1);
      for (;;) pause();
    }
    close(ends[1]);
    char answer = 0;
    EXPECT_EQ(read(ends[0], &answer, 1), 1);
    EXPECT_EQ(answer, '+');
    close(ends[0]);
    children_.push_back(pid);
    return pid;
  }
  pid_t connection(const ConnectionFacts& facts) {
    return child([&] {
      if (!table_->join()) return false;
      table_->tell(facts);
      return true;
    });
  }
  void end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    std::erase(children_, pid);
  }
  void TearDown() override {
    while (!children_.empty()) end(children_.back());
  }

  TemporaryDirectory directory_{"/run"};
  std::string path_ = directory_.path("connections");
  std::optional<ConnectionTable> table_;
  std::vector<pid_t> children_;
  const ConnectionFacts one_{"0000000000000001", "alice", "c1.default", "192.0.2.1", 5, 1};
  const ConnectionFacts two_{"0000000000000002", "bob", "c2.default", "192.0.2.2", 6, 0};
};

TEST_F(ConnectionTableTest, HoldsWhatLivingConnectionsTell) {
  EXPECT_TRUE(table_->list().empty());
  const pid_t first = connection(one_);
  connection(two_);
  auto all = table_->list();
  std::ranges::sort(all, {}, &ConnectionFacts::id);
  EXPECT_EQ(all, (std::vector{one_, two_}));
  end(first);
  EXPECT_EQ(table_->list(), std::vector{two_});
}

TEST_F(ConnectionTableTest, ConnectionsThatHaveToldNothingAreNotListed) {
  child([&] { return table_->join(); });
  EXPECT_TRUE(table_->list().empty());
}

TEST_F(ConnectionTableTest, OutlivesWhoMadeIt) {
  connection(one_);
  table_.reset();
  table_.emplace(ConnectionTable::open(path_).value());
  EXPECT_EQ(table_->list(), std::vector{one_});
}

TEST_F(ConnectionTableTest, ASlotIsTakenAnewWithoutItsPast) {
  end(connection(one_));
  ASSERT_TRUE(table_->join());
  EXPECT_TRUE(table_->list().empty());
  table_->tell(two_);
  EXPECT_EQ(table_->list(), std::vector{two_});
  EXPECT_EQ(table_->ended_by(), "");
}

TEST_F(ConnectionTableTest, TellsWhoseProcessAConnectionIs) {
  const pid_t pid = connection(one_);
  EXPECT_EQ(table_->claim_end(one_.id, "root"), pid);
  EXPECT_EQ(table_->claim_end(two_.id, "root"), std::nullopt);
  end(pid);
  EXPECT_EQ(table_->claim_end(one_.id, "root"), std::nullopt);
}

TEST_F(ConnectionTableTest, AConnectionLearnsWhoEndsIt) {
  ASSERT_TRUE(table_->join());
  table_->tell(one_);
  EXPECT_EQ(table_->claim_end(one_.id, "root"), std::nullopt);  // one's own
  child([&] { return ConnectionTable::open(path_)->claim_end(one_.id, "bob").has_value(); });
  EXPECT_EQ(table_->ended_by(), "bob");
}

TEST_F(ConnectionTableTest, LongTextsAreCut) {
  ASSERT_TRUE(table_->join());
  ConnectionFacts facts = one_;
  facts.target = std::string(5000, 't');
  facts.host_user = std::string(5000, 'u');
  table_->tell(facts);
  const auto all = table_->list();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].target, std::string(256, 't'));
  EXPECT_EQ(all[0].source, one_.source);
}

TEST_F(ConnectionTableTest, AFileThatOthersCanReadIsRefused) {
  table_.reset();
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_FALSE(ConnectionTable::open(path_).ok());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  ASSERT_EQ(symlink("/etc/passwd", path_.c_str()), 0);
  EXPECT_FALSE(ConnectionTable::open(path_).ok());
}

}  // namespace
}  // namespace ssh2incus
