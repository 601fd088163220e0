// Where a user's kept session is reached: a socket in a directory that nobody else can enter. Other
// users of the instance may have been there first; what isn't ours is never used.
#pragma once

#include <string>

#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus::guest {

class KeeperDirectory {
 public:
  // The first of the candidates that is, or can be made, a directory of ours with mode 0700.
  static Result<KeeperDirectory> open(const std::string& home);

  // Held until the returned descriptor is closed: only one looks for a session and starts it.
  [[nodiscard]] Result<UniqueFd> lock() const;
  // Connected to the keeper, which is ours; invalid if there is none.
  [[nodiscard]] Result<UniqueFd> connect() const;
  // In place of whatever was there.
  [[nodiscard]] Result<UniqueFd> listen() const;
  void remove_socket() const;
  // The same directory for somebody else.
  [[nodiscard]] KeeperDirectory share() const;

 private:
  explicit KeeperDirectory(UniqueFd fd) : fd_(std::move(fd)) {}
  [[nodiscard]] std::string socket_path() const;
  UniqueFd fd_;
};

// Whether the other end of a unix socket is a process of our user's.
bool is_own_peer(int socket);

}  // namespace ssh2incus::guest
