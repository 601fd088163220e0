// Counts authentication failures of one connection, by OpenSSH's rules for MaxAuthTries. Fed by
// the monitor with the outcome of each request.
#pragma once

#include <cstdint>
#include <string_view>

namespace ssh2incus {

enum class AttemptResult : std::uint8_t {
  kFailed = 1,
  kPostponed,  // a query for a key that may be used: no attempt yet
  kPartial,    // one method of several succeeded
};

class AuthAttempts {
 public:
  explicit AuthAttempts(unsigned max_tries) : max_tries_(max_tries) {}

  struct Verdict {
    bool too_many = false;  // disconnect
    bool notable = false;   // log as a failure; otherwise only when debugging
  };
  // A first request for "none" is how clients ask for the methods, and costs nothing.
  Verdict record(std::string_view method, AttemptResult result);

  [[nodiscard]] unsigned failures() const { return failures_; }
  [[nodiscard]] bool exhausted() const { return failures_ >= max_tries_; }
  [[nodiscard]] unsigned requests() const { return requests_; }

 private:
  unsigned max_tries_;
  unsigned requests_ = 0;
  unsigned failures_ = 0;
};

}  // namespace ssh2incus
