// Addresses as text and as bits. Peers, administrators and users feed the texts; inet_pton decides
// what is an address.
#include "policy/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/check.h"
#include "common/environment_rule.h"
#include "common/escape.h"

namespace ssh2incus {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

struct ListEntry {
  bool negated = false;
  std::string_view text;
};

// The next entry of a comma-separated list, taken off its front; `more` is false after the last.
ListEntry next_entry(std::string_view& list, bool& more) {
  const std::size_t comma = list.find(',');
  ListEntry entry{false, list.substr(0, comma)};
  more = comma != std::string_view::npos;
  list.remove_prefix(more ? comma + 1 : list.size());
  if (entry.text.starts_with('!')) {
    entry.negated = true;
    entry.text.remove_prefix(1);
  }
  return entry;
}

bool is_network(std::string_view text) {
  return text.find('/') != std::string_view::npos || IpAddress::parse(text).has_value();
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::size_t scope = text.find('%');
  if (scope != std::string_view::npos) {
    if (scope + 1 == text.size() || text.find(':') == std::string_view::npos) return std::nullopt;
    text = text.substr(0, scope);
  }
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
    return of_bytes(std::span(bytes).first(4));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) != 1) return std::nullopt;
  return of_bytes(bytes);
}

std::optional<IpAddress> IpAddress::of_bytes(std::span<const std::uint8_t> bytes) {
  IpAddress address;
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  const bool mapped =
      bytes.size() == 16 && std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
  if (mapped) bytes = bytes.subspan(kMappedPrefix.size());
  address.ipv6_ = bytes.size() == 16;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::masked(unsigned bits) const {
  CHECK(bits <= width());
  IpAddress result = *this;
  for (unsigned i = 0; i < result.bytes_.size(); ++i) {
    const unsigned kept = bits <= i * 8 ? 0 : std::min(8U, bits - i * 8);
    result.bytes_[i] = static_cast<std::uint8_t>(result.bytes_[i] & (0xff00U >> kept));
  }
  return result;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const char* text =
      inet_ntop(ipv6_ ? AF_INET6 : AF_INET, bytes_.data(), buffer.data(), buffer.size());
  CHECK(text != nullptr);
  return text;
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return fail("not an IP address: " + quoted(text));
  IpNetwork network{*address, address->width()};
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  const char* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, network.bits);
  if (digits.empty() || error != std::errc() || stopped != end) {
    return fail("no mask length after the slash: " + quoted(text));
  }
  if (network.bits > address->width())
    return fail("mask too long for the address: " + quoted(text));
  if (address->masked(network.bits) != *address) {
    return fail("address has bits beyond the mask: " + quoted(text));
  }
  return network;
}

bool IpNetwork::contains(const IpAddress& other) const {
  return other.is_ipv6() == address.is_ipv6() && other.masked(bits) == address;
}

std::string why_not_address_list(std::string_view list) {
  bool more = true;
  while (more) {
    const ListEntry entry = next_entry(list, more);
    if (entry.text.empty()) return "empty entry in address list";
    if (!is_network(entry.text)) continue;
    if (auto network = IpNetwork::parse(entry.text); !network.ok()) return network.error().message;
  }
  return {};
}

AddressMatch match_address_list(const IpAddress& address, std::string_view list) {
  if (!why_not_address_list(list).empty()) return AddressMatch::kNoMatch;
  const std::string text = address.text();
  AddressMatch result = AddressMatch::kNoMatch;
  bool more = true;
  while (more) {
    const ListEntry entry = next_entry(list, more);
    const bool matches = is_network(entry.text)
                             ? IpNetwork::parse(entry.text).value().contains(address)
                             : matches_pattern(text, lower_case(entry.text));
    if (!matches) continue;
    if (entry.negated) return AddressMatch::kNegatedMatch;
    result = AddressMatch::kMatch;
  }
  return result;
}

}  // namespace ssh2incus
