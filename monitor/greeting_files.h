// The texts of --banner and --welcome, read when the configuration is. A file that others can write
// isn't shown to anybody.
#pragma once

#include <string>

#include "common/result.h"
#include "monitor/server_config.h"

namespace ssh2incus {

inline constexpr const char* kDefaultBannerFile = "/etc/ssh2incus/banner.txt";
inline constexpr const char* kDefaultWelcomeFile = "/etc/ssh2incus/welcome.txt";

// What the configuration names, before names are filled in; without a file, what is built in.
Result<Greetings> open_greetings(const ServerConfig& config);

}  // namespace ssh2incus
