# The headers that cost most and that most folders use, compiled once. The dev preset goes without, so that a missing include shows.
option(WARPWRIGHT_PRECOMPILE "Use a precompiled header" ON)
if(WARPWRIGHT_PRECOMPILE)
  set(precompiled_headers
    <nlohmann/json.hpp> <fmt/format.h> <filesystem> <functional> <map> <memory> <optional> <regex> <string> <vector>)
  # The macros must be those of its users: whatever base links.
  set(precompiled_links nlohmann_json::nlohmann_json fmt::fmt spdlog::spdlog OpenSSL::Crypto Threads::Threads)
  foreach(owner precompiled precompiled_tests)
    add_library(${owner} STATIC EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
    target_link_libraries(${owner} PUBLIC project_settings ${precompiled_links} PRIVATE project_warnings)
  endforeach()
  target_precompile_headers(precompiled PRIVATE ${precompiled_headers})
  target_link_libraries(precompiled_tests PUBLIC GTest::gtest)
  target_precompile_headers(precompiled_tests PRIVATE ${precompiled_headers} <gtest/gtest.h>)
endif()
function(warpwright_precompile name owner)
  if(WARPWRIGHT_PRECOMPILE)
    target_precompile_headers(${name} REUSE_FROM ${owner})
  endif()
endfunction()

# warpwright_library(NAME [HOT] [LINK target...]): one library and one test program per folder. HOT folders are where the
# evaluator spends its time: compiled with -O2 in release.
#
# Sources are every *.cpp of the folder (and its subfolders); *_test.cpp go into NAME_test, which ctest runs as a whole.
# Link only downward (src/README.md): tests/layering fails on an include whose target is not linked here.
function(warpwright_library name)
  cmake_parse_arguments(ARG "HOT" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|/main\\.cpp$|/testdata/")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC project_settings ${ARG_LINK} PRIVATE project_warnings)
    if(NOT ARG_HOT)
      warpwright_precompile(${name} precompiled)
    elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
      target_compile_options(${name} PRIVATE -O2)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE project_settings ${ARG_LINK})
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} project_warnings GTest::gtest_main)
    warpwright_precompile(${name}_test precompiled_tests)
    add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 170 ENVIRONMENT
      "WARPWRIGHT_HOME=${CMAKE_SOURCE_DIR};WARPWRIGHT_WORKER=${CMAKE_BINARY_DIR}/warpwright-worker")
  endif()
endfunction()
