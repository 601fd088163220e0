// Few lines in the log about connections that are refused, however many there are: the first of a
// source is told at once, the others as one number per interval. Fed by the listener with sources
// from the network; the clock is the caller's. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/ip_address.h"

namespace ssh2incus {

class RefusalTally {
 public:
  using Time = std::chrono::milliseconds;
  struct Line {
    std::string source;  // "others" where there are too many sources to tell apart
    std::string reason;  // the latest
    std::uint64_t times = 0;
  };

  explicit RefusalTally(std::chrono::seconds interval = std::chrono::seconds(60),
                        std::size_t max_sources = 1024)
      : interval_(interval), max_sources_(max_sources) {}

  // True: it's to be told now. block is what counts as one source. Those without
  // an address are one.
  bool add(const std::optional<IpAddress>& block, const std::optional<IpAddress>& source,
           std::string_view reason, Time now);
  // What is to be told of intervals that are over.
  std::vector<Line> due(Time now);
  // When due() has something to do again; none: as long as nothing is refused.
  [[nodiscard]] std::optional<Time> next_due() const;
  // All that hasn't been told.
  std::vector<Line> rest();

 private:
  struct Entry {
    Time end{};  // of the present interval
    Line untold;
  };
  std::map<std::optional<IpAddress>, Entry> entries_;
  std::optional<Entry> others_;
  std::chrono::seconds interval_;
  std::size_t max_sources_;
};

}  // namespace ssh2incus
