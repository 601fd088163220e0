// What logins mean: every example of the manual, and each part of the grammar on its own.
#include "policy/login_target.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

// A target as one line, every field in it.
std::string describe(const LoginTarget& target) {
  const std::string host = " host=" + target.host_user.str();
  switch (target.kind) {
    case LoginTarget::Kind::kIncusShell: return "shell" + host;
    case LoginTarget::Kind::kList: return "list" + host;
    case LoginTarget::Kind::kSessions: return "sessions" + host;
    case LoginTarget::Kind::kExplain: return "explain " + target.explained + host;
    case LoginTarget::Kind::kRemove:
    case LoginTarget::Kind::kInstance: break;
  }
  std::string out = target.instance->str();
  if (target.kind == LoginTarget::Kind::kRemove)
    out = (target.without_asking ? "remove at once " : "remove ") + out;
  out += " user=" + target.user.str() + " host=" + target.host_user.str();
  if (target.remote) out += " remote=" + target.remote->str();
  if (target.project) out += " project=" + target.project->str();
  if (target.persistent_session) out += " persistent";
  if (!target.create) return out;
  const CreateOptions& create = *target.create;
  out += create.ephemeral ? " ephemeral" : " create";
  for (const std::string& profile : create.profiles) out += " %" + profile;
  if (create.image) out += " image=" + *create.image;
  if (create.memory_gib) out += " m=" + std::to_string(*create.memory_gib);
  if (create.cpus) out += " c=" + std::to_string(*create.cpus);
  if (create.disk_gib) out += " d=" + std::to_string(*create.disk_gib);
  if (create.nested) out += " nest";
  if (create.privileged) out += " priv";
  if (create.virtual_machine) out += " vm";
  return out;
}

struct Row {
  std::string_view login;
  std::string_view meaning;
  std::string_view canonical;  // empty: the login itself
};

void expect_rows(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.login);
    const auto target = parse_login(row.login);
    ASSERT_TRUE(target.ok()) << target.error().message;
    EXPECT_EQ(describe(*target), row.meaning);
    const std::string canonical = format_login(*target);
    EXPECT_EQ(canonical, row.canonical.empty() ? row.login : row.canonical);
    const auto again = parse_login(canonical);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(*again, *target);
    EXPECT_EQ(format_login(*again), canonical);
  }
}

TEST(Login, UnderstandsTheManualsConnections) {
  expect_rows({
      {"ubuntu", "ubuntu user=root host=root", ""},
      {"ubuntu+admin", "ubuntu user=root host=admin", ""},
      {"ubuntu@ubuntu+admin", "ubuntu user=ubuntu host=admin", ""},
      {"ubuntu@ubuntu.project1", "ubuntu user=ubuntu host=root project=project1", ""},
      {"incus-prod:ubuntu@ubuntu.project1",
       "ubuntu user=ubuntu host=root remote=incus-prod project=project1", ""},
      {"/ubuntu@test01", "test01 user=ubuntu host=root persistent", ""},
      {"c1", "c1 user=root host=root", ""},
      {"u1@ubuntu", "ubuntu user=u1 host=root", ""},
      {"%shell", "shell host=root", ""},
  });
}

TEST(Login, UnderstandsProfilesAndEphemeral) {
  expect_rows({
      {"+c1+%web", "c1 user=root host=root create %web", ""},
      {"+c1+%web,dev-2.x", "c1 user=root host=root create %web %dev-2.x", ""},
      {"+c1+%b+m2+%a~anna", "c1 user=root host=anna create %b %a m=2", "+c1+%b,a+m2~anna"},
      {"+c1+ephemeral", "c1 user=root host=root ephemeral", "~c1"},
      {"+c1+m1+ephe+a/b", "c1 user=root host=root ephemeral image=a/b m=1", "~c1+a/b+m1"},
      {"~c1+e", "c1 user=root host=root ephemeral", "~c1"},
      {"+c1~e", "c1 user=root host=e create", ""},
      {"c1+e", "c1 user=root host=e", ""},
  });
}

