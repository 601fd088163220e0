// Which host accounts may log in, and to what.
#include <gtest/gtest.h>

#include "policy/host_access.h"

namespace ssh2incus {
namespace {

using Groups = std::vector<std::string>;
const Groups kDefault = {"incus", "incus-admin"};

TEST(Access, AllowsRootWithoutGroups) {
  EXPECT_TRUE(decide_host_access({"root", 0, {}}, kDefault).allowed);
  EXPECT_TRUE(decide_host_access({"toor", 0, {}}, Groups{}).allowed);
}

TEST(Access, AllowsMembersOfAnyAllowedGroup) {
  EXPECT_TRUE(decide_host_access({"a", 1000, {"users", "incus"}}, kDefault).allowed);
  EXPECT_TRUE(decide_host_access({"a", 1000, {"incus-admin"}}, kDefault).allowed);
}

TEST(Access, RefusesOthersWithAReason) {
  const auto decision = decide_host_access({"al\nice", 1000, {"users", "INCUS"}}, kDefault);
  EXPECT_FALSE(decision.allowed);
  EXPECT_NE(decision.reason.find("(incus, incus-admin)"), std::string::npos) << decision.reason;
  EXPECT_EQ(decision.reason.find('\n'), std::string::npos);
  EXPECT_FALSE(decide_host_access({"root", 1000, {}}, kDefault).allowed);
  EXPECT_FALSE(decide_host_access({"a", 1000, {"users"}}, Groups{}).allowed);
  EXPECT_FALSE(decide_host_access({"a", 1000, {""}}, Groups{""}).allowed);
}

TEST(Access, AllowsExistingInstances) {
  for (const char* login : {"c1", "alice@c1.p", "local:c1", "prod:c1", "c1+admin"}) {
    EXPECT_TRUE(decide_target_access(*parse_login(login), false).allowed) << login;
  }
}

TEST(Access, CreatesInstancesOnlyWhereTheServerDoes) {
  for (const char* login : {"+c1", "~c1", "/+local:c1+m2"}) {
    EXPECT_TRUE(decide_target_access(*parse_login(login), true).allowed) << login;
    const auto decision = decide_target_access(*parse_login(login), false);
    EXPECT_FALSE(decision.allowed) << login;
    EXPECT_NE(decision.reason.find("--allow-create"), std::string::npos) << decision.reason;
  }
}

TEST(Access, LetsSessionsStay) {
  EXPECT_TRUE(decide_target_access(*parse_login("/c1"), false).allowed);
}

TEST(Access, LetsExistingInstancesVouchForTheirUsers) {
  for (const char* login : {"c1", "alice@c1.p", "local:c1", "prod:c1", "c1+admin", "/c1"}) {
    EXPECT_TRUE(instance_may_vouch(*parse_login(login))) << login;
  }
  for (const char* login : {"+c1", "~c1", "/+c1", "%shell"}) {
    EXPECT_FALSE(instance_may_vouch(*parse_login(login))) << login;
  }
}

}  // namespace
}  // namespace ssh2incus
