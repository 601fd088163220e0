// %list and %rm in the gateway, against an Incus that is played, properly or not.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "gateway/inventory_service.h"
#include "gateway/service.h"
#include "tests/unit/gateway/fake_incus.h"

namespace ssh2incus::test {
namespace {

class InventoryTest : public testing::Test {
 protected:
  void SetUp() override {
    incus_.emplace([this](FakeConnection& connection, const FakeConnection::Request& request) {
      return play(connection, request);
    });
    auto pair = ipc::IpcChannel::pair();
    monitor_.emplace(std::move(pair->first));
    thread_ = std::thread([this, channel = std::move(pair->second)]() mutable {
      auto client = IncusClient::create();
      ended_well_ = GatewayService(channel, client).run().ok();
    });
  }
  void TearDown() override {
    monitor_.reset();
    thread_.join();
  }
  bool play(FakeConnection& connection, const FakeConnection::Request& request) {
    if (request.is("GET /1.0/instances?")) return connection.answer(200, list_);
    if (request.is("GET /1.0/instances/c1")) {
      if (gone_) return connection.answer(404, R"({"error":"not found"})");
      return connection.answer(
          200, R"({"metadata":{"status":")" + state_ + R"(","type":"container","ephemeral":)" +
                   (ephemeral_ ? "true" : "false") + R"(,"config":{"volatile.uuid":")" + uuid_ +
                   R"("},"expanded_config":{)" + config_ + "}}}");
    }
    if (request.is("GET /1.0/projects/default")) return connection.answer(200, "{}");
    if (request.is("PUT ") || request.is("DELETE ")) {
      return connection.answer(202, R"({"operation":"/1.0/operations/12-34"})");
    }
    if (request.is("GET /1.0/operations/12-34")) {
      return connection.answer(200, R"({"metadata":{"status_code":)" + std::to_string(result_) +
                                        R"(,"err":"why not"}})");
    }
    return connection.answer(404, R"({"error":"not found"})");
  }
  ipc::ExamineRequest examine() {
    ipc::ExamineRequest request;
    request.endpoint.socket_path = incus_->path();
    request.project = std::string("default");
    request.instance = std::string("c1");
    return request;
  }
  template <typename Reply>
  Reply ask(const auto& request) {
    EXPECT_TRUE(monitor_->send(request).ok());
    auto reply = monitor_->receive_message<Reply>(10'000);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    return reply.ok() ? *reply : Reply{};
  }
  // Requests that change something.
  std::vector<std::string> changes() {
    std::vector<std::string> found;
    for (const std::string& line : incus_->requests()) {
      if (!line.starts_with("GET ")) found.push_back(line);
    }
    return found;
  }

  std::string list_ = R"({"metadata":[]})";
  std::string state_ = "Stopped";
  std::string uuid_ = "aa-bb";
  std::string config_;
  bool ephemeral_ = false;
  bool gone_ = false;
  int result_ = 200;
  std::atomic<bool> ended_well_ = false;
  std::optional<FakeIncus> incus_;
  std::optional<ipc::IpcChannel> monitor_;
  std::thread thread_;
};

TEST_F(InventoryTest, ListsInPartsThatFit) {
  std::string instances;
  constexpr int kCount = 2500;
  for (int i = 0; i < kCount; ++i) {
    instances += std::string(i > 0 ? "," : "") + R"({"name":"c)" + std::to_string(i) +
                 R"(","project":"default","status":"Running","type":"container"})";
  }
  list_ = R"({"metadata":[)" + instances + "]}";
  ipc::ListRequest request;
  request.endpoint.socket_path = incus_->path();
  auto reply = ask<ipc::ListReply>(request);
  std::size_t count = reply.instances.size();
  while (!reply.last) {
    reply = monitor_->receive_message<ipc::ListReply>(10'000).value();
    count += reply.instances.size();
  }
  EXPECT_EQ(count, static_cast<std::size_t>(kCount));
  EXPECT_EQ(incus_->requests().front(), "GET /1.0/instances?recursion=2&all-projects=true");
}

