// A hostile guest or Incus: raw websocket bytes, or guest frames inside well-formed ones.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "sessiond/guest_link.h"

namespace {

using namespace ssh2incus;

struct Observer : GuestLink::Observer {
  GuestLink* link = nullptr;
  std::uint64_t received = 0;
  std::uint64_t granted = 5ULL * limits::kGuestWindow;
  void on_opened(std::uint32_t stream, const Opened&) override { link->send_eof(stream); }
  void on_open_failed(std::uint32_t, const OpenFailed&) override {}
  void on_data(std::uint32_t stream, std::span<const std::uint8_t> data, bool) override {
    received += data.size();
    if (received > 2 * granted) std::abort();
    link->consumed(stream, data.size());
    granted += data.size();
  }
  void on_eof(std::uint32_t) override {}
  void on_listening(std::uint32_t, const Listening&) override {}
  void on_accepted(std::uint32_t stream, const Accepted& accepted) override {
    granted += limits::kGuestWindow;
    if (accepted.originator_port % 3 == 0) return link->send_close(stream);
    link->open_accepted(stream);
  }
  void on_closed(std::uint32_t stream) override {
    if (link->is_live(stream)) std::abort();
  }
  void on_exited(std::uint32_t stream, const Exited&) override { link->send_close(stream); }
  void on_credit(std::uint32_t) override {}
  void on_broken(const std::string&) override {}
};

Bytes framed(std::span<const std::uint8_t> data) {
  Bytes bytes{0x82, 126, static_cast<std::uint8_t>(data.size() >> 8),
              static_cast<std::uint8_t>(data.size())};
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 60'000) return 0;
  std::array<UniqueFd, 4> client;
  std::array<UniqueFd, 4> server;
  for (std::size_t i = 0; i < 4; ++i) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) std::abort();
    client[i].reset(ends[0]);
    server[i].reset(ends[1]);
  }
  Observer observer;
  auto link = GuestLink::create(std::move(client), observer);
  if (!link.ok()) std::abort();
  observer.link = link->get();
  OpenSession with_all;
  with_all.agent = true;
  with_all.x11.emplace();
  for (int i = 0; i < 3; ++i) (*link)->open_session(with_all);
  for (int i = 0; i < 2; ++i) (*link)->open_connection(OpenConnection{});
  for (int i = 0; i < 2; ++i) (*link)->open_listener(OpenListener{});
  std::span<const std::uint8_t> rest(data + 1, size - 1);
  const bool wrap = (data[0] & 4) != 0 && rest.size() >= 126;
  const auto bytes = wrap ? framed(rest) : Bytes(rest.begin(), rest.end());
  const auto target = static_cast<std::size_t>(wrap ? 1 : data[0] & 3);
  if (write(server[target].get(), bytes.data(), bytes.size()) < 0) std::abort();
  for (const auto& interest : (*link)->interests()) (*link)->handle(interest.fd, POLLIN | POLLOUT);
  return 0;
}
