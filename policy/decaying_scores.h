// Scores that are forgotten exponentially: each halves in every half-life. Bounded in number,
// whatever the keys are: beyond the bound the one that will be forgotten first is dropped. The
// clock is the caller's. Not thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace ssh2incus {

template <typename Key>
class DecayingScores {
 public:
  // Milliseconds of a clock that never goes back.
  using Time = std::chrono::milliseconds;

  // What has decayed below `forgotten_below` (> 0) is forgotten.
  DecayingScores(std::chrono::seconds half_life, double forgotten_below, std::size_t most)
      : half_life_(half_life), forgotten_below_(forgotten_below), most_(most) {}

  // For all scores; until when they are remembered is said by the one they were made with.
  void change_half_life(std::chrono::seconds half_life) { half_life_ = half_life; }

  // Returns the new score, which is at most `cap`.
  double add(const Key& key, double amount, double cap, Time now) {
    forget(now);
    const double score = std::min(this->score(key, now) + amount, cap);
    if (const auto known = entries_.find(key); known != entries_.end()) {
      by_end_.erase({known->second.end, key});
    }
    const Time end = now + time_until(score, forgotten_below_);
    entries_[key] = Entry{score, now, end};
    by_end_.insert({end, key});
    while (entries_.size() > most_) drop_first();
    return score;
  }

  [[nodiscard]] double score(const Key& key, Time now) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return 0;
    const double passed = static_cast<double>((now - found->second.since).count());
    return found->second.score * std::exp2(-passed / static_cast<double>(half_life_.count()));
  }

  // How long a score takes to decay to a smaller one.
  [[nodiscard]] Time time_until(double score, double smaller) const {
    if (score <= smaller) return Time::zero();
    return Time(std::llround(static_cast<double>(half_life_.count()) * std::log2(score / smaller)));
  }

  // Drops what is forgotten by now.
  void forget(Time now) {
    while (!by_end_.empty() && by_end_.begin()->first < now) drop_first();
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    double score = 0;
    Time since{};
    Time end{};
  };
  void drop_first() {
    entries_.erase(by_end_.begin()->second);
    by_end_.erase(by_end_.begin());
  }

  Time half_life_;
  double forgotten_below_;
  std::size_t most_;
  std::map<Key, Entry> entries_;
  std::set<std::pair<Time, Key>> by_end_;
};

}  // namespace ssh2incus
