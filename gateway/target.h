// The instance that one grant is about: what a request to Incus names, and what messages call it.
#pragma once

#include <string>

#include "common/names.h"
#include "gateway/incus_client.h"

namespace ssh2incus {

struct Target {
  InstanceName instance;
  ProjectName project;

  [[nodiscard]] ApiPath path() const { return ApiPath().part("instances").part(instance.str()); }
  [[nodiscard]] std::string text() const { return "instance " + instance.str(); }
};

}  // namespace ssh2incus
