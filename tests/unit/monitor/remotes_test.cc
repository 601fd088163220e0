// The Incus client's files, as root has them.
#include "monitor/remotes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

using testing::HasSubstr;

constexpr const char* kCertificate = "-----BEGIN CERTIFICATE-----\nx\n";
constexpr const char* kKey = "-----BEGIN PRIVATE KEY-----\nx\n";

class ClientFiles : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    chmod(own_.path().c_str(), 0755);
    chmod(global_.path().c_str(), 0755);
    config_.incus_socket = "/socket";
  }
  void make_directory(const TemporaryDirectory& parent, const char* name) const {
    mkdir(parent.path(name).c_str(), 0755);
  }
  void write_client_certificate() const {
    own_.write("client.crt", kCertificate, 0644);
    own_.write("client.key", kKey);
  }
  Result<std::shared_ptr<RemoteTable>> open() {
    return open_remotes(config_, {own_.path(), global_.path()});
  }
  // What is wrong altogether, or with the one remote x.
  std::string problem() {
    const auto table = open();
    if (!table.ok()) return table.error().message;
    const Remote* remote = (*table)->remotes.find("x");
    return remote == nullptr ? "no remote" : remote->refusal;
  }
  // Not in /tmp, which others can write.
  TemporaryDirectory own_{"/run"};
  TemporaryDirectory global_{"/run"};
  ServerConfig config_;
};

TEST_F(ClientFiles, NeedNotExist) {
  const auto table = open();
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ((*table)->remotes.default_name, "local");
  EXPECT_EQ((*table)->remotes.find("local")->socket_path, "/socket");
  EXPECT_EQ((*table)->remotes.by_name.size(), 1U);
}

TEST_F(ClientFiles, GiveRemotesTheirCertificates) {
  make_directory(own_, "servercerts");
  make_directory(own_, "clientcerts");
  make_directory(global_, "servercerts");
  write_client_certificate();
  own_.write("config.yml",
             "remotes:\n  x: {addr: https://h:1, project: web}\n  y: {addr: https://i:2}\n"
             "  local: {addr: unix://, project: home}\n"
             "  images: {addr: https://j, protocol: simplestreams}\n");
  global_.write("config.yml",
                "default-remote: z\nremotes:\n  z: {addr: https://k:3}\n"
                "  x: {addr: https://global:1}\n");
  own_.write("servercerts/x.crt", std::string(kCertificate) + "1", 0644);
  own_.write("clientcerts/x.crt", std::string(kCertificate) + "2", 0644);
  own_.write("clientcerts/x.key", std::string(kKey) + "3");
  own_.write("clientcerts/x.ca", std::string(kCertificate) + "4", 0644);
  global_.write("servercerts/z.crt", std::string(kCertificate) + "5", 0644);
  const auto table = open();
  ASSERT_TRUE(table.ok()) << table.error().message;
  config_.remotes = *table;
  EXPECT_TRUE((*table)->problems.empty());
  EXPECT_EQ((*table)->remotes.default_name, "z");
  EXPECT_EQ((*table)->remotes.find("local")->project, "home");
  EXPECT_THAT((*table)->remotes.find("images")->refusal, HasSubstr("image server"));
  const auto x = endpoint_of(config_, "x");
  EXPECT_TRUE(x.socket_path.empty());
  EXPECT_EQ(*x.host, "h");
  EXPECT_EQ(x.port, 1);
  EXPECT_EQ(*x.server_certificate, std::string(kCertificate) + "1");
  EXPECT_EQ(*x.client_certificate, std::string(kCertificate) + "2");
  EXPECT_EQ(x.client_key->text(), std::string(kKey) + "3");
  EXPECT_EQ(*x.authorities, std::string(kCertificate) + "4");
  const auto y = endpoint_of(config_, "y");
  EXPECT_EQ(y.client_key->text(), kKey);
  EXPECT_TRUE(y.server_certificate.empty() && y.authorities.empty());
  EXPECT_EQ(*endpoint_of(config_, "z").server_certificate, std::string(kCertificate) + "5");
  EXPECT_EQ(*endpoint_of(config_, "local").socket_path, "/socket");
  (*table)->wipe();
  EXPECT_TRUE(endpoint_of(config_, "x").client_key->empty());
}

TEST_F(ClientFiles, SayWhatIsMissing) {
  own_.write("config.yml", "remotes:\n  x: {addr: https://h:1}\n");
  EXPECT_THAT(problem(), HasSubstr("there is no client certificate"));
  EXPECT_EQ((*open())->problems.size(), 1U);
  own_.write("client.crt", kCertificate, 0644);
  EXPECT_THAT(problem(), HasSubstr("client.key: no such file"));
  own_.write("client.key", kKey, 0644);
  EXPECT_THAT(problem(), HasSubstr("others than its owner"));
  own_.write("client.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----");
  EXPECT_THAT(problem(), HasSubstr("passphrase"));
  own_.write("client.key", std::string(limits::kMaxPem + 1, 'x'));
  EXPECT_THAT(problem(), HasSubstr("larger than"));
  own_.write("client.key", "nothing");
  EXPECT_THAT(problem(), HasSubstr("no PEM"));
  own_.write("client.key", kKey);
  EXPECT_EQ(problem(), "");
  config_.remote = "x";
  EXPECT_EQ(problem(), "");
  unlink(own_.path("client.key").c_str());
  EXPECT_THAT(problem(), HasSubstr("the default remote x can't be used"));
}

TEST_F(ClientFiles, AreNotBelievedIfOthersCanWriteThem) {
  own_.write("config.yml", "remotes: {}", 0666);
  EXPECT_THAT(problem(), HasSubstr("config.yml: the file can be written by others"));
  own_.write("config.yml", "remotes: [", 0600);
  EXPECT_THAT(problem(), HasSubstr("config.yml:1:"));
}

TEST_F(ClientFiles, AndFlagsSayWhichRemoteIsMeant) {
  write_client_certificate();
  own_.write("config.yml", "default-remote: x\nremotes:\n  x: {addr: https://h:1}\n");
  EXPECT_EQ((*open())->remotes.default_name, "x");
  config_.socket_is_default_remote = true;
  EXPECT_EQ((*open())->remotes.default_name, "local");
  config_.remote = "nowhere";
  EXPECT_THAT(problem(), HasSubstr("the default remote nowhere doesn't exist"));
  config_.remote.clear();
  config_.remote_url = "https://u";
  config_.remotes = *open();
  EXPECT_EQ(config_.remotes->remotes.default_name, "url");
  EXPECT_EQ(*endpoint_of(config_, "url").host, "u");
  EXPECT_EQ(endpoint_of(config_, "url").port, 8443);
  EXPECT_EQ(endpoint_of(config_, "url").client_key->text(), kKey);
  config_.remote_server_certificate = own_.path("none");
  EXPECT_THAT(problem(), HasSubstr("no such file"));
}

TEST_F(ClientFiles, WithoutASocketThereIsNoLocalIncus) {
  config_.incus_socket.clear();
  EXPECT_THAT(problem(), HasSubstr("--socket none"));
  write_client_certificate();
  own_.write("config.yml", "default-remote: x\nremotes:\n  x: {addr: https://h:1}\n");
  config_.remotes = *open();
  const auto gateways = gateways_of(config_, {"/gateway", 1, 2, 0});
  ASSERT_EQ(gateways.size(), 1U);
  EXPECT_EQ(gateways.at("x").host, "h");
  EXPECT_EQ(gateways.at("x").port, 1);
}

}  // namespace
}  // namespace ssh2incus
