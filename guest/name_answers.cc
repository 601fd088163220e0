// See name_answers.h. Every length is held against what is left.
#include "guest/name_answers.h"

#include <algorithm>
#include <utility>

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxServers = 3;
constexpr std::size_t kMaxSearch = 6;
constexpr std::size_t kDnsHeader = 12;
constexpr std::uint16_t kInternet = 1;  // the class

std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view next_word(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r";
  const auto start = line.find_first_not_of(kBlank);
  if (start == std::string_view::npos) return line = {};
  line.remove_prefix(start);
  const auto word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

void add(std::vector<NetworkAddress>& addresses, const NetworkAddress& address) {
  const bool known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
  if (!known && addresses.size() < kMaxAddresses) addresses.push_back(address);
}

void put_u16(Bytes& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xff));
}

// Reads a DNS message from the front; after a failure everything fails.
class DnsReader {
 public:
  explicit DnsReader(std::span<const std::uint8_t> message) : rest_(message) {}

  std::uint16_t u16() {
    const auto bytes = take(2);
    return bytes.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
  }
  std::span<const std::uint8_t> take(std::size_t count) {
    if (count > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const auto bytes = rest_.first(count);
    rest_ = rest_.subspan(count);
    return bytes;
  }
  // A name's own labels; where a pointer leads to doesn't matter.
  void skip_name() {
    while (!failed_) {
      const auto length = take(1);
      if (length.empty() || length[0] == 0) return;
      if ((length[0] & 0xc0) == 0xc0) {
        take(1);
        return;
      }
      take(length[0]);
    }
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::span<const std::uint8_t> rest_;
  bool failed_ = false;
};

}  // namespace

bool is_host_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kMaxName || name.front() == '-') return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (std::exchange(label, 0) == 0) return false;
    } else if (c <= ' ' || c > '~' || ++label > kMaxLabel) {
      return false;
    }
  }
  return label > 0;
}

std::vector<NetworkAddress> find_in_hosts(std::string_view hosts, std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::vector<NetworkAddress> addresses;
  while (!hosts.empty()) {
    auto line = next_line(hosts);
    line = line.substr(0, line.find('#'));
    const auto address = NetworkAddress::parse(next_word(line));
    if (!address) continue;
    for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
      if (same_name(word, name)) add(addresses, *address);
    }
  }
  return addresses;
}

std::vector<NetworkAddress> parse_ahosts(std::string_view output) {
  std::vector<NetworkAddress> addresses;
  while (!output.empty()) {
    auto line = next_line(output);
    if (const auto address = NetworkAddress::parse(next_word(line))) add(addresses, *address);
  }
  return addresses;
}

ResolverSettings parse_resolv_conf(std::string_view text) {
  ResolverSettings settings;
  while (!text.empty()) {
    auto line = next_line(text);
    const auto keyword = next_word(line);
    if (keyword == "nameserver") {
      const auto server = NetworkAddress::parse(next_word(line));
      if (server && settings.servers.size() < kMaxServers) settings.servers.push_back(*server);
    } else if (keyword == "search" || keyword == "domain") {
      settings.search.clear();
      for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
        const bool usable = is_host_name(word) && settings.search.size() < kMaxSearch;
        if (usable) settings.search.emplace_back(word);
      }
    }
  }
  if (settings.servers.empty()) settings.servers.push_back(*NetworkAddress::parse("127.0.0.1"));
  return settings;
}

Bytes dns_query(std::uint16_t id, std::string_view name, DnsType type) {
  if (name.ends_with('.')) name.remove_suffix(1);
  Bytes query;
  put_u16(query, id);
  put_u16(query, 0x0100);  // recursion desired
  put_u16(query, 1);       // one question
  for (int i = 0; i < 3; ++i) put_u16(query, 0);
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    query.push_back(static_cast<std::uint8_t>(label.size()));
    query.insert(query.end(), label.begin(), label.end());
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  query.push_back(0);
  put_u16(query, static_cast<std::uint16_t>(type));
  put_u16(query, kInternet);
  return query;
}

std::optional<DnsAnswer> parse_dns_answer(std::span<const std::uint8_t> message,
                                          std::span<const std::uint8_t> query) {
  // The question comes back as it was asked, its number with it.
  if (message.size() < query.size() || query.size() < kDnsHeader) return std::nullopt;
  if (!std::equal(query.begin(), query.begin() + 2, message.begin())) return std::nullopt;
  if (!std::equal(query.begin() + kDnsHeader, query.end(), message.begin() + kDnsHeader)) {
    return std::nullopt;
  }
  DnsReader reader(message);
  reader.u16();  // id
  const std::uint16_t flags = reader.u16();
  const std::uint16_t questions = reader.u16();
  const std::uint16_t answers = reader.u16();
  if ((flags & 0x8000) == 0 || questions != 1) return std::nullopt;
  DnsAnswer result;
  const unsigned code = flags & 0xf;
  result.failed = code != 0 && code != 3;  // 3: no such name
  reader.take(query.size() - 8);           // the other counts, and the question
  for (unsigned i = 0; i < answers && !reader.failed(); ++i) {
    reader.skip_name();
    const std::uint16_t type = reader.u16();
    const std::uint16_t its_class = reader.u16();
    reader.take(4);  // time to live
    const auto data = reader.take(reader.u16());
    const bool wanted = its_class == kInternet &&
                        ((type == static_cast<std::uint16_t>(DnsType::kA) && data.size() == 4) ||
                         (type == static_cast<std::uint16_t>(DnsType::kAaaa) && data.size() == 16));
    if (wanted) add(result.addresses, *NetworkAddress::of_bytes(data));
  }
  return result;
}

}  // namespace ssh2incus::guest
