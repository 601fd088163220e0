// Keeps a shell on a terminal of its own while people come and go: the guest's own terminal
// multiplexer, with one window. Runs as the user, detached from every connection; ends when the
// shell ends. Several may be attached; each reads the output at its own pace, and one that doesn't
// read misses some, so nobody waits for it. The terminal has the size of whoever did something
// last.
#pragma once

#include <poll.h>

#include <list>
#include <string>
#include <vector>

#include "common/unique_fd.h"
#include "guest/keeper_directory.h"
#include "guest/keeper_frames.h"
#include "guest/scrollback.h"

namespace ssh2incus::guest {

class Keeper {
 public:
  // signals: a signalfd for SIGCHLD. The shell is our child.
  Keeper(KeeperDirectory directory, UniqueFd listener, UniqueFd terminal, UniqueFd signals,
         pid_t shell);

  // Until the shell has ended and everybody who is attached knows.
  void run();

 private:
  struct Client {
    UniqueFd socket;
    KeeperDecoder decoder;
    KeeperSize size;
    bool has_size = false;
    std::uint64_t position = 0;  // of the scrollback
    std::string unsent;          // the rest of a frame, or of a replay
    bool gone = false;
  };

  void collect();
  void serve();
  void accept_client();
  void read_client(Client& client);
  void take(Client& client, const KeeperDecoder::Frame& frame);
  void follow(Client& client);
  void write_client(Client& client);
  void greet(Client& client);
  void read_terminal();
  void write_terminal();
  void check_shell();
  // Has output to come.
  [[nodiscard]] bool is_behind(const Client& client) const;
  void say_farewell();

  KeeperDirectory directory_;
  UniqueFd listener_;
  UniqueFd terminal_;
  UniqueFd signals_;
  pid_t shell_;
  Scrollback scrollback_;
  std::list<Client> clients_;
  std::string input_;  // that the terminal hasn't taken yet
  bool shell_ended_ = false;
  int shell_status_ = 0;
  std::vector<pollfd> polled_;
};

}  // namespace ssh2incus::guest
