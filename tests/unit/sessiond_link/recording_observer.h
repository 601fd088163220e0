// Collects what a GuestLink reports, returns credit unless told not to, and runs the poll loop.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sessiond/guest_link.h"

namespace ssh2incus::test {

struct LinkLog {
  std::optional<Opened> opened;
  std::optional<std::string> refused;
  std::optional<Exited> exited;
  std::string output;
  std::string errors;
  std::uint64_t bytes = 0;  // of output, counted also where it isn't kept
  bool eof = false;
  bool closed = false;
  std::optional<OpenFailure> reason;
  std::optional<std::uint16_t> listening;
  std::optional<Accepted> accepted;
  int credits = 0;
  [[nodiscard]] bool over() const { return refused || (eof && exited); }
};

class RecordingObserver : public GuestLink::Observer {
 public:
  std::unique_ptr<GuestLink> link;
  std::map<std::uint32_t, LinkLog> logs;
  std::optional<std::string> broken;
  std::vector<std::uint32_t> accepted_streams;
  bool returns_credit = true;
  bool keeps_output = true;

  void on_opened(std::uint32_t stream, const Opened& opened) override {
    logs[stream].opened = opened;
  }
  void on_open_failed(std::uint32_t stream, const OpenFailed& refusal) override {
    logs[stream].refused = *refusal.message;
    logs[stream].reason = refusal.reason;
  }
  void on_data(std::uint32_t stream, std::span<const std::uint8_t> data, bool is_stderr) override {
    auto& log = logs[stream];
    log.bytes += data.size();
    if (keeps_output) (is_stderr ? log.errors : log.output).append(data.begin(), data.end());
    if (returns_credit) link->consumed(stream, data.size());
  }
  void on_eof(std::uint32_t stream) override { logs[stream].eof = true; }
  void on_exited(std::uint32_t stream, const Exited& exited) override {
    logs[stream].exited = exited;
  }
  void on_listening(std::uint32_t stream, const Listening& listening) override {
    logs[stream].listening = listening.port;
  }
  void on_accepted(std::uint32_t stream, const Accepted& accepted) override {
    logs[stream].accepted = accepted;
    accepted_streams.push_back(stream);
  }
  void on_closed(std::uint32_t stream) override { logs[stream].closed = true; }
  void on_credit(std::uint32_t stream) override { ++logs[stream].credits; }
  void on_broken(const std::string& reason) override {
    EXPECT_FALSE(broken.has_value()) << "told twice";
    broken = reason;
  }

  bool run_until(const std::function<bool()>& condition, int limit_ms = 30'000) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      link->flush();
      std::array<pollfd, 4> waiting{};
      const auto interests = link->interests();
      std::transform(interests.begin(), interests.end(), waiting.begin(), [](const auto& interest) {
        return pollfd{interest.fd, interest.events, 0};
      });
      if (link->broken()) return condition();
      poll(waiting.data(), waiting.size(), 50);
      for (const auto& each : waiting) link->handle(each.fd, each.revents);
    }
    return true;
  }

  const LinkLog& run(const OpenSession& request) {
    const auto stream = link->open_session(request);
    link->send_eof(stream);
    EXPECT_TRUE(run_until([&] { return logs[stream].over(); })) << broken.value_or("time limit");
    return logs[stream];
  }
};

}  // namespace ssh2incus::test