TEST_F(InventoryTest, AListThatMakesNoSenseIsAFailureAndNotTheEnd) {
  list_ = R"({"metadata":[{"name":"../c1","project":"default","status":"x"}]})";
  ipc::ListRequest request;
  request.endpoint.socket_path = incus_->path();
  EXPECT_EQ(ask<ipc::FailedReply>(request).failure, ipc::TargetFailure::kIncusError);
  list_ = R"({"metadata":[]})";
  EXPECT_TRUE(ask<ipc::ListReply>(request).last);
}

TEST_F(InventoryTest, DeletesWhatItHasExamined) {
  EXPECT_EQ(*ask<ipc::ExamineReply>(examine()).state, "Stopped");
  EXPECT_TRUE(changes().empty());
  ask<ipc::DeleteReply>(ipc::DeleteRequest{});
  EXPECT_EQ(changes(), std::vector<std::string>{"DELETE /1.0/instances/c1?project=default"});
}

TEST_F(InventoryTest, StopsARunningOneFirst) {
  state_ = "Running";
  ask<ipc::ExamineReply>(examine());
  ask<ipc::DeleteReply>(ipc::DeleteRequest{});
  EXPECT_EQ(changes(), (std::vector<std::string>{"PUT /1.0/instances/c1/state?project=default",
                                                 "DELETE /1.0/instances/c1?project=default"}));
}

TEST_F(InventoryTest, AnEphemeralOneGoesByBeingStopped) {
  state_ = "Running";
  ephemeral_ = true;
  ask<ipc::ExamineReply>(examine());
  ask<ipc::DeleteReply>(ipc::DeleteRequest{});
  EXPECT_EQ(changes(), std::vector<std::string>{"PUT /1.0/instances/c1/state?project=default"});
}

TEST_F(InventoryTest, DeletesNothingThatWasntExamined) {
  ipc::ListRequest request;
  request.endpoint.socket_path = incus_->path();
  ask<ipc::ListReply>(request);
  EXPECT_NE(ask<ipc::FailedReply>(ipc::DeleteRequest{}).text->find("nothing to delete"),
            std::string::npos);
}

TEST_F(InventoryTest, DeletesNoOtherInstanceOfThatName) {
  ask<ipc::ExamineReply>(examine());
  uuid_ = "cc-dd";
  EXPECT_NE(ask<ipc::FailedReply>(ipc::DeleteRequest{}).text->find("another one"),
            std::string::npos);
  EXPECT_TRUE(changes().empty());
}

TEST_F(InventoryTest, DeletesNoneThatIsProtected) {
  config_ = R"("security.protection.delete":"true")";
  EXPECT_TRUE(ask<ipc::ExamineReply>(examine()).is_protected);
  EXPECT_NE(ask<ipc::FailedReply>(ipc::DeleteRequest{}).text->find("protected"), std::string::npos);
  EXPECT_TRUE(changes().empty());
}

TEST_F(InventoryTest, TellsWhyItCouldntBeDeleted) {
  result_ = 400;
  ask<ipc::ExamineReply>(examine());
  EXPECT_EQ(*ask<ipc::FailedReply>(ipc::DeleteRequest{}).text, "can't delete instance c1: why not");
}

TEST_F(InventoryTest, AMissingOneIsSaid) {
  gone_ = true;
  EXPECT_EQ(ask<ipc::FailedReply>(examine()).failure, ipc::TargetFailure::kNoSuchInstance);
}

TEST_F(InventoryTest, ARequestOutOfOrderEndsTheGateway) {
  ask<ipc::ExamineReply>(examine());
  ASSERT_TRUE(monitor_->send(ipc::OpenRequest{}).ok());
  EXPECT_FALSE(*monitor_->receive(10'000));
  EXPECT_FALSE(ended_well_);
}

}  // namespace
}  // namespace ssh2incus::test
