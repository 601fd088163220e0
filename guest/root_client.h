// A session's stand-in: where a program is the root helper's child, this process of the user's is
// what the multiplexer sees instead. It hands over the standard streams, passes signals on, and
// ends as the program ended.
#pragma once

#include <array>

#include "guest/root_request.h"

namespace ssh2incus::guest {

// Takes the caller's place; its standard streams are replaced by /dev/null once they are handed
// over. order: with kStartProgram.
[[noreturn]] void stand_in_for_program(int helper, int order);

// Asks for one operation and waits for its end, passing on the signals that come meanwhile. An
// error: it isn't to be had.
Result<RootAnswer> ask_root(int helper, RootOperation operation, int order, bool give_up_streams);

}  // namespace ssh2incus::guest
