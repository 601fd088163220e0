# ssh2incus_library(NAME SOURCES... LINK LIBS...): a static library of one folder.
# ssh2incus_program(NAME SOURCES... LINK LIBS...): a program (position independent).
# ssh2incus_test(NAME SOURCES... LINK LIBS...): a GoogleTest program, its tests found by ctest.
# ssh2incus_fuzz(NAME SOURCE LINK LIBS...): a libFuzzer target; corpus in the folder NAME beside it.
function(ssh2incus_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE ssh2incus_flags)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

function(ssh2incus_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} ssh2incus_flags)
  target_link_options(${name} PRIVATE -pie)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# What every test includes, compiled once; tests are compiled without optimisation, which halves the
# time that they take to build.
function(ssh2incus_test_headers)
  if(TARGET ssh2incus_test_headers)
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/test_headers.cc "")
  add_library(ssh2incus_test_headers STATIC ${CMAKE_BINARY_DIR}/test_headers.cc)
  target_link_libraries(ssh2incus_test_headers PRIVATE ssh2incus_flags GTest::gmock GTest::gtest)
  set_target_properties(ssh2incus_test_headers PROPERTIES SSH2INCUS_TEST ON)
  target_compile_options(ssh2incus_test_headers PRIVATE -fPIE
    $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(ssh2incus_test_headers PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <algorithm> <array> <chrono> <filesystem> <fstream> <functional>
    <map> <memory> <optional> <set> <span> <string> <string_view> <thread> <vector>)
endfunction()

function(ssh2incus_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  find_package(GTest REQUIRED)
  ssh2incus_test_headers()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} ssh2incus_flags GTest::gmock GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES SSH2INCUS_TEST ON)
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${name} REUSE_FROM ssh2incus_test_headers)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${name} TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60)
endfunction()

function(ssh2incus_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  if(NOT SSH2INCUS_SANITIZE)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} ssh2incus_flags)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()
