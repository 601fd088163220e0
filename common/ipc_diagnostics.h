// The boundary between the listener and the diagnostics process, which speaks HTTP with whoever can
// reach its socket and isn't trusted: it may ask for the numbers, and gets nothing else.
#pragma once

#include <cstdint>
#include <tuple>

#include "common/bounded.h"
#include "common/ipc_codec.h"

namespace ssh2incus::ipc {

enum class DiagnosticsMessage : std::uint8_t {
  kSnapshotRequest = 1,
  kDiagnosticsCrashNotice,
  kSnapshotReply = 65,
};
constexpr bool is_valid(DiagnosticsMessage kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return raw == 1 || raw == 2 || raw == 65;
}

struct SnapshotRequest {
  static constexpr auto kKind = DiagnosticsMessage::kSnapshotRequest;
  std::uint8_t version = 1;
  auto fields() { return std::tie(version); }
};

// Sent from the SIGSYS handler: the system call that the filter refused.
struct DiagnosticsCrashNotice {
  static constexpr auto kKind = DiagnosticsMessage::kDiagnosticsCrashNotice;
  std::uint32_t syscall = 0;
  auto fields() { return std::tie(syscall); }
};

// Upper bounds of a histogram's buckets, in milliseconds; the last bucket has none.
inline constexpr std::uint32_t kBucketBoundsMs[] = {5,   10,   25,   50,   100,   250,
                                                    500, 1000, 2500, 5000, 10000, 30000};
inline constexpr std::size_t kBuckets = std::size(kBucketBoundsMs) + 1;

struct Histogram {
  BoundedList<std::uint64_t, kBuckets> buckets;  // not cumulative; empty: nothing yet
  std::uint64_t sum_ms = 0;
  auto fields() { return std::tie(buckets, sum_ms); }
};

// One counter with the value of its label.
struct LabelledCount {
  BoundedString<32> label;
  std::uint64_t value = 0;
  auto fields() { return std::tie(label, value); }
};
using LabelledCounts = BoundedList<LabelledCount, 16>;

struct LoginCount {
  BoundedString<32> method;
  BoundedString<32> result;
  std::uint64_t value = 0;
  auto fields() { return std::tie(method, result, value); }
};

enum class IncusState : std::uint8_t { kUnknown = 1, kReachable, kUnreachable };
constexpr bool is_valid(IncusState state) {
  const auto raw = static_cast<std::uint8_t>(state);
  return raw >= 1 && raw <= 3;
}

// Counters count since the listener's start; labels are our own words.
struct SnapshotReply {
  static constexpr auto kKind = DiagnosticsMessage::kSnapshotReply;
  LabelledCounts connections;  // now, by state
  std::uint64_t accepted = 0;
  LabelledCounts refused;    // by reason
  LabelledCounts penalties;  // by reason
  std::uint64_t penalised_sources = 0;
  BoundedList<LoginCount, 16> logins;
  Histogram handshake;
  Histogram target;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t closed_streams = 0;
  LabelledCounts resident_bytes;  // by process
  IncusState incus = IncusState::kUnknown;
  std::uint64_t started_unix = 0;
  BoundedString<32> version;
  auto fields() {
    return std::tie(connections, accepted, refused, penalties, penalised_sources, logins, handshake,
                    target, bytes_in, bytes_out, closed_streams, resident_bytes, incus,
                    started_unix, version);
  }
};

}  // namespace ssh2incus::ipc
