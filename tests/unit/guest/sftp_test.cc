// The guest's SFTP server, by real packets: requests, extensions, errors, many at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/guest/sftp_client.h"

namespace ssh2incus::test {
namespace {

namespace fs = std::filesystem;
using namespace guest::sftp;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
using Packet = PacketWriter;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Sftp : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    char name[] = "/tmp/sftp-test-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
    guest.emplace(grant_for("root"));
    ASSERT_EQ(guest->hello().outcome, GuestOutcome::kReady);
    sftp.emplace(*guest);
  }
  void TearDown() override { fs::remove_all(folder); }
  std::string in(const std::string& name) const { return folder / name; }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
  }
  StatusCode two_paths(PacketType type, const std::string& one, const std::string& two) {
    return sftp->call(type, Packet().text(one).text(two)).code();
  }

  fs::path folder{"/nonexistent"};
  std::optional<GuestProcess> guest;
  std::optional<SftpClient> sftp;
};

TEST_F(Sftp, AnnouncesOpensshsExtensions) {
  const std::map<std::string, std::string> wanted = {{"posix-rename@openssh.com", "1"},
                                                     {"statvfs@openssh.com", "2"},
                                                     {"fstatvfs@openssh.com", "2"},
                                                     {"hardlink@openssh.com", "1"},
                                                     {"fsync@openssh.com", "1"},
                                                     {"lsetstat@openssh.com", "1"},
                                                     {"limits@openssh.com", "1"},
                                                     {"expand-path@openssh.com", "1"},
                                                     {"copy-data", "1"},
                                                     {"home-directory", "1"},
                                                     {"users-groups-by-id@openssh.com", "1"}};
  EXPECT_EQ(sftp->extensions(), wanted);
}

