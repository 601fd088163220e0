// What the listener counts for --pprof. Fed by itself and by its monitors' notices.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "common/ipc_diagnostics.h"
#include "monitor/ipc_listener.h"
#include "policy/penalties.h"

namespace ssh2incus {

class Metrics {
 public:
  enum class Refusal : std::uint8_t { kPenalty = 0, kMaxStartups, kSourceStartups };

  void accepted() { ++accepted_; }
  void refused(Refusal why) { ++refused_.at(static_cast<std::size_t>(why)); }
  void penalised(PenaltyReason reason) { ++penalties_[reason]; }
  void take(const AttemptNotice& notice) { ++logins_[{notice.method, notice.result}]; }
  void take(const PhaseNotice& notice);
  void take(const TrafficNotice& notice);

  // With all counters; what is true now is the caller's to add.
  [[nodiscard]] ipc::SnapshotReply counters() const;

 private:
  struct Times {
    std::array<std::uint64_t, ipc::kBuckets> buckets{};
    std::uint64_t sum_ms = 0;
    void add(std::uint32_t milliseconds);
    [[nodiscard]] ipc::Histogram histogram() const;
  };

  std::uint64_t accepted_ = 0;
  std::array<std::uint64_t, 3> refused_{};
  std::map<PenaltyReason, std::uint64_t> penalties_;
  std::map<std::pair<AuthMethod, LoginResult>, std::uint64_t> logins_;
  Times handshake_;
  Times target_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t closed_streams_ = 0;
};

}  // namespace ssh2incus
