# Tests of monitor/parts.cmake. Those that need root skip themselves without it.
ssh2incus_program(report_process SOURCES report_process.cc LINK ssh2incus_common)
set_target_properties(report_process PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
ssh2incus_test(monitor_keys_test
  SOURCES certificate_check_test.cc host_keys_test.cc openssh_key_test.cc signature_verifier_test.cc
          security_key_signature_test.cc
  LINK ssh2incus_monitor_keys)
ssh2incus_test(attendant_test
  SOURCES account_check_test.cc attendant_sandbox_test.cc attendant_test.cc key_command_test.cc
  key_reader_certificate_test.cc key_reader_test.cc launcher_test.cc pam_conversation_test.cc
  strict_modes_test.cc
  LINK ssh2incus_attendant ssh2incus_monitor_keys)
if(TARGET attendant_test)
  add_dependencies(attendant_test report_process)
  target_compile_definitions(attendant_test PRIVATE
    REPORT_PROCESS="$<TARGET_FILE:report_process>")
endif()
