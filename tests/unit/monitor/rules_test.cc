// Generated from the table: what each message may do in each state, and how often.
#include "monitor/rules.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using Verdict = RuleBook::Verdict;

constexpr MonitorState kAll[] = {MonitorState::kStarting,       MonitorState::kAwaitingSource,
                                 MonitorState::kKeyExchange,    MonitorState::kReady,
                                 MonitorState::kAuthenticating, MonitorState::kAuthenticated,
                                 MonitorState::kClosing};

TEST(Rules, AllowAMessageExactlyInTheStatesOfItsRow) {
  for (const Rule& rule : kRules) {
    for (const MonitorState state : kAll) {
      RuleBook book;
      const Verdict verdict = book.check(rule.message, state);
      const bool counted_out =
          state != MonitorState::kAuthenticated && rule.at_most_before_login == 0;
      if (!contains(rule.allowed_in, state)) {
        EXPECT_EQ(verdict, Verdict::kWrongState) << int(rule.message) << " in " << int(state);
      } else if (counted_out) {
        EXPECT_EQ(verdict, Verdict::kTooOften) << int(rule.message) << " in " << int(state);
      } else {
        EXPECT_EQ(verdict, Verdict::kAllowed) << int(rule.message) << " in " << int(state);
      }
    }
  }
}

TEST(Rules, RefuseOneMessageMoreThanTheRowAllows) {
  for (const Rule& rule : kRules) {
    for (const MonitorState state : kAll) {
      if (!contains(rule.allowed_in, state)) continue;
      const std::uint32_t most =
          state == MonitorState::kAuthenticated ? rule.at_most : rule.at_most_before_login;
      if (most > 200'000) continue;
      RuleBook book;
      for (std::uint32_t i = 0; i < most; ++i) {
        ASSERT_EQ(book.check(rule.message, state), Verdict::kAllowed);
      }
      EXPECT_EQ(book.check(rule.message, state), Verdict::kTooOften) << int(rule.message);
    }
  }
}

TEST(Rules, RefuseEveryMessageThatSessiondDoesNotSend) {
  for (int raw = 0; raw < 256; ++raw) {
    const auto kind = static_cast<ipc::SessionMessage>(raw);
    if (raw >= 1 && raw <= static_cast<int>(ipc::kSessiondMessageCount)) continue;
    for (const MonitorState state : kAll) {
      RuleBook book;
      EXPECT_EQ(book.check(kind, state), Verdict::kUnknownMessage) << raw;
    }
  }
}

TEST(Rules, LeadToAuthenticatedOnlyByAMethod) {
  for (const Rule& rule : kRules) {
    const bool may = RuleBook::may_lead_to(rule.message, MonitorState::kAuthenticating,
                                           MonitorState::kAuthenticated);
    EXPECT_EQ(may, rule.message == ipc::SessionMessage::kPublicKeyVerifyRequest ||
                       rule.message == ipc::SessionMessage::kNoneAuthRequest ||
                       rule.message == ipc::SessionMessage::kPasswordAuthRequest ||
                       rule.message == ipc::SessionMessage::kInteractiveAuthRequest ||
                       rule.message == ipc::SessionMessage::kInteractiveAnswersRequest);
  }
}

TEST(Rules, HearNothingElseOfABalancersClientBeforeItsSource) {
  for (const Rule& rule : kRules) {
    const bool before = contains(rule.allowed_in, MonitorState::kAwaitingSource);
    using enum ipc::SessionMessage;
    EXPECT_EQ(before, rule.message == kProxyHeaderRequest || rule.message == kDisconnectNotice ||
                          rule.message == kLogNotice || rule.message == kCrashNotice);
    const bool leads_on = RuleBook::may_lead_to(rule.message, MonitorState::kAwaitingSource,
                                                MonitorState::kKeyExchange);
    EXPECT_EQ(leads_on && before, rule.message == kProxyHeaderRequest);
  }
}

}  // namespace
}  // namespace ssh2incus
