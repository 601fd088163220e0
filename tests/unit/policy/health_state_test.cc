// When Incus is asked, and what is told of the answers.
#include "policy/health_state.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using std::chrono::seconds;
using Change = HealthState::Change;

TEST(HealthState, AsksAtOnceAndThenAtTheInterval) {
  HealthState state(seconds(60));
  EXPECT_EQ(state.next_check(), seconds(0));
  EXPECT_FALSE(state.known());
  EXPECT_EQ(state.on_result(true, "", seconds(100)), Change::kNone);
  EXPECT_TRUE(state.known());
  EXPECT_FALSE(state.outage());
  EXPECT_EQ(state.next_check(), seconds(160));
}

TEST(HealthState, TellsAnOutageOnceAndItsEndOnce) {
  HealthState state(seconds(60));
  EXPECT_EQ(state.on_result(false, "refused", seconds(10)), Change::kLost);
  EXPECT_EQ(state.on_result(false, "silent", seconds(20)), Change::kNone);
  EXPECT_EQ(state.outage(), "silent");
  EXPECT_EQ(state.outage_since(), seconds(10));
  EXPECT_EQ(state.on_result(true, "", seconds(30)), Change::kBack);
  EXPECT_FALSE(state.outage() || state.outage_since());
  EXPECT_EQ(state.on_result(true, "", seconds(40)), Change::kNone);
}

TEST(HealthState, AsksEverLessOftenButOftenDuringAnOutage) {
  HealthState state(seconds(600));
  seconds now(0);
  for (const int wait : {1, 2, 4, 8, 15, 15}) {
    state.on_result(false, "x", now);
    EXPECT_EQ(state.next_check(), now + seconds(wait));
    now += seconds(wait);
  }
  state.on_result(true, "", now);
  state.on_result(false, "x", now);
  EXPECT_EQ(state.next_check(), now + seconds(1));
}

TEST(HealthState, NeverAsksMoreSeldomThanItsInterval) {
  HealthState state(seconds(2));
  for (int i = 0; i < 5; ++i) state.on_result(false, "x", seconds(0));
  EXPECT_EQ(state.next_check(), seconds(2));
}

TEST(HealthState, KnowsNothingWithoutAnInterval) {
  HealthState state(std::nullopt);
  EXPECT_FALSE(state.next_check());
  EXPECT_EQ(state.on_result(false, "x", seconds(0)), Change::kNone);
  EXPECT_FALSE(state.known() || state.outage());
  state.change(seconds(5));
  EXPECT_EQ(state.on_result(false, "x", seconds(9)), Change::kLost);
  state.change(std::nullopt);
  EXPECT_FALSE(state.known() || state.outage() || state.next_check());
}

}  // namespace
}  // namespace ssh2incus
