// See host_key_proofs.h.
#include "sessiond/host_key_proofs.h"

#include <algorithm>
#include <string_view>

#include "sessiond/packet_reader.h"
#include "sessiond/packet_writer.h"

namespace ssh2incus {
namespace {

bool lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::string_view first = list.substr(0, list.find(','));
    if (first == name) return true;
    list.remove_prefix(std::min(first.size() + 1, list.size()));
  }
  return false;
}

// Only RSA keys have another name than what they sign by (RFC 8332 §3).
bool can_sign(std::string_view key_type, std::string_view algorithms) {
  if (key_type != "ssh-rsa") return lists(algorithms, key_type);
  return lists(algorithms, "rsa-sha2-512") || lists(algorithms, "rsa-sha2-256");
}

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

HostKeyProofs::HostKeyProofs(MonitorClient& monitor, const ipc::HelloReply& settings)
    : monitor_(monitor), settings_(settings) {
  std::uint8_t index = 0;
  for (const auto& blob : settings_.host_keys) {
    const auto type = PacketReader(*blob).text();
    if (type && can_sign(*type, *settings_.host_key_algorithms)) announced_.push_back(index);
    ++index;
  }
}

Bytes HostKeyProofs::announcement() const {
  PacketWriter writer;
  for (const std::uint8_t index : announced_) {
    writer.text(as_text(*(*settings_.host_keys)[index]));
  }
  return writer.take();
}

std::optional<std::vector<std::uint8_t>> HostKeyProofs::wanted(
    std::span<const std::uint8_t> payload) const {
  std::vector<std::uint8_t> keys;
  PacketReader reader(payload);
  while (!reader.at_end()) {
    const auto blob = reader.bytes();
    if (!blob) return std::nullopt;
    const auto known = std::ranges::find_if(announced_, [&](std::uint8_t index) {
      return std::ranges::equal(*(*settings_.host_keys)[index], *blob);
    });
    if (known == announced_.end() || keys.size() == announced_.size()) return std::nullopt;
    keys.push_back(*known);
  }
  if (keys.empty() || keys.size() > left_) return std::nullopt;
  return keys;
}

std::optional<Bytes> HostKeyProofs::prove(std::span<const std::uint8_t> payload) {
  const auto keys = wanted(payload);
  if (!keys || monitor_lost_) return std::nullopt;
  PacketWriter writer;
  for (const std::uint8_t key : *keys) {
    --left_;
    const auto reply = monitor_.call<ipc::SignReply>(ipc::HostKeyProofRequest{key});
    if (!reply.ok()) {
      monitor_lost_ = true;
      return std::nullopt;
    }
    writer.text(as_text(*reply->signature));
  }
  return writer.take();
}

}  // namespace ssh2incus
