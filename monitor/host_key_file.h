// Reads one private key file of the host into memory that can be wiped completely. The file is the
// administrator's; it must be root's alone.
#pragma once

#include <string>

#include "common/bounded.h"
#include "common/result.h"
#include "monitor/public_key.h"

namespace ssh2incus {

struct HostKeyFile {
  EvpKey key;
  Bytes public_blob;
  KeyType type{};
};

Result<HostKeyFile> load_host_key_file(const std::string& path);

}  // namespace ssh2incus
