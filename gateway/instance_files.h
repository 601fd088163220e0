// Reads files of an instance through Incus, whether it runs or not, and only those that may be
// believed. Whoever has written them may be hostile: sizes are looked at first, times are limited.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "gateway/incus_client.h"
#include "gateway/target.h"
#include "policy/trusted_file.h"

namespace ssh2incus {

// What is asked of a file: see check_trusted_file() and check_trusted_directory().
struct FileDemand {
  std::string path;
  std::uint32_t owner = 0;
  std::vector<std::string> directories;  // in which it lies, checked too
  std::size_t max_size = 0;
};

class InstanceFiles {
 public:
  InstanceFiles(IncusClient& client, Target target) : client_(client), target_(std::move(target)) {}

  // Nothing if there is no such file. Errors are for the log and name the path.
  Result<std::optional<std::string>> read(const FileDemand& demand, const Patience& patience);

 private:
  Result<HttpReply> ask(const char* method, const std::string& path, std::size_t max_answer,
                        const Patience& patience);
  Result<std::optional<FileFacts>> look(const std::string& path, const Patience& patience);

  IncusClient& client_;
  Target target_;
};

}  // namespace ssh2incus
