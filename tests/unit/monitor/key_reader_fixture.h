// A user with a home of the test's own, and keys looked up for it by a real key reader.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "monitor/key_reader.h"
#include "policy/base64.h"
#include "tests/unit/monitor/temporary_directory.h"
#include "tests/unit/monitor/test_keys.h"

namespace ssh2incus {

using testing::HasSubstr;

class KeyReader : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    chmod(top_.path().c_str(), 0755);
    user_.found = true;
    user_.name = "s2itest";
    user_.uid = 54321;
    user_.gid = 54321;
    user_.group_ids = {54321};
    user_.home = top_.path("home");
    for (const char* name : {"home", "home/.ssh"}) {
      mkdir(top_.path(name).c_str(), 0700);
      own(name);
    }
    request_.key_blob = key_.blob;
    request_.algorithm = std::string("ssh-ed25519");
    request_.source_address = std::string("192.0.2.1");
    request_.now_unix = 1'700'000'000;
  }
  void own(const std::string& name) {
    ASSERT_EQ(chown(top_.path(name).c_str(), user_.uid, user_.gid), 0);
  }
  void write(const std::string& name, const std::string& content) {
    top_.write("home/.ssh/" + name, content);
    own("home/.ssh/" + name);
  }
  [[nodiscard]] std::string line(const std::string& options = "") const {
    return options + (options.empty() ? "" : " ") + "ssh-ed25519 " + encode_base64(key_.blob) +
           " me\n";
  }
  KeysReply read() {
    auto reply = read_keys_as_user(user_, sources_, request_);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    return reply.ok() ? *reply : KeysReply{};
  }
  static std::string reasons(const KeysReply& reply) {
    std::string all;
    for (const auto& reason : reply.reasons) all += *reason + "\n";
    return all;
  }

  TemporaryDirectory top_;
  ClientKey key_ = make_ed25519();
  HostUserRecord user_;
  KeySources sources_;
  KeysRequest request_;
};

}  // namespace ssh2incus
