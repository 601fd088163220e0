// What a hostile instance or remote may send to the sandbox: each lie ends the link, nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/sessiond_link/lying_guest.h"

namespace ssh2incus::test {
namespace {

class HostileGuest : public LyingGuest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(LyingGuest::SetUp());
    stream = observer.link->open_session(OpenSession{});
  }
  void open() {
    send(FrameType::kOpened, stream, Opened{});
    ASSERT_TRUE(observer.run_until([&] { return observer.logs[stream].opened.has_value(); }));
  }
  void send_raw(std::size_t socket, const Bytes& bytes) {
    write_fully(pairs.server[socket].get(), bytes);
  }

  std::uint32_t stream = 0;
};

TEST_F(HostileGuest, NamesUnknownStreams) {
  send(FrameType::kData, stream + 1, Bytes{1});
  expect_broken("unknown stream");
}

TEST_F(HostileGuest, SendsDataBeforeOpening) {
  send(FrameType::kData, stream, Bytes{1});
  expect_broken("before a stream was opened");
}

TEST_F(HostileGuest, OpensTwice) {
  open();
  send(FrameType::kOpened, stream, Opened{});
  expect_broken("opened twice");
}

TEST_F(HostileGuest, RefusesWhatIsOpen) {
  open();
  send(FrameType::kOpenFailed, stream, OpenFailed{});
  expect_broken("refusal");
}

