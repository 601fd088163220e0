// Header lines about a file of an instance.
#include <cstdlib>

#include "gateway/incus_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const std::string head(data, data + size);
  const auto facts = interpret_file_head(head);
  if (!facts.ok() || !check_trusted_file(*facts, 1000, 4096).ok()) return 0;
  if (facts->type != FileType::kFile || (facts->mode & 022U) != 0 || *facts->size > 4096)
    std::abort();
  return 0;
}
