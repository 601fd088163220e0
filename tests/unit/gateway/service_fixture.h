// What the tests of the gateway's services share: an Incus that the test plays, a service that runs
// in a thread of its own, and the monitor's end of its channel.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "common/ipc_channel.h"
#include "gateway/incus_client.h"
#include "tests/unit/gateway/fake_incus.h"

namespace ssh2incus::test {

class ServiceFixture : public testing::Test {
 protected:
  void TearDown() override {
    monitor_.reset();
    if (thread_.joinable()) thread_.join();
  }

  // In threads of their own.
  virtual bool play(FakeConnection& connection, const FakeConnection::Request& request) = 0;
  virtual Status serve(ipc::IpcChannel& monitor, Result<IncusClient>& client) = 0;

  void start() {
    incus_.emplace([this](FakeConnection& connection, const FakeConnection::Request& request) {
      return play(connection, request);
    });
    auto pair = ipc::IpcChannel::pair();
    monitor_.emplace(std::move(pair->first));
    ended_ = false;
    thread_ = std::thread([this, channel = std::move(pair->second)]() mutable {
      auto client = IncusClient::create();
      ended_well_ = serve(channel, client).ok();
      ended_ = true;
    });
  }

  void send(const auto& message) { ASSERT_TRUE(monitor_->send(message).ok()); }
  bool ended_well() {
    thread_.join();
    return ended_well_;
  }

  std::optional<FakeIncus> incus_;
  std::optional<ipc::IpcChannel> monitor_;
  std::thread thread_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> ended_well_ = false;
};

}  // namespace ssh2incus::test
