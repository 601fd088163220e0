# Keys (no privileges needed) and the attendant with all that it starts.
find_package(OpenSSL REQUIRED)
ssh2incus_library(ssh2incus_monitor_keys SOURCES
  host_key_file.cc host_keys.cc openssh_key.cc private_key.cc public_key.cc signature_verifier.cc
  LINK ssh2incus_policy ssh2incus_common OpenSSL::Crypto)
