// A key looked for in the text of authorized_keys files, line by line. Users write the text; what a
// line says is judged as everywhere (policy/authorized_keys.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/authorized_keys.h"

namespace ssh2incus {

class AuthorizedKeysSearch {
 public:
  struct Found {
    KeyGrant grant;
    std::string file;
    std::uint32_t line = 0;
  };

  AuthorizedKeysSearch(const Bytes& key_blob, const Circumstances& circumstances)
      : key_blob_(key_blob), circumstances_(circumstances) {}

  // Does nothing once a line has been found. file: how the text is called.
  void search(std::string_view text, const std::string& file);
  void add_reason(const std::string& where, const std::string& reason);

  [[nodiscard]] const std::optional<Found>& found() const { return found_; }
  // Why malformed lines, and lines with this key, don't count: the first few.
  [[nodiscard]] const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  void search_line(std::string_view line, const std::string& file, std::uint32_t number);

  const Bytes& key_blob_;
  const Circumstances& circumstances_;
  std::optional<Found> found_;
  std::vector<std::string> reasons_;
  std::size_t malformed_ = 0;
};

}  // namespace ssh2incus
