// The inside of GuestLink, for its own files alone: guest_link.cc carries bytes,
// guest_link_streams.cc knows what they mean.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "common/guest_frames.h"
#include "sessiond/guest_link.h"
#include "sessiond/guest_link_socket.h"
#include "sessiond/guest_stream.h"

namespace ssh2incus {

enum GuestSocket : std::size_t { kStdin, kStdout, kStderr, kControl };
inline constexpr std::size_t kReceiveSize = 128UL * 1024;
inline constexpr std::size_t kMaxQueued = 1024UL * 1024;  // of output; data beyond it is not taken

class GuestLink::Impl {
 public:
  explicit Impl(Observer& observer) : observer_(observer), scratch_(kReceiveSize) {}

  std::array<GuestLinkSocket, 4> sockets_;
  bool broken_ = false;
  GuestPulse pulse_;

  void handle(std::size_t index, short revents);
  void flush();
  [[nodiscard]] const GuestStream* find(std::uint32_t stream) const;
  GuestStream* find(std::uint32_t stream) {
    return const_cast<GuestStream*>(std::as_const(*this).find(stream));
  }
  [[nodiscard]] std::size_t credit(const GuestStream& stream) const;
  std::uint32_t open_session(const OpenSession& request);
  std::uint32_t open_connection(const OpenConnection& request);
  std::uint32_t open_listener(const OpenListener& request);
  void open_accepted(std::uint32_t id);
  std::size_t send_data(std::uint32_t id, std::span<const std::uint8_t> data);
  void close(std::uint32_t id);
  void consumed(std::uint32_t id, std::size_t bytes);
  template <typename T>
  void send_message(FrameType type, std::uint32_t id, const T& message) {
    send_frame(type, id, ipc::encode_fields(message));
  }
  void send_frame(FrameType type, std::uint32_t id, std::span<const std::uint8_t> payload);

 private:
  void break_link(const std::string& reason);
  void end_link(const std::string& what);
  void receive_stdout();
  void receive_stderr();
  void receive_and_ignore(std::size_t index);
  Status decode(std::span<const std::uint8_t> bytes);
  Status dispatch(const FrameEvent& event);
  template <typename T>
  std::uint32_t open(FrameType type, StreamKind kind, const T& request);
  Status on_message(std::uint32_t id, GuestStream& stream, const FrameEvent& event);
  Status on_data(std::uint32_t id, GuestStream& stream, const FrameEvent& event);
  Status on_session_message(std::uint32_t id, GuestStream& stream, const FrameEvent& event);
  Status on_connection_message(std::uint32_t id, GuestStream& stream, const FrameEvent& event);
  Status on_listener_message(std::uint32_t id, GuestStream& stream, const FrameEvent& event);
  Status on_accepted(std::uint32_t id, const FrameEvent& event);
  Status on_eof(std::uint32_t id, GuestStream& stream);
  Status on_window_adjust(GuestStream& stream, const FrameEvent& event);
  void forget_if_over(std::uint32_t id);
  bool forget(std::uint32_t id);
  void wake_waiting_streams();

  Observer& observer_;
  Bytes scratch_;
  WebsocketInput input_;
  FrameDecoder decoder_{FrameSource::kGuest};
  std::map<std::uint32_t, GuestStream> streams_;
  std::uint32_t next_stream_ = 1;
  std::uint32_t next_accepted_ = kFirstAcceptedStream;  // at least
  std::size_t accepted_ = 0;                            // that are live
  bool agent_asked_ = false;
  std::string complaint_;  // the guest's stderr
  bool ending_ = false;
  bool dispatching_ = false;  // the observer is being told of what input_ holds
  bool waking_ = false;
  std::optional<std::string> deferred_end_;
};

}  // namespace ssh2incus
