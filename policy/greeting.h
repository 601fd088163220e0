// What a client is shown before authentication (banner) and above a shell (welcome): the
// administrator's text, or the one that is built in, with the names of the login filled in. The
// names come from the client: what a terminal would obey is escaped. The text may colour.
#pragma once

#include <string>
#include <string_view>

#include "policy/login_target.h"

namespace ssh2incus {

// What stands for [INSTANCE_USER], [INSTANCE], [PROJECT], [REMOTE] and [HOSTNAME].
struct GreetingNames {
  std::string instance_user;
  std::string instance;
  std::string project;
  std::string remote;
  std::string hostname;
};
GreetingNames greeting_names(const LoginTarget& target, std::string_view hostname);

// Every variable replaced, once: a name isn't looked at again. Lines end with CR LF, the last one
// too. What is longer than limits::kMaxBanner ends at the last character that fits.
std::string filled_in(std::string_view text, const GreetingNames& names);

extern const std::string_view kBuiltInWelcome;
// Filled in already: a box of ASCII characters, as wide as its longest line.
std::string built_in_banner(const GreetingNames& names);

// Why a file can't be such a text; empty: it can.
std::string why_not_greeting(std::string_view text);

}  // namespace ssh2incus
