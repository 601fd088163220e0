// Any text as access.yaml: either problems or rules, and then every login gets a verdict.
#include "common/check.h"
#include "policy/access_rules.h"
#include "policy/ssh_wire.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ParsedAccess parsed = parse_access_rules(as_text({data, size}));
  CHECK(parsed.policy.rules.empty() != parsed.problems.empty());
  AccessFacts facts;
  facts.account = {"alice", 1000, {"incus"}};
  facts.source_address = "192.0.2.1";
  facts.methods = {AuthMethod::kPublicKey};
  facts.target = parse_login("root@c1.prod").value();
  const AccessVerdict before = decide_access(parsed.policy, facts);
  facts.labels = Labels{{"env", "prod"}};
  const AccessVerdict after = decide_access(parsed.policy, facts);
  CHECK(after.outcome != AccessVerdict::Outcome::kNeedsLabels);
  if (before.outcome == AccessVerdict::Outcome::kAllowed) CHECK(after.grant == before.grant);
  return 0;
}