TEST(Login, UnderstandsTheManualsCreations) {
  expect_rows({
      {"+test01", "test01 user=root host=root create", ""},
      {"~test02", "test02 user=root host=root ephemeral", ""},
      {"+instance-name", "instance-name user=root host=root create", ""},
      {"~instance-name", "instance-name user=root host=root ephemeral", ""},
      {"+test+ubuntu/24.04+m4+c2+d20+nest+priv",
       "test user=root host=root create image=ubuntu/24.04 m=4 c=2 d=20 nest priv", ""},
      {"+test03+ubuntu/24.04+m2+c2+d10",
       "test03 user=root host=root create image=ubuntu/24.04 m=2 c=2 d=10", ""},
      {"+test04+alpine/edge+m4+c4+d20+nest+priv",
       "test04 user=root host=root create image=alpine/edge m=4 c=4 d=20 nest priv", ""},
      {"~vm01+ubuntu/24.04+m4+c2+d20+vm",
       "vm01 user=root host=root ephemeral image=ubuntu/24.04 m=4 c=2 d=20 vm", ""},
      {"+test05.myproject+ubuntu/22.04+m2+c1+d15",
       "test05 user=root host=root project=myproject create image=ubuntu/22.04 m=2 c=1 d=15", ""},
      {"+remote1:test06+alpine/edge+m1+c1+d5",
       "test06 user=root host=root remote=remote1 create image=alpine/edge m=1 c=1 d=5", ""},
      {"~prod:myvm.testing+ubuntu/24.04+m4+c4+d20+vm+nest+priv",
       "myvm user=root host=root remote=prod project=testing ephemeral image=ubuntu/24.04 m=4 c=4 "
       "d=20 nest priv vm",
       "~prod:myvm.testing+ubuntu/24.04+m4+c4+d20+nest+priv+vm"},
      {"+test01+ubuntu/24.04", "test01 user=root host=root create image=ubuntu/24.04", ""},
      {"+test02+alpine/edge", "test02 user=root host=root create image=alpine/edge", ""},
      {"+test03+ubuntu/24.04+m4+c2+d20",
       "test03 user=root host=root create image=ubuntu/24.04 m=4 c=2 d=20", ""},
      {"+test04+ubuntu/24.04+m2+c2+d10+nest+priv",
       "test04 user=root host=root create image=ubuntu/24.04 m=2 c=2 d=10 nest priv", ""},
      {"+vm01+ubuntu/24.04+m4+c4+d30+vm",
       "vm01 user=root host=root create image=ubuntu/24.04 m=4 c=4 d=30 vm", ""},
      {"+dev-env+ubuntu/24.04+m4+c2+d20",
       "dev-env user=root host=root create image=ubuntu/24.04 m=4 c=2 d=20", ""},
      {"~test-alpine+alpine/edge+m1+c1+d5",
       "test-alpine user=root host=root ephemeral image=alpine/edge m=1 c=1 d=5", ""},
      {"+docker-host+ubuntu/24.04+m8+c4+d50+nest+priv",
       "docker-host user=root host=root create image=ubuntu/24.04 m=8 c=4 d=50 nest priv", ""},
      {"+win-compat+ubuntu/24.04+m8+c4+d100+vm",
       "win-compat user=root host=root create image=ubuntu/24.04 m=8 c=4 d=100 vm", ""},
      {"+test02+ubuntu/24.04+m4", "test02 user=root host=root create image=ubuntu/24.04 m=4", ""},
      {"~test03+ubuntu/24.04", "test03 user=root host=root ephemeral image=ubuntu/24.04", ""},
  });
}

TEST(Login, TakesTheHostUserFromTheEnd) {
  expect_rows({
      {"c1~admin", "c1 user=root host=admin", "c1+admin"},
      {"c1+m2", "c1 user=root host=m2", ""},
      {"c1~vm", "c1 user=root host=vm", "c1+vm"},
      {"+c1+admin", "c1 user=root host=admin create", "+c1~admin"},
      {"+c1+m2", "c1 user=root host=root create m=2", ""},
      {"+c1~m2", "c1 user=root host=m2 create", ""},
      {"+c1+m2~vm", "c1 user=root host=vm create m=2", ""},
      {"~c1+m2+admin", "c1 user=root host=admin ephemeral m=2", "~c1+m2~admin"},
      {"~c1~admin", "c1 user=root host=admin ephemeral", ""},
      {"+c1+m2x", "c1 user=root host=m2x create", "+c1~m2x"},
      {"+c1+m", "c1 user=root host=m create", "+c1~m"},
      {"+c1+M2", "c1 user=root host=M2 create", "+c1~M2"},
      {"+c1+nested", "c1 user=root host=nested create", "+c1~nested"},
      {"c1+root", "c1 user=root host=root", "c1"},
      {"c1~root", "c1 user=root host=root", "c1"},
      {"%shell+admin", "shell host=admin", ""},
      {"%shell~admin", "shell host=admin", "%shell+admin"},
      {"%shell+root", "shell host=root", "%shell"},
  });
}

