// Lines of authorized_keys: which are keys, with which options, and why others aren't.
#include "policy/authorized_keys.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/test_keys.h"

namespace ssh2incus {
namespace {

const std::string kKey = test::key_text(KeyType::kEd25519);

KeyOptions options_of(const std::string& options) {
  const auto key = parse_authorized_keys_line(options + " " + kKey);
  EXPECT_TRUE(key.ok()) << options << ": " << key.error().message;
  if (!key.ok() || !*key) return {};
  return (*key)->options;
}

void expect_refused(const std::string& line, std::string_view reason) {
  SCOPED_TRACE(testing::PrintToString(line));
  const auto key = parse_authorized_keys_line(line);
  ASSERT_FALSE(key.ok());
  EXPECT_NE(key.error().message.find(reason), std::string::npos) << key.error().message;
}

TEST(AuthorizedKeys, SkipsBlankLinesAndComments) {
  for (const char* line : {"", "\n", " \t ", "# comment", "  # comment", "#", "\r\n"}) {
    const auto key = parse_authorized_keys_line(line);
    ASSERT_TRUE(key.ok()) << line;
    EXPECT_FALSE(key->has_value()) << line;
  }
}

TEST(AuthorizedKeys, TakesEveryTypeOfKey) {
  for (unsigned i = 1; i <= 7; ++i) {
    const auto type = static_cast<KeyType>(i);
    const auto key = parse_authorized_keys_line(test::key_text(type) + "  alice@home office\n");
    ASSERT_TRUE(key.ok()) << key_type_name(type) << ": " << key.error().message;
    EXPECT_EQ(*(*key)->type, key_type_name(type));
    EXPECT_EQ(*(*key)->blob, test::public_key(type));
    EXPECT_EQ(*(*key)->comment, "alice@home office");
    EXPECT_EQ((*key)->options, KeyOptions());
  }
}

TEST(AuthorizedKeys, TakesRealKeysAndAnyBlanks) {
  const std::string key =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOIGjSkTEla7BZ6Pfq0xZDz57UTSRlPUi7B0i/KYoUWo";
  for (const std::string& line : {key, "  " + key, "\t" + key + "\r\n", "pty \t" + key + " c"}) {
    const auto parsed = parse_authorized_keys_line(line);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_TRUE(parsed->has_value());
  }
}

TEST(AuthorizedKeys, RefusesWhatIsNoKey) {
  const std::string ed25519(key_type_name(KeyType::kEd25519));
  const std::string good = encode_base64(test::public_key(KeyType::kEd25519));
  Bytes trailing = test::public_key(KeyType::kEd25519);
  trailing.push_back(0);
  expect_refused(ed25519, "isn't valid base64");
  expect_refused(ed25519 + " !!!!", "isn't valid base64");
  expect_refused(ed25519 + " " + good + "=", "isn't valid base64");
  expect_refused(ed25519 + " " + good.substr(0, good.size() - 1), "isn't valid base64");
  expect_refused(ed25519 + " AAAA", "key has no type");
  expect_refused("ssh-rsa " + good, "says ssh-rsa but is of type ssh-ed25519");
  expect_refused(ed25519 + " " + encode_base64(trailing), "trailing bytes");
  expect_refused("ssh-dss AAAA", "type ssh-dss aren't accepted");
  expect_refused("ssh-ed25519-cert-v01@openssh.com AAAA", "aren't accepted");
  expect_refused("pty ssh-dss AAAA", "type ssh-dss aren't accepted");
  expect_refused("pty", "no key on the line");
  expect_refused("hello world", "unknown key option");
  expect_refused(kKey + std::string("\0", 1), "NUL");
  expect_refused(kKey + "\n" + kKey, "line feed");
  expect_refused(std::string(limits::kMaxAuthorizedKeysLine + 1, 'a'), "line is too long");
  expect_refused("no-such-option " + kKey, "unknown key option no-such-option");
}

TEST(AuthorizedKeys, CutsLongComments) {
  const auto key = parse_authorized_keys_line(kKey + " " + std::string(3000, 'c'));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ((*key)->comment.size(), 1024U);
}

TEST(AuthorizedKeys, ReadsSwitches) {
  struct Row {
    const char* name;
    bool KeyOptions::*member;
    bool initially;
  };
  const Row rows[] = {{"pty", &KeyOptions::pty, true},
                      {"port-forwarding", &KeyOptions::port_forwarding, true},
                      {"agent-forwarding", &KeyOptions::agent_forwarding, true},
                      {"X11-forwarding", &KeyOptions::x11_forwarding, true},
                      {"user-rc", &KeyOptions::user_rc, true},
                      {"touch-required", &KeyOptions::require_touch, true},
                      {"verify-required", &KeyOptions::require_verify, false}};
  for (const Row& row : rows) {
    const std::string name = row.name;
    EXPECT_EQ(KeyOptions().*row.member, row.initially) << name;
    EXPECT_FALSE(options_of("no-" + name).*row.member) << name;
    EXPECT_TRUE(options_of("no-" + name + "," + name).*row.member) << name;
    EXPECT_FALSE(options_of(name + ",No-" + name).*row.member) << name;
    KeyOptions expected;
    expected.*row.member = false;
    EXPECT_EQ(options_of("NO-" + name), expected) << name;
  }
}

TEST(AuthorizedKeys, RestrictsAndLoosens) {
  KeyOptions expected;
  expected.pty = expected.port_forwarding = expected.agent_forwarding = false;
  expected.x11_forwarding = expected.user_rc = false;
  EXPECT_EQ(options_of("restrict"), expected);
  EXPECT_EQ(options_of("Restrict"), expected);
  EXPECT_EQ(options_of("pty,restrict"), expected);
  expected.pty = true;
  EXPECT_EQ(options_of("restrict,pty"), expected);
  EXPECT_TRUE(options_of("cert-authority").cert_authority);
}

TEST(AuthorizedKeys, ReadsValues) {
  EXPECT_EQ(**options_of(R"(command="dump /home, \"now\" \n")").command, R"(dump /home, "now" \n)");
  EXPECT_EQ(**options_of(R"(COMMAND="")").command, "");
  EXPECT_EQ(**options_of(R"(command="a\\ b")").command, R"(a\\ b)");
  EXPECT_EQ(**options_of(R"(from="10.0.0.0/8,!10.1.2.3,*.example.org")").from,
            "10.0.0.0/8,!10.1.2.3,*.example.org");
  EXPECT_EQ(**options_of(R"(cert-authority,principals="a,b")").principals, "a,b");
  EXPECT_TRUE(options_of(R"(tunnel="0",tunnel="any",no-pty)").port_forwarding);
}

TEST(AuthorizedKeys, ReadsEnvironmentAndKeepsTheFirst) {
  const KeyOptions options =
      options_of(R"(environment="A=1",environment="B_2=x=y z",environment="A=3",environment="C=")");
  ASSERT_EQ(options.environment.size(), 3U);
  EXPECT_EQ(options.environment->at(0), (EnvironmentEntry{std::string("A"), std::string("1")}));
  EXPECT_EQ(options.environment->at(1),
            (EnvironmentEntry{std::string("B_2"), std::string("x=y z")}));
  EXPECT_EQ(options.environment->at(2), (EnvironmentEntry{std::string("C"), std::string()}));
}

TEST(AuthorizedKeys, ReadsForwardingRules) {
  const KeyOptions options = options_of(
      R"(permitopen="192.0.2.1:80",permitopen="[::1]:*",permitlisten="8080",permitlisten="localhost:1",permitlisten="*")");
  ASSERT_EQ(options.permit_open.size(), 2U);
  EXPECT_EQ(*options.permit_open->at(0), "192.0.2.1:80");
  EXPECT_EQ(*options.permit_open->at(1), "[::1]:*");
  ASSERT_EQ(options.permit_listen.size(), 3U);
  EXPECT_EQ(*options.permit_listen->at(0), "*:8080");
  EXPECT_EQ(*options.permit_listen->at(1), "localhost:1");
  EXPECT_EQ(*options.permit_listen->at(2), "*:*");
}

TEST(AuthorizedKeys, ReadsTimes) {
  struct Row {
    const char* text;
    std::uint64_t seconds;
  };
  const Row rows[] = {{"19700102", 86400},
                      {"20240229", 1709164800},
                      {"202402291230", 1709209800},
                      {"20240229123045", 1709209845},
                      {"99991231235959", 253402300799}};
  for (const Row& row : rows) {
    const std::string text = row.text;
    const KeyOptions local = options_of("expiry-time=\"" + text + "\"");
    EXPECT_EQ(local.expires_local, row.seconds) << text;
    EXPECT_FALSE(local.expires_utc) << text;
    for (const char* suffix : {"Z", "z", "UTC"}) {
      const KeyOptions utc = options_of("expiry-time=\"" + text + suffix + "\"");
      EXPECT_EQ(utc.expires_utc, row.seconds) << text;
      EXPECT_FALSE(utc.expires_local) << text;
    }
  }
  EXPECT_EQ(options_of(R"(expiry-time="20240229Z",expiry-time="20230101Z")").expires_utc,
            1672531200U);
}

struct Refusal {
  const char* options;
  const char* reason;
};

TEST(AuthorizedKeys, RefusesMalformedOptions) {
  const Refusal rows[] = {
      {",pty", "empty key option"},
      {"pty,", "nothing follows the last comma"},
      {"pty,,no-pty", "empty key option"},
      {"ptyx", "unknown key option ptyx"},
      {"no-restrict", "unknown key option no-restrict"},
      {"no-cert-authority", "unknown key option no-cert-authority"},
      {"no-command", "unknown key option"},
      {"pty=\"1\"", "unknown or takes no value"},
      {"unknown=\"1\"", "unknown or takes no value"},
      {"command", "command needs a value"},
      {"command=ls", "isn't in quotes"},
      {"command=\"ls", "no closing quote"},
      {"command=\"ls\\\"", "no closing quote"},
      {"command=\"a\\\\\"", "no closing quote"},  // the second backslash escapes the quote
      {"command=\"a\"b", "unknown key option"},
      {"command=\"a\",command=\"b\"", "given twice"},
      {"from=\"a\",from=\"b\"", "given twice"},
      {"principals=\"a\",principals=\"a\"", "given twice"},
  };
  for (const Refusal& row : rows) {
    expect_refused(std::string(row.options) + " " + kKey, row.reason);
  }
}

TEST(AuthorizedKeys, RefusesMalformedValues) {
  const Refusal rows[] = {
      {"from=\"\"", "empty entry"},
      {"from=\"10.0.0.1,\"", "empty entry"},
      {"from=\"!\"", "empty entry"},
      {"from=\"10.0.0.0/33\"", "mask too long"},
      {"from=\"10.0.0.1/8\"", "beyond the mask"},
      {"from=\"10.0.0.0/\"", "no mask length"},
      {"from=\"10.0.0.0/a\"", "no mask length"},
      {"from=\"::/129\"", "mask too long"},
      {"from=\"host/8\"", "not an IP address"},
      {"environment=\"A\"", "has no '='"},
      {"environment=\"=x\"", "unusable name"},
      {"environment=\"A-B=x\"", "unusable name"},
      {"expiry-time=\"\"", "isn't a time"},
      {"expiry-time=\"2024\"", "isn't a time"},
      {"expiry-time=\"20240230\"", "isn't a time"},
      {"expiry-time=\"20241301\"", "isn't a time"},
      {"expiry-time=\"202402292400\"", "isn't a time"},
      {"expiry-time=\"202402291260\"", "isn't a time"},
      {"expiry-time=\"20240229ZZ\"", "isn't a time"},
      {"expiry-time=\"19700101Z\"", "isn't a time"},
      {"expiry-time=\"19691231\"", "isn't a time"},
      {"permitopen=\"host\"", "must be host:port"},
      {"permitopen=\":80\"", "unusable host"},
      {"permitopen=\"host:\"", "unusable port"},
      {"permitopen=\"host:0\"", "unusable port"},
      {"permitopen=\"host:65536\"", "unusable port"},
      {"permitopen=\"host:http\"", "unusable port"},
      {"permitopen=\"[::1:80\"", "missing ']'"},
      {"permitopen=\"[::1]80\"", "must be host:port"},
      {"permitopen=\"[::1]x:80\"", "must be host:port"},
      {"permitopen=\"a b:80\"", "unusable host"},
      {"permitlisten=\"\"", "unusable port"},
      {"permitlisten=\"0\"", "unusable port"},
      {"tunnel=\"x\"", "tunnel device"},
      {"tunnel=\"\"", "tunnel device"},
  };
  for (const Refusal& row : rows) {
    expect_refused(std::string(row.options) + " " + kKey, row.reason);
  }
}

TEST(AuthorizedKeys, BoundsListsOfOptions) {
  std::string many;
  for (int i = 0; i <= 128; ++i) many += "environment=\"A" + std::to_string(i) + "=x\",";
  expect_refused(many + "pty " + kKey, "one too many");
  many.clear();
  for (int i = 0; i <= 1024; ++i) many += "permitlisten=\"1\",";
  expect_refused(many + "pty " + kKey, "line is too long");
}

TEST(AuthorizedKeys, TravelsBetweenProcesses) {
  const auto key = parse_authorized_keys_line(
      R"(restrict,command="x",from="10.0.0.1",expiry-time="20240229Z",environment="A=1",permitopen="a:1" )" +
      kKey + " comment");
  ASSERT_TRUE(key.ok());
  const auto again = ipc::decode_fields<AuthorizedKey>(ipc::encode_fields(**key));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*again, **key);
}

}  // namespace
}  // namespace ssh2incus
