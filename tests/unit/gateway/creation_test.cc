// Creations against a server that behaves, refuses, is slow, or lets somebody else be faster; what
// is begun and not finished is taken back.
#include "gateway/creation.h"

#include <nlohmann/json.hpp>

#include "tests/unit/gateway/open_target_fixture.h"

namespace ssh2incus::test {
namespace {

using ipc::CreationStep;
using Asked = FakeConnection::Request;

constexpr const char* kStarted = R"({"operation":"/1.0/operations/5"})";
constexpr const char* kRuns = R"({"metadata":{"status_code":103,"metadata":{}}})";
constexpr const char* kDone = R"({"metadata":{"status_code":200}})";

// An Incus in which instance c9 may be made.
class FakeMaker {
 public:
  // What differs from an Incus where all is well: true if it has answered.
  using Special = std::function<bool(FakeConnection&, const Asked&)>;
  explicit FakeMaker(Special special = [](auto&, auto&) { return false; })
      : special_(std::move(special)),
        incus_([this](FakeConnection& connection, const Asked& asked) {
          std::lock_guard lock(mutex_);
          return special_(connection, asked) || answer(connection, asked);
        }) {}

  FakeIncus& incus() { return incus_; }
  // The instance as its GET shows it; null: there is none. Only from within special.
  std::optional<nlohmann::json> instance;
  std::string operation_answer = kDone;
  bool sees(std::string_view request) {
    const auto all = incus_.requests();
    return std::ranges::any_of(all, [&](const auto& line) { return line.starts_with(request); });
  }
  void make(const std::string& mark, const char* state = "Stopped") {
    instance = {{"status", state},
                {"type", "container"},
                {"created_at", "2020-01-01T00:00:00Z"},
                {"config", {{kCreationKey, mark}}}};
  }

 private:
  bool answer(FakeConnection& connection, const Asked& asked) {
    if (asked.is("GET /1.0/instances/c9?")) {
      if (!instance) return connection.answer(404, R"({"error":"not found"})");
      return connection.answer(200, nlohmann::json{{"metadata", *instance}}.dump());
    }
    if (asked.is("GET /1.0/projects/")) return connection.answer(200, "{}");
    if (asked.is("GET /1.0/images/")) return connection.answer(404, "{}");
    if (asked.is("GET /1.0/instances?recursion"))
      return connection.answer(200, R"({"metadata":[]})");
    if (asked.is("POST /1.0/instances?")) {
      const auto body = nlohmann::json::parse(asked.body);
      make(body["config"][kCreationKey]);
      return connection.answer(202, kStarted);
    }
    if (asked.is("GET /1.0/operations/5")) return connection.answer(200, operation_answer);
    if (asked.is("DELETE /1.0/operations/5")) return connection.answer(200, "{}");
    if (asked.is("PUT /1.0/instances/c9/state")) {
      (*instance)["status"] = "Running";
      return connection.answer(202, kStarted);
    }
    if (asked.is("DELETE /1.0/instances/c9")) {
      instance.reset();
      return connection.answer(202, kStarted);
    }
    return connection.answer(500, R"({"error":"unexpected"})");
  }

  Special special_;
  std::mutex mutex_;
  FakeIncus incus_;
};

class Creation : public testing::Test {
 protected:
  Creation() {
    grant_.image = std::string("debian/12");
    grant_.server = ImageServerGrant{std::string("https://i"), ImageProtocol::kSimplestreams, {}};
    grant_.local_first = true;
    grant_.created_by = std::string("anna");
    auto client = IncusClient::create();
    EXPECT_TRUE(client.ok());
    client_.emplace(std::move(client).value());
  }

