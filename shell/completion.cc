// See completion.h.
#include "shell/completion.h"

#include <algorithm>
#include <array>

#include "shell/command_line.h"

namespace ssh2incus::shell {
namespace {

constexpr std::size_t kMaxCompletions = 1000;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < kMaxCompletions) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line = line.substr(0, line.find('\t'));
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

// Words go into the line and onto the terminal as they are.
bool is_word(const std::string& word) {
  return std::ranges::all_of(word, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && !(byte >= 0x80 && byte < 0xa0);
  });
}

bool has_instance(const std::string& command) {
  constexpr std::array<std::string_view, 17> kCommands = {
      "config", "console", "copy",   "delete",  "exec",   "export",   "file",  "info", "move",
      "pause",  "publish", "rename", "restart", "resume", "snapshot", "start", "stop"};
  return std::ranges::find(kCommands, command) != kCommands.end();
}

}  // namespace

std::vector<std::string> parse_completions(std::string_view output) {
  std::vector<std::string> words = lines_of(output);
  std::erase_if(words,
                [](const std::string& word) { return word.starts_with(':') || !is_word(word); });
  return words;
}

std::string common_beginning(const std::vector<std::string>& words) {
  if (words.empty()) return {};
  std::string common = words.front();
  for (const std::string& word : words) {
    const auto differ = std::ranges::mismatch(common, word);
    common.erase(differ.in1, common.end());
  }
  return common;
}

std::vector<std::string> completions(std::string_view line, const AskIncus& ask) {
  UnfinishedLine unfinished = split_unfinished(line);
  if (!unfinished.words.empty() && unfinished.words.front() == "incus")
    unfinished.words.erase(unfinished.words.begin());
  std::vector<std::string> arguments = {"__complete"};
  arguments.insert(arguments.end(), unfinished.words.begin(), unfinished.words.end());
  arguments.push_back(unfinished.last);
  std::vector<std::string> found;
  if (const auto output = ask(arguments); output.ok()) found = parse_completions(*output);
  if (!unfinished.words.empty() && has_instance(unfinished.words.front()) &&
      !unfinished.last.starts_with('-')) {
    if (const auto output = ask({"list", "--format", "csv", "--columns", "n"}); output.ok()) {
      for (std::string& name : parse_completions(*output)) found.push_back(std::move(name));
    }
  }
  std::erase_if(found, [&](const std::string& word) { return !word.starts_with(unfinished.last); });
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace ssh2incus::shell
