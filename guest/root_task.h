// One request to the root helper, in a process of its own: starts the program, passes signals on to
// it by the user's right, tells how it ended.
#pragma once

#include "common/account_files.h"
#include "common/guest_protocol.h"
#include "guest/root_request.h"

namespace ssh2incus::guest {

[[noreturn]] void run_root_task(const Account& account, const GuestGrant& grant,
                                RootRequest request);

}  // namespace ssh2incus::guest
