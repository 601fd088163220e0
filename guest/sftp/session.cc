// Bytes to and from a Server: requests are answered while they are buffered, answers are written
// in batches, and neither waits for the other until both sides' memory is at its bound.
#include "guest/sftp/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "common/internal_sftp.h"
#include "guest/sftp/server.h"

namespace ssh2incus::guest::sftp {
namespace {

constexpr int kFailed = 255;

void complain(const std::string& text) {
  const std::string line = text + "\n";
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

// Bytes that came and are no complete request yet.
class InputBuffer {
 public:
  [[nodiscard]] std::span<const std::uint8_t> unused() const {
    return {bytes_.get() + start_, end_ - start_};
  }
  void use(std::size_t count) { start_ += count; }
  // Always some: no request is larger than half of it.
  std::span<std::uint8_t> room() {
    if (start_ == end_) start_ = end_ = 0;
    if (kCapacity - end_ < kCapacity / 2) {
      std::memmove(bytes_.get(), bytes_.get() + start_, end_ - start_);
      end_ -= std::exchange(start_, 0);
    }
    return {bytes_.get() + end_, kCapacity - end_};
  }
  void keep(std::size_t count) { end_ += count; }

 private:
  static constexpr std::size_t kCapacity = 4UL * kMaxPacket;
  std::unique_ptr<std::uint8_t[]> bytes_ =
      std::make_unique_for_overwrite<std::uint8_t[]>(kCapacity);
  std::size_t start_ = 0;
  std::size_t end_ = 0;
};

class Loop {
 public:
  explicit Loop(Server server) : server_(std::move(server)) {}

  int run() {
    make_nonblocking(STDIN_FILENO);
    make_nonblocking(STDOUT_FILENO);
    while (true) {
      const auto used = server_.process(input_.unused());
      if (!used.ok()) {
        complain(used.error().message);
        return kFailed;
      }
      input_.use(*used);
      const bool had_answers = unsent() > 0;
      if (!send()) return kFailed;
      if (had_answers && unsent() == 0) continue;  // what had no room for its answer
      if (at_end_ && unsent() == 0) return 0;
      if (!at_end_ && may_receive() && receive()) continue;
      wait();
    }
  }

 private:
  static void make_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }
  std::size_t unsent() { return server_.replies().unsent().size(); }
  // While answers wait for the client to read, no more is taken than one request needs.
  bool may_receive() { return input_.unused().size() < kMaxPacket + 4; }

  // False: nobody reads any more.
  bool send() {
    while (unsent() > 0) {
      const auto bytes = server_.replies().unsent();
      const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno == EAGAIN;
      server_.replies().sent(static_cast<std::size_t>(count));
    }
    return true;
  }

  // Whether anything has come, be it the end.
  bool receive() {
    const auto room = input_.room();
    ssize_t count = -1;
    do {
      count = ::read(STDIN_FILENO, room.data(), room.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN) return false;
    at_end_ = count <= 0;
    if (count > 0) input_.keep(static_cast<std::size_t>(count));
    return true;
  }

  void wait() {
    pollfd waiting[] = {
        {!at_end_ && may_receive() ? STDIN_FILENO : -1, POLLIN, 0},
        {unsent() > 0 ? STDOUT_FILENO : -1, POLLOUT, 0},
    };
    poll(waiting, 2, -1);
  }

  Server server_;
  InputBuffer input_;
  bool at_end_ = false;
};

Result<Tree> make_tree(const Account& account, const GuestGrant& grant) {
  if (!grant.confine_sftp || account.uid == 0) return Tree::whole();
  return Tree::below(account.home);
}

}  // namespace

int run_session(const Account& account, const GuestGrant& grant) {
  const std::string_view command =
      grant.forced_command ? std::string_view(**grant.forced_command) : kInternalSftp;
  auto options = parse_options(command, account);
  if (!options.ok()) {
    complain(options.error().message);
    return kFailed;
  }
  auto tree = make_tree(account, grant);
  if (!tree.ok()) {
    complain(tree.error().message);
    return kFailed;
  }
  if (options->umask) umask(*options->umask);
  if (!options->start_directory.empty()) {
    const int error = tree->enter(options->start_directory);
    if (error != 0) complain("cannot enter " + options->start_directory + ": " + strerror(error));
  }
  return Loop(Server(std::move(*tree), account, std::move(*options))).run();
}

}  // namespace ssh2incus::guest::sftp
