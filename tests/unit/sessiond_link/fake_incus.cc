// See fake_incus.h.
#include "tests/unit/sessiond_link/fake_incus.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace ssh2incus::test {

WebsocketPairs::WebsocketPairs() {
  for (std::size_t i = 0; i < 4; ++i) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
    client[i].reset(ends[0]);
    server[i].reset(ends[1]);
  }
}

Bytes server_frame(std::uint8_t opcode, const Bytes& payload, bool final) {
  Bytes frame{static_cast<std::uint8_t>(opcode | (final ? 0x80 : 0))};
  if (payload.size() < 126) {
    frame.push_back(static_cast<std::uint8_t>(payload.size()));
  } else if (payload.size() < 65536) {
    frame.insert(frame.end(), {126, static_cast<std::uint8_t>(payload.size() >> 8),
                               static_cast<std::uint8_t>(payload.size())});
  } else {
    frame.push_back(127);
    for (int shift = 56; shift >= 0; shift -= 8) {
      frame.push_back(static_cast<std::uint8_t>(payload.size() >> shift));
    }
  }
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

Bytes ClientFrames::take(const std::uint8_t* bytes, std::size_t size) {
  unread.insert(unread.end(), bytes, bytes + size);
  Bytes payload;
  std::size_t at = 0;
  while (unread.size() - at >= 6) {
    const std::uint8_t* frame = unread.data() + at;
    std::size_t length = frame[1] & 0x7f;
    std::size_t header = 6;
    const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (unread.size() - at < header + extra) break;
    if (extra != 0) {
      length = 0;
      for (std::size_t i = 0; i < extra; ++i) length = (length << 8) | frame[2 + i];
      if (length < (extra == 2 ? 126U : 65536U)) broken = true;
    }
    header += extra;
    if ((frame[1] & 0x80) == 0 || length > 128UL * 1024) broken = true;
    if (unread.size() - at < header + length) break;
    const std::uint8_t* mask = frame + header - 4;
    const std::uint8_t opcode = frame[0] & 0x0f;
    if (opcode == kPong) ++pongs;
    if (opcode == kText || (frame[0] & 0xf0) != 0x80) broken = true;
    const std::uint8_t any_mask = mask[0] | mask[1] | mask[2] | mask[3];
    if (opcode == kBinary) {
      payload.insert(payload.end(), frame + header, frame + header + length);
      if (any_mask != 0) {
        for (std::size_t i = 0; i < length; ++i)
          payload[payload.size() - length + i] ^= mask[i % 4];
      }
    }
    at += header + length;
  }
  unread.erase(unread.begin(), unread.begin() + static_cast<long>(at));
  return payload;
}

void write_fully(int fd, const Bytes& bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = write(fd, bytes.data() + written, bytes.size() - written);
    if (count <= 0) return;
    written += static_cast<std::size_t>(count);
  }
}

FakeIncus::FakeIncus(std::array<UniqueFd, 4> sockets, std::array<UniqueFd, 3> pipes)
    : sockets_(std::move(sockets)),
      pipes_(std::move(pipes)),
      upward_([this] { from_client(); }),
      downward_([this] { from_guest(); }) {}

FakeIncus::~FakeIncus() {
  stop_ = true;
  upward_.join();
  downward_.join();
}

void FakeIncus::from_client() {
  std::array<ClientFrames, 4> frames;
  std::vector<std::uint8_t> buffer(256 * 1024);
  while (!stop_) {
    std::array<pollfd, 4> waiting{};
    for (std::size_t i = 0; i < 4; ++i) waiting[i] = {sockets_[i].get(), POLLIN, 0};
    if (ping_.exchange(false)) {
      for (auto& socket : sockets_) write_fully(socket.get(), server_frame(kPing, {'h', 'i'}));
    }
    if (poll(waiting.data(), waiting.size(), 20) <= 0) continue;
    for (std::size_t i = 0; i < 4; ++i) {
      if (waiting[i].revents == 0) continue;
      const ssize_t count = read(sockets_[i].get(), buffer.data(), buffer.size());
      if (count <= 0) {
        // The client is gone: what Incus does for stdin.
        pipes_[0].reset();
        return;
      }
      const auto payload = frames[i].take(buffer.data(), static_cast<std::size_t>(count));
      if (frames[i].broken) broken_ = true;
      if (i == 0 && !payload.empty()) write_fully(pipes_[0].get(), payload);
    }
    std::size_t pongs = 0;
    for (const auto& each : frames) pongs += each.pongs;
    pongs_ = pongs;
  }
}

void FakeIncus::to_client(UniqueFd& pipe, UniqueFd& socket) {
  Bytes buffer(32 * 1024);
  const ssize_t count = read(pipe.get(), buffer.data(), buffer.size());
  if (count <= 0) {
    write_fully(socket.get(), server_frame(kText, {}));
    pipe.reset();
    return;
  }
  buffer.resize(static_cast<std::size_t>(count));
  write_fully(socket.get(), server_frame(kBinary, buffer));
  largest_ = std::max<std::size_t>(largest_, buffer.size());
}

void FakeIncus::from_guest() {
  while (!stop_ && (pipes_[1].valid() || pipes_[2].valid())) {
    std::array<pollfd, 2> waiting = {{{pipes_[1].get(), POLLIN, 0}, {pipes_[2].get(), POLLIN, 0}}};
    if (poll(waiting.data(), waiting.size(), 20) <= 0) continue;
    // stderr first: a guest that complains ends next.
    if (waiting[1].revents != 0) to_client(pipes_[2], sockets_[2]);
    if (waiting[0].revents != 0) to_client(pipes_[1], sockets_[1]);
  }
}

}  // namespace ssh2incus::test
