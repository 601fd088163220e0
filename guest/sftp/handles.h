// What the client has open, by the handles that it was given.
#pragma once

#include <dirent.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/unique_fd.h"

namespace ssh2incus::guest::sftp {

struct OpenFile {
  UniqueFd file;  // invalid: a directory
  std::unique_ptr<DIR, int (*)(DIR*)> directory{nullptr, closedir};
  bool append = false;
};

class Handles {
 public:
  explicit Handles(std::size_t most) : most_(most) {}

  [[nodiscard]] bool full() const { return open_ >= most_; }
  [[nodiscard]] std::size_t most() const { return most_; }
  // Not if full().
  std::string add(OpenFile file);
  // Null: no such handle.
  OpenFile* find(std::string_view handle);
  OpenFile* find_file(std::string_view handle);
  OpenFile* find_directory(std::string_view handle);
  // The error number of close(2); none: no such handle.
  std::optional<int> close(std::string_view handle);

 private:
  std::vector<std::unique_ptr<OpenFile>> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t open_ = 0;
  std::size_t most_;
};

}  // namespace ssh2incus::guest::sftp
