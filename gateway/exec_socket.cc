// Blocking-style I/O on a stream that doesn't block, every wait with an end.
#include "gateway/exec_socket.h"

#include <algorithm>
#include <array>
#include <vector>

#include "gateway/text.h"
#include "gateway/websocket_handshake.h"

namespace ssh2incus {
namespace {

using Kind = StreamStep::Kind;

constexpr const char* kDoing = "a stream of Incus";

Failure broken(const std::string& why) {
  return {TargetFailure::kIncusError, "Incus broke off the command's stream: " + why};
}

}  // namespace

Outcome<ExecSocket> ExecSocket::begin(ByteStream stream, std::string_view path,
                                      const Patience& patience) {
  ExecSocket self(std::move(stream), new_websocket_key());
  const std::string request = upgrade_request(path, self.key_);
  TRY_OUTCOME(self.send_all(
      std::span(reinterpret_cast<const std::uint8_t*>(request.data()), request.size()), patience));
  return self;
}

int ExecSocket::fd() const {
  return std::visit([](const auto& stream) { return stream.fd(); }, stream_);
}

Outcome<UniqueFd> ExecSocket::release(TlsPump& pump) {
  if (auto* local = std::get_if<LocalStream>(&stream_)) return local->release();
  auto far = pump.carry(std::get<TlsStream>(std::move(stream_)));
  if (!far.ok()) return Failure{TargetFailure::kIncusError, far.error().message};
  return std::move(*far);
}

Outcome<std::size_t> ExecSocket::receive(std::span<std::uint8_t> bytes, bool peek,
                                         const Patience& patience) {
  for (;;) {
    const StreamStep step = std::visit(
        [&](auto& stream) { return peek ? stream.peek(bytes) : stream.read(bytes); }, stream_);
    switch (step.kind) {
      case Kind::kBytes: return step.bytes;
      case Kind::kEnd: return std::size_t{0};
      case Kind::kBroken: return broken(step.why);
      case Kind::kWait: TRY_OUTCOME(patience.wait(fd(), step.events, kDoing));
    }
  }
}

// Bytes are looked at before they are taken, so that none behind the header's end is.
Outcome<Done> ExecSocket::finish_upgrade(const Patience& patience) {
  std::string reply;
  std::array<std::uint8_t, 2048> peeked{};
  for (;;) {
    const std::size_t seen = TRY_OUTCOME(receive(peeked, true, patience));
    if (seen == 0) return broken("it closed the connection");
    const std::size_t before = reply.size();
    reply.append(reinterpret_cast<const char*>(peeked.data()), seen);
    const auto end = end_of_reply(reply);
    if (end) reply.resize(*end);
    const auto taken = std::span(peeked).first(reply.size() - before);
    if (TRY_OUTCOME(receive(taken, false, patience)) != taken.size()) {
      return broken("it took bytes back");
    }
    if (end) break;
    if (reply.size() > kMaxHandshakeReply) return broken("endless header");
  }
  if (auto status = check_upgrade_reply(reply, key_); !status.ok()) {
    return Failure{TargetFailure::kIncusError,
                   "Incus refused the command's stream: " + status.error().message};
  }
  return Done{};
}

Outcome<Done> ExecSocket::send_all(std::span<const std::uint8_t> bytes, const Patience& patience) {
  while (!bytes.empty()) {
    const StreamStep step = std::visit([&](auto& stream) { return stream.write(bytes); }, stream_);
    switch (step.kind) {
      case Kind::kBytes: bytes = bytes.subspan(step.bytes); break;
      case Kind::kWait: TRY_OUTCOME(patience.wait(fd(), step.events, kDoing)); break;
      case Kind::kEnd:
      case Kind::kBroken: return broken(step.why);
    }
  }
  return Done{};
}

Outcome<Done> ExecSocket::send_frame(Opcode opcode, std::span<const std::uint8_t> payload,
                                     const Patience& patience) {
  return send_all(encode_frame(opcode, payload), patience);
}

Outcome<WebsocketFrame> ExecSocket::receive_frame(const Patience& patience) {
  std::array<std::uint8_t, 4096> buffer{};
  for (;;) {
    const auto room = std::span(buffer).first(std::min(buffer.size(), frames_.wanted()));
    const std::size_t got = TRY_OUTCOME(receive(room, false, patience));
    if (got == 0) return WebsocketFrame{Opcode::kClose, true, {}};
    auto frame = frames_.take(room.first(got));
    if (!frame.ok()) return broken(frame.error().message);
    if (!*frame) continue;
    if ((**frame).opcode == Opcode::kPing) {
      // If incusd has closed the socket, reading on tells.
      static_cast<void>(send_frame(Opcode::kPong, (**frame).payload, patience));
    } else if ((**frame).opcode != Opcode::kPong) {
      return std::move(**frame);
    }
  }
}

}  // namespace ssh2incus
