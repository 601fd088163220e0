// Which sessions of plain mode there are, and what may be asked about them: bookkeeping between
// sessiond, which asks, and the gateway, which answers. Both may be hostile. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace ssh2incus {

class PlainSessions {
 public:
  explicit PlainSessions(std::size_t most) : most_(most) {}

  // sessiond's; false: not allowed.
  bool open(std::uint32_t stream) {
    if (stream <= last_stream_ || sessions_.size() >= most_) return false;
    last_stream_ = stream;
    sessions_.emplace(stream, Session{});
    return true;
  }
  bool ask_status(std::uint32_t stream) {
    const auto found = sessions_.find(stream);
    if (found == sessions_.end() || !found->second.started || found->second.asked) return false;
    return found->second.asked = true;
  }
  void close(std::uint32_t stream) { sessions_.erase(stream); }

  // The gateway's answers. kLate: the session has been given up meanwhile.
  enum class Answer : std::uint8_t { kExpected, kLate, kUnasked };
  Answer started(std::uint32_t stream) {
    const auto found = sessions_.find(stream);
    if (found == sessions_.end()) return of_no_session(stream);
    if (found->second.started) return Answer::kUnasked;
    found->second.started = true;
    return Answer::kExpected;
  }
  Answer failed(std::uint32_t stream) {
    const auto found = sessions_.find(stream);
    if (found == sessions_.end()) return of_no_session(stream);
    if (found->second.started) return Answer::kUnasked;
    sessions_.erase(found);
    return Answer::kExpected;
  }
  Answer ended(std::uint32_t stream) {
    const auto found = sessions_.find(stream);
    if (found == sessions_.end()) return of_no_session(stream);
    if (!found->second.asked) return Answer::kUnasked;
    sessions_.erase(found);
    return Answer::kExpected;
  }

 private:
  struct Session {
    bool started = false;
    bool asked = false;
  };

  [[nodiscard]] Answer of_no_session(std::uint32_t stream) const {
    return stream != 0 && stream <= last_stream_ ? Answer::kLate : Answer::kUnasked;
  }

  std::size_t most_;
  std::uint32_t last_stream_ = 0;
  std::map<std::uint32_t, Session> sessions_;  // until they have failed, ended or been closed
};

}  // namespace ssh2incus
