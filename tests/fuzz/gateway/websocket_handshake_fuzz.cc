// Any bytes as the reply to an upgrade request: what is accepted carries the right accept value.
#include "common/check.h"
#include "gateway/websocket_handshake.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto end = end_of_reply(text)) {
    const auto reply = text.substr(0, *end);
    if (check_upgrade_reply(reply, "dGhlIHNhbXBsZSBub25jZQ==").ok()) {
      CHECK(reply.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string_view::npos);
    }
  }
  static_cast<void>(check_upgrade_reply(text, "dGhlIHNhbXBsZSBub25jZQ=="));
  return 0;
}
