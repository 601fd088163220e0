// The Incus client's config.yml: whatever the text, remotes that can be used are complete and fit
// for a program's arguments.
#include <cstdlib>

#include "policy/remotes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ssh2incus::ParsedClientConfig parsed = ssh2incus::parse_client_config(text);
  if (parsed.problems.size() > ssh2incus::kMaxConfigProblems + 1) std::abort();
  for (const auto& entry : parsed.config.remotes) {
    const ssh2incus::Remote remote = ssh2incus::remote_of(entry, "/socket");
    if (!remote.refusal.empty()) continue;
    if (remote.is_network() == !remote.socket_path.empty()) std::abort();
    if (remote.is_network() && remote.port == 0) std::abort();
    if (remote.host.find_first_of(" \n/@,?#%[]") != std::string::npos) std::abort();
    if (!remote.project.empty() && !ssh2incus::ProjectName::parse(remote.project).ok())
      std::abort();
  }
  return 0;
}
