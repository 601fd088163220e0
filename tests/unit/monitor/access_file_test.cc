// Which policy a configuration names, and which files are trusted; --explain.
#include "monitor/access_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "monitor/explain.h"

namespace ssh2incus {
namespace {

class AccessFile : public testing::Test {
 protected:
  // In a directory that only root can write.
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can make a file of root";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/access.yaml";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }
  std::string write(const std::string& text) {
    std::ofstream(path_) << text;
    chmod(path_.c_str(), 0644);
    return path_;
  }
  std::string error(const std::string& rules) {
    config_.access = write("version: 1\nrules:\n" + rules);
    const auto opened = open_access_policy(config_);
    return opened.ok() ? "" : opened.error().message;
  }
  std::string directory_ = "/run/ssh2incus-test-XXXXXX";
  std::string path_;
  ServerConfig config_;
};

TEST_F(AccessFile, IsTheDefaultOneOnlyIfItExists) {
  const std::string path = write("version: 1\nrules: [{name: a, allow: all}]\n");
  auto found = open_access_policy(config_, path);
  ASSERT_TRUE(found.ok() && *found) << found.error().message;
  EXPECT_EQ((*found)->rules.size(), 1U);
  found = open_access_policy(config_, path + ".not");
  EXPECT_TRUE(found.ok() && !*found);
  config_.access = "default";
  found = open_access_policy(config_, path);
  EXPECT_TRUE(found.ok() && !*found);
  config_.access = "incus-native";
  found = open_access_policy(config_, path);
  EXPECT_TRUE(found.ok() && (*found)->rules.size() == 3);
  config_.access = path + ".not";
  EXPECT_FALSE(open_access_policy(config_).ok());
}

TEST_F(AccessFile, IsNotReadIfOthersCanWriteIt) {
  const std::string path = write("version: 1\nrules: [{name: a, allow: all}]\n");
  chmod(path.c_str(), 0664);
  EXPECT_FALSE(load_access_policy(path).ok());
  chmod(path.c_str(), 0666);
  EXPECT_FALSE(load_access_policy(path).ok());
}

TEST_F(AccessFile, ListsItsProblemsWithTheirPlaces) {
  const std::string problems = error("- name: a\n  allow: fly\n  colour: red\n");
  EXPECT_NE(problems.find("access.yaml:4:10: "), std::string::npos) << problems;
  EXPECT_NE(problems.find("access.yaml:5:3: "), std::string::npos) << problems;
}

TEST_F(AccessFile, MayNotDemandWhatTheServerDoesNotHave) {
  EXPECT_NE(error("- {name: a, allow: all, methods: 'publickey,password'}\n").find("enabled"),
            std::string::npos);
  EXPECT_EQ(error("- {name: a, allow: all, methods: 'password publickey'}\n"), "");
  config_.enabled_methods.push_back(AuthMethod::kPassword);
  EXPECT_EQ(error("- {name: a, allow: all, methods: 'publickey,password'}\n"), "");
  EXPECT_NE(error("- {name: a, allow: all, record: true}\n").find("recording"), std::string::npos);
}

TEST_F(AccessFile, IsExplained) {
  config_.access = write(
      "version: 1\nrules:\n"
      "- {name: closed, deny: all, projects: prod, days: sat-sun}\n"
      "- {name: mfa, allow: all, projects: prod, methods: 'publickey,publickey'}\n"
      "- {name: labelled, allow: shell, labels: {env: dev}, session-limit: 8h}\n"
      "- {name: rest, allow: [exec], users: root, sources: 192.0.2.0/24}\n");
  const auto explain = [&](ExplainFlags question) {
    const auto text = explain_login(config_, question);
    return text.ok() ? *text : "error: " + text.error().message;
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  ExplainFlags question;
  question.login = "web@c1.prod";
  question.time = "2026-11-28 12:00";
  EXPECT_TRUE(has(explain(question), "closed")) << explain(question);
  question.time = "2026-11-27 12:00";
  EXPECT_TRUE(has(explain(question), "more must be proven")) << explain(question);
  question.methods = "publickey,publickey";
  EXPECT_TRUE(has(explain(question), "allowed")) << explain(question);
  question.login = "c1";
  EXPECT_TRUE(has(explain(question), "depends on labels")) << explain(question);
  question.labels = {"env=dev"};
  EXPECT_TRUE(has(explain(question), "8h")) << explain(question);
  question.labels = {"env=x"};
  EXPECT_TRUE(has(explain(question), "refused")) << explain(question);
  question.source = "192.0.2.7";
  EXPECT_TRUE(has(explain(question), "exec")) << explain(question);
  question.user = "nobody";
  EXPECT_TRUE(has(explain(question), "refused")) << explain(question);
  question.user = "no-such-user-here";
  EXPECT_TRUE(has(explain(question), "no such host user")) << explain(question);
  for (auto wrong :
       {&ExplainFlags::login, &ExplainFlags::source, &ExplainFlags::time, &ExplainFlags::methods}) {
    ExplainFlags bad = question;
    bad.*wrong = "%%%";
    EXPECT_TRUE(has(explain(bad), "error: ")) << explain(bad);
  }
}

}  // namespace
}  // namespace ssh2incus
