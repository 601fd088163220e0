// The socket of the client's agent: in a directory that nobody but the user can enter, gone with
// its owner.
#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "guest/listener.h"

namespace ssh2incus::guest {

class AgentSocket {
 public:
  static Result<AgentSocket> create();
  AgentSocket(AgentSocket&& other) noexcept;
  AgentSocket& operator=(AgentSocket&&) = delete;
  ~AgentSocket();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const Listener& listener() const { return *listener_; }

 private:
  AgentSocket() = default;

  std::string directory_;
  std::string path_;
  std::optional<Listener> listener_;
};

// Removes what an AgentSocket of that path has made; for those that could not do it any more.
void remove_agent_socket(const std::string& path);

}  // namespace ssh2incus::guest
