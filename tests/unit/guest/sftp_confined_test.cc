// A confined server, as root, whom nothing but the confinement holds back: no request reaches,
// changes or names what is beside the home, also while links and directories are exchanged under
// it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "guest/sftp/server.h"
#include "tests/unit/guest/sftp_client.h"

namespace ssh2incus::test {
namespace {

namespace fs = std::filesystem;
using namespace guest::sftp;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Packet = PacketWriter;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// FOLDER/home, which the server sees as "/", and FOLDER/beside with a secret.
class ConfinedSftp : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sftp-confined-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
    home = folder / "home";
    beside = folder / "beside";
    fs::create_directories(home / "inner" / "deep");
    fs::create_directories(beside / "directory");
    write(beside / "secret", "secret");
    write(home / "own", "own");
    auto tree = Tree::below(home);
    ASSERT_TRUE(tree.ok()) << tree.error().message;
    const Account account{"ann", getuid(), getgid(), home, "/bin/sh", {}};
    server.emplace(std::move(*tree), account, Options{});
    const Bytes hello{0, 0, 0, 5, 1, 0, 0, 0, 3};
    ASSERT_TRUE(server->process(hello).ok());
    server->replies().sent(server->replies().unsent().size());
  }
  void TearDown() override { fs::remove_all(folder); }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  SftpReply call(PacketType type, const Packet& arguments) {
    Packet packet(type);
    packet.u32(7).append(arguments);
    const auto& bytes = packet.finish();
    const auto used = server->process(bytes);
    EXPECT_TRUE(used.ok() && *used == bytes.size());
    const auto unsent = server->replies().unsent();
    SftpReply reply;
    reply.type = static_cast<PacketType>(unsent[4]);
    reply.body.assign(unsent.begin() + 9, unsent.end());
    server->replies().sent(unsent.size());
    return reply;
  }
  SftpReply call(const std::string& extension, const Packet& arguments) {
    Packet packet;
    packet.text(extension).append(arguments);
    return call(PacketType::kExtended, packet);
  }
  SftpReply on(PacketType type, const std::string& path) { return call(type, Packet().text(path)); }
  StatusCode two(PacketType type, const std::string& one, const std::string& other) {
    return call(type, Packet().text(one).text(other)).code();
  }
  SftpReply open(const std::string& path, std::uint32_t flags) {
    return call(PacketType::kOpen, Packet().text(path).u32(flags).u32(0));
  }
  // Its content, or "" if it can't be opened.
  std::string read(const std::string& path) {
    const auto opened = open(path, kOpenRead);
    if (opened.type != PacketType::kHandle) return {};
    const auto data = call(PacketType::kRead, Packet().text(opened.text()).u64(0).u32(100));
    call(PacketType::kClose, Packet().text(opened.text()));
    return data.type == PacketType::kData ? data.text() : "";
  }
  std::vector<std::string> list(const std::string& path) {
    const auto opened = on(PacketType::kOpendir, path);
    if (opened.type != PacketType::kHandle) return {};
    auto names = on(PacketType::kReaddir, opened.text()).names();
    on(PacketType::kClose, opened.text());
    std::ranges::sort(names);
    return names;
  }
  void expect_untouched() const {
    EXPECT_EQ(content_of(beside / "secret"), "secret");
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(beside)) {
      names.insert(fs::relative(entry.path(), beside));
    }
    EXPECT_THAT(names, ElementsAre("directory", "secret"));
    std::set<std::string> roots;
    for (const auto& entry : fs::directory_iterator(folder)) roots.insert(entry.path().filename());
    EXPECT_THAT(roots, ElementsAre("beside", "home"));
  }
  // Repeats the act while another thread does the other one.
  static void racing(const std::function<void()>& other, int times,
                     const std::function<void()>& act) {
    std::atomic<bool> done{false};
    std::thread thread([&] {
      while (!done) other();
    });
    for (int i = 0; i < times && !HasFailure(); ++i) act();
    done = true;
    thread.join();
  }

  fs::path folder;
  fs::path home;
  fs::path beside;
  std::optional<Server> server;
};