  // "": the instance exists now; else the failure.
  std::string ensure(FakeMaker& maker, int patience_ms = 10'000, int monitor_fd = -1) {
    client_->use_socket(maker.incus().path());
    const Target target{*InstanceName::parse("c9"), *ProjectName::parse("default")};
    InstanceCreation creation(
        *client_, target, grant_,
        [this](const std::string& text, bool) { progress_.push_back(text); },
        [this](CreationStep step) { steps_.push_back(step); });
    auto made = creation.ensure(Patience(monitor_fd, patience_ms));
    fresh_ = creation.is_fresh();
    return made.ok() ? "" : made.failure().text;
  }

  CreateGrant grant_;
  std::optional<IncusClient> client_;
  std::vector<std::string> progress_;
  std::vector<CreationStep> steps_;
  bool fresh_ = false;
};

TEST_F(Creation, MakesAndStartsWhatIsMissing) {
  FakeMaker maker;
  EXPECT_EQ(ensure(maker), "");
  EXPECT_EQ(steps_, (std::vector{CreationStep::kBegun, CreationStep::kDone}));
  EXPECT_EQ(progress_, (std::vector<std::string>{"creating instance c9", "starting instance c9"}));
  EXPECT_TRUE(fresh_);
  EXPECT_FALSE(maker.sees("DELETE"));
}

TEST_F(Creation, LeavesWhatExistsAsItIs) {
  FakeMaker maker;
  maker.make("other");
  EXPECT_EQ(ensure(maker), "");
  EXPECT_TRUE(steps_.empty());
  EXPECT_FALSE(fresh_);
  EXPECT_EQ(maker.incus().requests().size(), 1U);
  grant_.must_be_new = true;
  EXPECT_NE(ensure(maker).find("it exists meanwhile"), std::string::npos);
}

TEST_F(Creation, TakesLocalImagesOfTheRightTypeFirst) {
  std::string source;
  FakeMaker maker([&](FakeConnection& connection, const Asked& asked) {
    if (asked.is("POST /1.0/instances?")) source = asked.body;
    if (!asked.is("GET /1.0/images/aliases/debian%2F12?")) return false;
    return connection.answer(200, R"({"metadata":{"type":"container"}})");
  });
  EXPECT_EQ(ensure(maker), "");
  EXPECT_EQ(source.find("https://i"), std::string::npos) << source;
  maker.instance.reset();
  grant_.virtual_machine = true;
  EXPECT_EQ(ensure(maker), "");
  EXPECT_NE(source.find("https://i"), std::string::npos) << source;
}

TEST_F(Creation, SaysThatAnImageIsMissing) {
  FakeMaker maker;
  grant_.server.reset();
  EXPECT_EQ(ensure(maker), "can't create instance c9: Incus has no image debian/12");
  EXPECT_FALSE(maker.sees("POST"));
}

TEST_F(Creation, TakesFailuresBack) {
  FakeMaker maker;
  maker.operation_answer = R"({"metadata":{"status_code":400,"err":"No space left\u001b"}})";
  EXPECT_EQ(ensure(maker), "can't create instance c9: No space left\\x1b");
  EXPECT_EQ(steps_, (std::vector{CreationStep::kBegun, CreationStep::kUndone}));
  EXPECT_FALSE(maker.instance);
}

TEST_F(Creation, TakesBackWhatDoesNotStart) {
  FakeMaker maker([&](FakeConnection& connection, const Asked& asked) {
    if (!asked.is("PUT /1.0/instances/c9/state")) return false;
    return connection.answer(400, R"({"error":"no kernel for this"})");
  });
  EXPECT_EQ(ensure(maker), "can't start instance c9: no kernel for this");
  EXPECT_FALSE(maker.instance);
}

TEST_F(Creation, NeverDeletesWhatOthersHaveMade) {
  FakeMaker* self = nullptr;
  FakeMaker racing([&](FakeConnection& connection, const Asked& asked) {
    if (!asked.is("POST /1.0/instances?")) return false;
    self->make("somebody else's", "Running");
    return connection.answer(202, kStarted);
  });
  self = &racing;
  racing.operation_answer =
      R"({"metadata":{"status_code":400,"err":"Instance is busy running a \"create\" operation"}})";
  EXPECT_EQ(ensure(racing), "");
  EXPECT_EQ(steps_, (std::vector{CreationStep::kBegun, CreationStep::kLeftToOthers}));
  EXPECT_FALSE(racing.sees("DELETE"));
  EXPECT_TRUE(racing.instance);
}

