// Whether this is a build for finding mistakes: AddressSanitizer's runtime needs calls and memory
// that our processes must not have, so such builds, which are for unit tests alone, do without some
// walls, and the tests of those walls are left to the other builds.
#pragma once

namespace ssh2incus {

#ifdef SSH2INCUS_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace ssh2incus
