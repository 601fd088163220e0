// Tells a client, once it has logged in, all host keys, and proves those that it asks about, so
// that it can learn new ones before the old ones go (OpenSSH's UpdateHostKeys; its PROTOCOL, §2.5).
// Fed by authenticated clients; the monitor signs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sessiond/monitor_client.h"

namespace ssh2incus {

class HostKeyProofs {
 public:
  // settings and monitor outlive this.
  HostKeyProofs(MonitorClient& monitor, const ipc::HelloReply& settings);

  // The payload of hostkeys-00@openssh.com: the keys that can sign by an algorithm that is spoken
  // here.
  [[nodiscard]] Bytes announcement() const;
  // The answer to hostkeys-prove-00@openssh.com: a signature for each key, in the order of the
  // request. None: malformed, a key that isn't announced, or asked for too often.
  std::optional<Bytes> prove(std::span<const std::uint8_t> payload);
  // Nobody is there to sign.
  [[nodiscard]] bool monitor_lost() const { return monitor_lost_; }

 private:
  // By their numbers in HelloReply. None as prove() has it.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> wanted(
      std::span<const std::uint8_t> payload) const;

  MonitorClient& monitor_;
  const ipc::HelloReply& settings_;
  std::vector<std::uint8_t> announced_;
  std::uint32_t left_ = limits::kMaxHostKeyProofs;
  bool monitor_lost_ = false;
};

}  // namespace ssh2incus