TEST_F(Creation, TriesAgainWhenTheOthersGiveUp) {
  int posts = 0;
  FakeMaker maker([&](FakeConnection& connection, const Asked& asked) {
    if (asked.is("POST /1.0/instances?") && posts++ == 0) {
      return connection.answer(409, R"({"error":"Instance \"c9\" already exists"})");
    }
    return false;
  });
  EXPECT_EQ(ensure(maker), "");
  EXPECT_EQ(posts, 2);
  EXPECT_EQ(steps_.back(), CreationStep::kDone);
}

TEST_F(Creation, IsCancelledWhenTheMonitorGoes) {
  std::array<int, 2> monitor{};
  ASSERT_EQ(pipe(monitor.data()), 0);
  bool cancelled = false;
  FakeMaker maker([&](FakeConnection& connection, const Asked& asked) {
    if (asked.is("GET /1.0/operations/5")) {
      if (!cancelled && monitor[1] >= 0) close(std::exchange(monitor[1], -1));
      return connection.answer(200, cancelled ? kDone : kRuns);
    }
    cancelled = cancelled || asked.is("DELETE /1.0/operations/5");
    return false;
  });
  EXPECT_EQ(ensure(maker, 10'000, monitor[0]), "the connection has ended");
  EXPECT_TRUE(cancelled);
  EXPECT_FALSE(maker.instance);
  EXPECT_EQ(steps_.back(), CreationStep::kUndone);
  close(monitor[0]);
}

TEST_F(Creation, KeepsToItsTime) {
  bool cancelled = false;
  // After the cancellation the operation has ended.
  FakeMaker slow([&](FakeConnection& connection, const Asked& asked) {
    if (asked.is("DELETE /1.0/operations/5")) cancelled = true;
    if (!asked.is("GET /1.0/operations/5") || cancelled) return false;
    return connection.answer(200, kRuns);
  });
  EXPECT_NE(ensure(slow, 1000), "");
  EXPECT_FALSE(slow.instance);
}

TEST_F(Creation, CountsWhatTheUserHasAlready) {
  std::string list = R"({"metadata":[{"created_at":"2020-01-01T00:00:00Z"}]})";
  FakeMaker maker([&](FakeConnection& connection, const Asked& asked) {
    if (!asked.is("GET /1.0/instances?recursion")) return false;
    EXPECT_NE(asked.line.find("config.user.ssh2incus.created-by%20eq%20anna"), std::string::npos);
    return connection.answer(200, list);
  });
  grant_.max_instances = 1;
  EXPECT_NE(ensure(maker).find("anna may have 1 instances"), std::string::npos);
  EXPECT_FALSE(maker.sees("POST"));
  grant_.max_instances = 2;
  EXPECT_EQ(ensure(maker), "");
}

// The other one was made between the first count and ours.
TEST_F(Creation, OfTwoAtOnceTheOlderStays) {
  for (const char* other : {"2019-12-31T23:59:59Z", "2020-01-01T00:00:00.5Z"}) {
    FakeMaker* self = nullptr;
    FakeMaker maker([&](FakeConnection& connection, const Asked& asked) {
      if (!asked.is("GET /1.0/instances?recursion") || !self->instance) return false;
      const nlohmann::json mine = *self->instance;
      return connection.answer(
          200, nlohmann::json{{"metadata", {mine, {{"created_at", other}}}}}.dump());
    });
    self = &maker;
    grant_.max_instances = 1;
    const bool other_is_older = std::string(other) < "2020";
    EXPECT_EQ(ensure(maker).empty(), !other_is_older) << other;
    EXPECT_EQ(maker.instance.has_value(), !other_is_older) << other;
  }
}

}  // namespace
}  // namespace ssh2incus::test
