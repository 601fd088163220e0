// See connection_table.h. A slot is written by its owner only, but for the note of who ends it; a
// reader that finds it changing looks again.
#include "monitor/connection_table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <new>

namespace ssh2incus {
namespace {

template <std::size_t Size>
using Text = std::array<char, Size>;

template <std::size_t Size>
void put(Text<Size>& place, const std::string& text) {
  place.fill('\0');
  std::copy_n(text.begin(), std::min(text.size(), Size), place.begin());
}

template <std::size_t Size>
std::string taken(const Text<Size>& place) {
  return {place.begin(), std::ranges::find(place, '\0')};
}

struct Told {
  Text<32> id;
  Text<64> host_user;
  Text<256> target;
  Text<64> source;
  std::int64_t since_unix;
  std::uint32_t sessions;
};

}  // namespace

struct ConnectionTable::Slot {
  std::atomic<std::uint32_t> version;  // odd while it's being written; 0: nothing has been told
  Told told;
  Text<64> ended_by;
  std::array<char, 1024 - sizeof(std::uint32_t) - 4 - sizeof(Told) - 64> unused;
};

Result<ConnectionTable> ConnectionTable::open(const std::string& path) {
  static_assert(sizeof(Slot) == 1024);
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return system_error(path);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return system_error(path);
  if (!S_ISREG(status.st_mode) || status.st_uid != 0 || (status.st_mode & 077) != 0)
    return fail(path + " must be a file of root's that nobody else can read");
  constexpr std::size_t kSize = kSlots * sizeof(Slot);
  if (ftruncate(fd.get(), kSize) != 0) return system_error(path);
  void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return system_error(path);
  return ConnectionTable(std::move(fd), static_cast<Slot*>(memory));
}

ConnectionTable::ConnectionTable(ConnectionTable&& other) noexcept
    : fd_(std::move(other.fd_)), slots_(std::exchange(other.slots_, nullptr)), own_(other.own_) {}

ConnectionTable::~ConnectionTable() {
  if (slots_ != nullptr) munmap(slots_, kSlots * sizeof(Slot));
}

bool ConnectionTable::join() {
  const auto start = static_cast<std::size_t>(getpid()) % kSlots;
  for (std::size_t i = 0; i < kSlots; ++i) {
    const std::size_t slot = (start + i) % kSlots;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(slot * sizeof(Slot));
    lock.l_len = sizeof(Slot);
    if (fcntl(fd_.get(), F_SETLK, &lock) != 0) continue;
    slots_[slot].version.store(0, std::memory_order_release);
    slots_[slot].ended_by.fill('\0');
    own_ = slot;
    return true;
  }
  return false;
}

void ConnectionTable::tell(const ConnectionFacts& facts) {
  if (!own_) return;
  Slot& slot = slots_[*own_];
  const std::uint32_t version = slot.version.load(std::memory_order_relaxed);
  slot.version.store(version + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  put(slot.told.id, facts.id);
  put(slot.told.host_user, facts.host_user);
  put(slot.told.target, facts.target);
  put(slot.told.source, facts.source);
  slot.told.since_unix = facts.since_unix;
  slot.told.sessions = facts.sessions;
  slot.version.store(version + 2, std::memory_order_release);
}

std::optional<pid_t> ConnectionTable::owner(std::size_t slot) const {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(slot * sizeof(Slot));
  lock.l_len = sizeof(Slot);
  if (fcntl(fd_.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

namespace {

std::optional<ConnectionFacts> read_slot(const std::atomic<std::uint32_t>& version,
                                         const Told& told) {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    const std::uint32_t before = version.load(std::memory_order_acquire);
    if (before == 0) return std::nullopt;
    if (before % 2 != 0) continue;
    const Told copy = told;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (version.load(std::memory_order_relaxed) != before) continue;
    return ConnectionFacts{taken(copy.id),     taken(copy.host_user), taken(copy.target),
                           taken(copy.source), copy.since_unix,       copy.sessions};
  }
  return std::nullopt;
}

}  // namespace

std::vector<ConnectionFacts> ConnectionTable::list() const {
  std::vector<ConnectionFacts> all;
  for (std::size_t i = 0; i < kSlots; ++i) {
    const Slot& slot = slots_[i];
    if (slot.version.load(std::memory_order_relaxed) == 0) continue;
    if (own_ != i && !owner(i)) continue;
    if (auto facts = read_slot(slot.version, slot.told)) all.push_back(std::move(*facts));
  }
  return all;
}

std::optional<pid_t> ConnectionTable::claim_end(const std::string& id, const std::string& by) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot& slot = slots_[i];
    if (own_ == i || slot.version.load(std::memory_order_relaxed) == 0) continue;
    const auto facts = read_slot(slot.version, slot.told);
    if (!facts || facts->id != id) continue;
    const auto pid = owner(i);
    if (pid) put(slot.ended_by, by);
    return pid;
  }
  return std::nullopt;
}

std::string ConnectionTable::ended_by() const {
  return own_ ? taken(slots_[*own_].ended_by) : std::string();
}

}  // namespace ssh2incus
