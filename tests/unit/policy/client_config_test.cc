// config.yml of the Incus client: what is read of it, and where mistakes are.
#include "policy/client_config.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

ParsedClientConfig problems_of(std::string_view text) { return parse_client_config(text); }

TEST(ClientConfig, ReadsWhatTheIncusClientWrites) {
  const auto parsed = parse_client_config(R"(default-remote: prod
remotes:
  images:
    addr: https://images.linuxcontainers.org
    protocol: simplestreams
    public: true
  local:
    addr: unix://
    project: web
    public: false
  prod:
    addr: https://192.0.2.1:8443
    auth_type: tls
    project: default
    protocol: incus
    public: false
aliases:
  ll: list -c n
)");
  ASSERT_TRUE(parsed.problems.empty());
  EXPECT_EQ(parsed.config.default_remote, "prod");
  ASSERT_EQ(parsed.config.remotes.size(), 3U);
  EXPECT_TRUE(parsed.config.remotes[0].is_public);
  EXPECT_EQ(parsed.config.remotes[0].protocol, "simplestreams");
  EXPECT_EQ(parsed.config.remotes[1].address, "unix://");
  EXPECT_EQ(parsed.config.remotes[1].project, "web");
  EXPECT_EQ(parsed.config.remotes[2].address, "https://192.0.2.1:8443");
  EXPECT_EQ(parsed.config.remotes[2].auth_type, "tls");
  EXPECT_EQ(parsed.config.remotes[2].where, (ConfigPosition{11, 3}));
}

TEST(ClientConfig, TakesWhatIsEmpty) {
  for (const char* text : {"", "remotes:\n", "remotes: {}\naliases: {}\n", "default-remote:\n"}) {
    const auto parsed = parse_client_config(text);
    EXPECT_TRUE(parsed.problems.empty()) << text;
    EXPECT_TRUE(parsed.config.remotes.empty()) << text;
    EXPECT_TRUE(parsed.config.default_remote.empty()) << text;
  }
}

TEST(ClientConfig, SaysWhereWhatIsWrong) {
  const std::vector<std::pair<const char*, ConfigPosition>> wrong = {
      {"[a, b]", {1, 1}},
      {"a: 1\nremotes: [x]", {2, 1}},
      {"remotes:\n  x: y", {2, 3}},
      {"remotes:\n  x:\n    addr: [a]", {3, 11}},
      {"remotes:\n  x:\n    public: yes", {3, 13}},
      {"remotes:\n  x:\n    public: {}", {3, 13}},
      {"remotes:\n  x:\n    addr: \"a\\nb\"", {3, 11}},
      {"default-remote: {}", {1, 17}}};
  for (const auto& [text, where] : wrong) {
    const auto parsed = problems_of(text);
    ASSERT_EQ(parsed.problems.size(), 1U) << text;
    EXPECT_EQ(parsed.problems[0].where, where)
        << text << ": " << parsed.problems[0].where.line << ":" << parsed.problems[0].where.column;
  }
  EXPECT_FALSE(problems_of("remotes: &a {}\nb: *a").problems.empty());
  EXPECT_FALSE(problems_of("remotes: {x: {}, x: {}}").problems.empty());
  EXPECT_FALSE(problems_of("{").problems.empty());
}

}  // namespace
}  // namespace ssh2incus
