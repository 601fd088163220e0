// A real ssh2incus-guest on two pipes, and a small client of its protocol that checks every frame's
// form and collects what each stream said.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/guest_frames.h"
#include "common/sanitized.h"
#include "common/unique_fd.h"

namespace ssh2incus::test {

GuestGrant grant_for(const std::string& user);
OpenSession command(const std::string& text);
OpenSession command_on_terminal(const std::string& text);

struct StreamLog {
  std::optional<Opened> opened;
  std::optional<std::string> refused;
  std::optional<Exited> exited;
  std::string output;
  std::string errors;
  bool eof = false;
  bool closed = false;
  std::optional<OpenFailure> reason;
  std::optional<std::uint16_t> listening;
  std::optional<Accepted> accepted;
  std::uint64_t granted = 0;  // by WindowAdjust
  [[nodiscard]] bool over() const { return refused || (eof && exited); }
};

class GuestProcess {
 public:
  explicit GuestProcess(const GuestGrant& grant, std::vector<std::string> arguments = {});
  ~GuestProcess();

  GuestHello hello();
  void send(FrameType type, std::uint32_t stream, const Bytes& payload = {});
  template <typename T>
  void send(FrameType type, std::uint32_t stream, const T& message) {
    send(type, stream, ipc::encode_fields(message));
  }
  void send_raw(const Bytes& bytes);
  void send_text(std::uint32_t stream, const std::string& text) {
    send(FrameType::kData, stream, Bytes(text.begin(), text.end()));
  }
  std::uint32_t open(const OpenSession& request);
  // Reads frames until the condition holds; false after the time limit or at the guest's end.
  bool read_until(const std::function<bool()>& condition,
                  std::chrono::milliseconds limit = std::chrono::seconds(30));
  // Opens, closes stdin, and reads to the stream's end.
  const StreamLog& run(const OpenSession& request);
  StreamLog& log(std::uint32_t stream) { return logs_[stream]; }

  // Returns credit for all data as it arrives, as an SSH client that reads would.
  bool returns_credit = true;
  void close_input() { input_.reset(); }
  void close_output() { output_.reset(); }
  // Hands the three pipes over to somebody else who talks to the guest.
  std::array<UniqueFd, 3> take_pipes() {
    return {std::move(input_), std::move(output_), std::move(errors_)};
  }
  // Whether the direct child ends within the limit.
  bool ends(std::chrono::milliseconds limit = std::chrono::seconds(30));
  [[nodiscard]] pid_t launcher() const { return pid_; }
  [[nodiscard]] pid_t worker() const;
  std::string complaints();  // its stderr, after it has ended

 private:
  void take(const FrameEvent& event);

  pid_t pid_ = -1;
  bool ended_ = false;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd errors_;
  FrameDecoder decoder_{FrameSource::kGuest};
  std::map<std::uint32_t, StreamLog> logs_;
  std::uint32_t next_stream_ = 1;
};

std::string guest_program();
bool process_exists(pid_t pid);  // and is no zombie
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(30));

}  // namespace ssh2incus::test
