// See balancers.h.
#include "policy/balancers.h"

namespace ssh2incus {

Result<Balancers> Balancers::parse(std::span<const std::string> entries) {
  Balancers balancers;
  for (const std::string& entry : entries) {
    if (entry == "unix") {
      balancers.unix_sockets_ = true;
      continue;
    }
    if (auto reason = why_not_address_list(entry); !reason.empty()) return fail(reason);
    balancers.networks_ += (balancers.networks_.empty() ? "" : ",") + entry;
  }
  return balancers;
}

bool Balancers::include(const std::optional<IpAddress>& peer) const {
  if (!peer) return unix_sockets_;
  return !networks_.empty() && match_address_list(*peer, networks_) == AddressMatch::kMatch;
}

}  // namespace ssh2incus
