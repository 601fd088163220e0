// Key files that may be trusted, and all those that may not.
#include "monitor/strict_modes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

constexpr uid_t kUser = 54321;
constexpr uid_t kOther = 54322;

class StrictModes : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    chmod(top_.path().c_str(), 0755);
    make_directory("home", kUser, 0750);
    make_directory("home/.ssh", kUser, 0700);
    make_file("home/.ssh/keys", kUser, 0600);
  }
  void make_directory(const std::string& name, uid_t owner, mode_t mode) {
    mkdir(top_.path(name).c_str(), mode);
    set(name, owner, mode);
  }
  void make_file(const std::string& name, uid_t owner, mode_t mode) {
    top_.write(name, "content");
    set(name, owner, mode);
  }
  void set(const std::string& name, uid_t owner, mode_t mode) {
    ASSERT_EQ(lchown(top_.path(name).c_str(), owner, 0), 0);
    ASSERT_EQ(chmod(top_.path(name).c_str(), mode), 0);
  }
  void link(const std::string& target, const std::string& name) {
    ASSERT_EQ(symlink(target.c_str(), top_.path(name).c_str()), 0);
  }
  // "" if opened, "absent" if there is none, else the reason.
  std::string verdict(const std::string& name, const std::string& home = "home") {
    const auto file = open_trusted_file({top_.path(name), kUser, top_.path(home)});
    if (!file.ok()) return file.error().message;
    if (!*file) return "absent";
    const auto content = read_bounded(**file, 100);
    EXPECT_TRUE(content.ok());
    EXPECT_EQ(*content, "content");
    return "";
  }
  std::string keys() { return verdict("home/.ssh/keys"); }

  TemporaryDirectory top_;
};

TEST_F(StrictModes, OpensTheUsersOwnFile) { EXPECT_EQ(keys(), ""); }

TEST_F(StrictModes, OpensRootsFile) {
  set("home/.ssh/keys", 0, 0644);
  EXPECT_EQ(keys(), "");
}

TEST_F(StrictModes, FindsNothingWhereNothingIs) {
  EXPECT_EQ(verdict("home/.ssh/other"), "absent");
  EXPECT_EQ(verdict("nowhere/.ssh/keys", "nowhere"), "absent");
  EXPECT_EQ(verdict("home/.ssh/keys/below"), "absent");
  link("gone", "home/.ssh/dangling");
  EXPECT_EQ(verdict("home/.ssh/dangling"), "absent");
}

TEST_F(StrictModes, RefusesFilesThatOthersCanWrite) {
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    set("home/.ssh/keys", kUser, mode);
    EXPECT_THAT(keys(), testing::HasSubstr("the file can be written by others")) << mode;
  }
}

TEST_F(StrictModes, RefusesForeignOwners) {
  set("home/.ssh/keys", kOther, 0644);
  EXPECT_THAT(keys(), testing::HasSubstr("the file belongs to neither"));
  set("home/.ssh/keys", kUser, 0600);
  set("home/.ssh", kOther, 0755);
  EXPECT_THAT(keys(), testing::HasSubstr("home/.ssh belongs to neither"));
  set("home/.ssh", kUser, 0700);
  set("home", kOther, 0755);
  EXPECT_THAT(keys(), testing::HasSubstr("home belongs to neither"));
}

TEST_F(StrictModes, RefusesDirectoriesThatOthersCanWrite) {
  for (const mode_t mode : {0770U, 0707U, 01777U}) {
    set("home/.ssh", kUser, mode);
    EXPECT_THAT(keys(), testing::HasSubstr("home/.ssh can be written by others")) << mode;
    set("home/.ssh", kUser, 0700);
    set("home", kUser, mode);
    EXPECT_THAT(keys(), testing::HasSubstr("home can be written by others")) << mode;
    set("home", kUser, 0750);
  }
}

TEST_F(StrictModes, LooksNoHigherThanTheHome) {
  chmod(top_.path().c_str(), 0777);
  EXPECT_EQ(keys(), "");
  EXPECT_THAT(verdict("home/.ssh/keys", "elsewhere"), testing::HasSubstr("can be written"));
}

TEST_F(StrictModes, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(mkfifo(top_.path("home/.ssh/fifo").c_str(), 0600), 0);
  EXPECT_EQ(verdict("home/.ssh/fifo"), "not a regular file");
  EXPECT_EQ(verdict("home/.ssh"), "not a regular file");
  if (mknod(top_.path("home/.ssh/null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0) {
    EXPECT_EQ(verdict("home/.ssh/null"), "not a regular file");
  }
  link("/dev/zero", "home/.ssh/zero");
  EXPECT_EQ(verdict("home/.ssh/zero"), "not a regular file");
}

TEST_F(StrictModes, FollowsSymlinksToTrustedPlacesOnly) {
  link("keys", "home/.ssh/link");
  EXPECT_EQ(verdict("home/.ssh/link"), "");
  make_directory("away", kUser, 0755);
  make_file("away/keys", kUser, 0600);
  link(top_.path("away/keys"), "home/.ssh/away");
  // Outside the home everything up to the root counts, and /tmp is writable by all.
  EXPECT_THAT(verdict("home/.ssh/away"), testing::HasSubstr("/tmp can be written by others"));
  link("../../away/keys", "home/.ssh/relative");
  EXPECT_THAT(verdict("home/.ssh/relative"), testing::HasSubstr("/tmp can be written by others"));
  link("../.ssh/../.ssh/keys", "home/.ssh/round");
  EXPECT_EQ(verdict("home/.ssh/round"), "");
}

TEST_F(StrictModes, RefusesEndlessSymlinks) {
  link("loop", "home/.ssh/loop");
  EXPECT_EQ(verdict("home/.ssh/loop"), "too many symlinks");
}

TEST_F(StrictModes, AcceptsAHomeThatIsASymlink) {
  link("home", "alias");
  EXPECT_EQ(verdict("alias/.ssh/keys", "alias"), "");
  set("home", kUser, 0770);
  EXPECT_THAT(verdict("alias/.ssh/keys", "alias"), testing::HasSubstr("can be written by others"));
}

TEST_F(StrictModes, RefusesRelativePaths) {
  EXPECT_FALSE(open_trusted_file({"etc/passwd", 0, ""}).ok());
  EXPECT_FALSE(open_trusted_file({"", 0, ""}).ok());
}

TEST_F(StrictModes, ChecksEverythingUpToTheRootForSystemFiles) {
  const auto file = open_trusted_file({"/etc/hostname", kUser, ""});
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_TRUE(file->has_value());
}

TEST_F(StrictModes, ReadsNoMoreThanAllowed) {
  const UniqueFd zero(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(read_bounded(zero, 100'000).ok());
}

}  // namespace
}  // namespace ssh2incus
