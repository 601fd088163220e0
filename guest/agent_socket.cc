// See agent_socket.h.
#include "guest/agent_socket.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace ssh2incus::guest {

Result<AgentSocket> AgentSocket::create() {
  AgentSocket agent;
  std::string pattern = "/tmp/ssh-XXXXXXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) return system_error("cannot make a directory in /tmp");
  agent.directory_ = pattern;
  agent.path_ = agent.directory_ + "/agent." + std::to_string(getpid());
  agent.listener_.emplace(TRY(Listener::on_path(agent.path_)));
  return agent;
}

AgentSocket::AgentSocket(AgentSocket&& other) noexcept
    : directory_(std::exchange(other.directory_, {})),
      path_(std::exchange(other.path_, {})),
      listener_(std::exchange(other.listener_, std::nullopt)) {}

AgentSocket::~AgentSocket() {
  listener_.reset();
  if (!directory_.empty()) rmdir(directory_.c_str());
}

void remove_agent_socket(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  unlink(path.c_str());
  rmdir(path.substr(0, slash).c_str());
}

}  // namespace ssh2incus::guest
