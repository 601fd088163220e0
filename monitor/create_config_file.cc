// Includes are opened twice: by openat2(2), which knows whether the way leads out or over a
// symbolic link, and as strictly as a key file; it must be the same file.
#include "monitor/create_config_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "common/unique_fd.h"
#include "monitor/strict_modes.h"
#include "policy/create_plan.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMostIncluded = 1024UL * 1024;  // in all

std::string why_not_opened(int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR) return "no such file";
  if (error_number == EXDEV) return "the file isn't below this one's directory";
  if (error_number == ELOOP) return "symbolic links aren't followed";
  return system_error("open", error_number).message;
}

Result<UniqueFd> open_beneath(const UniqueFd& directory, const std::string& name) {
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  UniqueFd file(
      static_cast<int>(syscall(SYS_openat2, directory.get(), name.c_str(), &how, sizeof how)));
  if (!file.valid()) return fail(why_not_opened(errno));
  return file;
}

bool is_same_file(const UniqueFd& one, const UniqueFd& other) {
  struct stat a {};
  struct stat b {};
  return fstat(one.get(), &a) == 0 && fstat(other.get(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

Result<std::string> read_included(const std::string& directory, const std::string& name) {
  const UniqueFd root(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail(why_not_opened(errno));
  const UniqueFd beneath = TRY(open_beneath(root, name));
  const auto file = TRY(open_trusted_file({directory + "/" + name, 0, {}}));
  if (!file || !is_same_file(beneath, *file)) return fail("the file was exchanged meanwhile");
  return read_bounded(*file, kMaxIncludedFile);
}

IncludedFiles read_all_included(const std::string& path, const std::string& text) {
  const std::string directory = path.substr(0, path.rfind('/'));
  IncludedFiles files;
  std::size_t size = 0;
  for (const std::string& name : included_files(text)) {
    auto content = read_included(directory.empty() ? "/" : directory, name);
    if (content.ok()) size += content->size();
    if (size > kMostIncluded) content = fail("the included files are too large in all");
    files.emplace(name, std::move(content));
  }
  return files;
}

// Nothing if the file doesn't exist.
Result<std::optional<CreateConfig>> read_create_config(const std::string& path) {
  auto file = open_trusted_file({path, 0, {}});
  if (!file.ok()) return fail(path + ": " + file.error().message);
  if (!*file) return std::optional<CreateConfig>();
  const auto text = read_bounded(**file, kMaxConfigFile);
  if (!text.ok()) return fail(path + ": " + text.error().message);
  ParsedCreateConfig parsed = parse_create_config(*text, read_all_included(path, *text));
  std::string problems;
  for (const ConfigProblem& problem : parsed.problems)
    problems += (problems.empty() ? "" : "; ") + text_of(problem, path);
  if (!problems.empty()) return fail(problems);
  if (auto reason = why_never_created(parsed.config); !reason.empty())
    return fail(path + ": " + reason);
  return std::optional(std::move(parsed.config));
}

}  // namespace

Result<std::shared_ptr<const CreateConfig>> open_create_config(const ServerConfig& config,
                                                               const std::string& default_file) {
  const bool named = !config.create_config_file.empty();
  const std::string& path = named ? config.create_config_file : default_file;
  auto found = TRY(read_create_config(path));
  if (!found && named) return fail(path + ": no such file");
  return std::make_shared<const CreateConfig>(found ? std::move(*found) : built_in_create_config());
}

}  // namespace ssh2incus
