# Warnings and hardening for everything of ours, as an interface target.
add_library(ssh2incus_flags INTERFACE)
target_include_directories(ssh2incus_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(ssh2incus_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-qual
  -Wformat=2 -Wnull-dereference -Werror
  -fstack-protector-strong -fstack-clash-protection -g)
# Against jumps to where no function begins; pointer authentication besides, where there is such a thing.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  target_compile_options(ssh2incus_flags INTERFACE -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  # Text is compared as on x86.
  target_compile_options(ssh2incus_flags INTERFACE -mbranch-protection=standard -fsigned-char)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Off: gcc 12 takes every moved std::optional<std::string> for uninitialised, and CLI11's strings
  # for null. clang, which builds everything too, has no such warnings.
  target_compile_options(ssh2incus_flags INTERFACE -ftrivial-auto-var-init=zero
    -Wno-maybe-uninitialized -Wno-error=null-dereference)
endif()
# Tests themselves are built without optimisation: see ssh2incus_test_headers().
set(is_test "$<$<BOOL:$<TARGET_PROPERTY:SSH2INCUS_TEST>>:")
set(optimised "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:SSH2INCUS_TEST>>>:")
if(SSH2INCUS_SANITIZE)
  target_compile_options(ssh2incus_flags INTERFACE ${optimised}-O1> ${is_test}-O0>
    -fno-omit-frame-pointer
    -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined -fno-sanitize=vptr
    -Wno-null-dereference)
  target_compile_definitions(ssh2incus_flags INTERFACE SSH2INCUS_SANITIZED)
  target_link_options(ssh2incus_flags INTERFACE -fsanitize=address,undefined)
else()
  target_compile_options(ssh2incus_flags INTERFACE ${optimised}-O2> ${is_test}-O0>
    -U_FORTIFY_SOURCE ${optimised}-D_FORTIFY_SOURCE=3> -D_GLIBCXX_ASSERTIONS)
  target_link_options(ssh2incus_flags INTERFACE
    -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed)
endif()
add_compile_definitions($<$<CONFIG:Release>:NDEBUG>)