TEST(Login, UnderstandsCommands) {
  expect_rows({
      {"%list", "list host=root", ""},
      {"%list+admin", "list host=admin", ""},
      {"%sessions~admin", "sessions host=admin", "%sessions+admin"},
      {"%rm/c1", "remove c1 user=root host=root", ""},
      {"%rm/c1.p1+admin", "remove c1 user=root host=admin project=p1", ""},
      {"%rm-f/prod:c1", "remove at once c1 user=root host=root remote=prod", ""},
      {"%explain/c1", "explain c1 host=root", ""},
      {"%explain//alice@c1.p+bob", "explain /alice@c1.p+bob host=bob", ""},
      {"%explain/alice%40c1+bob", "explain alice@c1+bob host=bob", "%explain/alice@c1+bob"},
      {"%explain/+c1+vm+m2+bob", "explain +c1+m2+vm~bob host=bob", "%explain/+c1+m2+vm~bob"},
      {"%explain/%shell+bob", "explain %shell+bob host=bob", ""},
      {"%explain/%rm/c1", "explain %rm/c1 host=root", ""},
  });
}

TEST(Login, RefusesCommandsThatMakeNoSense) {
  for (const char* login :
       {"%", "%nothing", "%rm", "%rm/", "%rm-f/", "%rm/alice@c1", "%rm/c1+m2+bob", "%rm/+c1",
        "%explain", "%explain/", "%explain/%explain/c1", "%explain/c 1", "%list/c1", "%list+a+b",
        "%sessions/1", "/%list", "+%list", "%shell/x", "%rm/c1/c2"}) {
    const auto target = parse_login(login);
    EXPECT_FALSE(target.ok()) << login;
    if (target.ok()) continue;
    EXPECT_EQ(target.error().message.find('\n'), std::string::npos) << login;
  }
}

TEST(Login, TakesOptionsInAnyOrder) {
  expect_rows({
      {"+c1+vm+d0+images:debian/12+m16",
       "c1 user=root host=root create image=images:debian/12 "
       "m=16 d=0 vm",
       "+c1+images:debian/12+m16+d0+vm"},
      {"+c1+v+n+p", "c1 user=root host=root create nest priv vm", "+c1+nest+priv+vm"},
      {"+c1+local:abc123", "c1 user=root host=root create image=local:abc123", ""},
      {"+c1+m1000000+c1", "c1 user=root host=root create m=1000000 c=1", ""},
  });
}

TEST(Login, CombinesPrefixesAndUsers) {
  expect_rows({
      {"/+c1", "c1 user=root host=root persistent create", ""},
      {"/~alice@c1.p+m2~bob", "c1 user=alice host=bob project=p persistent ephemeral m=2", ""},
      {"+prod:alice@c1.p+admin", "c1 user=alice host=admin remote=prod project=p create",
       "+prod:alice@c1.p~admin"},
      {"/prod:c1", "c1 user=root host=root remote=prod persistent", ""},
      {"root@c1", "c1 user=root host=root", "c1"},
      {"a.b@c1", "c1 user=a.b host=root", ""},
      {"c1.my.project", "c1 user=root host=root project=my.project", ""},
      {"C1", "C1 user=root host=root", ""},
      {"my.remote:c1", "c1 user=root host=root remote=my.remote", ""},
  });
}

TEST(Login, DecodesAtSigns) {
  expect_rows({
      {"alice%40c1", "c1 user=alice host=root", "alice@c1"},
      {"alice%2540c1", "c1 user=alice host=root", "alice@c1"},
      {"prod:alice%40c1.p+bob", "c1 user=alice host=bob remote=prod project=p",
       "prod:alice@c1.p+bob"},
  });
}

}  // namespace
}  // namespace ssh2incus
