// Which package manager, by os-release(5).
#include "guest/package_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ssh2incus::guest {
namespace {

using testing::Contains;
using testing::ElementsAre;

std::vector<std::string> programs_for(std::string_view os_release) {
  std::vector<std::string> names;
  for (const auto& manager : package_managers(os_release, "tmux")) names.push_back(manager.program);
  return names;
}

struct Case {
  const char* os_release;
  std::vector<std::string> programs;
};

class PackageManagers : public testing::TestWithParam<Case> {};

TEST_P(PackageManagers, FollowTheSystemsName) {
  EXPECT_EQ(programs_for(GetParam().os_release), GetParam().programs) << GetParam().os_release;
}

const std::vector<std::string> kApt = {"apt-get"};
const std::vector<std::string> kDnf = {"dnf", "microdnf", "yum"};
const std::vector<std::string> kNone = {};

INSTANTIATE_TEST_SUITE_P(
    Systems, PackageManagers,
    testing::Values(
        Case{"PRETTY_NAME=\"Debian GNU/Linux 12\"\nNAME=\"Debian GNU/Linux\"\nID=debian\n", kApt},
        Case{"NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n", kApt},
        Case{"ID=pop\nID_LIKE=\"ubuntu debian\"\n", kApt}, Case{"ID='debian'", kApt},
        Case{"ID=fedora\nVERSION_ID=42\n", kDnf},
        Case{"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", kDnf},
        Case{"ID=\"amzn\"\nID_LIKE=\"fedora\"\n", kDnf}, Case{"ID=nobara\nID_LIKE=fedora\n", kDnf},
        Case{"NAME=\"Alpine Linux\"\nID=alpine\n", {"apk"}},
        Case{"ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", {"zypper"}},
        Case{"ID=\"sles\"\n", {"zypper"}}, Case{"ID=arch\n", {"pacman"}},
        Case{"ID=endeavouros\nID_LIKE=arch\n", {"pacman"}},
        // The last line counts, as for a shell; line ends of other systems don't matter.
        Case{"ID=arch\nID=alpine\r\n", {"apk"}},
        // Not understood, or hostile.
        Case{"", kNone}, Case{"ID=\n", kNone}, Case{"ID=nixos\n", kNone},
        Case{"ID=debian;reboot\n", kNone}, Case{"XID=debian\nID_LIKEX=debian\n", kNone},
        Case{"ID_LIKE=\n# ID=debian\n", kNone}, Case{"ID=\"debian\n", kNone},
        Case{"ID=$(reboot)\nID_LIKE=`debian`\n", kNone}));

TEST(PackageManager, NothingIsAskedAndThePackageIsNamedLast) {
  const auto apt = package_managers("ID=debian\n", "screen").front();
  ASSERT_EQ(apt.steps.size(), 2U);
  EXPECT_EQ(apt.steps[0].back(), "update");
  EXPECT_THAT(apt.steps[1], Contains("-y"));
  for (const char* system : {"debian", "fedora", "alpine", "sles", "arch"}) {
    const auto managers = package_managers(std::string("ID=") + system, "screen");
    ASSERT_FALSE(managers.empty());
    for (const auto& manager : managers) EXPECT_EQ(manager.steps.back().back(), "screen");
  }
  EXPECT_THAT(package_managers("ID=alpine", "tmux").front().steps.front(),
              ElementsAre("add", "--no-cache", "tmux"));
  EXPECT_THAT(package_managers("ID=sles", "tmux").front().steps.front(),
              Contains("--non-interactive"));
  EXPECT_THAT(package_managers("ID=arch", "tmux").front().steps.front(), Contains("--noconfirm"));
}

}  // namespace
}  // namespace ssh2incus::guest
