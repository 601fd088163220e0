// Every combination of algorithms that the installed client knows, under the filter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
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

// The command sees the client's file, for the guest runs here.
TEST(KeyExchange, TellsAllHostKeysAndProvesThose) {
  for (const std::string used : {"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256"}) {
    TestServer server;
    const std::string file = server.folder() + "/learnt";
    const std::string type = used.starts_with("rsa") ? "ssh-rsa" : used;
    std::ifstream known(server.folder() + "/known_hosts");
    for (std::string line; std::getline(known, line);) {
      if (line.find(" " + type + " ") != std::string::npos) std::ofstream(file) << line << '\n';
    }
    const auto run = server.ssh(
        "-o UpdateHostKeys=yes -o UserKnownHostsFile=" + file + " -o HostKeyAlgorithms=" + used +
            ",ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512",
        "'until [ $(wc -l <" + file + ") = 3 ]; do sleep 0.1; done; cat " + file + "'");
    EXPECT_EQ(run.status, 0) << run.errors;
    for (const char* learnt : {" ssh-ed25519 ", " ecdsa-sha2-nistp256 ", " ssh-rsa "}) {
      EXPECT_THAT(run.output, testing::HasSubstr(learnt)) << used;
    }
    EXPECT_EQ(server.record().proofs, 2U);
    EXPECT_THAT(server.record().crashes, testing::IsEmpty());
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
