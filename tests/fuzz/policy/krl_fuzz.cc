// Any bytes as list of revoked keys: whether it is a list doesn't depend on whose key is asked for.
#include "common/check.h"
#include "policy/krl.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const RevocationSubject nobody{};
  RevocationSubject somebody;
  somebody.key = {as_bytes("a key"), {data, size < 20 ? size : 20}, {data, size < 32 ? size : 32}};
  somebody.certificate = RevocableCertificate{somebody.key, 7, "id"};
  const bool understood = why_revoked({data, size}, nobody).ok();
  CHECK(why_revoked({data, size}, somebody).ok() == understood);
  return 0;
}
