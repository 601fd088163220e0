// The gateway's conversation with the monitor, against an Incus that plays the files of an
// instance, properly or not.
#include "gateway/service.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/gateway/service_fixture.h"

namespace ssh2incus::test {
namespace {

// "testing" as a key would be; any well-formed blob will do.
const char* const kKeyText =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

struct PlayedFile {
  std::string type = "file";
  int uid = 0;
  std::string mode = "0644";
  std::string content{};
  std::string size{};         // if it isn't the content's
  std::string type_at_get{};  // if it is another one then
  bool endless = false;
};

class Service : public ServiceFixture {
 protected:
  void SetUp() override {
    files_["/etc"] = {.type = "directory"};
    files_["/etc/passwd"] = {.content = "ana:x:1000:1000::/home/ana:/bin/sh\n"};
    files_["/home/ana"] = {.type = "directory", .uid = 1000};
    files_["/home/ana/.ssh"] = {.type = "directory", .uid = 1000, .mode = "0700"};
    keys().uid = 1000;
    keys().content = "# ana's\nno-pty " + std::string(kKeyText) + "\n";
  }
  PlayedFile& keys() { return files_["/home/ana/.ssh/authorized_keys"]; }

  Status serve(ipc::IpcChannel& monitor, Result<IncusClient>& client) override {
    return GatewayService(monitor, client).run();
  }

  bool play(FakeConnection& connection, const FakeConnection::Request& request) override {
    const auto from = request.line.find("path=") + 5;
    std::string path = request.line.substr(from);
    for (auto at = path.find("%2F"); at != std::string::npos; at = path.find("%2F")) {
      path.replace(at, 3, "/");
    }
    const auto found = files_.find(path);
    if (found == files_.end()) return connection.answer(404, request.is("HEAD") ? "" : "{}");
    const PlayedFile& file = found->second;
    const std::string size = file.size.empty() ? std::to_string(file.content.size()) : file.size;
    const bool get = request.is("GET");
    std::string head = "HTTP/1.1 200 OK\r\nX-Incus-Uid: " + std::to_string(file.uid) +
                       "\r\nX-Incus-Mode: " + file.mode + "\r\nX-Incus-Type: " +
                       (get && !file.type_at_get.empty() ? file.type_at_get : file.type) + "\r\n";
    if (file.type == "file") head += "Content-Length: " + size + "\r\n";
    if (get) ++gets_[path];
    connection.send(head + "\r\n" + (get ? file.content : ""));
    if (get && file.endless) connection.drain();
    return true;
  }

