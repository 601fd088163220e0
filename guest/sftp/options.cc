// See options.h.
#include "guest/sftp/options.h"

#include <vector>

#include "guest/sftp/requests.h"

namespace ssh2incus::guest::sftp {
namespace {

// At blanks, except between quotes.
Result<std::vector<std::string>> words_of(std::string_view command) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char letter : command) {
    const bool blank = quote == 0 && (letter == ' ' || letter == '\t');
    if (blank) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote == 0 && (letter == '"' || letter == '\'')) {
      quote = letter;
    } else if (letter == quote) {
      quote = 0;
    } else {
      words.back() += letter;
    }
  }
  if (quote != 0) return fail("internal-sftp: a quote isn't closed");
  return words;
}

Result<std::string> with_tokens(std::string_view text, const Account& account) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const char token = ++i < text.size() ? text[i] : '\0';
    switch (token) {
      case '%': result += '%'; break;
      case 'u': result += account.name; break;
      case 'd':
      case 'h': result += account.home; break;
      default: return fail("internal-sftp: -d: only %u, %d, %h and %% are known");
    }
  }
  return result;
}

Result<mode_t> parse_umask(std::string_view text) {
  mode_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7' || value > 0777) return fail("internal-sftp: -u: no such umask");
    value = value * 8 + static_cast<mode_t>(digit - '0');
  }
  if (text.empty() || value > 0777) return fail("internal-sftp: -u: no such umask");
  return value;
}

Result<std::set<std::string>> parse_requests(std::string_view text) {
  std::set<std::string> names;
  while (true) {
    const auto comma = text.find(',');
    std::string name(text.substr(0, comma));
    if (!is_request_name(name))
      return fail("internal-sftp: there is no request named '" + name + "'");
    names.insert(std::move(name));
    if (comma == std::string_view::npos) return names;
    text.remove_prefix(comma + 1);
  }
}

Status apply(char option, const std::string& value, const Account& account, Options& options) {
  switch (option) {
    case 'd': options.start_directory = TRY(with_tokens(value, account)); break;
    case 'u': options.umask = TRY(parse_umask(value)); break;
    case 'p': options.allowed = TRY(parse_requests(value)); break;
    case 'P': options.denied = TRY(parse_requests(value)); break;
    default: break;  // -f and -l: the log is the host's business
  }
  return {};
}

}  // namespace

bool Options::permits(const std::string& request, bool writes) const {
  if (read_only && writes) return false;
  return !denied.contains(request) && (!allowed || allowed->contains(request));
}

Result<Options> parse_options(std::string_view command, const Account& account) {
  constexpr std::string_view kFlags = "Re";
  constexpr std::string_view kWithValue = "dupPfl";
  const auto words = TRY(words_of(command));
  Options options;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.size() < 2 || word[0] != '-')
      return fail("internal-sftp: '" + word + "' is no option");
    for (std::size_t j = 1; j < word.size(); ++j) {
      const char option = word[j];
      if (kFlags.find(option) != std::string_view::npos) {
        options.read_only |= option == 'R';
        continue;
      }
      if (kWithValue.find(option) == std::string_view::npos)
        return fail(std::string("internal-sftp: option -") + option + " isn't supported here");
      std::string value = word.substr(j + 1);
      if (value.empty()) {
        if (++i >= words.size())
          return fail(std::string("internal-sftp: option -") + option + " needs a value");
        value = words[i];
      }
      TRY(apply(option, value, account, options));
      break;
    }
  }
  return options;
}

}  // namespace ssh2incus::guest::sftp
