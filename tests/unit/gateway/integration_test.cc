// The gateway's work against a real Incus: SSH2INCUS_TEST_INCUS_SOCKET names its socket,
// SSH2INCUS_TEST_INSTANCE a running instance, SSH2INCUS_TEST_GUEST the guest's binary. Run by the
// system tests; without these it fails, since a test that talks to nothing proves nothing.
#include <gtest/gtest.h>

#include <cstdlib>

#include "gateway/open_target.h"

namespace ssh2incus {
namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  EXPECT_NE(value, nullptr) << name << " isn't set";
  return value == nullptr ? "" : value;
}

class GatewayWithIncus : public testing::Test {
 protected:
  Outcome<OpenedTarget> open(const std::string& instance, const std::string& project,
                             const std::string& user) {
    auto client = IncusClient::create();
    ipc::OpenRequest request;
    request.endpoint.socket_path = setting("SSH2INCUS_TEST_INCUS_SOCKET");
    request.guest_path = setting("SSH2INCUS_TEST_GUEST");
    request.project = project;
    request.instance = instance;
    request.guest.user = user;
    return open_target(
        *client, request, [](const std::string&, bool) {}, [](ipc::CreationStep) {},
        Patience(-1, 30'000));
  }
  std::string instance_ = setting("SSH2INCUS_TEST_INSTANCE");
};

TEST_F(GatewayWithIncus, OpensATargetTwice) {
  for (int i = 0; i < 2; ++i) {
    auto opened = open(instance_, "default", "root");
    ASSERT_TRUE(opened.ok()) << opened.failure().text;
    EXPECT_EQ(opened->uid, 0U);
  }
}

TEST_F(GatewayWithIncus, SaysWhatIsMissing) {
  EXPECT_EQ(open("no-such-instance", "default", "root").failure().kind,
            TargetFailure::kNoSuchInstance);
  EXPECT_EQ(open(instance_, "no-such-project", "root").failure().kind,
            TargetFailure::kNoSuchProject);
  EXPECT_EQ(open(instance_, "default", "no-such-user").failure().kind, TargetFailure::kNoSuchUser);
}

}  // namespace
}  // namespace ssh2incus
