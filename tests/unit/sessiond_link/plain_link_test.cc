// Plain mode in sessiond, with a test in the place of incusd: what goes out on the websockets, and
// what comes of what comes in.
#include "sessiond/plain_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <map>
#include <thread>

#include "tests/unit/sessiond_link/fake_incus.h"

namespace ssh2incus::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct PlainLog {
  std::optional<std::string> refused;
  std::optional<Exited> exited;
  std::string output;
  std::string errors;
  bool eof = false;
  int credits = 0;
};

class PlainLinkTest : public testing::Test {
 protected:
  PlainLinkTest() : link_("of a test", 3, requests(), events()) {}

  PlainLink::Requests requests() {
    return {[this](std::uint32_t stream, const PlainProgram& program) {
              opened_.emplace(stream, program);
            },
            [this](std::uint32_t stream) { asked_.push_back(stream); }};
  }
  SessionEvents events() {
    return {[this](std::uint32_t stream, const std::string& text) { log(stream).refused = text; },
            [this](std::uint32_t stream, std::span<const std::uint8_t> data, bool is_stderr) {
              auto& text = is_stderr ? log(stream).errors : log(stream).output;
              text.append(data.begin(), data.end());
              if (consumes_) link_.consumed(stream, data.size());
              if (closes_) link_.send_close(stream);
            },
            [this](std::uint32_t stream) { log(stream).eof = true; },
            [this](std::uint32_t stream, const Exited& exited) { log(stream).exited = exited; },
            [this](std::uint32_t stream) { ++log(stream).credits; }};
  }
  PlainLog& log(std::uint32_t stream) { return logs_[stream]; }

