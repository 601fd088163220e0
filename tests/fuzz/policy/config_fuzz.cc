// config.yaml: whatever the text, a bounded tree or problems with places.
#include <cstdlib>

#include "policy/config_settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ssh2incus::ConfigSettings parsed = ssh2incus::parse_config_settings(text);
  if (parsed.problems.size() > ssh2incus::kMaxConfigProblems + 1) std::abort();
  for (const auto& setting : parsed.settings) {
    if (setting.key.empty() || setting.where.line == 0) std::abort();
    for (const auto& value : setting.values) {
      if (value.text.empty() || value.text.find('\n') != std::string::npos) std::abort();
    }
  }
  return 0;
}
