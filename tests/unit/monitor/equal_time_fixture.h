// A thousand refused tries of each of several groups at monitors, interleaved at random and many at
// once; whether their times are one distribution is judged by Kolmogorov and Smirnov's test.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "common/sanitized.h"
#include "monitor/attendant.h"
#include "policy/failure_time.h"
#include "tests/unit/monitor/monitor_fixture.h"
#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {

// The largest distance between the two samples' distribution functions.
inline double ks_distance(std::vector<double> a, std::vector<double> b) {
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
  static constexpr int kTries = 1000;        // of each group
  static constexpr int kPerConnection = 25;  // of those

  // sessiond's end of a connection whose login has been named.
  class Conversation {
   public:
    Conversation(ipc::IpcChannel channel, const std::string& login) : channel_(std::move(channel)) {
      ask<ipc::HelloReply>(ipc::HelloRequest{});
      ask<ipc::SignReply>(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, session_id()});
      ask<ipc::AuthStartReply>(ipc::AuthStartRequest{login});
    }
    template <typename Reply>
    Reply ask(const auto& request) {
      const auto started = std::chrono::steady_clock::now();
      EXPECT_TRUE(channel_.send(request).ok());
      auto reply = channel_.receive_message<Reply>(60'000);
      took_ = std::chrono::steady_clock::now() - started;
      EXPECT_TRUE(reply.ok()) << reply.error().message;
      return reply.ok() ? *reply : Reply{};
    }
    [[nodiscard]] double took_ms() const { return took_.count(); }  // the last of those
    static Bytes session_id() { return Bytes(32, 7); }

   private:
    ipc::IpcChannel channel_;
    std::chrono::duration<double, std::milli> took_{};
  };

  // How long each part of the try has taken, by its name.
  using Times = std::map<std::string, double>;
  struct Group {
    const char* name;
    std::string login;
    std::function<Times(Conversation&, const Group&, int number)> attempt;
    std::map<std::string, std::vector<double>> times = {};  // beyond those of no work at all
  };

  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "not what is released";
    config_.max_auth_tries = 60;
    config_.login_grace_seconds = 3600;
    const std::string key = directory_.path() + "/key";
    ASSERT_TRUE(run("ssh-keygen -q -t ed25519 -N '' -f " + key));
    host_keys_.emplace(HostKeys::load({key}).value());
  }
  // A process, or without a pid a thread of the test's.
  virtual SpawnedAttendant start_attendant() = 0;

  static bool run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  }

  // All groups' tries by that many connections at once. Their times are afterwards those beyond
  // failure_time() of that floor.
  void hammer(std::vector<Group>& groups, int at_once, int floor_ms) {
    std::vector<std::size_t> connections;
    for (std::size_t group = 0; group < groups.size(); ++group) {
      connections.insert(connections.end(), kTries / kPerConnection, group);
    }
    std::mt19937 random(20261125);
    std::shuffle(connections.begin(), connections.end(), random);
    // Before there are threads: a process that is forked beside them may find locks held for ever.
    std::vector<SpawnedAttendant> attendants;
    for (std::size_t i = 0; i < connections.size(); ++i) {
      attendants.push_back(start_attendant());
    }
    std::mutex mutex;
    std::vector<std::thread> workers;
    for (int worker = 0; worker < at_once; ++worker) {
      workers.emplace_back([&] {
        for (;;) {
          std::unique_lock lock(mutex);
          if (connections.empty()) return;
          Group& group = groups[connections.back()];
          connections.pop_back();
          SpawnedAttendant attendant = std::move(attendants.back());
          attendants.pop_back();
          lock.unlock();
          const std::vector<Times> all = try_all(group, std::move(attendant));
          lock.lock();
          for (const Times& times : all) {
            for (const auto& [part, took] : times) group.times[part].push_back(took);
          }
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
    for (Group& group : groups) {
      const std::chrono::duration<double, std::milli> floor =
          failure_time(group.login, std::chrono::milliseconds(floor_ms), {});
      for (double& took : group.times["refusal"]) took -= floor.count();
    }
  }

  // Two samples of a thousand from one distribution are further apart than 0.087 once in a thousand
  // times, if tries are independent. Those of one connection aren't quite: 0.04 to 0.15 is what two
  // busy processors give. With a floor below PAM's cost some pairs are 0.3 to 0.5 apart.
  static void expect_equal(const std::vector<Group>& groups) {
    constexpr double kFarthest = 0.25;
    for (const Group& a : groups) {
      for (const auto& [part, times] : a.times) {
        EXPECT_EQ(times.size(), static_cast<std::size_t>(kTries));
        for (const Group& b : groups) {
          EXPECT_LT(ks_distance(times, b.times.at(part)), kFarthest)
              << part << " of " << a.name << " and " << b.name;
        }
      }
    }
  }

  ServerConfig config_;
  TemporaryDirectory directory_;

 private:
  // One connection's, one after the other.
  std::vector<Times> try_all(const Group& group, SpawnedAttendant attendant) {
    auto ends = ipc::IpcChannel::pair().value();
    const Log log = Log::to(null_.get());
    std::thread monitor([&] {
      Monitor(config_, *host_keys_, {}, log,
              {std::move(ends.second), std::move(attendant.channel), {}})
          .run();
    });
    std::vector<Times> all;
    {
      Conversation conversation(std::move(ends.first), group.login);
      for (int i = 0; i < kPerConnection; ++i) all.push_back(group.attempt(conversation, group, i));
    }
    monitor.join();
    if (attendant.pid > 0) waitpid(attendant.pid, nullptr, 0);
    return all;
  }

  std::optional<HostKeys> host_keys_;
  const UniqueFd null_{open("/dev/null", O_WRONLY | O_CLOEXEC)};
};

}  // namespace ssh2incus
