// Which connections there are, for %sessions: a file that every monitor has open and mapped, one
// slot for each connection. A slot belongs to the process that holds a lock on its bytes
// (fcntl(2)), so the kernel knows which ones are alive, across crashes and restarts of the
// listener. Only monitors have it; none of its text is trusted to be fit for a terminal.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus {

struct ConnectionFacts {
  std::string id;
  std::string host_user;  // empty: nobody of the host's
  std::string target;
  std::string source;
  std::int64_t since_unix = 0;  // of the login
  std::uint32_t sessions = 0;
  friend bool operator==(const ConnectionFacts&, const ConnectionFacts&) = default;
};

class ConnectionTable {
 public:
  // In the listener, before any connection: makes the file, or takes over what an earlier
  // listener's monitors still use.
  static Result<ConnectionTable> open(const std::string& path);
  ConnectionTable(ConnectionTable&& other) noexcept;
  ConnectionTable& operator=(ConnectionTable&&) = delete;
  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;
  ~ConnectionTable();

  [[nodiscard]] int fd() const { return fd_.get(); }

  // In a monitor. Takes a slot for this process, until it ends. False: all are taken.
  bool join();
  void tell(const ConnectionFacts& facts);
  // That have told something, this process's own among them.
  [[nodiscard]] std::vector<ConnectionFacts> list() const;
  // The process of that connection, and a note for it of who wants it to end; it's told by SIGTERM.
  // None: there is none, or it's this process.
  [[nodiscard]] std::optional<pid_t> claim_end(const std::string& id, const std::string& by);
  // Who has wanted this process to end; empty: nobody.
  [[nodiscard]] std::string ended_by() const;

 private:
  struct Slot;
  static constexpr std::size_t kSlots = 4096;

  ConnectionTable(UniqueFd fd, Slot* slots) : fd_(std::move(fd)), slots_(slots) {}
  [[nodiscard]] std::optional<pid_t> owner(std::size_t slot) const;

  UniqueFd fd_;
  Slot* slots_ = nullptr;
  std::optional<std::size_t> own_;
};

}  // namespace ssh2incus