TEST_F(ConfinedSftp, SeesItsHomeAsTheRoot) {
  EXPECT_EQ(read("/own"), "own");
  EXPECT_EQ(read("own"), "own");
  EXPECT_EQ(read("/../../../../own"), "own");
  EXPECT_EQ(read("inner/../own"), "own");
  EXPECT_THAT(list("/"), ElementsAre(".", "..", "inner", "own"));
  EXPECT_THAT(list("../.."), ElementsAre(".", "..", "inner", "own"));
  for (const char* path : {"/", ".", "..", "/..", "inner/../..", "/inner/deep/../../.."}) {
    EXPECT_THAT(on(PacketType::kRealpath, path).names(), ElementsAre("/")) << path;
  }
  const auto root = on(PacketType::kStat, "/").attributes();
  EXPECT_EQ(on(PacketType::kLstat, "..").attributes(), root);
}

TEST_F(ConfinedSftp, FollowsLinksAsAfterChroot) {
  fs::create_symlink("/own", home / "absolute");
  fs::create_symlink("../../../../own", home / "inner" / "up");
  fs::create_symlink("/inner", home / "directory");
  EXPECT_EQ(read("absolute"), "own");
  EXPECT_EQ(read("inner/up"), "own");
  EXPECT_EQ(read("directory/up"), "own");
  EXPECT_THAT(on(PacketType::kRealpath, "directory/up").names(), ElementsAre("/own"));
  EXPECT_THAT(on(PacketType::kReadlink, "absolute").names(), ElementsAre("/own"));
}

TEST_F(ConfinedSftp, ReachesNothingThroughLinksThatLeadOut) {
  const std::string outside = beside;
  fs::create_symlink(outside + "/secret", home / "file");
  fs::create_symlink("../beside/secret", home / "relative");
  fs::create_symlink(outside, home / "out");
  fs::create_symlink("../beside", home / "up");
  fs::create_symlink("/proc/self/root", home / "magic");
  for (const std::string path : {"file", "relative", "out/secret", "up/secret", "../beside/secret",
                                 "magic/etc/passwd", "/etc/passwd"}) {
    EXPECT_EQ(open(path, kOpenRead).code(), StatusCode::kNoSuchFile) << path;
    EXPECT_EQ(on(PacketType::kStat, path).code(), StatusCode::kNoSuchFile) << path;
    EXPECT_EQ(call("statvfs@openssh.com", Packet().text(path)).code(), StatusCode::kNoSuchFile);
    if (path.find("/etc/") != std::string::npos) continue;  // not this machine's, if this fails
    Attributes wanted;
    wanted.size = 0;
    EXPECT_NE(call(PacketType::kSetstat, Packet().text(path).attributes(wanted)).code(),
              StatusCode::kOk);
    wanted = {};
    wanted.permissions = 0777;
    EXPECT_NE(call(PacketType::kSetstat, Packet().text(path).attributes(wanted)).code(),
              StatusCode::kOk);
  }
  for (const std::string directory : {"out", "up", "../beside"}) {
    EXPECT_EQ(on(PacketType::kOpendir, directory).code(), StatusCode::kNoSuchFile) << directory;
    EXPECT_NE(on(PacketType::kMkdir, directory + "/made").code(), StatusCode::kOk);
    EXPECT_NE(on(PacketType::kRemove, directory + "/secret").code(), StatusCode::kOk);
    EXPECT_NE(on(PacketType::kRmdir, directory + "/directory").code(), StatusCode::kOk);
    EXPECT_NE(two(PacketType::kRename, "own", directory + "/own"), StatusCode::kOk);
    EXPECT_NE(two(PacketType::kRename, directory + "/secret", "got"), StatusCode::kOk);
    EXPECT_NE(two(PacketType::kSymlink, "x", directory + "/link"), StatusCode::kOk);
    EXPECT_NE(call("hardlink@openssh.com", Packet().text(directory + "/secret").text("got")).code(),
              StatusCode::kOk);
    EXPECT_NE(
        call("posix-rename@openssh.com", Packet().text("own").text(directory + "/secret")).code(),
        StatusCode::kOk);
    EXPECT_NE(open(directory + "/new", kOpenWrite | kOpenCreate).type, PacketType::kHandle);
  }
  expect_untouched();
}

