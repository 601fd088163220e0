// See handles.h. A handle is a slot's number in four bytes.
#include "guest/sftp/handles.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/check.h"
#include "guest/sftp/packet.h"

namespace ssh2incus::guest::sftp {
namespace {

std::optional<std::size_t> slot_of(std::string_view handle) {
  if (handle.size() != 4) return std::nullopt;
  PacketReader reader({reinterpret_cast<const std::uint8_t*>(handle.data()), handle.size()});
  return reader.u32();
}

}  // namespace

std::string Handles::add(OpenFile file) {
  CHECK(!full());
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = std::make_unique<OpenFile>(std::move(file));
  ++open_;
  return std::string(PacketWriter().u32(slot).content());
}

OpenFile* Handles::find(std::string_view handle) {
  const auto slot = slot_of(handle);
  return slot && *slot < slots_.size() ? slots_[*slot].get() : nullptr;
}

OpenFile* Handles::find_file(std::string_view handle) {
  OpenFile* found = find(handle);
  return found != nullptr && found->file.valid() ? found : nullptr;
}

OpenFile* Handles::find_directory(std::string_view handle) {
  OpenFile* found = find(handle);
  return found != nullptr && found->directory != nullptr ? found : nullptr;
}

std::optional<int> Handles::close(std::string_view handle) {
  if (find(handle) == nullptr) return std::nullopt;
  const auto slot = *slot_of(handle);
  auto closing = std::exchange(slots_[slot], nullptr);
  free_.push_back(static_cast<std::uint32_t>(slot));
  --open_;
  if (!closing->file.valid()) return 0;
  return ::close(closing->file.release()) == 0 ? 0 : errno;
}

}  // namespace ssh2incus::guest::sftp
