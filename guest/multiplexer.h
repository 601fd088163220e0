// The guest's loop: frames from sessiond on stdin, frames to it on stdout, sessions between them.
// sessiond is hostile here (it may have been taken over): what the grant does not allow is refused,
// and a malformed frame ends everything.
#pragma once

#include <poll.h>

#include <map>
#include <string>
#include <vector>

#include "common/account_files.h"
#include "common/guest_frames.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "guest/forwards.h"
#include "guest/leader_table.h"
#include "guest/output_queue.h"
#include "guest/session.h"

namespace ssh2incus::guest {

class Multiplexer {
 public:
  // signals: a signalfd for SIGCHLD and SIGTERM, which the caller has blocked.
  // leaders: where running sessions are noted, or null. root_helper: where the grant needs one.
  Multiplexer(Account account, GuestGrant grant, UniqueFd input, UniqueFd output, UniqueFd signals,
              LeaderTable* leaders = nullptr, UniqueFd root_helper = {});

  // Until stdin ends, SIGTERM comes or sessiond breaks the protocol (an error); then every session
  // has got its SIGHUP.
  Status run();

 private:
  enum class Role : std::uint8_t {
    kInput,
    kOutput,
    kSignals,
    kProgramInput,
    kProgramOutput,
    kProgramErrors,
    kForward
  };
  struct Watched {
    Role role;
    std::uint32_t stream;
  };

  void collect_descriptors();
  void watch(int fd, short events, Role role, std::uint32_t stream = 0);
  Status serve(const Watched& watched, const pollfd& descriptor);
  Status take_number(std::uint32_t stream);
  Status read_frames();
  Status dispatch(const FrameEvent& event);
  Status handle(Session& session, const FrameEvent& event);
  Status open_session(std::uint32_t stream, std::span<const std::uint8_t> payload);
  // Null: the grant allows it.
  [[nodiscard]] const char* why_not(const OpenSession& request) const;
  Result<SessionProcess> start(std::uint32_t stream, const OpenSession& request);
  ForwardedToSession forward_to_session(std::uint32_t stream, const OpenSession& request);
  Status dispatch_to_stream(const FrameEvent& event);
  // Until something that waits has waited long enough; -1: nothing does.
  [[nodiscard]] int patience_ms() const;
  Status read_signals();
  void close_session(std::uint32_t stream);
  void forget_finished();
  void reap_abandoned();
  void abandon(pid_t leader);

  Account account_;
  GuestGrant grant_;
  UniqueFd input_;
  OutputQueue output_;
  UniqueFd signals_;
  LeaderTable* leaders_;
  UniqueFd root_helper_;
  FrameDecoder decoder_{FrameSource::kSessiond};
  Bytes scratch_;
  std::map<std::uint32_t, Session> sessions_;
  Forwards forwards_;
  std::uint32_t last_stream_ = 0;
  std::vector<pid_t> abandoned_;  // leaders that outlive their session
  std::vector<pollfd> descriptors_;
  std::vector<Watched> watched_;  // what each of descriptors_ is
  bool finished_ = false;
};

}  // namespace ssh2incus::guest
