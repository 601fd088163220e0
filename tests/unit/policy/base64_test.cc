// Base64, by RFC 4648's examples and by what other decoders let pass.
#include "policy/base64.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

TEST(Base64, CodesBothWays) {
  struct Row {
    const char* plain;
    const char* coded;
  };
  const Row rows[] = {{"", ""},
                      {"f", "Zg=="},
                      {"fo", "Zm8="},
                      {"foo", "Zm9v"},
                      {"foob", "Zm9vYg=="},
                      {"fooba", "Zm9vYmE="},
                      {"foobar", "Zm9vYmFy"},
                      {"\xff\xfe\xfd", "//79"},
                      {"\xfb\xef\xbe", "++++"}};
  for (const Row& row : rows) {
    EXPECT_EQ(encode_base64(bytes_of(row.plain)), row.coded);
    EXPECT_EQ(decode_base64(row.coded), bytes_of(row.plain)) << row.coded;
  }
}

TEST(Base64, RefusesEverythingElse) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Zh==", "Zm9=", "Zm9v ", " Zm9v",
                           "Zm\n9v", "Zm9-", "Zm9_", "Zg==Zg==", "Z=g=", "Zm9v\n"}) {
    EXPECT_FALSE(decode_base64(text)) << text;
  }
}

}  // namespace
}  // namespace ssh2incus
