// Any line of the Incus shell: what is split can be quoted and split again to the same words.
#include "common/check.h"
#include "shell/command_line.h"
#include "shell/completion.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto words = shell::split_line(line);
  if (words.ok()) {
    std::string again;
    for (const std::string& word : *words) again += shell::quoted_word(word) + " ";
    const auto second = shell::split_line(again);
    CHECK(second.ok() && *second == *words);
    const auto unfinished = shell::split_unfinished(line);
    CHECK(unfinished.words.size() + 1 >= words->size());
  }
  for (const std::string& word : shell::parse_completions(line)) {
    CHECK(!word.empty() && word.find('\x1b') == std::string::npos);
  }
  const auto found = shell::completions(line, [&](const std::vector<std::string>&) {
    return Result<std::string>(std::string(line));
  });
  const std::string common = shell::common_beginning(found);
  for (const std::string& word : found) CHECK(word.starts_with(common));
  return 0;
}
