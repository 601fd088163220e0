// The addresses of the host's own interfaces, as they are now.
#pragma once

#include <vector>

#include "common/result.h"
#include "policy/ip_address.h"

namespace ssh2incus {

Result<std::vector<IpAddress>> host_addresses();

}  // namespace ssh2incus
