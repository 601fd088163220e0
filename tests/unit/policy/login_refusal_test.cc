// Logins that are no logins, each with its reason.
#include <gtest/gtest.h>

#include "common/limits.h"
#include "policy/login_target.h"

namespace ssh2incus {
namespace {

struct Row {
  std::string login;
  std::string_view reason;  // part of the message
};

void expect_refused(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(testing::PrintToString(row.login));
    const auto target = parse_login(row.login);
    ASSERT_FALSE(target.ok()) << format_login(*target);
    EXPECT_NE(target.error().message.find(row.reason), std::string::npos) << target.error().message;
  }
}

TEST(Login, RefusesUnusableText) {
  expect_refused({
      {"", "login name is empty"},
      {std::string(limits::kMaxLoginName + 1, 'a'), "longer than 1024"},
      {std::string("c1\0", 3), "control character"},
      {"c\x01", "control character"},
      {"c1\n", "control character"},
      {"c1\x7f", "control character"},
      {"c1\t", "control character"},
      {"c\xc3\xa4", "instance name has a character"},
      {"c 1", "instance name has a character"},
      {"../c1", "project name has a character"},
      {"c1?x=y", "instance name has a character"},
      {"c1#", "instance name has a character"},
  });
}

TEST(Login, RefusesBadParts) {
  expect_refused({
      {"/", "instance name is empty"},
      {"+", "instance name is empty"},
      {"~", "instance name is empty"},
      {"//c1", "instance name has a character"},
      {"+/c1", "instance name has a character"},
      {"@c1", "instance user is empty"},
      {"c1@", "instance name is empty"},
      {"a@b@c1", "instance name has a character"},
      {":c1", "remote name is empty"},
      {"prod:", "instance name is empty"},
      {"a:b:c1", "instance name has a character"},
      {"alice@prod:c1", "remote name has a character"},
      {"-prod:c1", "remote name starts with"},
      {"c1.", "project name is empty"},
      {".p", "instance name is empty"},
      {"c1.my_project", "project name has a character"},
      {"c1.-p", "project name starts with"},
      {"c1.p.", "project name ends with"},
      {"c1.p/q", "project name has a character"},
      {"1c", "instance name starts with a digit"},
      {"-c", "instance name starts with a hyphen"},
      {"c-", "instance name ends with a hyphen"},
      {std::string(64, 'a'), "instance name is longer than 63"},
      {std::string(65, 'a') + ":c1", "remote name is longer than 64"},
      {std::string(65, 'a') + "@c1", "user name is longer than 64"},
      {"c1." + std::string(65, 'a'), "project name is longer than 64"},
      {"c1+" + std::string(65, 'a'), "user name is longer than 64"},
      {"-a@c1", "user name starts with"},
      {"c_1", "c_1: instance name"},
  });
}

TEST(Login, RefusesBadHostUsers) {
  expect_refused({
      {"c1+", "host user is empty"},
      {"c1~", "host user is empty"},
      {"c1+a+b", "more than one host user"},
      {"c1+a~b", "more than one host user"},
      {"c1+ubuntu/24.04+m2", "more than one host user"},
      {"c1~a~b", "nothing can follow"},
      {"c1~a+b", "nothing can follow"},
      {"+c1~a+m2", "nothing can follow"},
      {"c1+al ice", "user name has a character"},
      {"c1+a@b", "user name has a character"},
      {"c1+../x", "user name has a character"},
      {"+c1+m2~", "host user is empty"},
      {"%shell+", "host user is empty"},
      {"%shell+a+b", "more than one host user"},
      {"%shell+a~b", "more than one host user"},
  });
}

TEST(Login, RefusesBadOptions) {
  expect_refused({
      {"+c1+", "empty option"},
      {"+c1++m2", "empty option"},
      {"+c1+admin+m2", "admin: no such option"},
      {"+c1+admin~bob", "admin: no such option"},
      {"+c1+M2+c1", "M2: no such option"},
      {"+c1+m2+m4", "memory is given twice"},
      {"+c1+c1+c1", "number of CPUs is given twice"},
      {"+c1+d1+d0", "disk size is given twice"},
      {"+c1+m0", "memory can't be 0"},
      {"+c1+c0", "number of CPUs can't be 0"},
      {"+c1+m02", "starts with a zero"},
      {"+c1+d00", "starts with a zero"},
      {"+c1+m1000001", "memory is too large"},
      {"+c1+c4294967296", "number of CPUs is too large"},
      {"+c1+d99999999999999999999", "disk size is too large"},
      {"+c1+nest+n", "option nest is given twice"},
      {"+c1+p+p", "option priv is given twice"},
      {"+c1+vm+v", "option vm is given twice"},
      {"+c1+a/b+c/d", "image is given twice"},
      {"+c1+e+ephemeral", "option ephemeral is given twice"},
      {"+c1+%", "profile is empty"},
      {"+c1+%a,", "profile is empty"},
      {"+c1+%a,,b", "profile is empty"},
      {"+c1+%a+%a", "a: profile is given twice"},
      {"+c1+%1a", "doesn't start with a letter"},
      {"+c1+%a!b", "profile has a character"},
      {"+c1+%a/b", "profile has a character"},
      {"+c1+%" + std::string(limits::kMaxProfileName + 1, 'p'), "profile is longer than 64"},
      {"+c1+%a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "more than 16 profiles"},
      {"c1+%a", "user name has a character"},
      {"+c1+/a", "empty part"},
      {"+c1+a/", "empty part"},
      {"+c1+a//b", "empty part"},
      {"+c1+images:", "image is empty"},
      {"+c1+:a", "remote name is empty"},
      {"+c1+a:b:c", "image has a character"},
      {"+c1+../a", "image starts with"},
      {"+c1+a/b?c", "image has a character"},
      {"+c1+a/b c", "image has a character"},
      {"+c1+a/" + std::string(limits::kMaxImageName, 'b'), "image is longer than 256"},
  });
}

TEST(Login, RefusesUnknownCommands) {
  expect_refused({
      {"%", "unknown command %"},
      {"%Shell", "unknown command %Shell"},
      {"%shells", "unknown command %shells"},
      {"%explained/c1", "unknown command %explained/c1"},
      {"%remove/c1", "unknown command %remove/c1"},
      {"%lists", "unknown command %lists"},
      {"%session+admin", "unknown command %session"},
      {"/%shell", "'/' can't stand before a command"},
      {"%2Fc1", "unknown command"},
      {"c1%2b", "instance name has a character"},
  });
}

TEST(Login, EscapesWhatItQuotes) {
  const auto target = parse_login(
      "c\xe2\x80\xae"
      "1\"");
  ASSERT_FALSE(target.ok());
  EXPECT_EQ(target.error().message.find('\xe2'), std::string::npos);
  EXPECT_NE(target.error().message.find("\\xe2\\x80\\xae"), std::string::npos);
}

}  // namespace
}  // namespace ssh2incus
