// A hostile instance or Incus in plain mode: raw websocket bytes on each of a program's sockets.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "sessiond/plain_link.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  if (size < 2 || size > 60'000) return 0;
  signal(SIGPIPE, SIG_IGN);  // as in sessiond
  PlainLink* link = nullptr;
  bool over = false;
  PlainLink plain("", 1, {[](std::uint32_t, const PlainProgram&) {}, [](std::uint32_t) {}},
                  {[](std::uint32_t, const std::string&) {},
                   [&](std::uint32_t stream, std::span<const std::uint8_t> output, bool) {
                     if (over) std::abort();
                     link->consumed(stream, output.size());
                     if ((data[0] & 8) != 0) link->send_close(stream);
                   },
                   [&](std::uint32_t) { over = true; }, [](std::uint32_t, const Exited&) {},
                   [](std::uint32_t) {}});
  link = &plain;
  const std::size_t count = (data[0] & 16) != 0 ? kPlainTerminalSockets : kPlainSockets;
  std::vector<UniqueFd> client;
  std::vector<UniqueFd> server;
  for (std::size_t i = 0; i < count; ++i) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) std::abort();
    client.emplace_back(ends[0]);
    server.emplace_back(ends[1]);
  }
  const auto stream = plain.open_session({});
  plain.on_started(stream, std::move(client));
  plain.send_window_change(stream, {});
  // Fails if the session was closed at once.
  [[maybe_unused]] const auto written = write(server[data[0] % count].get(), data + 1, size - 1);
  if ((data[0] & 32) != 0) server.clear();
  for (int round = 0; round < 3; ++round) {
    std::vector<pollfd> entries;
    plain.add_interests(entries);
    for (const auto& entry : entries) {
      if (poll(const_cast<pollfd*>(&entry), 1, 0) > 0) plain.handle(entry.fd, entry.revents);
    }
    plain.flush();
    plain.on_exited(stream, 0);
  }
  return 0;
}
