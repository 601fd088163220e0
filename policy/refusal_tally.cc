// A source is remembered until an interval passes in which nothing of it is refused.
#include "policy/refusal_tally.h"

#include <utility>

namespace ssh2incus {

bool RefusalTally::add(const std::optional<IpAddress>& block,
                       const std::optional<IpAddress>& source, std::string_view reason, Time now) {
  const auto known = entries_.find(block);
  if (known == entries_.end() && entries_.size() < max_sources_) {
    entries_[block].end = now + interval_;
    return true;
  }
  const bool told_apart = known != entries_.end();
  if (!told_apart && !others_) others_.emplace(Entry{now + interval_, {}});
  Line& line = told_apart ? known->second.untold : others_->untold;
  line.source = !told_apart ? "others" : source ? source->text() : "unknown";
  line.reason = reason;
  ++line.times;
  return false;
}

std::vector<RefusalTally::Line> RefusalTally::due(Time now) {
  std::vector<Line> lines;
  const auto quiet = [now](const Entry& entry) {
    return entry.end <= now && entry.untold.times == 0;
  };
  std::erase_if(entries_, [&](const auto& known) { return quiet(known.second); });
  if (others_ && quiet(*others_)) others_.reset();
  const auto tell = [&](Entry& entry) {
    if (entry.end > now) return;
    lines.push_back(std::exchange(entry.untold, {}));
    entry.end = now + interval_;
  };
  for (auto& [block, entry] : entries_) tell(entry);
  if (others_) tell(*others_);
  return lines;
}

std::optional<RefusalTally::Time> RefusalTally::next_due() const {
  std::optional<Time> next;
  if (others_) next = others_->end;
  for (const auto& [block, entry] : entries_) {
    if (!next || entry.end < *next) next = entry.end;
  }
  return next;
}

std::vector<RefusalTally::Line> RefusalTally::rest() {
  std::vector<Line> lines;
  for (auto& [block, entry] : entries_) {
    if (entry.untold.times > 0) lines.push_back(std::move(entry.untold));
  }
  if (others_ && others_->untold.times > 0) lines.push_back(std::move(others_->untold));
  entries_.clear();
  others_.reset();
  return lines;
}

}  // namespace ssh2incus
