// An instance as Incus describes it; one that refused a command: finds out why, and starts it if
// that is allowed and helps.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gateway/incus_answer.h"
#include "gateway/incus_client.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"
#include "gateway/target.h"

namespace ssh2incus {

// Tells the person who waits. update: the last step goes on, the text takes its line.
using Progress = std::function<void(const std::string& text, bool update)>;

class Instance {
 public:
  Instance(IncusClient& client, Target target, bool start_if_stopped, Progress progress);

  // After a refusal with this reason: returns once another attempt makes sense.
  Outcome<Done> make_ready(const std::string& refusal, const Patience& patience);

  // Incus's answer as it came, if the instance is there. in_full: with state and snapshots.
  Outcome<HttpReply> get(const Patience& patience, bool in_full = false);
  Outcome<InstanceInfo> look(const Patience& patience);

  // user.NAME for each of the names that is set.
  Outcome<std::map<std::string, std::string>> labels(const std::vector<std::string>& names,
                                                     const Patience& patience);

  // Known if somebody had to look; empty otherwise.
  [[nodiscard]] const std::string& uuid() const { return uuid_; }

 private:
  Failure why_refused(const HttpReply& reply, const Patience& patience);
  Outcome<Done> start(const Patience& patience);
  [[nodiscard]] Failure cannot_start(const std::string& reason) const;
  void tell_once(const std::string& text);

  IncusClient& client_;
  Target target_;
  bool start_if_stopped_;
  Progress progress_;
  std::string told_;
  std::string uuid_;
  int refusals_while_running_ = 0;
};

}  // namespace ssh2incus
