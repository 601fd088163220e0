// Any bytes as Incus's list of instances, or as one of them: what is taken from it fits its message
// and one line.
#include "common/check.h"
#include "common/escape.h"
#include "common/names.h"
#include "gateway/inventory_answer.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto list = interpret_instance_list(body, {"env"}); list.ok()) {
    for (const auto& instance : *list) {
      CHECK(InstanceName::parse(*instance.instance).ok());
      CHECK(ProjectName::parse(*instance.project).ok());
      CHECK(escaped(*instance.state) == *instance.state);
    }
  }
  if (const auto examined = interpret_examined(body, {"env"}); examined.ok()) {
    CHECK(escaped(*examined->facts.description) == *examined->facts.description);
    CHECK(escaped(*examined->facts.created) == *examined->facts.created);
  }
  return 0;
}