TEST_F(ConfinedSftp, CreatesWhereALinkEndsAfterChroot) {
  fs::create_symlink("/sftp-confined-created", home / "dangling");
  EXPECT_EQ(open("dangling", kOpenWrite | kOpenCreate).type, PacketType::kHandle);
  EXPECT_TRUE(fs::is_regular_file(home / "sftp-confined-created"));
  expect_untouched();
}

TEST_F(ConfinedSftp, TouchesLinksThemselvesWithoutFollowing) {
  fs::create_symlink(beside / "secret", home / "file");
  Attributes wanted;
  wanted.times = Attributes::Times{5, 6};
  EXPECT_EQ(call("lsetstat@openssh.com", Packet().text("file").attributes(wanted)).code(),
            StatusCode::kOk);
  EXPECT_EQ(on(PacketType::kLstat, "file").attributes().times->modification, 6U);
  EXPECT_EQ(call("hardlink@openssh.com", Packet().text("file").text("second")).code(),
            StatusCode::kOk);
  EXPECT_TRUE(fs::is_symlink(home / "second"));
  EXPECT_EQ(on(PacketType::kRemove, "file").code(), StatusCode::kOk);
  struct stat secret {};
  ASSERT_EQ(stat((beside / "secret").c_str(), &secret), 0);
  EXPECT_NE(secret.st_mtime, 6);
  EXPECT_EQ(secret.st_nlink, 1U);
  expect_untouched();
}

TEST_F(ConfinedSftp, RefusesToActOnItsRoot) {
  for (const char* path : {"/", "..", "/..", ".", "inner/.."}) {
    EXPECT_NE(on(PacketType::kRmdir, path).code(), StatusCode::kOk) << path;
    EXPECT_NE(on(PacketType::kRemove, path).code(), StatusCode::kOk) << path;
    EXPECT_NE(on(PacketType::kMkdir, path).code(), StatusCode::kOk) << path;
    EXPECT_NE(two(PacketType::kRename, path, "elsewhere"), StatusCode::kOk) << path;
    EXPECT_NE(two(PacketType::kSymlink, "x", path), StatusCode::kOk) << path;
  }
  expect_untouched();
}

TEST_F(ConfinedSftp, NeverTellsWhereItsHomeIs) {
  const std::string outer = folder;
  const std::vector<SftpReply> replies = {
      on(PacketType::kRealpath, "."),
      on(PacketType::kRealpath, "inner/deep/../new"),
      call("expand-path@openssh.com", Packet().text("~")),
      call("expand-path@openssh.com", Packet().text("~/inner")),
      call("expand-path@openssh.com", Packet().text("~ann/own")),
      call("home-directory", Packet().text("")),
      call("home-directory", Packet().text("ann")),
      on(PacketType::kStat, "../beside"),
  };
  for (const auto& reply : replies) EXPECT_THAT(reply.body, Not(HasSubstr(outer)));
  EXPECT_THAT(replies[2].names(), ElementsAre("/"));
  EXPECT_THAT(replies[5].names(), ElementsAre("/"));
  EXPECT_EQ(call("home-directory", Packet().text("root")).code(), StatusCode::kNoSuchFile);
  EXPECT_EQ(call("expand-path@openssh.com", Packet().text("~root")).code(),
            StatusCode::kNoSuchFile);
}

