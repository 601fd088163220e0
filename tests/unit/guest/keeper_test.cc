// Parts of the guest's own keeper: its frames, what is shown again, and the key that detaches.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>

#include "guest/keeper_client.h"
#include "guest/keeper_directory.h"
#include "guest/keeper_frames.h"
#include "guest/scrollback.h"

namespace ssh2incus::guest {
namespace {

TEST(KeeperFrames, AreDecodedHoweverTheyAreCut) {
  const std::string big(kMaxKeeperPayload, 'x');
  const std::string bytes = encode_keeper_frame(KeeperFrame::kInput, "abc") +
                            encode_keeper_size({132, 50}) +
                            encode_keeper_frame(KeeperFrame::kOutput, "") +
                            encode_keeper_frame(KeeperFrame::kOutput, big);
  for (const std::size_t piece : {1UL, 2UL, 5UL, 1000UL, bytes.size()}) {
    KeeperDecoder decoder;
    std::vector<KeeperDecoder::Frame> frames;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      std::string_view part = std::string_view(bytes).substr(at, piece);
      while (true) {
        auto frame = decoder.next(part);
        ASSERT_TRUE(frame.ok());
        if (!*frame) break;
        frames.push_back(std::move(**frame));
      }
      EXPECT_TRUE(part.empty());
    }
    ASSERT_EQ(frames.size(), 4U);
    EXPECT_EQ(frames[0].payload, "abc");
    EXPECT_EQ(decode_keeper_size(frames[1].payload), (KeeperSize{132, 50}));
    EXPECT_EQ(frames[3].payload, big);
  }
}

TEST(KeeperFrames, RefuseKindsAndLengthsThatDoNotExist) {
  for (const std::string& bytes :
       {std::string("\0\0\0", 3), std::string("\5\0\0", 3), std::string("\377\0\0", 3),
        std::string("\1\x20\1", 3), std::string("\1\377\377", 3)}) {
    KeeperDecoder decoder;
    std::string_view rest = bytes;
    EXPECT_FALSE(decoder.next(rest).ok());
  }
  EXPECT_FALSE(decode_keeper_size("123"));
  EXPECT_FALSE(decode_keeper_size("12345"));
}

TEST(Scrollback, KeepsTheEndAndCountsAll) {
  Scrollback scrollback;
  scrollback.append("first");
  EXPECT_EQ(scrollback.from(2, 10), "rst");
  for (int i = 0; i < 100; ++i)
    scrollback.append(std::string(50'000, static_cast<char>('a' + i % 26)));
  EXPECT_EQ(scrollback.end(), 5'000'005U);
  EXPECT_GE(scrollback.end() - scrollback.begin(), Scrollback::kCapacity / 2);
  EXPECT_LE(scrollback.all().size(), Scrollback::kCapacity);
  EXPECT_EQ(scrollback.from(scrollback.end() - 1, 10), std::string(1, 'a' + 99 % 26));
  EXPECT_EQ(scrollback.from(scrollback.end(), 10), "");
  scrollback.append(std::string(3 * Scrollback::kCapacity, 'z'));
  EXPECT_EQ(scrollback.end(), 5'000'005U + 3 * Scrollback::kCapacity);
  EXPECT_EQ(scrollback.from(scrollback.begin(), 1), "z");
}

constexpr std::string_view kClear = "\x1b[0m\x1b[H\x1b[2J";

TEST(Replay, ShowsTheLastLinesFromTheirStart) {
  EXPECT_EQ(replay_of("a\r\nb"), std::string(kClear) + "a\r\nb");
  std::string much;
  while (much.size() < 200'000) much += "line of text\r\n";
  const std::string replay = replay_of(much + "end");
  EXPECT_LT(replay.size(), 70'000U);
  EXPECT_TRUE(replay.starts_with(std::string(kClear) + "line of text\r\n"));
  EXPECT_TRUE(replay.ends_with("line of text\r\nend"));
}

TEST(Replay, LeavesOutWhatTerminalsWouldAnswer) {
  for (const char* question :
       {"\x1b[c", "\x1b[>c", "\x1b[0c", "\x1b[6n", "\x1b[?15n", "\x1b[18t", "\x1b[?1$p", "\x1bZ",
        "\x1b]11;?\x07", "\x1b]52;c;?\x1b\\", "\x1bP$qm\x1b\\", "\x1b[>q", "\x05", "\x1b[?u",
        "\x1b_Gi=1;\x1b\\"}) {
    EXPECT_EQ(replay_of(std::string("a") + question + "b"), std::string(kClear) + "ab") << question;
  }
  for (const char* harmless : {"\x1b[31m", "\x1b[?25l", "\x1b[2K", "\x1b[10;5H", "\x1b(B", "\x1b="})
    EXPECT_EQ(replay_of(std::string("a") + harmless + "b"),
              std::string(kClear) + "a" + harmless + "b");
}

TEST(Replay, QuestionsBrokenOffOrWithinOthersAreNone) {
  for (const char* hidden : {"\x1b[?1\x1b[c", "\x1b\x1b[c", "\x1b\x05[c", "\x1b[1\x05\x1b[6n",
                             "\xc2\x9b"
                             "6n",
                             "\x1b]0;x\x1b[c"}) {
    const std::string replay = replay_of(hidden).substr(kClear.size());
    EXPECT_EQ(replay.find_first_of("\x1b\x05\xc2"), std::string::npos) << hidden;
  }
}

TEST(Replay, DropsWhatIsCutAtTheEnd) {
  for (const char* cut : {"\x1b", "\x1b[", "\x1b[3", "\x1b]0;title", "\x1bPx"})
    EXPECT_EQ(replay_of(std::string("a") + cut), std::string(kClear) + "a") << cut;
}

TEST(Replay, ShowsTheScreenThatWasInUse) {
  const std::string enter = "\x1b[?1049h";
  const std::string leave = "\x1b[?1049l";
  const std::string editor = "shell\r\n" + enter + "editor";
  EXPECT_EQ(replay_of(editor), std::string(kClear) + enter + "\x1b[H\x1b[2J" + "editor");
  EXPECT_EQ(replay_of(editor + leave + "again"), std::string(kClear) + "again");
}

TEST(DetachKey, IsAPrefixAndALetterAndNothingElse) {
  DetachKey key;
  std::string out;
  EXPECT_FALSE(key.take("ab\x1e", out));
  EXPECT_EQ(out, "ab");
  EXPECT_FALSE(key.take("x", out));
  EXPECT_EQ(out, "ab\x1ex");
  out.clear();
  EXPECT_FALSE(key.take("\x1e\x1e", out));
  EXPECT_EQ(out, "\x1e");
  EXPECT_TRUE(key.take("d", out));
  out.clear();
  EXPECT_TRUE(
      key.take("q\x1e"
               "drest",
               out));
  EXPECT_EQ(out, "q");
}

class Directory : public testing::Test {
 protected:
  Directory() {
    std::filesystem::remove_all(common());
    std::filesystem::remove_all(home_);
    std::filesystem::create_directories(home_);
  }
  ~Directory() override {
    std::filesystem::remove_all(common());
    std::filesystem::remove_all(home_);
  }
  static std::string common() { return "/tmp/ssh2incus-" + std::to_string(geteuid()); }
  std::string home_ = "/tmp/ssh2incus-keeper-test-" + std::to_string(getpid());
};

TEST_F(Directory, IsPrivateAndUsedAgain) {
  ASSERT_TRUE(KeeperDirectory::open(home_).ok());
  struct stat status {};
  ASSERT_EQ(stat(common().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
  ASSERT_TRUE(KeeperDirectory::open(home_).ok());
  EXPECT_FALSE(std::filesystem::exists(home_ + "/.ssh2incus"));
}

TEST_F(Directory, HostileOnesAreNotUsed) {
  for (const int kind : {0, 1, 2, 3}) {
    std::filesystem::remove_all(common());
    if (kind == 0) std::filesystem::create_symlink("/root", common());
    if (kind == 1) std::filesystem::create_directory(common());
    if (kind == 2) close(creat(common().c_str(), 0600));
    const bool made = kind != 3 || mkfifo(common().c_str(), 0600) == 0;
    EXPECT_TRUE(made);
    if (kind == 1) chmod(common().c_str(), 0710);
    ASSERT_TRUE(KeeperDirectory::open(home_).ok()) << kind;
    EXPECT_TRUE(std::filesystem::exists(home_ + "/.ssh2incus")) << kind;
    EXPECT_FALSE(KeeperDirectory::open("/nonexistent").ok()) << kind;
  }
}

TEST_F(Directory, ConnectsToTheListenerOnly) {
  const auto directory = KeeperDirectory::open(home_);
  ASSERT_TRUE(directory.ok());
  auto nobody = directory->connect();
  ASSERT_TRUE(nobody.ok());
  EXPECT_FALSE(nobody->valid());
  auto listener = directory->listen();
  ASSERT_TRUE(listener.ok());
  auto somebody = directory->connect();
  ASSERT_TRUE(somebody.ok() && somebody->valid());
  EXPECT_TRUE(is_own_peer(somebody->get()));
  listener->reset();
  auto dead = directory->connect();
  EXPECT_TRUE(dead.ok() && !dead->valid());
  EXPECT_TRUE(directory->listen().ok()) << "what a dead one has left is replaced";
}

}  // namespace
}  // namespace ssh2incus::guest
