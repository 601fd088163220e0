// What name services say, as hostile as can be: a DNS answer to the query in the same input, and
// the files.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "guest/name_answers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = guest::dns_query(7, "www.example", guest::DnsType::kAaaa);
  Bytes message = query;
  message[2] = 0x81;
  if (size > 0) message[7] = data[0];
  message.insert(message.end(), data, data + size);
  const auto answer = guest::parse_dns_answer(message, query);
  if (!answer || answer->addresses.size() > guest::kMaxAddresses) std::abort();
  static_cast<void>(guest::parse_dns_answer({data, size}, query));
  const auto settings = guest::parse_resolv_conf(text);
  if (settings.servers.empty()) std::abort();
  for (const auto& domain : settings.search) {
    if (!guest::is_host_name(domain)) std::abort();
  }
  static_cast<void>(guest::find_in_hosts(text, "localhost"));
  if (guest::parse_ahosts(text).size() > guest::kMaxAddresses) std::abort();
  if (guest::is_host_name(text)) static_cast<void>(guest::dns_query(1, text, guest::DnsType::kA));
  return 0;
}
