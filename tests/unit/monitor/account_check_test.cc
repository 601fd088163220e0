// PAM's account stack with real modules and configurations of the test's own.
#include "monitor/account_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

using testing::HasSubstr;

class AccountCheck : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  AccountReply check(const std::string& stack, const std::string& user = "root",
                     int timeout_ms = 10'000) {
    directory_.write("s2itest", stack, 0644);
    const auto reply = check_account({"s2itest", directory_.path(), timeout_ms}, user, "192.0.2.1");
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    return reply.ok() ? *reply : AccountReply{};
  }

  TemporaryDirectory directory_;
};

TEST_F(AccountCheck, AcceptsWhatPamAccepts) {
  const AccountReply reply = check("account required pam_permit.so\n");
  EXPECT_TRUE(reply.valid) << *reply.log_text;
}

TEST_F(AccountCheck, AcceptsRootByTheUnixModule) {
  const AccountReply reply = check("account required pam_unix.so\n");
  EXPECT_TRUE(reply.valid) << *reply.log_text;
}

TEST_F(AccountCheck, RefusesWhatPamRefuses) {
  const AccountReply reply = check("account required pam_deny.so\n");
  EXPECT_FALSE(reply.valid);
  EXPECT_THAT(*reply.log_text, HasSubstr("PAM: "));
}

TEST_F(AccountCheck, RefusesUnknownUsersAndMissingModules) {
  EXPECT_FALSE(check("account required pam_unix.so\n", "s2i-nobody-has-this").valid);
  EXPECT_FALSE(check("account required pam_s2i_absent.so\n").valid);
}

TEST_F(AccountCheck, PassesMessagesOn) {
  const AccountReply reply =
      check("account required pam_echo.so closed for today\naccount required pam_deny.so\n");
  EXPECT_FALSE(reply.valid);
  ASSERT_TRUE(reply.user_message.has_value());
  EXPECT_THAT(**reply.user_message, HasSubstr("closed for today"));
}

TEST_F(AccountCheck, RefusesAndKillsAModuleThatTakesTooLong) {
  const auto started = std::chrono::steady_clock::now();
  const AccountReply reply = check("account required pam_exec.so /bin/sleep 20\n", "root", 300);
  EXPECT_FALSE(reply.valid);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5));
}

TEST_F(AccountCheck, GivesModulesTheClientsAddress) {
  const std::string script = directory_.write(
      "script", "#!/bin/sh\n[ \"$PAM_RHOST\" = 192.0.2.1 ] && [ \"$PAM_TTY\" = ssh ]\n", 0755);
  EXPECT_TRUE(check("account required pam_exec.so " + script + "\n").valid);
}

// An account of the host that exists while the test runs.
class TemporaryAccount {
 public:
  TemporaryAccount() : name_("s2itest" + std::to_string(getpid())) {
    created_ = run("useradd --no-create-home --shell /bin/sh " + name_);
  }
  TemporaryAccount(const TemporaryAccount&) = delete;
  TemporaryAccount& operator=(const TemporaryAccount&) = delete;
  ~TemporaryAccount() { run("userdel " + name_); }
  [[nodiscard]] bool created() const { return created_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  static bool run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  }

 private:
  std::string name_;
  bool created_ = false;
};

TEST_F(AccountCheck, RefusesExpiredAccountsAndPasswords) {
  const TemporaryAccount account;
  if (!account.created()) GTEST_SKIP() << "can't make an account";
  constexpr const char* kStack = "account required pam_unix.so\n";
  ASSERT_TRUE(TemporaryAccount::run("usermod -p '*' " + account.name()));
  EXPECT_TRUE(check(kStack, account.name()).valid);
  ASSERT_TRUE(TemporaryAccount::run("chage -E 0 " + account.name()));
  EXPECT_FALSE(check(kStack, account.name()).valid);
  ASSERT_TRUE(TemporaryAccount::run("chage -E -1 -d 0 " + account.name()));
  const AccountReply reply = check(kStack, account.name());
  EXPECT_FALSE(reply.valid);
  EXPECT_TRUE(reply.user_message.has_value());
}

TEST(PamService, SaysWhatToInstallIfItIsMissing) {
  const auto missing = check_pam_service("s2i-no-such-service");
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("packaging/pam/"));
  EXPECT_TRUE(check_pam_service("other").ok());
}

}  // namespace
}  // namespace ssh2incus
