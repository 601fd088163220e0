// Refusals take the same time for a wrong user, a wrong password, a wrong group and a locked
// account: a thousand tries of each at a monitor with a real attendant and a real PAM, interleaved
// at random, compared by Kolmogorov and Smirnov's test.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>

#include "common/sanitized.h"
#include "monitor/attendant.h"
#include "policy/failure_time.h"
#include "tests/unit/monitor/monitor_fixture.h"
#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

constexpr int kTries = 1000;        // of each group
constexpr int kPerConnection = 50;  // of those
constexpr int kAtOnce = 30;         // connections
constexpr int kFloorMs = 120;       // far above what PAM takes beside so many others
constexpr const char* kPassword = "right-Horse-5";
// sha512-crypt of it with few rounds: the test is about time, not about hashes.
constexpr const char* kMakeHash =
    "perl -e 'print crypt(\"right-Horse-5\", \"\\$6\\$rounds=1000\\$saltsalt\\$\")'";

bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

struct Group {
  const char* name;
  std::string login;
  const char* password;
  std::vector<double> late_ms;  // beyond what failure_time() says for no work at all
};

// The largest distance between the two samples' distribution functions.
double ks_distance(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double distance = 0;
  for (const auto* sample : {&a, &b}) {
    for (const double x : *sample) {
      const auto share = [x](const std::vector<double>& all) {
        return static_cast<double>(std::upper_bound(all.begin(), all.end(), x) - all.begin()) /
               static_cast<double>(all.size());
      };
      distance = std::max(distance, std::abs(share(a) - share(b)));
    }
  }
  return distance;
}

class EqualTime : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    if (kSanitized) GTEST_SKIP() << "not what is released";
    const std::string base = "s2ieq" + std::to_string(getpid() % 100'000);
    for (const char* suffix : {"a", "b", "c"}) {
      const std::string name = base + suffix;
      if (!run("useradd --no-create-home --shell /bin/sh -p \"$(" + std::string(kMakeHash) +
               ")\" " + name)) {
        GTEST_SKIP() << "can't make accounts";
      }
      made_.push_back(name);
    }
    ASSERT_TRUE(run("usermod -L " + base + "c"));
    groups_ = {{{"wrong user", "c1+" + base + "x", kPassword, {}},
                {"wrong password", "c1+" + base + "a", "wrong-Horse-5", {}},
                {"wrong group", "c1+" + base + "b", kPassword, {}},
                {"locked account", "c1+" + base + "c", kPassword, {}}}};
    config_.allowed_groups = {base + "a", base + "c"};  // their own groups
    config_.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kPassword});
    config_.password_failure_ms = kFloorMs;
    config_.max_auth_tries = 60;
    config_.login_grace_seconds = 3600;
    directory_.write("s2ieq", "auth required pam_unix.so\naccount required pam_unix.so\n", 0644);
    const std::string key = directory_.path() + "/key";
    ASSERT_TRUE(run("ssh-keygen -q -t ed25519 -N '' -f " + key));
    host_keys_.emplace(HostKeys::load({key}).value());
  }
  void TearDown() override {
    for (const std::string& name : made_) run("userdel " + name);
  }

  SpawnedAttendant start_attendant() {
    AttendantConfig attendant_config;
    attendant_config.source_address = "192.0.2.1";
    attendant_config.account.service = "s2ieq";
    attendant_config.account.configuration_directory = directory_.path();
    attendant_config.password_authentication = true;
    return spawn_attendant(attendant_config).value();
  }

  // One connection's tries, one after the other.
  void hammer(Group& group, SpawnedAttendant attendant, std::vector<double>& late_ms) {
    auto ends = ipc::IpcChannel::pair().value();
    const Log log = Log::to(null_.get());
    std::thread monitor([&] {
      Monitor(config_, *host_keys_, {}, log,
              {std::move(ends.second), std::move(attendant.channel), {}})
          .run();
    });
    ipc::IpcChannel sessiond = std::move(ends.first);
    const auto ask = [&]<typename Reply>(const auto& request, Reply) {
      EXPECT_TRUE(sessiond.send(request).ok());
      auto reply = sessiond.receive_message<Reply>(60'000);
      EXPECT_TRUE(reply.ok());
      return reply.ok() ? *reply : Reply{};
    };
    ask(ipc::HelloRequest{}, ipc::HelloReply{});
    ask(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, Bytes(32, 7)}, ipc::SignReply{});
    ask(ipc::AuthStartRequest{group.login}, ipc::AuthStartReply{});
    const double floor =
        static_cast<double>(
            failure_time(group.login, std::chrono::milliseconds(kFloorMs), {}).count()) /
        1e6;
    for (int i = 0; i < kPerConnection; ++i) {
      const auto started = std::chrono::steady_clock::now();
      const auto reply = ask(ipc::PasswordAuthRequest{secret(group.password)}, ipc::AuthReply{});
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - started;
      EXPECT_EQ(reply.outcome, ipc::AuthOutcome::kFailure) << group.name;
      EXPECT_TRUE(reply.text.empty()) << group.name;
      late_ms.push_back(took.count() - floor);
    }
    sessiond.release().reset();
    monitor.join();
    waitpid(attendant.pid, nullptr, 0);
  }

  TemporaryDirectory directory_;
  ServerConfig config_;
  std::optional<HostKeys> host_keys_;
  const UniqueFd null_{open("/dev/null", O_WRONLY | O_CLOEXEC)};
  std::array<Group, 4> groups_;
  std::vector<std::string> made_;
};

