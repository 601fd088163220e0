// access.yaml: what is understood, and where what isn't is found.
#include <fstream>
#include <sstream>

#include "policy/duration.h"
#include "tests/unit/policy/access_policy_fixture.h"

namespace ssh2incus {
namespace {

std::string first_problem(const std::string& text) {
  const ParsedAccess parsed = parse_access_rules(text);
  EXPECT_TRUE(parsed.policy.rules.empty() || parsed.problems.empty());
  if (parsed.problems.empty()) return {};
  const ConfigProblem& problem = parsed.problems.front();
  return std::to_string(problem.where.line) + ":" + std::to_string(problem.where.column) + ": " +
         problem.message;
}

struct Case {
  const char* text;
  const char* problem;  // contained in the first one
};
constexpr Case kWrong[] = {
    {"", "version: 1"},
    {"- a", "1:1: the file must begin"},
    {"rules: [{name: a, allow: all}]", "\"version: 1\" is missing"},
    {"version: 2\nrules: [{name: a, allow: all}]", "1:10: the only version"},
    {"version: 1", "\"rules:\" is missing"},
    {"version: 1\nrules: []", "list of rules"},
    {"version: 1\nrules: {a: b}", "2:8: 'rules' takes a list"},
    {"version: 1\nrule: []", "2:1: unknown key 'rule'; did you mean 'rules'?"},
    {"version: 1\nrules:\n- a", "3:3: a rule consists of keys"},
    {"version: 1\nrules:\n- allow: all", "3:3: a rule needs a name"},
    {"version: 1\nrules:\n- name: a", "either 'allow' or 'deny'"},
    {"version: 1\nrules:\n- {name: a, allow: all, deny: all}", "either 'allow' or 'deny'"},
    {"version: 1\nrules:\n- {name: a, allow: all, allow: exec}", "twice"},
    {"version: 1\nrules:\n- {name: a, allow: all}\n- {name: a, allow: all}", "4:3: two rules"},
    {"version: 1\nrules:\n- name: a b\n  allow: all", "3:9: 'name'"},
    {"version: 1\nrules:\n- name: a\n  allow: [shell, fly]", "4:18: 'allow': 'fly' is no action"},
    {"version: 1\nrules:\n- name: a\n  allow: []", "4:3: 'allow' takes"},
    {"version: 1\nrules:\n- name: a\n  allow: {shell: true}", "4:3: 'allow' takes"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  user: bob",
     "5:3: unknown key 'user'; did you mean 'users'?"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  users: [b, c d]", "5:14: 'users'"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  users: '#x'", "no user id"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  users: '!bob'", "exceptions alone"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  users: !bob", "tags"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  users: *", "not YAML"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  users: ''", "a text is wanted"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  users:", "5:3: 'users' takes"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  keys: 'MD5:aa'", "no fingerprint"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  projects: 'x%z'", "only %u"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  sources: [10.0.0.1/8]", "5:13: 'sources'"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  sources: office", "not an IP address"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  days: monday", "no day"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  hours: '8-18'", "no interval"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  hours: '24:00-01:00'", "no interval"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  hours: '08:00-08:00'", "no interval"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  hours: '08:00-25:00'", "no interval"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  labels: prod", "names and patterns"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  labels: {user.env: prod}", "write 'env'"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  methods: [publickey, password]",
     "5:3: 'methods' takes one value"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  methods: hostbased", "5:12: 'methods'"},
    {"version: 1\nrules:\n- name: a\n  deny: all\n  methods: publickey", "allow rules only"},
    {"version: 1\nrules:\n- name: a\n  deny: all\n  session-limit: 8h", "allow rules only"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  session-limit: 8x", "no duration"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  record: yes", "true or false"},
    {"version: 1\nrules:\n- name: a\n  allow: shell\n  create-limits: {cpus: 1}", "without"},
    {"version: 1\nrules:\n- name: a\n  allow: create\n  create-limits: {cpu: 1}",
     "5:19: unknown key 'cpu'; did you mean 'cpus'?"},
    {"version: 1\nrules:\n- name: a\n  allow: create\n  create-limits: {cpus: -1}", "no number"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  local-forward-to: db", "HOST:PORT"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  local-forward-to: 'db:0'", "HOST:PORT"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  remote-forward-ports: 9-8", "no port"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  authenticated-by: me", "host, instance"},
    {"version: 1\nrules:\n- name: a\n  allow: all\n  authenticated-by: instance\n  users: a",
     "no host user"},
};

TEST(AccessFile, SaysWhereItIsWrong) {
  const auto without_quotes = [](std::string text) {
    std::erase(text, '\'');
    return text;
  };
  for (const Case& one : kWrong) {
    EXPECT_NE(without_quotes(first_problem(one.text)).find(without_quotes(one.problem)),
              std::string::npos)
        << one.text << "\n gave: " << first_problem(one.text);
  }
}

TEST(AccessFile, ListsAllProblems) {
  const ParsedAccess parsed = parse_access_rules(
      "version: 1\nrules:\n- name: a\n  allow: fly\n  hours: never\n- name: b\n  colour: red\n");
  EXPECT_EQ(parsed.problems.size(), 4U);
  EXPECT_TRUE(parsed.policy.rules.empty());
}

TEST(AccessFile, BoundsRulesAndLabels) {
  std::string many = "version: 1\nrules:\n";
  for (std::size_t i = 0; i <= kMaxAccessRules; ++i)
    many += "- {name: r" + std::to_string(i) + ", allow: all}\n";
  EXPECT_NE(first_problem(many).find("too many rules"), std::string::npos);
  std::string labels = "version: 1\nrules:\n- name: a\n  allow: all\n  labels:\n";
  for (std::size_t i = 0; i <= kMaxAccessLabels; ++i)
    labels += "    l" + std::to_string(i) + ": x\n";
  EXPECT_NE(first_problem(labels).find("labels"), std::string::npos);
}

TEST(AccessFile, ReadsLimits) {
  const AccessPolicy policy = policy_of(R"(
- name: r
  allow: [local-forward, remote-forward, create]
  local-forward-to: ["db:5432", "*:443"]
  remote-forward-ports: [8080, 9000-9010]
  record: true
  create-limits: {memory: 8, images: "images:*", privileged: true, devices: true, raw: true,
                  max-instances: 3}
)");
  const AccessGrant& grant = policy.rules.front().grant;
  EXPECT_EQ(grant.local_forward_to, (std::vector<std::string>{"db:5432", "*:443"}));
  EXPECT_EQ(grant.remote_forward_ports, (std::vector<PortRange>{{8080, 8080}, {9000, 9010}}));
  EXPECT_TRUE(grant.record);
  EXPECT_TRUE(grant.create.privileged);
  EXPECT_EQ(grant.create.memory_gib, 8U);
  EXPECT_EQ(grant.create.cpus, std::nullopt);
  EXPECT_TRUE(grant.create.devices && grant.create.raw);
  EXPECT_EQ(grant.create.max_instances, 3U);
  const CreateLimits usual;
  EXPECT_FALSE(usual.privileged || usual.devices || usual.raw || usual.max_instances);
}

TEST(AccessFile, ShippedExampleMeansWhatItSays) {
  std::ifstream file(SSH2INCUS_SOURCE_DIR "/packaging/config/access.yaml");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  const ParsedAccess parsed = parse_access_rules(text.str());
  ASSERT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
  AccessFacts admin = login_facts("c1.production");
  admin.account.group_names = {"incus-admin"};
  EXPECT_EQ(decide_access(parsed.policy, admin).outcome, Outcome::kMoreMethods);
  admin.now_unix += 3L * 86400;
  EXPECT_EQ(decide_access(parsed.policy, admin).rule, "no-production-at-weekends");
  AccessFacts member = login_facts("c1.user-1000");
  member.labels = Labels{{"trust", "low"}};
  const AccessVerdict verdict = decide_access(parsed.policy, member);
  EXPECT_EQ(verdict.rule, "own-project");
  EXPECT_FALSE(verdict.grant.actions.has(Action::kAgent));
  EXPECT_TRUE(verdict.grant.actions.has(Action::kShell));
}

TEST(Duration, IsReadAndWritten) {
  EXPECT_EQ(*parse_duration("90"), std::chrono::seconds(90));
  EXPECT_EQ(*parse_duration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(*parse_duration("5m"), std::chrono::minutes(5));
  EXPECT_EQ(*parse_duration("8h"), std::chrono::hours(8));
  EXPECT_EQ(*parse_duration("365d"), std::chrono::hours(24 * 365));
  for (const char* text : {"", "0", "0m", "m", "5 m", "-5", "1.5h", "366d", "5M", "99999999999999",
                           "18446744073709551616"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
  EXPECT_EQ(duration_text(std::chrono::seconds(90)), "90s");
  EXPECT_EQ(duration_text(std::chrono::hours(8)), "8h");
  EXPECT_EQ(duration_text(std::chrono::hours(48)), "2d");
}

}  // namespace
}  // namespace ssh2incus
