// Flags of sources and algorithms. Fed by the administrator; what the values mean is decided in
// policy/.
#include "monitor/flags_network.h"

#include <CLI/CLI.hpp>
#include <array>

#include "policy/algorithm_lists.h"
#include "policy/penalty_settings.h"

namespace ssh2incus {
namespace {

struct AlgorithmFlag {
  const char* name;
  const char* help;
  std::vector<std::string> NetworkFlags::*raw;
  std::string ServerConfig::*chosen;
  std::string_view supported;
};
constexpr std::array<AlgorithmFlag, 5> kAlgorithmFlags = {{
    {"--key-exchange", "key exchange methods, best first, comma-separated",
     &NetworkFlags::key_exchange, &ServerConfig::key_exchange, kKeyExchangeAlgorithms},
    {"--ciphers", "ciphers, best first, comma-separated", &NetworkFlags::ciphers,
     &ServerConfig::ciphers, kCiphers},
    {"--macs", "message authentication codes, best first, comma-separated", &NetworkFlags::macs,
     &ServerConfig::macs, kMacs},
    {"--host-key-algorithms", "signatures of host keys, best first, comma-separated",
     &NetworkFlags::host_key_algorithms, &ServerConfig::host_key_algorithms, kHostKeyAlgorithms},
    {"--pubkey-accepted-algorithms", "signatures that clients may log in with, comma-separated",
     &NetworkFlags::public_key_algorithms, &ServerConfig::public_key_algorithms,
     kPublicKeyAlgorithms},
}};

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

void add_network_flags(CLI::App& app, ServerConfig& config, NetworkFlags& raw) {
  app.add_option("--per-source-net-block-size", raw.source_block,
                 "IPV4BITS:IPV6BITS that make one source (default 32:64)");
  app.add_option("--proxy-protocol-from", raw.balancers,
                 "load balancers whose PROXY header (v1 or v2) says who the client is: addresses, "
                 "CIDR blocks, unix; comma-separated")
      ->delimiter(',');
  raw.penalties = penalty_settings_text(config.penalty_settings);
  app.add_option("--penalties", raw.penalties,
                 "REASON:SECONDS, comma-separated: crash, authfail, noauth, grace-exceeded, "
                 "invalid-user, min, max")
      ->delimiter(',')
      ->type_name("NAME:VALUE");
  app.add_option("--user-failures", config.user_penalty_settings.failures,
                 "failed guesses at one user that are let pass, from all sources (default 30); 0: "
                 "users are never held back")
      ->check(CLI::Range(0, 1'000'000));
  app.add_option("--user-failures-max", config.user_penalty_settings.maximum,
                 "to which they add up (default 120)")
      ->check(CLI::Range(1, 1'000'000));
  for (const AlgorithmFlag& flag : kAlgorithmFlags) {
    raw.*flag.raw = split(flag.supported);
    app.add_option(flag.name, raw.*flag.raw, flag.help)->delimiter(',');
  }
}

std::string check_network_flags(ServerConfig& config, const NetworkFlags& raw) {
  const auto bits = parse_net_block_size(raw.source_block);
  if (!bits.ok()) return "--per-source-net-block-size: " + bits.error().message;
  config.source_ipv4_bits = bits->ipv4;
  config.source_ipv6_bits = bits->ipv6;
  auto balancers = Balancers::parse(raw.balancers);
  if (!balancers.ok()) return "--proxy-protocol-from: " + balancers.error().message;
  config.balancers = std::move(*balancers);
  auto penalties = parse_penalty_settings(raw.penalties);
  if (!penalties.ok()) return "--penalties: " + penalties.error().message;
  config.penalty_settings = std::move(*penalties);
  config.penalty_settings.exempt = config.penalty_exempt;
  config.penalty_settings.half_life = std::chrono::seconds(config.penalty_half_life_seconds);
  UserPenaltySettings& users = config.user_penalty_settings;
  users.half_life = config.penalty_settings.half_life;
  if (users.failures >= users.maximum) {
    return "--user-failures-max: must be more than --user-failures, or nobody is ever held back";
  }
  config.penalty_settings.ipv4_bits = bits->ipv4;
  config.penalty_settings.ipv6_bits = bits->ipv6;
  for (const AlgorithmFlag& flag : kAlgorithmFlags) {
    auto chosen = choose_algorithms(flag.supported, raw.*flag.raw);
    if (!chosen.ok()) return std::string(flag.name) + ": " + chosen.error().message;
    config.*flag.chosen = std::move(*chosen);
  }
  return {};
}

}  // namespace ssh2incus
