// Any line of authorized_principals: a principal is one word, and no line of an authority.
#include "common/check.h"
#include "policy/principals.h"
#include "policy/ssh_wire.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = parse_principals_line(as_text({data, size}));
  if (!line.ok() || !*line) return 0;
  CHECK(!(*line)->name.empty());
  CHECK((*line)->name.find_first_of(" \t\n") == std::string::npos);
  CHECK(!(evaluate_key((*line)->options, {}).ok() && (*line)->options.cert_authority));
  return 0;
}
