// Any line of authorized_keys: what is a key survives the way between processes and an evaluation.
#include "common/check.h"
#include "policy/authorized_keys.h"
#include "policy/ssh_wire.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto key = parse_authorized_keys_line(as_text({data, size}));
  if (!key.ok() || !*key) return 0;
  const auto again = ipc::decode_fields<AuthorizedKey>(ipc::encode_fields(**key));
  CHECK(again.ok() && *again == **key);
  const auto grant = evaluate_key((*key)->options, {"192.0.2.1", 1700000000, 3600, {"*"}});
  if (grant.ok()) CHECK(!(*key)->options.cert_authority);
  return 0;
}
