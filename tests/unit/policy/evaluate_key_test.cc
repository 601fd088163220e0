// What a key may do under which circumstances.
#include <gtest/gtest.h>

#include "policy/authorized_keys_options.h"

namespace ssh2incus {
namespace {

constexpr std::int64_t kNow = 1709164800;  // 2024-02-29 00:00:00 UTC

Circumstances here(std::string source = "192.0.2.7", std::int64_t now = kNow) {
  return {std::move(source), now, 0, {}};
}

Result<KeyGrant> evaluate(std::string_view options, const Circumstances& circumstances = here()) {
  if (options.empty()) return evaluate_key({}, circumstances);
  const auto parsed = parse_key_options(options);
  if (!parsed.ok()) return parsed.error();
  return evaluate_key(*parsed, circumstances);
}

TEST(EvaluateKey, AllowsEverythingWithoutOptions) {
  const auto grant = evaluate("");
  ASSERT_TRUE(grant.ok());
  EXPECT_EQ(*grant, KeyGrant());
  EXPECT_TRUE(grant->pty && grant->agent_forwarding && grant->port_forwarding);
  EXPECT_TRUE(grant->require_touch && !grant->require_verify && !grant->forced_command);
}

TEST(EvaluateKey, CarriesRestrictionsOver) {
  const auto grant = evaluate(
      R"(restrict,verify-required,no-touch-required,command="x",permitopen="a:1",permitlisten="2")");
  ASSERT_TRUE(grant.ok());
  EXPECT_FALSE(grant->pty || grant->agent_forwarding || grant->port_forwarding ||
               grant->x11_forwarding || grant->user_rc || grant->require_touch);
  EXPECT_TRUE(grant->require_verify);
  EXPECT_EQ(**grant->forced_command, "x");
  EXPECT_EQ(*grant->permit_open->at(0), "a:1");
  EXPECT_EQ(*grant->permit_listen->at(0), "*:2");
  const auto again = ipc::decode_fields<KeyGrant>(ipc::encode_fields(*grant));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *grant);
}

TEST(EvaluateKey, RefusesAuthoritiesAndStrayPrincipals) {
  EXPECT_NE(evaluate("cert-authority").error().message.find("certificates"), std::string::npos);
  EXPECT_NE(evaluate(R"(principals="a")").error().message.find("principals"), std::string::npos);
}

TEST(EvaluateAuthority, IsForLinesOfAuthoritiesOnly) {
  const auto line = [](std::string_view text) { return *parse_key_options(text); };
  EXPECT_FALSE(evaluate_authority(line("no-pty"), here()).ok());
  const auto grant = evaluate_authority(line(R"(cert-authority,principals="a,b",no-pty)"), here());
  ASSERT_TRUE(grant.ok()) << grant.error().message;
  EXPECT_FALSE(grant->pty);
  EXPECT_FALSE(evaluate_authority(line(R"(cert-authority,expiry-time="20010101")"), here()).ok());
  EXPECT_FALSE(evaluate_authority(line(R"(cert-authority,from="10.0.0.0/8")"), here()).ok());
}

TEST(EvaluateKey, KeepsToExpiry) {
  const std::string utc = R"(expiry-time="20240229Z")";
  EXPECT_TRUE(evaluate(utc, here("192.0.2.7", kNow)).ok());
  EXPECT_FALSE(evaluate(utc, here("192.0.2.7", kNow + 1)).ok());
  EXPECT_FALSE(evaluate(R"(expiry-time="20300101Z",expiry-time="20240228Z")").ok());
  EXPECT_FALSE(evaluate(R"(expiry-time="20300101Z",expiry-time="20240228")").ok());

  const std::string local = R"(expiry-time="20240229")";
  Circumstances east = here();
  east.utc_offset_seconds = 3600;  // where it is 01:00 already
  EXPECT_FALSE(evaluate(local, east).ok());
  EXPECT_TRUE(evaluate(utc, east).ok());
  Circumstances west = here("192.0.2.7", kNow + 3600);
  west.utc_offset_seconds = -3600;
  EXPECT_TRUE(evaluate(local, west).ok());
  EXPECT_FALSE(evaluate(utc, west).ok());
}

TEST(EvaluateKey, KeepsToSources) {
  struct Row {
    const char* list;
    const char* source;
    bool allowed;
  };
  const Row rows[] = {
      {"192.0.2.7", "192.0.2.7", true},
      {"192.0.2.7", "192.0.2.8", false},
      {"192.0.2.0/24", "192.0.2.255", true},
      {"192.0.2.0/24", "192.0.3.0", false},
      {"192.0.2.*", "192.0.2.7", true},
      {"192.0.2.?", "192.0.2.77", false},
      {"*", "192.0.2.7", true},
      {"*", "2001:db8::1", true},
      {"2001:db8::/32", "2001:db8:1::9", true},
      {"2001:db8::/32", "2001:db9::1", false},
      {"2001:DB8::*", "2001:db8::1", true},
      {"2001:db8:0:0::1", "2001:db8::1", true},
      {"192.0.2.0/24", "::ffff:192.0.2.7", true},
      {"::/0", "192.0.2.7", false},
      {"0.0.0.0/0", "192.0.2.7", true},
      {"192.0.2.0/24,!192.0.2.7", "192.0.2.7", false},
      {"!192.0.2.7,192.0.2.0/24", "192.0.2.7", false},
      {"!192.0.2.7,192.0.2.0/24", "192.0.2.8", true},
      {"!192.0.2.8", "192.0.2.7", false},
      {"*.example.org", "192.0.2.7", false},
      {"host.example.org,192.0.2.7", "192.0.2.7", true},
      {"!host.example.org,*", "192.0.2.7", true},
      {"*", "not an address", false},
      {"*", "", false},
  };
  for (const Row& row : rows) {
    const auto grant = evaluate("from=\"" + std::string(row.list) + "\"", here(row.source));
    EXPECT_EQ(grant.ok(), row.allowed) << row.list << " from " << row.source;
    if (grant.ok()) continue;
    EXPECT_NE(grant.error().message.find("from="), std::string::npos);
  }
}

TEST(EvaluateKey, RefusesAMalformedListThatSomeoneElseParsed) {
  KeyOptions options;
  options.from = KeyOptionText(std::string("10.0.0.0/99"));
  EXPECT_FALSE(evaluate_key(options, here()).ok());
}

TEST(EvaluateKey, SetsOnlyPermittedEnvironment) {
  const std::string options =
      R"(environment="LANG=C",environment="LD_PRELOAD=x",environment="PATH=x",environment="X_1=y")";
  EXPECT_TRUE(evaluate(options)->environment.empty());
  Circumstances some = here();
  some.permitted_environment = {"X_*", "LD_*"};
  const auto grant = evaluate(options, some);
  ASSERT_TRUE(grant.ok());
  ASSERT_EQ(grant->environment.size(), 1U);
  EXPECT_EQ(*grant->environment->at(0).name, "X_1");
  some.permitted_environment = {"*"};
  EXPECT_EQ(evaluate(options, some)->environment.size(), 2U);  // never LD_PRELOAD and PATH
}

}  // namespace
}  // namespace ssh2incus
