// Sessions whose program is the monitor, and what a client can type.
#include "sessiond/console_link.h"

#include <gtest/gtest.h>

#include <optional>

namespace ssh2incus::test {
namespace {

class ConsoleLinkTest : public testing::Test {
 protected:
  ConsoleLinkTest()
      : link_(
            {[this](const ipc::ConsoleOpenRequest& request) { opened_.push_back(request); },
             [this](const ipc::ConsoleAnswerRequest& answer) { answers_.push_back(*answer.line); }},
            events()) {}

  SessionEvents events() {
    return {[this](std::uint32_t, const std::string& text) { refused_ = text; },
            [this](std::uint32_t stream, std::span<const std::uint8_t> data, bool is_stderr) {
              (is_stderr ? errors_ : output_).append(data.begin(), data.end());
              if (closes_) link_.send_close(stream);
            },
            [this](std::uint32_t) { eof_ = true; },
            [this](std::uint32_t, const Exited& exited) { status_ = exited.status; },
            [](std::uint32_t) {}};
  }
  std::uint32_t open(bool terminal, std::optional<std::string> command = {}) {
    OpenSession request;
    if (terminal) request.pty.emplace();
    if (command) request.command.emplace(std::move(*command));
    return link_.open_session(request);
  }
  void ask(std::uint32_t stream) { link_.on_output({stream, std::string("sure? "), false, true}); }
  void type(std::uint32_t stream, const std::string& text) {
    EXPECT_EQ(link_.send_data(stream, Bytes(text.begin(), text.end())), text.size());
  }

  std::vector<ipc::ConsoleOpenRequest> opened_;
  std::vector<std::string> answers_;
  std::optional<std::string> refused_;
  std::string output_, errors_;
  std::optional<std::uint32_t> status_;
  bool eof_ = false;
  bool closes_ = false;
  ConsoleLink link_;
};

TEST_F(ConsoleLinkTest, ShowsTextAndEndsWithTheStatus) {
  const auto stream = open(false, "end 1");
  ASSERT_EQ(opened_.size(), 1U);
  EXPECT_EQ(opened_[0].stream, stream);
  EXPECT_EQ(**opened_[0].arguments, "end 1");
  link_.on_output({stream, std::string("a\nb\n"), false, false});
  link_.on_output({stream, std::string("wrong\n"), true, false});
  EXPECT_EQ(output_, "a\nb\n");
  EXPECT_EQ(errors_, "wrong\n");
  EXPECT_FALSE(status_);
  link_.on_end({stream, 7});
  EXPECT_TRUE(eof_);
  EXPECT_EQ(status_, 7U);
  EXPECT_FALSE(link_.is_live(stream));
}

TEST_F(ConsoleLinkTest, TerminalsGetCarriageReturns) {
  link_.on_output({open(true), std::string("a\nb\n"), false, false});
  EXPECT_EQ(output_, "a\r\nb\r\n");
}

TEST_F(ConsoleLinkTest, ALineOnATerminalIsEchoedAndEdited) {
  const auto stream = open(true);
  ask(stream);
  type(stream, "nox\x7f\x15yed\bs\r");
  EXPECT_EQ(answers_, std::vector<std::string>{"yes"});
  EXPECT_TRUE(output_.starts_with("sure? nox\b \b\b \b\b \byed\b \bs")) << output_;
  EXPECT_TRUE(output_.ends_with("\r\n"));
}

TEST_F(ConsoleLinkTest, WhatWasTypedBeforeTheQuestionIsNoAnswerOnATerminal) {
  const auto stream = open(true);
  type(stream, "yes\r");
  EXPECT_EQ(output_, "");
  ask(stream);
  EXPECT_TRUE(answers_.empty());
  type(stream, "no\r");
  EXPECT_EQ(answers_, std::vector<std::string>{"no"});
}

TEST_F(ConsoleLinkTest, WhatWasSentBeforeTheQuestionIsAnAnswerOnAPipe) {
  const auto stream = open(false);
  type(stream, "yes\nno\n");
  link_.send_eof(stream);
  EXPECT_TRUE(answers_.empty());
  ask(stream);
  EXPECT_EQ(answers_, std::vector<std::string>{"yes"});
}

TEST_F(ConsoleLinkTest, TheEndOfTheInputIsAnEmptyAnswer) {
  const auto stream = open(false);
  ask(stream);
  EXPECT_TRUE(answers_.empty());
  link_.send_eof(stream);
  EXPECT_EQ(answers_, std::vector<std::string>{""});
  const auto other = open(false);
  link_.send_eof(other);
  ask(other);
  EXPECT_EQ(answers_.size(), 2U);
}

TEST_F(ConsoleLinkTest, ControlDIsAnEmptyAnswerOnAnEmptyLineOnly) {
  const auto stream = open(true);
  ask(stream);
  type(stream, "y\x04");
  EXPECT_TRUE(answers_.empty());
  type(stream, "\x7f\x04");
  EXPECT_EQ(answers_, std::vector<std::string>{""});
}

TEST_F(ConsoleLinkTest, ControlCEndsASessionOnATerminal) {
  const auto stream = open(true);
  type(stream, "\x03");
  EXPECT_EQ(status_, 130U);
  EXPECT_FALSE(link_.is_live(stream));
  link_.on_output({stream, std::string("late"), false, true});
  link_.on_end({stream, 0});
  EXPECT_EQ(status_, 130U);
  EXPECT_EQ(output_.find("late"), std::string::npos);
}

TEST_F(ConsoleLinkTest, SignalsEndASession) {
  const auto stream = open(false);
  link_.send_signal(stream, "USR1");
  EXPECT_TRUE(link_.is_live(stream));
  link_.send_signal(stream, "INT");
  EXPECT_EQ(status_, 130U);
}

TEST_F(ConsoleLinkTest, EndlessInputIsBounded) {
  const auto stream = open(true);
  ask(stream);
  type(stream, std::string(100'000, 'y') + "\r");
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].size(), limits::kMaxConsoleLine);
  type(stream, std::string(100'000, 'n'));
  EXPECT_TRUE(link_.is_live(stream));
}

TEST_F(ConsoleLinkTest, TooLongACommandIsRefusedAtTheNextFlush) {
  const auto stream = open(false, std::string(limits::kMaxConsoleLine + 1, 'x'));
  EXPECT_TRUE(opened_.empty());
  EXPECT_FALSE(refused_);
  link_.flush();
  EXPECT_EQ(refused_, "the command is too long");
  EXPECT_FALSE(link_.is_live(stream));
}

TEST_F(ConsoleLinkTest, MayBeClosedFromWithinAnEvent) {
  closes_ = true;
  const auto stream = open(true);
  ask(stream);
  EXPECT_FALSE(link_.is_live(stream));
  type(stream, "yes\r\x03");
  EXPECT_TRUE(answers_.empty());
}

TEST_F(ConsoleLinkTest, MayBeClosedByItsOwnEcho) {
  const auto stream = open(true);
  ask(stream);
  closes_ = true;
  type(stream, "yes\r");
  EXPECT_FALSE(link_.is_live(stream));
  EXPECT_TRUE(answers_.empty());
}

}  // namespace
}  // namespace ssh2incus::test
