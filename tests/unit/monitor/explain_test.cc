// --explain: whom the instance vouches for, logins without authentication, and what the policy
// allows but this version doesn't have. Root exists on every machine.
#include "monitor/explain.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

namespace ssh2incus {
namespace {

class Explain : public testing::Test {
 protected:
  Explain() { config_.access = "default"; }
  std::string explain(const std::string& login) {
    question_.login = login;
    const auto text = explain_login(config_, question_);
    return text.ok() ? *text : "error: " + text.error().message;
  }
  std::string decision(const std::string& login) { return line_of(explain(login), "decision:"); }
  static std::string line_of(const std::string& text, const std::string& label) {
    const std::size_t begin = text.find("\n" + label);
    if (begin == std::string::npos) return "";
    const std::size_t value = text.find_first_not_of(' ', begin + 1 + label.size());
    return text.substr(value, text.find('\n', value) - value);
  }
  ServerConfig config_;
  ExplainFlags question_;
};

TEST_F(Explain, TellsWhomTheInstanceMayVouchFor) {
  question_.user = "no-such-user-here";
  EXPECT_EQ(decision("alice@c1"), "can't authenticate: no such host user");
  EXPECT_EQ(line_of(explain("alice@c1"), "or:"), "");
  config_.instance_authentication = true;
  EXPECT_EQ(decision("alice@c1"), "can't authenticate: no such host user");
  EXPECT_NE(line_of(explain("alice@c1"), "or:"), "");
  EXPECT_EQ(line_of(explain("+c9"), "or:"), "");
  question_.by_instance = true;
  EXPECT_EQ(decision("alice@c1"), "allowed");
  EXPECT_EQ(line_of(explain("alice@c1"), "rule:"), "instance");
  EXPECT_EQ(line_of(explain("alice@c1"), "host user:"), "");
  EXPECT_EQ(line_of(explain("alice@c1"), "or:"), "");
}

TEST_F(Explain, TellsWhatWouldBeCreated) {
  config_.create_config_file.clear();
  EXPECT_NE(decision("+c9").find("refused in any case: this server creates no"), std::string::npos);
  config_.allow_create = true;
  EXPECT_EQ(decision("+c9+m2+local:x+e"), "allowed");
  const std::string text = explain("+c9+m2+local:x+e");
  EXPECT_NE(line_of(text, "if missing:").find("created: image local:x, memory 2 GiB"),
            std::string::npos)
      << text;
  EXPECT_NE(line_of(explain("+c9+%none"), "if missing:").find("refused: there is no profile none"),
            std::string::npos);
  EXPECT_EQ(line_of(explain("c9"), "if missing:"), "");
}

TEST_F(Explain, LetsTheInstanceVouchForItselfOnly) {
  question_.by_instance = true;
  EXPECT_NE(decision("alice@c1").find("without --inauth"), std::string::npos);
  config_.instance_authentication = true;
  for (const char* login : {"%shell", "+c9", "~c9"}) {
    EXPECT_EQ(decision(login), "can't authenticate: no instance may vouch for such a login");
  }
  EXPECT_EQ(decision("local:c1"), "allowed");
  question_.methods = "keyboard-interactive";
  EXPECT_EQ(decision("c1"), "can't authenticate: instances know keys and passwords only");
  question_.methods = "password";
  config_.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kPassword});
  EXPECT_EQ(decision("c1"), "allowed");
}

TEST_F(Explain, AsksTheRulesAboutWhomTheInstanceHasAuthenticated) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a file of root";
  std::string directory = "/run/ssh2incus-test-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  config_.access = directory + "/access.yaml";
  std::ofstream(config_.access)
      << "version: 1\nrules:\n"
         "- {name: own, allow: shell, authenticated-by: instance, instances: c1}\n"
         "- {name: web, allow: all, users: root, projects: web}\n";
  chmod(config_.access.c_str(), 0644);
  config_.instance_authentication = true;
  EXPECT_NE(decision("alice@c1").find("refused"), std::string::npos);
  EXPECT_EQ(decision("alice@c1.web"), "allowed");
  question_.by_instance = true;
  EXPECT_EQ(decision("alice@c1"), "allowed");
  EXPECT_EQ(line_of(explain("alice@c1"), "rule:"), "own");
  EXPECT_EQ(line_of(explain("alice@c1"), "may:"), "shell");
  EXPECT_NE(decision("alice@c2.web").find("refused"), std::string::npos);
  unlink(config_.access.c_str());
  rmdir(directory.c_str());
}

TEST_F(Explain, KnowsLoginsWithoutAuthentication) {
  question_.methods = "none";
  EXPECT_EQ(decision("c1"), "can't authenticate: no chain of methods begins with none");
  config_.no_authentication = true;
  config_.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kNone});
  EXPECT_EQ(decision("c1"), "allowed");
  question_.methods.clear();
  EXPECT_EQ(decision("c1"), "allowed");
  EXPECT_EQ(line_of(explain("c1"), "proven:"), "none");
  EXPECT_EQ(decision("c1+no-such-user-here"), "can't authenticate: no such host user");
  question_.methods = "publickey";
  EXPECT_EQ(decision("c1"), "can't authenticate: no chain of methods begins with publickey");
}

TEST_F(Explain, SaysWhatThisVersionDoesNotHave) {
  EXPECT_EQ(decision("prod:c1"), "allowed; refused in any case: there is no remote prod");
}

TEST_F(Explain, SaysWhatIsMissing) {
  config_.auth_chains =
      *AuthenticationChains::parse("publickey,password", std::array{AuthMethod::kPublicKey});
  EXPECT_EQ(decision("c1"), "more must be proven, next: password");
  EXPECT_NE(decision("/+c9").find("password; refused in any case: "), std::string::npos);
  question_.methods = "password";
  EXPECT_EQ(decision("c1"), "can't authenticate: no chain of methods begins with password");
}

}  // namespace
}  // namespace ssh2incus
