// Where an incusd is and how it is talked to: part of every request to the gateway that leads to
// Incus. A message that carries one is a secret (common/ipc_codec.h).
#pragma once

#include <cstdint>
#include <tuple>

#include "common/bounded.h"
#include "common/limits.h"
#include "common/secret.h"

namespace ssh2incus::ipc {

// Certificates and keys are PEM.
struct IncusEndpoint {
  BoundedString<limits::kMaxPath> socket_path;  // a unix socket; empty: https, as follows
  BoundedString<limits::kMaxRemoteHost> host;
  std::uint16_t port = 0;
  BoundedString<limits::kMaxPem> server_certificate;  // the only one to accept, if there is one
  BoundedString<limits::kMaxPem> authorities;  // else who vouches for it; empty: the system's
  BoundedString<limits::kMaxPem> client_certificate;  // empty: none
  BoundedSecret<limits::kMaxPem> client_key;
  auto fields() {
    return std::tie(socket_path, host, port, server_certificate, authorities, client_certificate,
                    client_key);
  }
  // Whether both lead to the same place.
  [[nodiscard]] bool is_at(const IncusEndpoint& other) const {
    return socket_path == other.socket_path && host == other.host && port == other.port;
  }
};

}  // namespace ssh2incus::ipc
