// Frames from either side, in pieces of changing size: the pieces must not matter.
#include <cstdlib>

#include "common/guest_frames.h"

namespace {

using namespace ssh2incus;

struct Outcome {
  std::size_t payload = 0;
  std::size_t messages = 0;
  bool failed = false;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(FrameSource source, std::span<const std::uint8_t> bytes, std::size_t piece) {
  FrameDecoder decoder(source);
  Outcome outcome;
  while (!bytes.empty()) {
    auto part = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(part.size());
    while (true) {
      const auto event = decoder.next(part);
      outcome.failed = !event.ok();
      if (outcome.failed) return outcome;
      if (!*event) break;
      outcome.payload += (**event).payload.size();
      if (carries_raw_data((**event).header.type)) continue;
      ++outcome.messages;
      const auto request = ipc::decode_fields<OpenSession>((**event).payload);
      static_cast<void>(ipc::decode_fields<Accepted>((**event).payload).ok());
      static_cast<void>(ipc::decode_fields<OpenConnection>((**event).payload).ok());
      static_cast<void>(ipc::decode_fields<OpenListener>((**event).payload).ok());
      if (request.ok() && ipc::encode_fields(*request).size() != (**event).payload.size()) abort();
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto source = (data[0] & 1) != 0 ? FrameSource::kGuest : FrameSource::kSessiond;
  const std::span<const std::uint8_t> bytes(data + 1, size - 1);
  if (decode(source, bytes, size) != decode(source, bytes, 1U + (data[0] >> 1))) std::abort();
  return 0;
}
