// What Incus says about a file, properly and not; and which files are believed.
#include <gtest/gtest.h>

#include "gateway/incus_answer.h"

namespace ssh2incus {
namespace {

constexpr const char* kHead =
    "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-Incus-Gid: 7\r\nX-Incus-Mode: 0640\r\n"
    "X-Incus-Type: file\r\nX-Incus-Uid: 1000\r\n\r\n";

std::string changed(const std::string& from, const std::string& to) {
  std::string head = kHead;
  const auto at = head.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return head.replace(at, from.size(), to);
}

TEST(FileHead, IsReadWhateverTheCase) {
  for (const std::string& head : {std::string(kHead), changed("X-Incus-Uid", "x-incus-UID")}) {
    const auto facts = interpret_file_head(head);
    ASSERT_TRUE(facts.ok());
    EXPECT_EQ(*facts, (FileFacts{FileType::kFile, 1000, 0640, 12}));
  }
}

TEST(FileHead, KnowsTypes) {
  EXPECT_EQ(interpret_file_head(changed(": file", ": directory"))->type, FileType::kDirectory);
  EXPECT_EQ(interpret_file_head(changed(": file", ": symlink"))->type, FileType::kSymlink);
  EXPECT_EQ(interpret_file_head(changed(": file", ": fifo"))->type, FileType::kOther);
  EXPECT_FALSE(interpret_file_head(changed("Content-Length: 12\r\n", ""))->size.has_value());
}

TEST(FileHead, IsRefusedIfAnythingIsMissingTwiceOrNoNumber) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"X-Incus-Type: file\r\n", ""},
           {"X-Incus-Uid: 1000\r\n", ""},
           {"X-Incus-Mode: 0640\r\n", ""},
           {"X-Incus-Uid: 1000\r\n", "X-Incus-Uid: 0\r\nX-Incus-Uid: 1000\r\n"},
           {"X-Incus-Type: file\r\n", "X-Incus-Type: file\r\nX-INCUS-TYPE: file\r\n"},
           {"Uid: 1000", "Uid: -1"},
           {"Uid: 1000", "Uid: 4294967296"},
           {"Uid: 1000", "Uid: "},
           {"Uid: 1000", "Uid: 1000 0"},
           {"Mode: 0640", "Mode: 0680"},
           {"Mode: 0640", "Mode: rw"},
           {"Length: 12", "Length: -1"},
           {"Length: 12", "Length: 18446744073709551616"}}) {
    EXPECT_FALSE(interpret_file_head(changed(from, to)).ok()) << from << to;
  }
  EXPECT_FALSE(interpret_file_head("").ok());
}

TEST(TrustedFile, IsRegularOwnedAndClosedToOthers) {
  const FileFacts fine{FileType::kFile, 1000, 0644, 100};
  EXPECT_TRUE(check_trusted_file(fine, 1000, 100).ok());
  EXPECT_FALSE(check_trusted_file(fine, 1001, 100).ok());
  EXPECT_FALSE(check_trusted_file(fine, 0, 100).ok()) << "root's must be root's";
  EXPECT_FALSE(check_trusted_file(fine, 1000, 99).ok());
  EXPECT_TRUE(check_trusted_file({FileType::kFile, 0, 0600, 1}, 1000, 100).ok());
  EXPECT_FALSE(check_trusted_file({FileType::kFile, 1000, 0644, {}}, 1000, 100).ok());
  for (std::uint32_t mode = 0; mode < 01000; ++mode) {
    EXPECT_EQ(check_trusted_file({FileType::kFile, 1000, mode, 1}, 1000, 100).ok(),
              (mode & 022) == 0);
    EXPECT_EQ(check_trusted_directory({FileType::kDirectory, 0, mode, {}}, 1000).ok(),
              (mode & 022) == 0);
  }
  for (const FileType type : {FileType::kDirectory, FileType::kSymlink, FileType::kOther}) {
    EXPECT_FALSE(check_trusted_file({type, 1000, 0644, 1}, 1000, 100).ok());
  }
  for (const FileType type : {FileType::kFile, FileType::kSymlink, FileType::kOther}) {
    EXPECT_FALSE(check_trusted_directory({type, 1000, 0755, {}}, 1000).ok());
  }
}

}  // namespace
}  // namespace ssh2incus