TEST_F(HostileGuest, SendsMoreThanGranted) {
  open();
  observer.returns_credit = false;
  const Bytes chunk(60'000, 'x');
  for (int i = 0; i < 18 && !observer.broken; ++i) {
    send(FrameType::kData, stream, chunk);
    observer.run_until(
        [&] {
          return observer.broken ||
                 observer.logs[stream].bytes >= 60'000U * static_cast<unsigned>(i + 1);
        },
        300);
  }
  expect_broken("more data than was granted");
  EXPECT_LE(observer.logs[stream].bytes, limits::kGuestWindow);
}

TEST_F(HostileGuest, CountsStderrAgainstTheSameCredit) {
  open();
  observer.returns_credit = false;
  const Bytes chunk(60'000, 'x');
  for (int i = 0; i < 18 && !observer.broken; ++i) {
    send(i % 2 == 0 ? FrameType::kData : FrameType::kExtendedData, stream, chunk);
    observer.run_until(
        [&] {
          return observer.broken ||
                 observer.logs[stream].bytes >= 60'000U * static_cast<unsigned>(i + 1);
        },
        300);
  }
  expect_broken("more data than was granted");
}

TEST_F(HostileGuest, SendsDataAfterItsEnd) {
  open();
  send(FrameType::kEof, stream, Bytes{});
  send(FrameType::kData, stream, Bytes{1});
  expect_broken("after the end");
}

TEST_F(HostileGuest, ExitsTwice) {
  open();
  send(FrameType::kExited, stream, Exited{});
  send(FrameType::kExited, stream, Exited{});
  expect_broken("ended twice");
}

TEST_F(HostileGuest, OverflowsTheCredit) {
  open();
  send(FrameType::kWindowAdjust, stream, WindowAdjust{0x7fffffff});
  expect_broken("credit overflow");
}

TEST_F(HostileGuest, SendsFramesOfTheOtherSide) {
  send(FrameType::kSignal, stream, SignalRequest{});
  expect_broken("other side");
}

TEST_F(HostileGuest, ClaimsAbsurdLengths) {
  Bytes header{65, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff};
  send_raw(1, server_frame(kBinary, header));
  expect_broken("too long");
}

TEST_F(HostileGuest, SendsMalformedMessages) {
  send(FrameType::kOpened, stream, Bytes{1, 2, 3});
  expect_broken("malformed");
}

TEST_F(HostileGuest, MayTalkOfStreamsThatAreOver) {
  open();
  observer.link->send_close(stream);
  send(FrameType::kData, stream, Bytes{1});
  send(FrameType::kExited, stream, Exited{});
  EXPECT_FALSE(observer.run_until([&] { return observer.broken.has_value(); }, 200));
  EXPECT_EQ(observer.logs[stream].bytes, 0U);
}

TEST_F(HostileGuest, FragmentsItsFramesAnyhow) {
  const auto header = encode_frame_header(FrameType::kOpened, stream, 8);
  Bytes bytes(header.begin(), header.end());
  bytes.resize(bytes.size() + 8);
  bool first = true;
  for (const auto byte : bytes) {
    const auto frame = server_frame(first ? kBinary : kContinuation, {byte}, false);
    for (const auto each : frame) send_raw(1, {each});
    send_raw(1, server_frame(kPing, {}));  // may stand between
    first = false;
  }
  send_raw(1, server_frame(kContinuation, {}, true));
  EXPECT_TRUE(observer.run_until([&] { return observer.logs[stream].opened.has_value(); }));
}

TEST_F(HostileGuest, IsHeardToItsLastWord) {
  open();
  send(FrameType::kData, stream, Bytes{'x'});
  send_raw(2, server_frame(kBinary, {'o', 'u', 'c', 'h', '\n'}));
  send_raw(1, server_frame(kText, {}));
  expect_broken("the guest has ended: ouch");
  EXPECT_EQ(observer.logs[stream].output, "x");
}

TEST_F(HostileGuest, ComplainsWithoutBound) {
  Bytes chunk(30'000, 'e');
  for (int i = 0; i < 20; ++i) {
    send_raw(2, server_frame(kBinary, chunk));
    observer.run_until([] { return false; }, 5);
  }
  send_raw(1, server_frame(kText, {}));
  expect_broken("eee");
  EXPECT_LT(observer.broken->size(), 1024U);
}

TEST_F(HostileGuest, ClosesTheConnection) {
  for (auto& server : pairs.server) server.reset();
  expect_broken("the guest");
}

TEST_F(HostileGuest, FloodsWithPingsAndReadsNothing) {
  const auto ping = server_frame(kPing, Bytes(125, 'p'));
  Bytes many;
  for (int i = 0; i < 400; ++i) many.insert(many.end(), ping.begin(), ping.end());
  for (int i = 0; i < 20; ++i) {
    write_fully(pairs.server[3].get(), many);
    observer.run_until([] { return false; }, 2);
  }
  EXPECT_FALSE(observer.broken.has_value());
}

struct Lie {
  const char* name;
  std::size_t socket;
  Bytes bytes;
};
class HostileWebsocket : public HostileGuest, public testing::WithParamInterface<Lie> {};

TEST_P(HostileWebsocket, EndsTheLink) {
  send_raw(GetParam().socket, GetParam().bytes);
  if (GetParam().socket == 3) {  // nothing depends on what control says
    EXPECT_FALSE(observer.run_until([&] { return observer.broken.has_value(); }, 100));
    EXPECT_EQ(observer.link->interests()[3].fd, -1);
  } else {
    expect_broken("");
  }
}

Bytes twice(const Bytes& bytes) {
  Bytes both = bytes;
  both.insert(both.end(), bytes.begin(), bytes.end());
  return both;
}

INSTANTIATE_TEST_SUITE_P(
    Lies, HostileWebsocket,
    testing::Values(Lie{"Masked", 1, {0x82, 0x81, 0, 0, 0, 0, 1}}, Lie{"Reserved", 1, {0xf2, 1, 1}},
                    Lie{"UnknownOpcode", 1, server_frame(3, {1})},
                    Lie{"UnknownControl", 1, server_frame(11, {1})},
                    Lie{"Text", 1, server_frame(kText, {'t'})},
                    Lie{"ContinuesNothing", 1, server_frame(kContinuation, {1})},
                    Lie{"MessageInsideAnother", 1, twice(server_frame(kBinary, {}, false))},
                    Lie{"LongPing", 1, server_frame(kPing, Bytes(126, 1))},
                    Lie{"FragmentedPing", 1, server_frame(kPing, {1}, false)},
                    Lie{"Huge", 1, {0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1}},
                    Lie{"Negative", 1, {0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255}},
                    Lie{"NotMinimal", 1, {0x82, 126, 0, 1, 1}},
                    Lie{"Close", 1, server_frame(kClose, {3, 232})},
                    Lie{"MaskedStdin", 0, {0x82, 0x81, 0, 0, 0, 0, 1}},
                    Lie{"MaskedStderr", 2, {0x82, 0x81, 0, 0, 0, 0, 1}},
                    Lie{"MaskedControl", 3, {0x82, 0x81, 0, 0, 0, 0, 1}}),
    [](const auto& suite) { return std::string(suite.param.name); });

}  // namespace
}  // namespace ssh2incus::test
