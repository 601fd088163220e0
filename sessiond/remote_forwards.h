// The client's global requests, answered one after the other in their order, and the listeners in
// the instance that some of them ask for. Fed by the client, by the guest's events (through
// GuestLink, which has checked them) and by news of the target.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "common/ipc_sessiond.h"
#include "sessiond/ssh_session.h"
#include "sessiond/target.h"

namespace ssh2incus {

class RemoteForwards {
 public:
  RemoteForwards(SshSession& session, Target& target, const ipc::SessionPermissions& permissions)
      : session_(session), target_(target), permissions_(permissions) {}

  // False: more requests than anybody can mean; the connection should end.
  bool on_request(std::string_view name, bool wants_reply, std::span<const std::uint8_t> payload);
  // One that has been answered elsewhere, with what belongs to its success or with none: the answer
  // waits for its turn. False as above.
  bool on_answered_request(bool wants_reply, std::optional<Bytes> payload);
  // no-more-sessions@openssh.com has been asked for.
  [[nodiscard]] bool no_more_sessions() const { return no_more_sessions_; }

  // The target is ready or has failed, or pump()'s last request has been answered by the guest.
  void pump();
  void on_listening(std::uint32_t stream, const Listening& listening);
  void on_open_failed(std::uint32_t stream);
  // The link is gone, and all listeners with it.
  void on_link_gone();

  // What the client has asked for; with port 0, the port that it got. None: no such listener.
  [[nodiscard]] std::optional<OpenListener> find(std::uint32_t stream) const;

 private:
  enum class Kind : std::uint8_t { kSucceeds, kFails, kForward, kCancel };
  struct Request {
    Kind kind;
    bool wants_reply;
    OpenListener wish;  // of a forward or its end
    Bytes payload{};    // of a success
  };

  bool begin(const Request& request);
  void cancel(const Request& request);
  void answer(bool success, std::span<const std::uint8_t> payload = {});

  SshSession& session_;
  Target& target_;
  const ipc::SessionPermissions& permissions_;
  std::deque<Request> requests_;
  std::uint32_t opening_ = 0;  // the stream of the first request; 0: it hasn't begun
  std::map<std::uint32_t, OpenListener> listeners_;
  bool no_more_sessions_ = false;
};

}  // namespace ssh2incus
