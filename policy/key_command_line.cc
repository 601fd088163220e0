// Splitting and expanding, nothing else: no shell has a say in it.
#include "policy/key_command_line.h"

#include <array>
#include <utility>

#include "common/limits.h"

namespace ssh2incus {
namespace {

struct Token {
  char letter;
  std::string KeyCommandTokens::*value;
};
constexpr std::array<Token, 6> kTokens = {{{'u', &KeyCommandTokens::user},
                                           {'h', &KeyCommandTokens::home},
                                           {'U', &KeyCommandTokens::uid},
                                           {'t', &KeyCommandTokens::key_type},
                                           {'k', &KeyCommandTokens::key},
                                           {'f', &KeyCommandTokens::fingerprint}}};

const Token* find_token(char letter) {
  for (const Token& token : kTokens) {
    if (token.letter == letter) return &token;
  }
  return nullptr;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Takes a word off the front of text, which doesn't start with a blank.
Result<std::string> take_word(std::string_view& text) {
  std::string word;
  char quote = 0;
  while (!text.empty() && (quote != 0 || !is_blank(text.front()))) {
    const char c = text.front();
    text.remove_prefix(1);
    const char next = text.empty() ? '\0' : text.front();
    if (c == '\\' && (next == '\'' || next == '"' || next == '\\' || (next == ' ' && quote == 0))) {
      word += next;
      text.remove_prefix(1);
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else {
      word += c;
    }
  }
  if (quote != 0) return fail("a quote isn't closed");
  return word;
}

Status check_tokens(std::string_view word) {
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') continue;
    ++i;
    if (i == word.size()) return fail("a '%' at the end of a word stands for nothing (%% is one)");
    if (word[i] != '%' && find_token(word[i]) == nullptr) {
      return fail(std::string("there is no token %") + word[i]);
    }
  }
  return {};
}

std::string expanded_word(std::string_view word, const KeyCommandTokens& tokens) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      out += word[i];
      continue;
    }
    const Token* token = find_token(word[++i]);
    out += token != nullptr ? tokens.*token->value : "%";
  }
  return out;
}

}  // namespace

Result<KeyCommandLine> KeyCommandLine::parse(std::string_view text) {
  if (text.size() > limits::kMaxPath) return fail("is too long");
  if (text.find_first_of(std::string_view("\0\n", 2)) != std::string_view::npos) {
    return fail("has a NUL or a line feed");
  }
  std::vector<std::string> words;
  for (;;) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    if (text.empty()) break;
    words.push_back(TRY(take_word(text)));
  }
  if (words.empty()) return fail("names no program");
  if (!words.front().starts_with('/')) {
    return fail("'" + words.front() + "' is not an absolute path");
  }
  for (std::size_t i = 1; i < words.size(); ++i) TRY(check_tokens(words[i]));
  return KeyCommandLine(std::move(words));
}

std::vector<std::string> KeyCommandLine::expanded(const KeyCommandTokens& tokens) const {
  std::vector<std::string> out = {program()};
  for (std::size_t i = 1; i < words_.size(); ++i) out.push_back(expanded_word(words_[i], tokens));
  if (out.size() == 1) out.push_back(tokens.user);
  return out;
}

}  // namespace ssh2incus
