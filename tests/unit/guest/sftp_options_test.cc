// Options of a forced internal-sftp, and what a read-only or restricted server refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/internal_sftp.h"
#include "guest/sftp/options.h"

namespace ssh2incus::guest::sftp {
namespace {

using testing::HasSubstr;

const Account kAnn{"ann", 1000, 1000, "/home/ann", "/bin/sh", {1000}};

Options options_of(std::string_view command) {
  auto options = parse_options(command, kAnn);
  EXPECT_TRUE(options.ok()) << command << ": " << options.error().message;
  return options.ok() ? *options : Options{};
}

std::string refusal_of(std::string_view command) {
  const auto options = parse_options(command, kAnn);
  return options.ok() ? "none" : options.error().message;
}

TEST(InternalSftp, IsToldByItsFirstWord) {
  EXPECT_TRUE(is_internal_sftp("internal-sftp"));
  EXPECT_TRUE(is_internal_sftp("internal-sftp -R"));
  EXPECT_TRUE(is_internal_sftp("internal-sftp\t-R"));
  EXPECT_FALSE(is_internal_sftp("internal-sftpd"));
  EXPECT_FALSE(is_internal_sftp("/usr/bin/internal-sftp"));
  EXPECT_FALSE(is_internal_sftp(" internal-sftp"));
  EXPECT_FALSE(is_internal_sftp(""));
}

TEST(SftpOptions, AreNoneByDefault) {
  const auto options = options_of("internal-sftp");
  EXPECT_TRUE(options.permits("write", true));
  EXPECT_TRUE(options.start_directory.empty());
  EXPECT_FALSE(options.umask.has_value());
}

TEST(SftpOptions, MakeItReadOnly) {
  for (const char* command : {"internal-sftp -R", "internal-sftp -l INFO -R", "internal-sftp -eR",
                              "internal-sftp -f AUTH -R -u 077"}) {
    const auto options = options_of(command);
    EXPECT_TRUE(options.permits("read", false)) << command;
    EXPECT_FALSE(options.permits("write", true)) << command;
  }
}

TEST(SftpOptions, StartElsewhere) {
  EXPECT_EQ(options_of("internal-sftp -d /srv/%u").start_directory, "/srv/ann");
  EXPECT_EQ(options_of("internal-sftp -d%h/in").start_directory, "/home/ann/in");
  EXPECT_EQ(options_of("internal-sftp -d %d/100%%").start_directory, "/home/ann/100%");
  EXPECT_EQ(options_of("internal-sftp -d '/with blank' -R").start_directory, "/with blank");
  EXPECT_THAT(refusal_of("internal-sftp -d /%x"), HasSubstr("-d"));
  EXPECT_THAT(refusal_of("internal-sftp -d /%"), HasSubstr("-d"));
}

TEST(SftpOptions, SetTheUmask) {
  EXPECT_EQ(options_of("internal-sftp -u 0027").umask, mode_t{027});
  EXPECT_EQ(options_of("internal-sftp -u0").umask, mode_t{0});
  for (const char* bad : {"8", "x", "1000", "-1", "77777777777777777777", "''"}) {
    EXPECT_THAT(refusal_of(std::string("internal-sftp -u ") + bad), HasSubstr("umask")) << bad;
  }
}

TEST(SftpOptions, ListRequests) {
  const auto allowed = options_of("internal-sftp -p open,read,close,realpath,limits");
  EXPECT_TRUE(allowed.permits("read", false));
  EXPECT_TRUE(allowed.permits("limits", false));
  EXPECT_FALSE(allowed.permits("write", true));
  const auto denied = options_of("internal-sftp -P remove,posix-rename");
  EXPECT_FALSE(denied.permits("remove", true));
  EXPECT_FALSE(denied.permits("posix-rename", true));
  EXPECT_TRUE(denied.permits("rename", true));
  const auto both = options_of("internal-sftp -p open,read -P open");
  EXPECT_FALSE(both.permits("open", false));
  EXPECT_THAT(refusal_of("internal-sftp -p open,nonsense"), HasSubstr("'nonsense'"));
  EXPECT_THAT(refusal_of("internal-sftp -P open,"), HasSubstr("''"));
}

TEST(SftpOptions, AreRefusedByNameWhereUnknown) {
  EXPECT_THAT(refusal_of("internal-sftp -Q requests"), HasSubstr("-Q"));
  EXPECT_THAT(refusal_of("internal-sftp -Rx"), HasSubstr("-x"));
  EXPECT_THAT(refusal_of("internal-sftp word"), HasSubstr("'word'"));
  EXPECT_THAT(refusal_of("internal-sftp -"), HasSubstr("'-'"));
  EXPECT_THAT(refusal_of("internal-sftp -d"), HasSubstr("needs a value"));
  EXPECT_THAT(refusal_of("internal-sftp -d '/open"), HasSubstr("quote"));
}

}  // namespace
}  // namespace ssh2incus::guest::sftp
