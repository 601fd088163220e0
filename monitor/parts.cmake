# Keys (no privileges needed) and the attendant with all that it starts.
find_package(OpenSSL REQUIRED)
ssh2incus_library(ssh2incus_monitor_keys SOURCES
  certificate_check.cc host_key_file.cc host_keys.cc openssh_key.cc private_key.cc public_key.cc signature_verifier.cc
  LINK ssh2incus_policy ssh2incus_common OpenSSL::Crypto)
ssh2incus_library(ssh2incus_attendant SOURCES
  account_check.cc attendant.cc attendant_client.cc attendant_session.cc capabilities.cc
  child_task.cc gateway_launcher.cc host_lookup.cc key_command.cc key_reader.cc key_search.cc
  key_sources.cc pam_conversation.cc pam_transaction.cc program.cc sessiond_launcher.cc
  shell_launch.cc shell_starter.cc
  strict_modes.cc system_users.cc trusted_cas.cc
  LINK ssh2incus_policy ssh2incus_common pam)
