// What is left of root in an instance while a connection lasts, where the grant needs any: the
// launcher waits for the multiplexer's end, and meanwhile carries out the two operations of
// root_request.h, each in a process of its own. It was told the grant before the multiplexer became
// the user; whoever asks afterwards is the user, and may lie.
#pragma once

#include <sys/types.h>

#include "common/account_files.h"
#include "common/guest_protocol.h"
#include "common/unique_fd.h"

namespace ssh2incus::guest {

// Whether the grant needs it.
bool needs_root(const GuestGrant& grant);

class RootHelper {
 public:
  RootHelper(Account account, GuestGrant grant, UniqueFd socket)
      : account_(std::move(account)), grant_(std::move(grant)), socket_(std::move(socket)) {}

  // Until the worker has ended; it stays a zombie.
  void serve_until_end_of(pid_t worker);

 private:
  void take_request();

  Account account_;
  GuestGrant grant_;
  UniqueFd socket_;
  std::size_t tasks_ = 0;
};

}  // namespace ssh2incus::guest
