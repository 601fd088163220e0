// Where an instance may vouch for its users at all, by the rules and chains there are.
#include <array>

#include "tests/unit/policy/access_policy_fixture.h"

namespace ssh2incus {
namespace {

bool instance_may_count_for(const std::string& rules, const AccessFacts& facts = login_facts(),
                            const std::string& chains = "publickey password") {
  const std::array enabled = {AuthMethod::kPublicKey, AuthMethod::kPassword,
                              AuthMethod::kKeyboardInteractive};
  return instance_may_count(policy_of(rules), AuthenticationChains::parse(chains, enabled).value(),
                            facts);
}

TEST(AccessDecision, TellsBeforehandWhereNoInstanceCanLetAnybodyIn) {
  const std::string any = "- {name: i, allow: all, authenticated-by: instance}\n";
  EXPECT_TRUE(instance_may_count_for(any));
  for (const char* rule :
       {"{name: a, allow: all}", "{name: a, allow: all, authenticated-by: host}",
        "{name: a, allow: all, groups: devs}", "{name: a, allow: all, users: alice}",
        "{name: a, allow: all, authenticated-by: instance, principals: p}",
        "{name: a, allow: all, authenticated-by: instance, projects: other}",
        "{name: a, allow: all, authenticated-by: instance, instances: c2}",
        "{name: a, allow: all, authenticated-by: instance, instance-users: bob}",
        "{name: a, allow: all, authenticated-by: instance, sources: 10.0.0.0/8}",
        "{name: a, allow: all, authenticated-by: instance, days: sun}",
        "{name: a, allow: all, authenticated-by: instance, hours: '13:00-14:00'}",
        "{name: a, allow: [agent], authenticated-by: instance}",
        "{name: a, allow: all, authenticated-by: instance, methods: keyboard-interactive}"}) {
    EXPECT_FALSE(instance_may_count_for("- " + std::string(rule) + "\n")) << rule;
  }
  for (const char* rule :
       {"{name: a, allow: [exec], authenticated-by: instance, projects: default, instances: c*}",
        "{name: a, allow: all, authenticated-by: any}",
        "{name: a, allow: all, authenticated-by: instance, labels: {env: test}}",
        "{name: a, allow: all, authenticated-by: instance, keys: 'SHA256:"
        "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB'}",
        "{name: a, allow: all, authenticated-by: instance, methods: 'publickey,password'}"}) {
    EXPECT_TRUE(instance_may_count_for("- " + std::string(rule) + "\n")) << rule;
  }
}

TEST(AccessDecision, TellsBeforehandWhatIsTakenFromAllInstances) {
  const std::string any = "- {name: i, allow: all, authenticated-by: instance}\n";
  for (const char* rule : {"{name: d, deny: all}", "{name: d, deny: all, instances: c1}",
                           "{name: d, deny: all, authenticated-by: instance}",
                           "{name: d, allow: [agent], authenticated-by: instance}"}) {
    EXPECT_FALSE(instance_may_count_for("- " + std::string(rule) + "\n" + any)) << rule;
  }
  for (const char* rule :
       {"{name: d, deny: all, instances: c2}", "{name: d, deny: all, authenticated-by: host}",
        "{name: d, deny: all, users: '*'}", "{name: d, deny: [shell, sftp]}",
        "{name: d, deny: all, labels: {env: prod}}",
        "{name: d, allow: [agent], authenticated-by: instance, labels: {env: prod}}"}) {
    EXPECT_TRUE(instance_may_count_for("- " + std::string(rule) + "\n" + any)) << rule;
  }
}

TEST(AccessDecision, TellsBeforehandWhichChainsNoInstanceCanProve) {
  const std::string any = "- {name: i, allow: all, authenticated-by: instance}\n";
  for (const char* chains : {"publickey", "password", "publickey,password", "publickey,publickey",
                             "keyboard-interactive publickey,keyboard-interactive password"}) {
    EXPECT_TRUE(instance_may_count_for(any, login_facts(), chains)) << chains;
  }
  for (const char* chains : {"keyboard-interactive", "publickey,keyboard-interactive"}) {
    EXPECT_FALSE(instance_may_count_for(any, login_facts(), chains)) << chains;
  }
  for (const char* login : {"%shell", "+c9"}) {
    EXPECT_FALSE(instance_may_count_for(any, login_facts(login))) << login;
  }
  EXPECT_TRUE(instance_may_count_for(any, login_facts("other:c1")));
  AccessFacts proven = login_facts();
  proven.methods = {AuthMethod::kKeyboardInteractive};
  proven.certificate_principals = {"p"};
  EXPECT_FALSE(instance_may_count_for(
      "- {name: a, allow: all, authenticated-by: any, principals: p}\n", proven));
}

}  // namespace
}  // namespace ssh2incus
