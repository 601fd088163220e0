// Any bytes as any message: what decodes encodes to the same bytes.
#include <algorithm>

#include "common/check.h"
#include "tests/unit/common/all_messages.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  const auto try_message = [&](const auto& example) {
    const auto value = ipc::decode<std::decay_t<decltype(example)>>(bytes);
    if (value.ok()) CHECK(std::ranges::equal(ipc::encode(*value), bytes));
  };
  const auto try_structure = [&](const auto& example) {
    const auto value = ipc::decode_fields<std::decay_t<decltype(example)>>(bytes);
    if (value.ok()) CHECK(std::ranges::equal(ipc::encode_fields(*value), bytes));
  };
  test::for_each_type<test::SessionMessages>(try_message);
  test::for_each_type<test::GatewayMessages>(try_message);
  test::for_each_type<test::GuestStructures>(try_structure);
  return 0;
}
