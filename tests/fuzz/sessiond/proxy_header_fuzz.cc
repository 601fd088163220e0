// What comes first on a balancer's connection: read as the reader does, never beyond the header.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "sessiond/proxy_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  std::size_t known = 0;
  while (const std::size_t missing = missing_of_proxy_header({data, known})) {
    if (known + missing > kMaxProxyHeader) abort();
    if (known + missing > size) break;
    known += missing;
  }
  const auto header = parse_proxy_header({data, known});
  if (!header.ok()) return 0;
  if (missing_of_proxy_header({data, known}) != 0) abort();
  if (header->source.size() != header->destination.size()) abort();
  if (!ipc::decode<ipc::ProxyHeaderRequest>(ipc::encode(*header)).ok()) abort();
  return 0;
}