  std::uint32_t open(bool terminal = false) {
    OpenSession request;
    request.command.emplace(std::string("command"));
    if (terminal) request.pty.emplace();
    return link_.open_session(request);
  }
  // Four pairs, or two with a terminal; keeps Incus's ends.
  void start(std::uint32_t stream, bool terminal = false) {
    WebsocketPairs pairs;
    std::vector<UniqueFd> ours;
    incus_.clear();
    for (std::size_t i = terminal ? 2 : 0; i < 4; ++i) {
      ours.push_back(std::move(pairs.client[i]));
      incus_.push_back(std::move(pairs.server[i]));
    }
    link_.on_started(stream, std::move(ours));
  }
  std::uint32_t running(bool terminal = false) {
    const auto stream = open(terminal);
    start(stream, terminal);
    return stream;
  }
  void round() {
    link_.flush();
    std::vector<pollfd> entries;
    link_.add_interests(entries);
    poll(entries.data(), entries.size(), 0);
    for (const auto& entry : entries) {
      if (entry.revents != 0) link_.handle(entry.fd, entry.revents);
    }
    link_.flush();
  }
  void rounds() {
    for (int i = 0; i < 20; ++i) round();
  }
  void say(std::size_t socket, std::uint8_t opcode, const std::string& text = "") {
    write_fully(incus_[socket].get(), server_frame(opcode, Bytes(text.begin(), text.end())));
  }
  // All that has been sent on a socket of Incus.
  std::string heard(std::size_t socket) {
    rounds();
    Bytes bytes(1 << 20);
    const ssize_t got = recv(incus_[socket].get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got <= 0) return "";
    ClientFrames frames;
    const auto data = frames.take(bytes.data(), static_cast<std::size_t>(got));
    EXPECT_FALSE(frames.broken);
    return {data.begin(), data.end()};
  }
  std::string raw(std::size_t socket) {
    rounds();
    std::string bytes(1 << 20, '\0');
    const ssize_t got = recv(incus_[socket].get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  static Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }

  bool consumes_ = true;
  bool closes_ = false;
  std::map<std::uint32_t, PlainProgram> opened_;
  std::vector<std::uint32_t> asked_;
  std::map<std::uint32_t, PlainLog> logs_;
  std::vector<UniqueFd> incus_;
  PlainLink link_;
};

enum : std::size_t { kIn, kOut, kErr, kControlOf };

TEST_F(PlainLinkTest, CarriesAProgramFromItsBeginToItsEnd) {
  const auto stream = running();
  EXPECT_EQ(**opened_.at(stream).command, "command");
  EXPECT_EQ(link_.send_data(stream, bytes("input")), 5U);
  EXPECT_EQ(heard(kIn), "input");
  say(kOut, kBinary, "out");
  say(kErr, kBinary, "err");
  rounds();
  EXPECT_EQ(log(stream).output, "out");
  EXPECT_EQ(log(stream).errors, "err");
  EXPECT_TRUE(asked_.empty());
  say(kOut, kText);
  rounds();
  EXPECT_TRUE(asked_.empty());
  say(kErr, kText);
  rounds();
  EXPECT_THAT(asked_, ElementsAre(stream));
  EXPECT_FALSE(log(stream).exited);
  link_.on_exited(stream, 7);
  EXPECT_TRUE(log(stream).eof);
  EXPECT_EQ(log(stream).exited->status, 7U);
  EXPECT_FALSE(link_.is_live(stream));
}

TEST_F(PlainLinkTest, AsksForTheStatusWhenControlEndsAndReadsOnFirst) {
  const auto stream = running();
  say(kOut, kBinary, "some");
  incus_[kControlOf].reset();
  rounds();
  EXPECT_THAT(asked_, ElementsAre(stream));
  link_.on_exited(stream, 3);
  EXPECT_FALSE(log(stream).exited);
  say(kOut, kBinary, " more");
  say(kOut, kText);
  say(kErr, kText);
  rounds();
  EXPECT_EQ(log(stream).output, "some more");
  EXPECT_EQ(log(stream).exited->status, 3U);
  EXPECT_THAT(asked_, ElementsAre(stream));
}

TEST_F(PlainLinkTest, SendsTheEndOfInputAsAnEmptyTextFrame) {
  const auto stream = running();
  link_.send_data(stream, bytes("x"));
  link_.send_eof(stream);
  EXPECT_EQ(raw(kIn), std::string("\x82\x81\0\0\0\0x\x81\x80\0\0\0\0", 13));
}

TEST_F(PlainLinkTest, NeverSendsATextFrameToATerminal) {
  const auto stream = running(true);
  link_.send_data(stream, bytes("x"));
  link_.send_eof(stream);
  EXPECT_EQ(raw(0), std::string("\x82\x81\0\0\0\0x", 7));
}

TEST_F(PlainLinkTest, SendsEachControlMessageAsAFrameOfItsOwn) {
  const auto stream = running(true);
  link_.send_window_change(stream, {132, 43, 0, 0});
  link_.send_signal(stream, "TERM");
  link_.send_signal(stream, "NONSENSE");
  const std::string sent = raw(1);
  EXPECT_THAT(sent,
              HasSubstr(R"({"command":"window-resize","args":{"width":"132","height":"43"}})"));
  EXPECT_THAT(sent, HasSubstr(R"({"command":"signal","signal":15})"));
  EXPECT_EQ(std::ranges::count(sent, '\x82'), 2);
}

TEST_F(PlainLinkTest, KeepsWhatComesBeforeTheStart) {
  const auto stream = open(true);
  EXPECT_EQ(link_.send_data(stream, bytes("early")), 0U);
  link_.send_signal(stream, "HUP");
  link_.send_window_change(stream, {90, 20, 0, 0});
  round();
  EXPECT_EQ(log(stream).credits, 0);
  start(stream, true);
  round();
  EXPECT_EQ(log(stream).credits, 1);
  const std::string sent = raw(1);
  EXPECT_THAT(sent, HasSubstr(R"("width":"90")"));
  EXPECT_THAT(sent, HasSubstr(R"("signal":1})"));
}

TEST_F(PlainLinkTest, TellsOnceOnATerminalWhyTheModeIsPlain) {
  const auto first = running(true);
  EXPECT_THAT(log(first).errors, HasSubstr("plain mode, because of a test"));
  const auto second = running(true);
  EXPECT_EQ(log(second).errors, "");
}

TEST_F(PlainLinkTest, TellsNothingWithoutATerminal) { EXPECT_EQ(log(running()).errors, ""); }

TEST_F(PlainLinkTest, RefusesSftpAndMoreSessionsThanAllowed) {
  OpenSession sftp;
  sftp.sftp = true;
  const auto refused = link_.open_session(sftp);
  round();
  EXPECT_THAT(*log(refused).refused, HasSubstr("no SFTP in plain mode"));
  EXPECT_TRUE(opened_.empty());
  for (int i = 0; i < 3; ++i) open();
  const auto beyond = open();
  round();
  EXPECT_EQ(*log(beyond).refused, "too many sessions");
  EXPECT_FALSE(opened_.contains(beyond));
}

TEST_F(PlainLinkTest, LeavesOutAnEnvironmentThatIsTooLong) {
  OpenSession request;
  request.command.emplace(std::string(limits::kMaxCommand, 'c'));
  std::vector<EnvironmentEntry> entries;
  for (int i = 0; i < 100; ++i) entries.push_back({std::string("LC_X"), std::string(4000, 'v')});
  request.environment = std::move(entries);
  const auto stream = link_.open_session(request);
  EXPECT_LE(ipc::encode_fields(opened_.at(stream)).size(), kMaxPlainProgram);
  EXPECT_EQ((*opened_.at(stream).command)->size(), limits::kMaxCommand);
}

TEST_F(PlainLinkTest, StopsReadingForAClientThatDoesNot) {
  consumes_ = false;
  const auto stream = running();
  std::size_t sent = 0;
  const auto frame = server_frame(kBinary, Bytes(32'000, 'x'));
  for (int i = 0; i < 200; ++i) {
    const ssize_t count = send(incus_[kOut].get(), frame.data(), frame.size(), MSG_DONTWAIT);
    if (count != static_cast<ssize_t>(frame.size())) break;
    sent += 32'000;
    round();
  }
  EXPECT_LT(log(stream).output.size(), 400'000U);
  EXPECT_GT(sent, log(stream).output.size());
  link_.consumed(stream, log(stream).output.size());
  const auto before = log(stream).output.size();
  rounds();
  EXPECT_GT(log(stream).output.size(), before);
}

TEST_F(PlainLinkTest, TakesNoMoreInputThanItHasRoomFor) {
  const auto stream = running();
  const Bytes much(10'000'000, 'x');
  const auto taken = link_.send_data(stream, much);
  EXPECT_LT(taken, 1'000'000U);
  while (log(stream).credits == 0) heard(kIn);
  EXPECT_GT(link_.send_data(stream, much), 0U);
}

TEST_F(PlainLinkTest, DropsInputThatTheProgramHasEndedFor) {
  const auto stream = running();
  say(kIn, kClose);
  rounds();
  const Bytes much(10'000'000, 'x');
  EXPECT_EQ(link_.send_data(stream, much), much.size());
}

TEST_F(PlainLinkTest, HangsUpWhatIsClosed) {
  const auto stream = running();
  link_.send_close(stream);
  EXPECT_FALSE(link_.is_live(stream));
  const std::string sent = raw(kControlOf);
  EXPECT_THAT(sent, HasSubstr(R"("signal":1})"));
  char byte = 0;
  EXPECT_EQ(recv(incus_[kOut].get(), &byte, 1, MSG_DONTWAIT), 0);
  // Control stays: its end would kill a program that is still at work.
  EXPECT_EQ(recv(incus_[kControlOf].get(), &byte, 1, MSG_DONTWAIT), -1);
  incus_[kControlOf].reset();
  rounds();
  std::vector<pollfd> entries;
  link_.add_interests(entries);
  EXPECT_TRUE(entries.empty());
}

TEST_F(PlainLinkTest, KillsTheOldestOfManyThatDoNotEnd) {
  std::vector<UniqueFd> controls;
  for (int i = 0; i < 5; ++i) {
    link_.send_close(running());
    controls.push_back(std::move(incus_[kControlOf]));
  }
  Bytes rest(4096);
  EXPECT_GT(recv(controls[0].get(), rest.data(), rest.size(), MSG_DONTWAIT), 0);
  EXPECT_EQ(recv(controls[0].get(), rest.data(), rest.size(), MSG_DONTWAIT), 0);
  EXPECT_GT(recv(controls[1].get(), rest.data(), rest.size(), MSG_DONTWAIT), 0);
  EXPECT_EQ(recv(controls[1].get(), rest.data(), rest.size(), MSG_DONTWAIT), -1);
}

TEST_F(PlainLinkTest, MayBeClosedFromWithinAnEvent) {
  closes_ = true;
  const auto stream = running();
  say(kOut, kBinary, "x");
  rounds();
  EXPECT_FALSE(link_.is_live(stream));
  EXPECT_FALSE(log(stream).exited);
}

TEST_F(PlainLinkTest, TellsThatTheConnectionIsLostIfNobodyKnowsTheStatus) {
  const auto stream = running();
  incus_.clear();
  rounds();
  EXPECT_THAT(asked_, ElementsAre(stream));
  link_.on_exited(stream, std::nullopt);
  EXPECT_THAT(log(stream).errors, HasSubstr("connection to the instance lost"));
  EXPECT_EQ(log(stream).exited->status, 255U);
}

TEST_F(PlainLinkTest, GivesUpAStreamThatIsNone) {
  for (const Bytes& lie :
       {Bytes{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}, Bytes{0xff, 0x00}, Bytes{0x81, 0x01, 'x'},
        Bytes{0x82, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'x'},
        Bytes{0x80, 0x00}}) {
    const auto stream = running();
    write_fully(incus_[kOut].get(), lie);
    rounds();
    char byte = 0;
    EXPECT_EQ(recv(incus_[kOut].get(), &byte, 1, MSG_DONTWAIT), 0);
    EXPECT_TRUE(asked_.empty() || asked_.back() != stream);
    incus_.clear();
    rounds();
    ASSERT_FALSE(asked_.empty());
    EXPECT_EQ(asked_.back(), stream);
    link_.on_exited(stream, 0);
    EXPECT_TRUE(log(stream).exited);
  }
}

// What we have written and incusd hasn't read makes its close a reset.
TEST_F(PlainLinkTest, ReadsOutputToTheEndWhenInputIsBrokenOff) {
  const auto stream = running();
  link_.send_data(stream, bytes("never read"));
  link_.send_eof(stream);
  rounds();
  say(kOut, kBinary, "out");
  say(kErr, kBinary, "err");
  say(kOut, kText);
  say(kErr, kText);
  incus_.clear();
  rounds();
  EXPECT_EQ(log(stream).output, "out");
  EXPECT_EQ(log(stream).errors, "err");
}

TEST_F(PlainLinkTest, IgnoresAnswersAboutStreamsThatAreOver) {
  const auto stream = open();
  link_.send_close(stream);
  start(stream);
  link_.on_failed(stream, "late");
  link_.on_exited(stream, 1);
  link_.on_exited(99, 1);
  EXPECT_TRUE(logs_.empty());
  char byte = 0;
  EXPECT_EQ(recv(incus_[kControlOf].get(), &byte, 1, MSG_DONTWAIT), 0);
}

}  // namespace
}  // namespace ssh2incus::test
