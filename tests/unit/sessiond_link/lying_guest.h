// A link whose guest says what a test likes; each lie must end the link.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/guest_frames.h"
#include "tests/unit/sessiond_link/fake_incus.h"
#include "tests/unit/sessiond_link/recording_observer.h"

namespace ssh2incus::test {

class LyingGuest : public testing::Test {
 protected:
  void SetUp() override {
    auto created = GuestLink::create(std::move(pairs.client), observer);
    ASSERT_TRUE(created.ok());
    observer.link = std::move(created).value();
    for (const auto& server : pairs.server) fcntl(server.get(), F_SETFL, O_NONBLOCK);
  }
  void send(FrameType type, std::uint32_t id, const Bytes& payload) {
    const auto header = encode_frame_header(type, id, payload.size());
    Bytes frame(header.begin(), header.end());
    frame.insert(frame.end(), payload.begin(), payload.end());
    write_fully(pairs.server[1].get(), server_frame(kBinary, frame));
  }
  template <typename T>
  void send(FrameType type, std::uint32_t id, const T& message) {
    send(type, id, ipc::encode_fields(message));
  }
  void expect_broken(const std::string& reason) {
    EXPECT_TRUE(observer.run_until([&] { return observer.broken.has_value(); }, 2000));
    EXPECT_THAT(observer.broken.value_or("not broken"), testing::HasSubstr(reason));
  }

  WebsocketPairs pairs;
  RecordingObserver observer;
};

}  // namespace ssh2incus::test
