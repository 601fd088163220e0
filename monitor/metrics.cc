// See metrics.h. Labels are fixed words; numbers only add up.
#include "monitor/metrics.h"

#include <algorithm>
#include <string>

namespace ssh2incus {
namespace {

constexpr std::array kRefusals = {"penalty", "max-startups", "per-source-max-startups"};
constexpr std::array kPenaltyReasons = {PenaltyReason::kCrash, PenaltyReason::kAuthFail,
                                        PenaltyReason::kNoAuth, PenaltyReason::kGraceExceeded,
                                        PenaltyReason::kInvalidUser};
constexpr std::array kMethods = {AuthMethod::kPublicKey, AuthMethod::kPassword,
                                 AuthMethod::kKeyboardInteractive, AuthMethod::kNone};
constexpr std::array kResults = {std::pair(LoginResult::kSucceeded, "succeeded"),
                                 std::pair(LoginResult::kPartial, "partial"),
                                 std::pair(LoginResult::kFailed, "failed")};

template <typename Map, typename Key>
std::uint64_t value_of(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? 0 : found->second;
}

}  // namespace

void Metrics::Times::add(std::uint32_t milliseconds) {
  const auto* bound = std::ranges::lower_bound(ipc::kBucketBoundsMs, milliseconds);
  ++buckets.at(static_cast<std::size_t>(bound - std::begin(ipc::kBucketBoundsMs)));
  sum_ms += milliseconds;
}

ipc::Histogram Metrics::Times::histogram() const {
  return {std::vector<std::uint64_t>(buckets.begin(), buckets.end()), sum_ms};
}

void Metrics::take(const PhaseNotice& notice) {
  (notice.phase == Phase::kHandshake ? handshake_ : target_).add(notice.milliseconds);
}

void Metrics::take(const TrafficNotice& notice) {
  bytes_in_ += notice.bytes_in;
  bytes_out_ += notice.bytes_out;
  ++closed_streams_;
}

ipc::SnapshotReply Metrics::counters() const {
  ipc::SnapshotReply reply;
  reply.accepted = accepted_;
  std::vector<ipc::LabelledCount> refused;
  for (std::size_t i = 0; i < kRefusals.size(); ++i)
    refused.push_back({std::string(kRefusals.at(i)), refused_.at(i)});
  reply.refused = std::move(refused);
  std::vector<ipc::LabelledCount> penalties;
  for (const PenaltyReason reason : kPenaltyReasons)
    penalties.push_back({std::string(penalty_reason_name(reason)), value_of(penalties_, reason)});
  reply.penalties = std::move(penalties);
  std::vector<ipc::LoginCount> logins;
  for (const AuthMethod method : kMethods) {
    for (const auto& [result, name] : kResults) {
      logins.push_back({std::string(auth_method_name(method)), std::string(name),
                        value_of(logins_, std::pair(method, result))});
    }
  }
  reply.logins = std::move(logins);
  reply.handshake = handshake_.histogram();
  reply.target = target_.histogram();
  reply.bytes_in = bytes_in_;
  reply.bytes_out = bytes_out_;
  reply.closed_streams = closed_streams_;
  return reply;
}

}  // namespace ssh2incus
