// HEAD before GET: a FIFO, which looks like an empty file to Incus and would never end, and a
// sparse file of a terabyte are known before anything of them is asked for.
#include "gateway/instance_files.h"

#include <algorithm>

#include "common/limits.h"
#include "gateway/incus_answer.h"
#include "gateway/text.h"

namespace ssh2incus {
namespace {

constexpr long kNotFound = 404;
constexpr std::size_t kMaxErrorAnswer = 64UL * 1024;

Error about(const std::string& path, const Error& error) {
  return {cut_text(path) + ": " + error.message};
}

}  // namespace

Result<HttpReply> InstanceFiles::ask(const char* method, const std::string& path,
                                     std::size_t max_answer, const Patience& patience) {
  HttpRequest request{.method = method, .path = target_.path().part("files")};
  request.path.query("project", target_.project.str()).query("path", path);
  request.max_answer = std::max(max_answer, kMaxErrorAnswer);
  auto reply = client_.request(request, patience);
  if (!reply.ok()) return fail(reply.failure().text);
  if (!reply->ok() && reply->status != kNotFound) {
    return fail("Incus said: " + interpret_error(reply->status, reply->body));
  }
  return std::move(reply).value();
}

Result<std::optional<FileFacts>> InstanceFiles::look(const std::string& path,
                                                     const Patience& patience) {
  const HttpReply reply = TRY(ask("HEAD", path, 0, patience));
  if (reply.status == kNotFound) return std::optional<FileFacts>();
  return std::optional<FileFacts>(TRY(interpret_file_head(reply.head)));
}

Result<std::optional<std::string>> InstanceFiles::read(const FileDemand& demand,
                                                       const Patience& patience) {
  // Every directory is a shorter path.
  if (demand.path.size() >= limits::kMaxPath) return fail("a path is too long");
  const auto facts = look(demand.path, patience);
  if (!facts.ok()) return about(demand.path, facts.error());
  if (!*facts) return std::optional<std::string>();
  const Status trusted = check_trusted_file(**facts, demand.owner, demand.max_size);
  if (!trusted.ok()) return about(demand.path, trusted.error());
  for (const std::string& directory : demand.directories) {
    const auto found = look(directory, patience);
    if (!found.ok()) return about(directory, found.error());
    if (!*found) return std::optional<std::string>();
    const Status sound = check_trusted_directory(**found, demand.owner);
    if (!sound.ok()) return about(directory, sound.error());
  }
  if (*(*facts)->size == 0) return std::optional<std::string>(std::string());
  auto reply = ask("GET", demand.path, demand.max_size, patience);
  if (!reply.ok()) return about(demand.path, reply.error());
  if (reply->status == kNotFound) return std::optional<std::string>();
  // It may have been exchanged since.
  const auto now = interpret_file_head(reply->head);
  const Status still =
      now.ok() ? check_trusted_file(*now, demand.owner, demand.max_size) : Status(now.error());
  if (!still.ok()) return about(demand.path, still.error());
  return std::optional<std::string>(std::move(reply->body));
}

}  // namespace ssh2incus