TEST_F(EqualTime, OfRefusedPasswords) {
  std::vector<std::size_t> connections;
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    connections.insert(connections.end(), kTries / kPerConnection, group);
  }
  std::mt19937 random(20261125);
  std::shuffle(connections.begin(), connections.end(), random);
  // Before there are threads: a process that is forked beside them may find locks held for ever.
  std::vector<SpawnedAttendant> attendants;
  for (std::size_t i = 0; i < connections.size(); ++i) attendants.push_back(start_attendant());
  std::mutex mutex;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < kAtOnce; ++worker) {
    workers.emplace_back([&] {
      for (;;) {
        std::unique_lock lock(mutex);
        if (connections.empty()) return;
        Group& group = groups_[connections.back()];
        connections.pop_back();
        SpawnedAttendant attendant = std::move(attendants.back());
        attendants.pop_back();
        lock.unlock();
        std::vector<double> late_ms;
        hammer(group, std::move(attendant), late_ms);
        lock.lock();
        group.late_ms.insert(group.late_ms.end(), late_ms.begin(), late_ms.end());
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  // Two samples of a thousand from one distribution are further apart than 0.087 once in a thousand
  // times, if tries are independent. Those of one connection aren't quite: 0.04 to 0.15 is what two
  // busy processors give. With a floor below PAM's cost some pairs are 0.3 to 0.5 apart.
  constexpr double kFarthest = 0.25;
  for (const Group& a : groups_) {
    EXPECT_EQ(a.late_ms.size(), static_cast<std::size_t>(kTries));
    for (const Group& b : groups_) {
      EXPECT_LT(ks_distance(a.late_ms, b.late_ms), kFarthest) << a.name << " and " << b.name;
    }
  }
}

TEST(KolmogorovSmirnov, SeesADifference) {
  std::mt19937 random(1);
  std::normal_distribution<double> one(0, 1);
  std::normal_distribution<double> other(1, 1);
  std::vector<double> a, b, c;
  for (int i = 0; i < kTries; ++i) {
    a.push_back(one(random));
    b.push_back(one(random));
    c.push_back(other(random));
  }
  EXPECT_LT(ks_distance(a, b), 0.087);
  EXPECT_GT(ks_distance(a, c), 0.25);
}

}  // namespace
}  // namespace ssh2incus