  ipc::AuthGrant grant() {
    ipc::AuthGrant grant;
    grant.endpoint.socket_path = incus_->path();
    grant.project = std::string("default");
    grant.instance = std::string("c1");
    grant.user = std::string("ana");
    grant.source_address = std::string("192.0.2.1");
    return grant;
  }
  ipc::InstanceKeyReply ask(std::uint64_t now = 1'700'000'000) {
    ipc::InstanceKeyRequest request;
    request.key_blob = (*parse_authorized_keys_line(kKeyText))->blob;
    request.now_unix = now;
    send(request);
    auto reply = monitor_->receive_message<ipc::InstanceKeyReply>(20'000);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    return reply.ok() ? *reply : ipc::InstanceKeyReply{};
  }
  ipc::InstancePasswordReply try_password(std::string_view password) {
    Secret secret({password.begin(), password.end()});
    send(ipc::InstancePasswordRequest{
        BoundedSecret<limits::kMaxInstancePassword>(std::move(secret)), 1'700'000'000});
    auto reply = monitor_->receive_message<ipc::InstancePasswordReply>(20'000);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    return reply.ok() ? *reply : ipc::InstancePasswordReply{};
  }
  // The only reason why a key isn't accepted.
  std::string reason_for_refusal() {
    start();
    send(grant());
    const auto reply = ask();
    EXPECT_FALSE(reply.accepted.has_value());
    return reply.reasons.size() == 1 ? **reply.reasons.begin() : "";
  }

  std::map<std::string, PlayedFile> files_;
  std::map<std::string, int> gets_;
};

TEST_F(Service, FindsTheKeyWithItsRestrictions) {
  start();
  send(grant());
  const auto reply = ask();
  ASSERT_TRUE(reply.accepted.has_value());
  EXPECT_EQ(*reply.accepted->file, "/home/ana/.ssh/authorized_keys");
  EXPECT_EQ(reply.accepted->line, 2U);
  const auto key_grant = ipc::decode_fields<KeyGrant>(*reply.accepted->grant);
  ASSERT_TRUE(key_grant.ok());
  EXPECT_FALSE(key_grant->pty);
}

TEST_F(Service, ReadsEveryFileOnce) {
  start();
  send(grant());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ask().accepted.has_value());
  monitor_.reset();
  EXPECT_TRUE(ended_well());
  EXPECT_EQ(gets_["/etc/passwd"], 1);
  EXPECT_EQ(gets_["/home/ana/.ssh/authorized_keys"], 1);
}

TEST_F(Service, NeverReadsWhatClaimsToBeEmpty) {
  keys().size = "0";  // as a FIFO does
  keys().endless = true;
  EXPECT_EQ(reason_for_refusal(), "");
  EXPECT_EQ(gets_["/home/ana/.ssh/authorized_keys"], 0);
}

TEST_F(Service, NeverReadsWhatIsTooLarge) {
  keys().size = "1000000000000";
  EXPECT_NE(reason_for_refusal().find("too large"), std::string::npos);
  EXPECT_EQ(gets_["/home/ana/.ssh/authorized_keys"], 0);
}

TEST_F(Service, NoticesAFileThatIsExchangedMeanwhile) {
  keys().type_at_get = "symlink";
  EXPECT_NE(reason_for_refusal().find("no regular file"), std::string::npos);
}

TEST_F(Service, SaysWhoseFaultItIs) {
  files_["/home/ana/.ssh"].mode = "0777";
  EXPECT_NE(reason_for_refusal().find("/home/ana/.ssh: can be written"), std::string::npos);
}

TEST_F(Service, BelievesNoAccountFileOfOthers) {
  files_["/etc/passwd"].uid = 1000;
  EXPECT_NE(reason_for_refusal().find("/etc/passwd: belongs to uid 1000"), std::string::npos);
}

TEST_F(Service, FindsNobodyWithoutAccountFile) {
  files_.erase("/etc/passwd");
  EXPECT_NE(reason_for_refusal().find("no such instance"), std::string::npos);
}

TEST_F(Service, FollowsNoOverlongHome) {
  files_["/etc/passwd"].content = "ana:x:1000:1000::/" + std::string(4090, 'h') + ":/bin/sh\n";
  start();
  send(grant());
  EXPECT_FALSE(ask().accepted.has_value());
}

TEST_F(Service, RefusesKeysOfExpiredAccounts) {
  files_["/etc/shadow"] = {.mode = "0640", .content = "ana:*:1::::::\n"};
  files_["/etc/shadow"].content = "ana:*:1:::::100:\n";
  EXPECT_NE(reason_for_refusal().find("expired"), std::string::npos);
}

TEST_F(Service, ChecksPasswords) {
  const auto data = std::make_unique<crypt_data>();
  const std::string hash = crypt_r("open sesame", "$6$rounds=1000$saltsalt$", data.get());
  files_["/etc/shadow"] = {.mode = "0600", .content = "ana:" + hash + ":19000:0:99999:7:::\n"};
  start();
  send(grant());
  EXPECT_TRUE(try_password("open sesame").valid);
  EXPECT_EQ(*try_password("open").reason, "wrong password");
  EXPECT_TRUE(try_password("open sesame").valid);
}

TEST_F(Service, RefusesPasswordsWithoutShadowLine) {
  start();
  send(grant());
  EXPECT_FALSE(try_password("x").valid);
  EXPECT_FALSE(try_password("").valid);
}

TEST_F(Service, RefusesLockedPasswords) {
  files_["/etc/shadow"] = {.mode = "0600", .content = "ana:!:19000:0:99999:7:::\n"};
  start();
  send(grant());
  EXPECT_NE((*try_password("x").reason).find("locked"), std::string::npos);
}

TEST_F(Service, AnswersNothingWithoutAGrant) {
  start();
  send(ipc::InstanceKeyRequest{});
  EXPECT_FALSE(ended_well());
}

TEST_F(Service, TakesNoSecondGrant) {
  start();
  send(grant());
  send(grant());
  EXPECT_FALSE(ended_well());
}

TEST_F(Service, OpensNothingButWhatTheQuestionsWereAbout) {
  for (const char* field : {"instance", "project", "user", "socket"}) {
    start();
    send(grant());
    EXPECT_TRUE(ask().accepted.has_value());
    ipc::OpenRequest open;
    open.endpoint.socket_path =
        std::string(field == std::string_view("socket") ? "/other" : incus_->path());
    open.project = std::string(field == std::string_view("project") ? "p2" : "default");
    open.instance = std::string(field == std::string_view("instance") ? "c2" : "c1");
    open.guest.user = std::string(field == std::string_view("user") ? "root" : "ana");
    send(open);
    EXPECT_FALSE(ended_well()) << field;
  }
}

TEST_F(Service, ValidatesTheGrantsNames) {
  start();
  ipc::AuthGrant wrong = grant();
  wrong.instance = std::string("../c2");
  send(wrong);
  const auto reply = ask();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_EQ(reply.reasons.size(), 1U);
  EXPECT_TRUE(incus_->requests().empty());
}

}  // namespace
}  // namespace ssh2incus::test
