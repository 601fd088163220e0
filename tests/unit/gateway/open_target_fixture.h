// What the tests of open_target() share: a request for instance c1, a stand-in for the guest's
// binary, and a server that plays a whole successful exec.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <fstream>

#include "gateway/open_target.h"
#include "policy/guest_architecture.h"
#include "tests/unit/gateway/fake_incus.h"

namespace ssh2incus::test {

inline GuestHello hello_with(GuestOutcome outcome) {
  GuestHello hello;
  hello.outcome = outcome;
  hello.uid = 1000;
  hello.message = std::string("because\n");
  return hello;
}

// A running container of the host's own architecture.
inline const std::string kRunningNative =
    R"({"metadata":{"status":"Running","type":"container","architecture":")" +
    std::string(kNativeArchitecture) + R"("}})";

// Plays the websockets of an exec whose guest writes after_preface to stdout. False: no websocket.
inline bool play_streams(FakeConnection& connection, const FakeConnection::Request& request,
                         const Bytes& after_preface, const Bytes& before_preface = {},
                         const Bytes& errors = {}) {
  if (!request.is("GET /1.0/operations/0a-1b/websocket?secret=")) return false;
  if (request.is("GET /1.0/operations/0a-1b/websocket?secret=bb")) {
    connection.upgrade(request, before_preface);
    connection.send(after_preface);
  } else {
    connection.upgrade(request, request.line.ends_with("cc") ? errors : Bytes());
  }
  connection.drain();
  return true;
}

class OpenTarget : public testing::Test {
 protected:
  OpenTarget() {
    guest_path_ = testing::TempDir() + "/guest-" + std::to_string(getpid());
    std::ofstream(guest_path_) << "no real program";
    auto client = IncusClient::create();
    EXPECT_TRUE(client.ok());
    client_.emplace(std::move(client).value());
  }
  ~OpenTarget() override { unlink(guest_path_.c_str()); }

  ipc::OpenRequest request(const std::string& socket) {
    ipc::OpenRequest open;
    open.endpoint.socket_path = socket;
    open.guest_path = guest_path_;
    open.project = std::string("default");
    open.instance = std::string("c1");
    open.guest.user = std::string("alice");
    return open;
  }

  Outcome<OpenedTarget> open(const ipc::OpenRequest& open_request, int patience_ms = 5000,
                             int monitor_fd = -1) {
    return open_target(
        *client_, open_request,
        [this](const std::string& text, bool update) {
          progress_.push_back((update ? "~" : "") + text);
        },
        [this](ipc::CreationStep step) { steps_.push_back(step); },
        Patience(monitor_fd, patience_ms));
  }
  // The failure that a server of this kind leads to.
  Failure failure(FakeIncus::Handler handler, int patience_ms = 5000) {
    FakeIncus incus(std::move(handler));
    auto opened = open(request(incus.path()), patience_ms);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? Failure{} : opened.failure();
  }

  std::string guest_path_;
  std::optional<IncusClient> client_;
  std::vector<std::string> progress_;  // "~": in place of the last one
  std::vector<ipc::CreationStep> steps_;
};

}  // namespace ssh2incus::test
