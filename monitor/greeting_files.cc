// Opens the files as strictly as a key file.
#include "monitor/greeting_files.h"

#include <unistd.h>

#include <array>

#include "common/limits.h"
#include "monitor/strict_modes.h"
#include "policy/greeting.h"

namespace ssh2incus {
namespace {

// None: the default file, and it isn't there.
Result<std::optional<std::string>> read_greeting(const std::string& named,
                                                 const char* default_file) {
  const std::string path = named.empty() ? default_file : named;
  auto file = open_trusted_file({path, 0, {}});
  if (!file.ok()) return fail(path + ": " + file.error().message);
  if (!*file && named.empty()) return std::optional<std::string>();
  if (!*file) return fail(path + ": no such file");
  auto text = read_bounded(**file, limits::kMaxBanner);
  if (!text.ok()) return fail(path + ": " + text.error().message);
  if (auto reason = why_not_greeting(*text); !reason.empty()) return fail(path + ": " + reason);
  return std::optional(std::move(*text));
}

}  // namespace

Result<Greetings> open_greetings(const ServerConfig& config) {
  Greetings greetings;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) greetings.hostname = name.data();
  if (config.banner) {
    greetings.banner = TRY(read_greeting(config.banner_file, kDefaultBannerFile));
  }
  if (config.welcome) {
    greetings.welcome = TRY(read_greeting(config.welcome_file, kDefaultWelcomeFile))
                            .value_or(std::string(kBuiltInWelcome));
  }
  return greetings;
}

}  // namespace ssh2incus
