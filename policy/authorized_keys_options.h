// The options field of an authorized_keys line. Fed by files that users write.
#pragma once

#include <string_view>

#include "policy/authorized_keys.h"

namespace ssh2incus {

// How many characters of text are options: up to the first blank outside quotes.
Result<std::size_t> key_options_length(std::string_view text);
// The options themselves, without anything after them.
Result<KeyOptions> parse_key_options(std::string_view text);

}  // namespace ssh2incus
