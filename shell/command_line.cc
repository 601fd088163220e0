// See command_line.h.
#include "shell/command_line.h"

#include <algorithm>

namespace ssh2incus::shell {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Characters that need no quotes.
bool is_plain(char c) {
  constexpr std::string_view kPlain = "-_./:=,@%+~^";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kPlain.find(c) != std::string_view::npos || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

class Splitter {
 public:
  void take(char c) {
    if (escaped_) {
      if (quote_ == '"' && c != '"' && c != '\\') word_ += '\\';
      word_ += c;
      escaped_ = false;
    } else if (c == '\\' && quote_ != '\'') {
      escaped_ = in_word_ = true;
    } else if (quote_ != '\0') {
      if (c == quote_) {
        quote_ = '\0';
      } else {
        word_ += c;
      }
    } else if (c == '\'' || c == '"') {
      quote_ = c;
      in_word_ = true;
    } else if (is_blank(c)) {
      end_word();
    } else {
      word_ += c;
      in_word_ = true;
    }
  }
  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }
  [[nodiscard]] bool is_open() const { return escaped_ || quote_ != '\0'; }
  std::vector<std::string>& words() { return words_; }
  std::string& word() { return word_; }

 private:
  std::vector<std::string> words_;
  std::string word_;
  bool in_word_ = false;
  bool escaped_ = false;
  char quote_ = '\0';
};

}  // namespace

Result<std::vector<std::string>> split_line(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) return fail("the line holds a NUL byte");
  Splitter splitter;
  for (const char c : line) splitter.take(c);
  if (splitter.is_open()) return fail("a quote or a backslash has no end");
  splitter.end_word();
  if (splitter.words().size() > kMaxWords) return fail("too many words");
  return std::move(splitter.words());
}

UnfinishedLine split_unfinished(std::string_view line) {
  Splitter splitter;
  for (const char c : line) {
    if (c != '\0') splitter.take(c);
  }
  return {std::move(splitter.words()), std::move(splitter.word())};
}

std::string quoted_word(std::string_view word) {
  if (!word.empty() && std::ranges::all_of(word, is_plain)) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace ssh2incus::shell
