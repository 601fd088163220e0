// poll(2) says when to go on; reads and writes never block.
#include "gateway/tls_pump.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "gateway/sandbox.h"

namespace ssh2incus {
namespace {

using Kind = StreamStep::Kind;

constexpr int kMostRounds = 16;  // of one connection before the next one's turn
constexpr std::chrono::seconds kFlushTime{30};
// How much may be done with one allotment of processor time (gateway/sandbox.h).
constexpr std::uint64_t kBytesPerAllotment = 256UL * 1024 * 1024;
constexpr std::chrono::seconds kTimePerAllotment{120};

}  // namespace

Result<UniqueFd> TlsPump::carry(TlsStream stream) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return system_error("socketpair");
  UniqueFd far(ends[1]);
  Link& link = links_.emplace_back(Link{std::move(stream), UniqueFd(ends[0])});
  link.read_waits_for = POLLIN;
  link.has_more = link.remote.has_pending();
  return far;
}

// Two entries for each link: the remote's socket, then the local one.
void TlsPump::watch(std::vector<pollfd>& entries) const {
  for (const Link& link : links_) {
    short remote = 0;
    if (link.inwards.has_room()) remote |= link.read_waits_for;
    if (!link.outwards.empty()) remote |= link.write_waits_for;
    short local = 0;
    if (!link.inwards.empty()) local |= POLLOUT;
    if (link.outwards.has_room()) local |= POLLIN;
    // Not looked at while nothing is wanted of it: that it has hung up would be told at once,
    // always.
    entries.push_back({remote == 0 ? -1 : link.remote.fd(), remote, 0});
    entries.push_back({link.local_has_hung_up ? -1 : link.local.get(), local, 0});
  }
}

int TlsPump::timeout_ms() const {
  auto end = Clock::time_point::max();
  for (const Link& link : links_) {
    if (link.has_more) return 0;
    end = std::min(end, link.give_up);
  }
  if (end == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::max<long>(left, 0));
}

void TlsPump::serve(std::span<const pollfd> entries) {
  std::size_t index = 0;
  for (Link& link : links_) {
    const bool is_new = index + 1 >= entries.size();
    const short remote = is_new ? short{0} : entries[index].revents;
    const short local = is_new ? short{0} : entries[index + 1].revents;
    index += 2;
    if ((local & POLLHUP) != 0) link.local_has_hung_up = true;
    if (remote != 0 || local != 0 || link.has_more) serve(link);
  }
  const auto now = Clock::now();
  std::erase_if(links_, [now](const Link& link) {
    return link.broken || (link.inwards.passed && link.outwards.passed) || link.give_up <= now;
  });
  account_for(0);
}

void TlsPump::serve(Link& link) {
  link.has_more = true;
  for (int round = 0; round < kMostRounds && link.has_more && !link.broken; ++round) {
    const bool in = move_inwards(link);
    const bool out = move_outwards(link);
    link.has_more = in || out;
  }
  pass_ends_on(link);
  if (link.local_has_hung_up && link.give_up == Clock::time_point::max())
    link.give_up = Clock::now() + kFlushTime;
}

bool TlsPump::move_inwards(Link& link) {
  const bool filled = link.inwards.has_room() && fill_from_remote(link);
  const bool drained = !link.inwards.empty() && drain_to_local(link);
  return filled || drained;
}

bool TlsPump::move_outwards(Link& link) {
  const bool filled = link.outwards.has_room() && fill_from_local(link);
  const bool drained = !link.outwards.empty() && drain_to_remote(link);
  return filled || drained;
}

// As many records as there are and as fit.
bool TlsPump::fill_from_remote(Link& link) {
  Buffer& buffer = link.inwards;
  buffer.begin = buffer.end = 0;
  while (buffer.end < kBuffer) {
    const auto step = link.remote.read(std::span(buffer.bytes).subspan(buffer.end));
    if (step.kind == Kind::kBytes) {
      buffer.end += step.bytes;
      continue;
    }
    if (step.kind == Kind::kWait) {
      link.read_waits_for = step.events;
    } else {
      // Without an end that is said to be one nothing more can be written either.
      buffer.at_end = true;
      if (step.kind == Kind::kBroken) link.outwards.at_end = link.outwards.passed = true;
    }
    break;
  }
  return buffer.end > 0;
}

bool TlsPump::drain_to_local(Link& link) {
  Buffer& buffer = link.inwards;
  const ssize_t sent = send(link.local.get(), buffer.bytes.data() + buffer.begin,
                            buffer.end - buffer.begin, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    // Nobody reads any more; what was written before still goes out.
    if (errno != EAGAIN && errno != EINTR) {
      buffer.begin = buffer.end;
      buffer.at_end = buffer.passed = true;
    }
    return false;
  }
  buffer.begin += static_cast<std::size_t>(sent);
  account_for(static_cast<std::size_t>(sent));
  return true;
}

bool TlsPump::fill_from_local(Link& link) {
  Buffer& buffer = link.outwards;
  const ssize_t got = recv(link.local.get(), buffer.bytes.data(), kBuffer, MSG_DONTWAIT);
  buffer.begin = buffer.end = 0;
  if (got > 0) {
    buffer.end = static_cast<std::size_t>(got);
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    buffer.at_end = true;
  }
  return got > 0;
}

bool TlsPump::drain_to_remote(Link& link) {
  Buffer& buffer = link.outwards;
  const auto step =
      link.remote.write(std::span(buffer.bytes).subspan(buffer.begin, buffer.end - buffer.begin));
  switch (step.kind) {
    case Kind::kBytes:
      buffer.begin += step.bytes;
      account_for(step.bytes);
      return true;
    case Kind::kWait: link.write_waits_for = step.events; return false;
    case Kind::kEnd:
    case Kind::kBroken: break;
  }
  // What it has sent before may still be there to be read.
  buffer.begin = buffer.end;
  buffer.at_end = buffer.passed = true;
  return false;
}

void TlsPump::pass_ends_on(Link& link) {
  if (link.inwards.at_end && link.inwards.empty() && !link.inwards.passed) {
    shutdown(link.local.get(), SHUT_WR);
    link.inwards.passed = true;
  }
  if (link.outwards.at_end && link.outwards.empty() && !link.outwards.passed) {
    static_cast<void>(link.remote.finish_writing());
    link.outwards.passed = true;
  }
  // Whoever has hung up reads nothing any more.
  if (link.local_has_hung_up && link.outwards.passed) link.broken = true;
}

Result<PumpWait> wait_with_pump(int monitor_fd, TlsPump& pump, int timeout_ms) {
  std::vector<pollfd> entries = {{monitor_fd, POLLIN, 0}};
  pump.watch(entries);
  const int work = pump.timeout_ms();
  const bool work_is_sooner = work >= 0 && (timeout_ms < 0 || work < timeout_ms);
  const int ready = poll(entries.data(), entries.size(), work_is_sooner ? work : timeout_ms);
  if (ready < 0 && errno != EINTR) return system_error("poll");
  if (ready < 0) return PumpWait::kServed;
  pump.serve(std::span(entries).subspan(1));
  if (entries[0].revents != 0) return PumpWait::kMonitor;
  return ready == 0 && !work_is_sooner ? PumpWait::kTimeout : PumpWait::kServed;
}

void TlsPump::account_for(std::size_t bytes) {
  moved_ += bytes;
  const auto now = Clock::now();
  if (moved_ < kBytesPerAllotment && now - renewed_ < kTimePerAllotment) return;
  moved_ = 0;
  renewed_ = now;
  static_cast<void>(renew_processor_time());
}

}  // namespace ssh2incus
