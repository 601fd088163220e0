// Lock-free slots: one process writes, another reads after the first has died.
#include "guest/leader_table.h"

#include <signal.h>
#include <sys/mman.h>

#include <new>

namespace ssh2incus::guest {

LeaderTable* LeaderTable::create() {
  void* memory =
      mmap(nullptr, sizeof(LeaderTable), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : new (memory) LeaderTable();
}

void LeaderTable::add(pid_t leader) {
  for (auto& slot : leaders_) {
    pid_t empty = 0;
    if (slot.compare_exchange_strong(empty, leader)) return;
  }
}

void LeaderTable::remove(pid_t leader) {
  for (auto& slot : leaders_) {
    pid_t expected = leader;
    if (slot.compare_exchange_strong(expected, 0)) return;
  }
}

void LeaderTable::set_agent_socket(const std::string& path) {
  if (path.size() >= agent_socket_.size()) return;
  for (std::size_t i = 0; i < path.size(); ++i) agent_socket_[i] = path[i];
}

std::string LeaderTable::agent_socket() const {
  std::string path;
  for (const auto& letter : agent_socket_) {
    const char c = letter.load();
    if (c == 0) return path;
    path += c;
  }
  return {};
}

void LeaderTable::hang_up() const {
  for (const auto& slot : leaders_) {
    const pid_t leader = slot.load();
    if (leader <= 1) continue;
    kill(-leader, SIGHUP);
    kill(-leader, SIGCONT);
  }
}

}  // namespace ssh2incus::guest
