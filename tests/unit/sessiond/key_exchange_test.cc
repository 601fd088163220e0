// Every combination of algorithms that the installed client knows, under the filter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "policy/public_key_algorithms.h"
#include "tests/unit/sessiond/test_server.h"

namespace ssh2incus::test {
namespace {

std::vector<std::string> known_to_the_client(const std::string& query, std::string_view ours) {
  Folder folder;
  const std::string theirs = "\n" + run_shell(folder.path, "ssh -Q " + query).output;
  std::vector<std::string> both;
  std::istringstream names{std::string(ours)};
  for (std::string name; std::getline(names, name, ',');) {
    if (theirs.find("\n" + name + "\n") != std::string::npos) both.push_back(name);
  }
  return both;
}

void expect_login(TestServer& server, const std::string& options) {
  const auto run = server.ssh(options, "'echo ok'");
  EXPECT_EQ(run.output, "ok\n") << options << ": " << run.errors;
}

TEST(KeyExchange, WorksWithEveryHostKeyAlgorithm) {
  TestServer server;
  const auto methods = known_to_the_client("kex", kKeyExchangeAlgorithms);
  EXPECT_GE(methods.size(), 5U);
  for (const auto& method : methods) {
    for (const std::string key :
         {"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"}) {
      expect_login(server, "-o KexAlgorithms=" + method + " -o HostKeyAlgorithms=" + key);
    }
  }
  EXPECT_THAT(server.record().crashes, testing::IsEmpty());
}

TEST(KeyExchange, WorksWithEveryCipherAndMac) {
  TestServer server;
  const auto ciphers = known_to_the_client("cipher", kCiphers);
  EXPECT_GE(ciphers.size(), 6U);
  for (const auto& cipher : ciphers) expect_login(server, "-c " + cipher);
  for (const auto& mac : known_to_the_client("mac", kMacs)) {
    expect_login(server, "-c aes128-ctr -m " + mac);
  }
}

TEST(KeyExchange, RefusesWhatIsNotOnTheList) {
  TestServer server({.key_exchange = "curve25519-sha256"});
  const auto run = server.ssh("-o LogLevel=INFO -o KexAlgorithms=ecdh-sha2-nistp256", "true");
  EXPECT_EQ(run.status, 255);
  EXPECT_THAT(run.errors, testing::HasSubstr("no matching key exchange"));
  EXPECT_TRUE(server.all_ended());
}

}  // namespace
}  // namespace ssh2incus::test