TEST_F(ConfinedSftp, KnowsNoNamesButItsOwn) {
  const std::string ids(Packet().u32(1).u32(getuid()).content());
  const auto reply = call("users-groups-by-id@openssh.com", Packet().text(ids).text(ids));
  const auto users = Packet().text("").text("ann");
  const auto groups = Packet().text("").text("");
  EXPECT_EQ(reply.body,
            std::string(Packet().text(users.content()).text(groups.content()).content()));
}

TEST_F(ConfinedSftp, StartsInADirectoryOfItsOwn) {
  auto tree = Tree::below(home);
  ASSERT_TRUE(tree.ok());
  EXPECT_NE(tree->enter("../beside"), 0);
  EXPECT_NE(tree->enter("/own"), 0);
  ASSERT_EQ(tree->enter("/inner"), 0);
  std::string real;
  EXPECT_EQ(tree->real_path(".", real), 0);
  EXPECT_EQ(real, "/inner");
  EXPECT_EQ(tree->real_path("../../own", real), 0);
  EXPECT_EQ(real, "/own");
}

TEST_F(ConfinedSftp, SaysWhichHomeIsMissing) {
  const auto tree = Tree::below(folder / "nothing");
  ASSERT_FALSE(tree.ok());
  EXPECT_THAT(tree.error().message, HasSubstr("home directory"));
}

TEST_F(ConfinedSftp, IsNotFooledByALinkThatIsExchangedForADirectory) {
  fs::create_directory(home / "place");
  write(home / "place" / "secret", "own");
  fs::create_symlink(beside, home / "lure");
  fs::create_symlink("../beside", home / "lure2");
  const auto exchange = [this] {
    for (const char* lure : {"lure", "lure2"}) {
      for (int i = 0; i < 2; ++i) {
        renameat2(AT_FDCWD, (home / "place").c_str(), AT_FDCWD, (home / lure).c_str(),
                  RENAME_EXCHANGE);
      }
    }
  };
  int seen = 0;
  racing(exchange, 20'000, [&] {
    const auto text = read("place/secret");
    ASSERT_THAT(text, testing::AnyOf("", "own"));
    seen += text == "own" ? 1 : 0;
    on(PacketType::kMkdir, "place/made");
    on(PacketType::kRmdir, "place/made");
    open("place/new", kOpenWrite | kOpenCreate);
    call(PacketType::kClose, Packet().text(Packet().u32(0).content()));
    on(PacketType::kRemove, "place/new");
    two(PacketType::kRename, "own", "place/own");
    two(PacketType::kRename, "place/own", "own");
    call("hardlink@openssh.com", Packet().text("place/secret").text("got"));
    ASSERT_THAT(read("got"), testing::AnyOf("", "own"));
    on(PacketType::kRemove, "got");
  });
  EXPECT_GT(seen, 0);  // or nothing was tried
  expect_untouched();
}

TEST_F(ConfinedSftp, IsNotFooledByADirectoryThatIsMovedOutUnderIt) {
  const auto move = [this] {
    ::rename((home / "inner" / "deep").c_str(), (beside / "deep").c_str());
    ::rename((beside / "deep").c_str(), (home / "inner" / "deep").c_str());
  };
  write(home / "inner" / "secret", "own");
  std::string there_and_back = "inner";  // long, so that the directory moves on the way
  for (int i = 0; i < 100; ++i) there_and_back += "/deep/..";
  int seen = 0;
  racing(move, 50'000, [&] {
    const auto text = read(there_and_back + "/secret");
    ASSERT_THAT(text, testing::AnyOf("", "own"));
    seen += text == "own" ? 1 : 0;
    ASSERT_EQ(read("inner/deep/../../beside/secret"), "");
  });
  EXPECT_GT(seen, 0);
  expect_untouched();
}

}  // namespace
}  // namespace ssh2incus::test
