// One connection's link to its guest: the guest protocol (common/guest_protocol.h) inside Incus's
// four exec websockets. Everything that arrives was written by the instance or by incusd and is
// taken as hostile: the first lie or malformed byte ends the link (on_broken). Works in the
// sandbox: it only sends and receives on the four sockets that it was given.
//
// Use, in a poll loop:
//   link->flush();                              // what the last round queued, in large writes
//   for (const auto& interest : link->interests()) add(interest.fd, interest.events);
//   poll(...);
//   link->handle(fd, revents);                  // for each of those fds; calls the observer
//
// From within the observer every method may be called, only destroying the link may not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/guest_protocol.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "sessiond/guest_pulse.h"
#include "sessiond/session_link.h"

namespace ssh2incus {

struct PollInterest {
  int fd = -1;  // -1: nothing to wait for (poll ignores it)
  short events = 0;
};

class GuestLink : public SessionLink {
 public:
  // Streams are the numbers that open_...() returned, and those that on_accepted() brings. After
  // send_close(), on_open_failed(), on_closed(), and after both on_eof() and on_exited(), a stream
  // is over: no more calls come for it.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_opened(std::uint32_t stream, const Opened& opened) = 0;
    virtual void on_open_failed(std::uint32_t stream, const OpenFailed& refusal) = 0;
    // Never more than what was granted: kGuestWindow at first, then what consumed() gave back.
    virtual void on_data(std::uint32_t stream, std::span<const std::uint8_t> data,
                         bool is_stderr) = 0;
    // stdout and stderr are both at their end; of a connection, what its other end sends.
    virtual void on_eof(std::uint32_t stream) = 0;
    virtual void on_exited(std::uint32_t stream, const Exited& exited) = 0;
    // A listener is there; or has got a connection, which is opened by open_accepted() or ended by
    // send_close().
    virtual void on_listening(std::uint32_t stream, const Listening& listening) = 0;
    virtual void on_accepted(std::uint32_t stream, const Accepted& accepted) = 0;
    // The connection is gone, after the last data.
    virtual void on_closed(std::uint32_t stream) = 0;
    // credit(stream) was used up and is not any more.
    virtual void on_credit(std::uint32_t stream) = 0;
    // Last call ever: guest or Incus are gone, or one of them broke the protocol. The reason may
    // quote the guest; escape it before logging. All sockets are closed.
    virtual void on_broken(const std::string& reason) = 0;
  };

  // stdin, stdout, stderr, control: connected websockets after their handshake and after the
  // guest's hello. Makes them non-blocking. The observer outlives the link.
  // raw: they carry the bytes without websocket frames.
  static Result<std::unique_ptr<GuestLink>> create(std::array<UniqueFd, 4> sockets,
                                                   Observer& observer, bool raw = false);
  ~GuestLink() override;
  GuestLink(const GuestLink&) = delete;
  GuestLink& operator=(const GuestLink&) = delete;

  // What to poll for; all fds are -1 once the link is broken.
  [[nodiscard]] std::array<PollInterest, 4> interests() const;
  // revents of one of those fds; other fds and 0 are ignored. Bounded work per call.
  void handle(int fd, short revents);
  // Sends what is queued, as far as the socket takes it. Cheap when there is nothing.
  void flush();
  [[nodiscard]] bool broken() const;

  // Asks the guest for a session and returns the stream's number. Data may be sent at once.
  std::uint32_t open_session(const OpenSession& request) override;
  std::uint32_t open_connection(const OpenConnection& request);
  std::uint32_t open_listener(const OpenListener& request);
  // The client has taken the connection: the guest may send what comes from it.
  void open_accepted(std::uint32_t stream);
  // Neither over nor unknown.
  [[nodiscard]] bool is_live(std::uint32_t stream) const override;

  // How much send_data() takes now: the guest's credit and the room in our own buffer.
  [[nodiscard]] std::size_t credit(std::uint32_t stream) const;
  // Queues at most credit(stream) bytes for the program's stdin and returns how many it took; if
  // that is less than all, on_credit() follows. Data for a stream that is over are taken and
  // dropped, as data for a program that has closed its stdin.
  std::size_t send_data(std::uint32_t stream, std::span<const std::uint8_t> data) override;
  // Our output buffer is over its bound: better read no more from the client now.
  [[nodiscard]] bool congested() const;

  void send_eof(std::uint32_t stream) override;
  // name as in RFC 4254 §6.9, at most 32 bytes; what the guest doesn't know it ignores.
  void send_signal(std::uint32_t stream, std::string_view name) override;
  void send_window_change(std::uint32_t stream, const TerminalSize& size) override;
  // Ends the stream: its process group gets HUP, what it still sends is dropped.
  void send_close(std::uint32_t stream) override;

  // Asks for a sign of life; any frame is one.
  void send_ping();
  [[nodiscard]] GuestPulse& pulse();

  // So many bytes of on_data() have been written to the client: credit for the guest, returned in
  // lumps. Calling it with more than was delivered is our bug.
  void consumed(std::uint32_t stream, std::size_t bytes) override;

 private:
  class Impl;
  explicit GuestLink(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ssh2incus
