// Any bytes as what arrives on stdout's websocket, in pieces of any size.
#include <algorithm>

#include "common/check.h"
#include "gateway/websocket_frames.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span bytes(data, size);
  FrameReader frames(4096);
  HelloReader hello;
  std::size_t step = 1;
  while (!bytes.empty() && !hello.ended()) {
    CHECK(frames.wanted() > 0);
    step = step % 7 + 1;
    const auto piece = bytes.first(std::min({step, frames.wanted(), bytes.size()}));
    bytes = bytes.subspan(piece.size());
    const auto frame = frames.take(piece);
    if (!frame.ok()) return 0;
    if (!*frame) continue;
    CHECK((**frame).payload.size() <= 4096);
    const auto answer = hello.take(**frame);
    if (!answer.ok() || *answer) return 0;
  }
  return 0;
}
