// What a keeper reads from who is attached, what it shows again, and an instance's os-release.
#include "guest/keeper_client.h"
#include "guest/keeper_frames.h"
#include "guest/package_manager.h"
#include "guest/scrollback.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus::guest;
  const std::string text(data, data + size);
  KeeperDecoder decoder;
  std::string_view rest = text;
  while (true) {
    const auto frame = decoder.next(rest);
    if (!frame.ok() || !*frame) break;
    if ((*frame)->payload.size() > kMaxKeeperPayload) __builtin_trap();
  }
  const std::string replay = replay_of(text);
  if (replay.find("\x1b[c") != std::string::npos || replay.find('\x05') != std::string::npos)
    __builtin_trap();
  for (const auto& manager : package_managers(text, "tmux")) {
    if (manager.steps.back().back() != "tmux") __builtin_trap();
  }
  std::string keys;
  DetachKey().take(text, keys);
  return keys.size() > text.size() ? -1 : 0;
}
