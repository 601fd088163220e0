// The monitor's state machine in one page: which message of sessiond is allowed in which states,
// what state it may lead to, and how often. Anything else ends the connection.
#pragma once

#include <array>
#include <cstdint>

#include "common/ipc_sessiond.h"
#include "common/limits.h"

namespace ssh2incus {

enum class MonitorState : std::uint8_t {
  kStarting = 0,    // nothing heard yet
  kAwaitingSource,  // hello answered; a load balancer's PROXY header has to say who the client is
  kKeyExchange,     // hello answered, client known, no exchange hash signed
  kReady,           // session id known, no user named
  kAuthenticating,  // user named
  kAuthenticated,   // a method succeeded; the gateway is or was at work
  kClosing,         // refused or told to leave; only goodbyes are heard
};
inline constexpr std::size_t kMonitorStates = 7;

using StateSet = std::uint8_t;
constexpr StateSet states() { return 0; }
template <typename... Rest>
constexpr StateSet states(MonitorState first, Rest... rest) {
  return static_cast<StateSet>((1U << static_cast<unsigned>(first)) | states(rest...));
}
constexpr bool contains(StateSet set, MonitorState state) { return (set & states(state)) != 0; }

struct Rule {
  ipc::SessionMessage message;
  StateSet allowed_in;
  StateSet leads_to;                   // besides staying and besides kClosing
  std::uint32_t at_most;               // per connection
  std::uint32_t at_most_before_login;  // of those, before authentication succeeded
};

inline constexpr std::uint32_t kUnlimited = 0xffffffffU;

// clang-format off
inline constexpr std::array<Rule, ipc::kSessiondMessageCount> kRules = [] {
  using enum MonitorState;
  using enum ipc::SessionMessage;
  constexpr StateSet kLive = states(kKeyExchange, kReady, kAuthenticating, kAuthenticated);
  constexpr StateSet kAny = static_cast<StateSet>(kLive | states(kStarting, kAwaitingSource, kClosing));
  return std::array<Rule, ipc::kSessiondMessageCount>{{
      // message                 allowed in                  leads to                        most                               before login
      {kHelloRequest,            states(kStarting),          states(kKeyExchange, kAwaitingSource), 1,                          1},
      {kProxyHeaderRequest,      states(kAwaitingSource),    states(kKeyExchange),           1,                                 1},
      {kSignRequest,             kLive,                      states(kReady),                 limits::kMaxSignaturesPerConnection, 8},
      {kAuthStartRequest,        states(kReady),             states(kAuthenticating),        1,                                 1},
      {kPublicKeyQueryRequest,   states(kAuthenticating),    states(),                       limits::kMaxKeyQueries,            limits::kMaxKeyQueries},
      {kPublicKeyVerifyRequest,  states(kAuthenticating),    states(kAuthenticated),         limits::kMaxKeyQueries,            limits::kMaxKeyQueries},
      {kNoneAuthRequest,         states(kAuthenticating),    states(kAuthenticated),         limits::kMaxKeyQueries,            limits::kMaxKeyQueries},
      {kUnsupportedAuthRequest,  states(kAuthenticating),    states(),                       limits::kMaxKeyQueries,            limits::kMaxKeyQueries},
      {kPasswordAuthRequest,     states(kAuthenticating),    states(kAuthenticated),         limits::kMaxConversations,         limits::kMaxConversations},
      {kInteractiveAuthRequest,  states(kAuthenticating),    states(kAuthenticated),         limits::kMaxConversations,         limits::kMaxConversations},
      {kInteractiveAnswersRequest, states(kAuthenticating),  states(kAuthenticated),         limits::kMaxConversations * limits::kMaxRounds, limits::kMaxConversations * limits::kMaxRounds},
      {kSessionOpenedNotice,     states(kAuthenticated, kClosing), states(),                 kUnlimited,                        0},
      {kSessionClosedNotice,     states(kAuthenticated, kClosing), states(),                 kUnlimited,                        0},
      {kForwardOpenedNotice,     states(kAuthenticated, kClosing), states(),                 kUnlimited,                        0},
      {kForwardClosedNotice,     states(kAuthenticated, kClosing), states(),                 kUnlimited,                        0},
      {kPlainOpenRequest,        states(kAuthenticated),     states(),                       kUnlimited,                        0},
      {kPlainStatusRequest,      states(kAuthenticated),     states(),                       kUnlimited,                        0},
      {kConsoleOpenRequest,      states(kAuthenticated),     states(),                       limits::kMaxConsoleSessions,       0},
      {kConsoleAnswerRequest,    states(kAuthenticated),     states(),                       limits::kMaxConsoleSessions,       0},
      {kHostKeyProofRequest,     states(kAuthenticated),     states(),                       limits::kMaxHostKeyProofs,        0},
      {kDisconnectNotice,        kAny,                       states(),                       1,                                 1},
      {kLogNotice,               kAny,                       states(),                       100'000,                           1'000},
      {kCrashNotice,             kAny,                       states(),                       1,                                 1},
  }};
}();
// clang-format on

// A conversation goes on with its answers only; other requests of the client end it (RFC 4256
// §3.1).
constexpr bool ends_conversation(ipc::SessionMessage message) {
  using enum ipc::SessionMessage;
  switch (message) {
    case kPublicKeyQueryRequest:
    case kPublicKeyVerifyRequest:
    case kNoneAuthRequest:
    case kUnsupportedAuthRequest:
    case kPasswordAuthRequest:
    case kInteractiveAuthRequest: return true;
    default: return false;
  }
}

constexpr std::size_t rule_index(ipc::SessionMessage message) {
  for (std::size_t i = 0; i < kRules.size(); ++i) {
    if (kRules[i].message == message) return i;
  }
  return kRules.size();
}

constexpr bool every_message_has_one_rule() {
  for (std::size_t raw = static_cast<std::size_t>(ipc::kFirstSessiondMessage);
       raw <= static_cast<std::size_t>(ipc::kLastSessiondMessage); ++raw) {
    std::size_t found = 0;
    for (const Rule& rule : kRules) found += static_cast<std::size_t>(rule.message) == raw ? 1 : 0;
    if (found != 1) return false;
  }
  return true;
}
static_assert(every_message_has_one_rule());

// How often each message has come, and whether the next one is within the rules. Pure bookkeeping.
class RuleBook {
 public:
  enum class Verdict : std::uint8_t { kAllowed, kUnknownMessage, kWrongState, kTooOften };

  // Counts the message if it is allowed.
  Verdict check(ipc::SessionMessage message, MonitorState state) {
    const std::size_t index = rule_index(message);
    if (index == kRules.size()) return Verdict::kUnknownMessage;
    const Rule& rule = kRules[index];
    if (!contains(rule.allowed_in, state)) return Verdict::kWrongState;
    const std::uint32_t most = logged_in_ || state == MonitorState::kAuthenticated
                                   ? rule.at_most
                                   : rule.at_most_before_login;
    if (state == MonitorState::kAuthenticated) logged_in_ = true;
    if (counts_[index] >= most) return Verdict::kTooOften;
    ++counts_[index];
    return Verdict::kAllowed;
  }

  // Whether a handler may go from one state to the other on that message.
  static bool may_lead_to(ipc::SessionMessage message, MonitorState from, MonitorState to) {
    if (from == to || to == MonitorState::kClosing) return true;
    const std::size_t index = rule_index(message);
    return index < kRules.size() && contains(kRules[index].leads_to, to);
  }

 private:
  std::array<std::uint32_t, kRules.size()> counts_{};
  bool logged_in_ = false;
};

}  // namespace ssh2incus