TEST_F(Sftp, WritesAndReadsBackAnyBytes) {
  std::string content;
  for (int i = 0; i < 700'000; ++i) content += static_cast<char>(i * 7 + i / 256);
  sftp->write_file(in("data"), content);
  EXPECT_TRUE(content_of(folder / "data") == content);
  EXPECT_TRUE(sftp->read_file(in("data")) == content);
}

TEST_F(Sftp, HasItsUmaskAndTheRequestedMode) {
  sftp->write_file(in("plain"), "x");
  EXPECT_EQ(fs::status(folder / "plain").permissions(), fs::perms(0644));
  const auto reply = sftp->call(
      PacketType::kOpen,
      Packet().text(in("mode")).u32(kOpenWrite | kOpenCreate).u32(kHasPermissions).u32(0100600));
  EXPECT_EQ(reply.type, PacketType::kHandle);
  EXPECT_EQ(fs::status(folder / "mode").permissions(), fs::perms(0600));
}

TEST_F(Sftp, AppendsWhateverTheOffsetSays) {
  put("log", "one ");
  const auto handle = sftp->open(in("log"), kOpenWrite | kOpenAppend);
  sftp->call(PacketType::kWrite, Packet().text(handle).u64(0).text("two"));
  EXPECT_EQ(content_of(folder / "log"), "one two");
}

TEST_F(Sftp, OpensExclusively) {
  put("there", "x");
  EXPECT_EQ(sftp->open(in("there"), kOpenWrite | kOpenCreate | kOpenExclusive), "");
  EXPECT_EQ(content_of(folder / "there"), "x");
}

TEST_F(Sftp, ListsNamesWithAnyBytes) {
  const std::string odd = "a\nb\xff\x01 '\"\\";
  put(odd, "x");
  put("-rf", "x");
  const auto opened = sftp->path_call(PacketType::kOpendir, folder);
  ASSERT_EQ(opened.type, PacketType::kHandle);
  const auto listed = sftp->call(PacketType::kReaddir, Packet().text(opened.text()));
  EXPECT_THAT(listed.names(), UnorderedElementsAre(".", "..", odd, "-rf"));
  EXPECT_THAT(listed.long_names(), Contains(HasSubstr("-rw-r--r--    1 root     root")));
  EXPECT_EQ(sftp->call(PacketType::kReaddir, Packet().text(opened.text())).code(),
            StatusCode::kEof);
  EXPECT_EQ(sftp->read_file(in(odd)), "x");
}

TEST_F(Sftp, ListsLargeDirectoriesWhole) {
  for (int i = 0; i < 3000; ++i) put("file-" + std::to_string(i), "");
  const auto handle = sftp->path_call(PacketType::kOpendir, folder).text();
  std::set<std::string> names;
  while (true) {
    const auto reply = sftp->call(PacketType::kReaddir, Packet().text(handle));
    if (reply.type != PacketType::kName) break;
    for (const auto& name : reply.names()) EXPECT_TRUE(names.insert(name).second);
  }
  EXPECT_EQ(names.size(), 3002U);
}

TEST_F(Sftp, SaysWhatWentWrongAsOpensshDoes) {
  put("file", "x");
  EXPECT_EQ(sftp->path_call(PacketType::kStat, in("none")).code(), StatusCode::kNoSuchFile);
  EXPECT_EQ(sftp->path_call(PacketType::kStat, in("file/below")).code(), StatusCode::kNoSuchFile);
  EXPECT_EQ(sftp->path_call(PacketType::kStat, "").code(), StatusCode::kNoSuchFile);
  EXPECT_EQ(sftp->path_call(PacketType::kRmdir, folder).code(), StatusCode::kFailure);
  EXPECT_EQ(sftp->path_call(PacketType::kRmdir, folder).message(), "Directory not empty");
  EXPECT_EQ(sftp->path_call(PacketType::kStat, in(std::string(5000, 'x'))).code(),
            StatusCode::kBadMessage);
  const auto handle = sftp->open("/dev/full", kOpenWrite);
  const auto full = sftp->call(PacketType::kWrite, Packet().text(handle).u64(0).text("x"));
  EXPECT_EQ(full.code(), StatusCode::kFailure);
  EXPECT_EQ(full.message(), "No space left on device");
  EXPECT_EQ(sftp->call(PacketType::kRead, Packet().text("nope").u64(0).u32(1)).code(),
            StatusCode::kFailure);
  EXPECT_EQ(sftp->call(static_cast<PacketType>(99), Packet()).code(), StatusCode::kOpUnsupported);
  EXPECT_EQ(sftp->call("nonsense@example.com", Packet()).code(), StatusCode::kOpUnsupported);
}

TEST_F(Sftp, AnswersMalformedRequestsAndGoesOn) {
  EXPECT_EQ(sftp->call(PacketType::kOpen, Packet().u32(5)).code(), StatusCode::kBadMessage);
  EXPECT_EQ(sftp->call(PacketType::kStat, Packet().text(std::string("a\0b", 3))).code(),
            StatusCode::kBadMessage);
  EXPECT_EQ(sftp->call(PacketType::kWrite, Packet().text("").u64(~0ULL).text("x")).code(),
            StatusCode::kBadMessage);
  EXPECT_EQ(sftp->path_call(PacketType::kRealpath, "/").names(), std::vector<std::string>{"/"});
}

TEST_F(Sftp, EndsWhenSomethingElseIsSent) {
  sftp->send_bytes("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(guest->read_until([&] { return sftp->log().over(); }));
  EXPECT_EQ(sftp->log().exited->status, 255U);
  EXPECT_THAT(sftp->log().errors, HasSubstr("something else than SFTP"));
}

TEST_F(Sftp, EndsWellWithItsInput) {
  guest->send(FrameType::kEof, sftp->stream());
  EXPECT_TRUE(guest->read_until([&] { return sftp->log().over(); }));
  EXPECT_EQ(sftp->log().exited->status, 0U);
}

TEST_F(Sftp, RenamesWithoutOverwritingUnlessPosix) {
  put("a", "a");
  put("b", "b");
  fs::create_directory(folder / "d");
  EXPECT_EQ(two_paths(PacketType::kRename, in("a"), in("b")), StatusCode::kFailure);
  EXPECT_EQ(two_paths(PacketType::kRename, in("none"), in("c")), StatusCode::kNoSuchFile);
  EXPECT_EQ(two_paths(PacketType::kRename, in("a"), in("d/a")), StatusCode::kOk);
  EXPECT_EQ(content_of(folder / "b"), "b");
  EXPECT_EQ(sftp->call("posix-rename@openssh.com", Packet().text(in("d/a")).text(in("b"))).code(),
            StatusCode::kOk);
  EXPECT_EQ(content_of(folder / "b"), "a");
}

TEST_F(Sftp, LinksInOpensshsOrder) {
  put("file", "x");
  EXPECT_EQ(two_paths(PacketType::kSymlink, "file", in("link")), StatusCode::kOk);
  EXPECT_EQ(fs::read_symlink(folder / "link"), "file");
  EXPECT_THAT(sftp->path_call(PacketType::kReadlink, in("link")).names(), ElementsAre("file"));
  EXPECT_EQ(sftp->call("hardlink@openssh.com", Packet().text(in("file")).text(in("hard"))).code(),
            StatusCode::kOk);
  EXPECT_EQ(fs::hard_link_count(folder / "file"), 2U);
  const auto kept = sftp->path_call(PacketType::kLstat, in("link")).attributes();
  const auto followed = sftp->path_call(PacketType::kStat, in("link")).attributes();
  EXPECT_TRUE(S_ISLNK(*kept.permissions));
  EXPECT_TRUE(S_ISREG(*followed.permissions));
  EXPECT_THAT(sftp->path_call(PacketType::kRealpath, in("./link")).names(),
              ElementsAre(in("file")));
  EXPECT_THAT(sftp->path_call(PacketType::kRealpath, in("new")).names(), ElementsAre(in("new")));
  EXPECT_EQ(sftp->path_call(PacketType::kRealpath, in("no/new")).code(), StatusCode::kNoSuchFile);
}

TEST_F(Sftp, ChangesAttributes) {
  put("file", "0123456789");
  fs::create_symlink("file", folder / "link");
  Attributes wanted;
  wanted.size = 4;
  wanted.permissions = 0640;
  wanted.times = Attributes::Times{1000, 2000};
  wanted.owner = Attributes::Owner{65534, 65534};
  EXPECT_EQ(sftp->call(PacketType::kSetstat, Packet().text(in("link")).attributes(wanted)).code(),
            StatusCode::kOk);
  auto now = sftp->path_call(PacketType::kStat, in("file")).attributes();
  EXPECT_EQ(now.permissions, 0100640U);
  now.permissions = 0640;
  EXPECT_EQ(now, wanted);
  Attributes link_only;
  link_only.times = Attributes::Times{5, 6};
  EXPECT_EQ(
      sftp->call("lsetstat@openssh.com", Packet().text(in("link")).attributes(link_only)).code(),
      StatusCode::kOk);
  EXPECT_EQ(sftp->path_call(PacketType::kLstat, in("link")).attributes().times->modification, 6U);
  EXPECT_EQ(sftp->path_call(PacketType::kStat, in("link")).attributes().times, wanted.times);
  const auto handle = sftp->open(in("file"), kOpenWrite);
  Attributes longer;
  longer.size = 1ULL << 33;
  EXPECT_EQ(sftp->call(PacketType::kFsetstat, Packet().text(handle).attributes(longer)).code(),
            StatusCode::kOk);
  EXPECT_EQ(sftp->call(PacketType::kFstat, Packet().text(handle)).attributes().size, longer.size);
}

TEST_F(Sftp, HasTheOtherExtensions) {
  put("file", "content");
  PacketReader limits_reader({});
  const auto limits_reply = sftp->call("limits@openssh.com", Packet());
  EXPECT_EQ(limits_reply.type, PacketType::kExtendedReply);
  EXPECT_EQ(limits_reply.body.size(), 32U);
  EXPECT_EQ(sftp->call("statvfs@openssh.com", Packet().text(folder.string())).body.size(), 88U);
  const auto source = sftp->open(in("file"), kOpenRead);
  const auto target = sftp->open(in("copy"), kOpenWrite | kOpenCreate);
  EXPECT_EQ(sftp->call("fstatvfs@openssh.com", Packet().text(source)).body.size(), 88U);
  EXPECT_EQ(sftp->call("fsync@openssh.com", Packet().text(target)).code(), StatusCode::kOk);
  EXPECT_EQ(sftp->call("copy-data", Packet().text(source).u64(3).u64(0).text(target).u64(0)).code(),
            StatusCode::kOk);
  EXPECT_EQ(content_of(folder / "copy"), "tent");
  EXPECT_EQ(sftp->call("copy-data", Packet().text(source).u64(0).u64(3).text(target).u64(4)).code(),
            StatusCode::kOk);
  EXPECT_EQ(content_of(folder / "copy"), "tentcon");
  EXPECT_EQ(sftp->call("copy-data", Packet().text(source).u64(0).u64(0).text(source).u64(9)).code(),
            StatusCode::kFailure);
  EXPECT_THAT(sftp->call("expand-path@openssh.com", Packet().text("~/x")).names(),
              ElementsAre("/root/x"));
  EXPECT_THAT(sftp->call("home-directory", Packet().text("")).names(), ElementsAre("/root"));
  EXPECT_EQ(sftp->call("home-directory", Packet().text("nobody-there")).code(),
            StatusCode::kNoSuchFile);
  const auto ids = std::string(Packet().u32(0).u32(4'000'000).content());
  const auto names = sftp->call("users-groups-by-id@openssh.com", Packet().text(ids).text(ids));
  const auto expected = Packet().text("root").text("");
  const std::string list(expected.content());
  EXPECT_EQ(names.body, std::string(Packet().text(list).text(list).content()));
}

TEST_F(Sftp, CopiesFilesWithoutASize) {
  const auto source = sftp->open("/proc/self/status", kOpenRead);
  const auto target = sftp->open(in("copy"), kOpenWrite | kOpenCreate);
  EXPECT_EQ(sftp->call("copy-data", Packet().text(source).u64(0).u64(0).text(target).u64(0)).code(),
            StatusCode::kOk);
  EXPECT_THAT(content_of(folder / "copy"), HasSubstr("Uid:"));
}

TEST_F(Sftp, SaysThatTooManyFilesAreOpen) {
  put("file", "");
  SftpReply last;
  std::vector<std::string> handles;
  for (int i = 0; i < 70'000; ++i) {
    last = sftp->call(PacketType::kOpen, Packet().text(in("file")).u32(kOpenRead).u32(0));
    if (last.type != PacketType::kHandle) break;
    handles.push_back(last.text());
  }
  EXPECT_EQ(last.code(), StatusCode::kFailure);
  EXPECT_EQ(last.message(), "too many open files");
  EXPECT_EQ(sftp->call(PacketType::kClose, Packet().text(handles[0])).code(), StatusCode::kOk);
  EXPECT_EQ(sftp->call(PacketType::kClose, Packet().text(handles[0])).code(), StatusCode::kFailure);
  EXPECT_NE(sftp->open(in("file"), kOpenRead), "");
}

// More answers than every buffer on the way holds, before any is read.
TEST_F(Sftp, AnswersManyRequestsInFlightInOrder) {
  put("file", std::string(100'000, 'z'));
  const auto handle = sftp->open(in("file"), kOpenRead);
  guest->returns_credit = false;
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 200; ++i) {
    ids.push_back(sftp->send(PacketType::kRead, Packet().text(handle).u64(0).u32(100'000)));
  }
  for (int i = 0; i < 10'000; ++i) {
    ids.push_back(sftp->send(PacketType::kFstat, Packet().text(handle)));
  }
  guest->returns_credit = true;
  guest->send(FrameType::kWindowAdjust, sftp->stream(), WindowAdjust{64U << 20});
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto reply = sftp->answer(ids[i]);
    if (i < 200) {
      ASSERT_EQ(reply.type, PacketType::kData);
      ASSERT_EQ(reply.text().size(), 100'000U);
    } else {
      ASSERT_EQ(reply.type, PacketType::kAttrs);
    }
  }
}

}  // namespace
}  // namespace ssh2incus::test
