# The headers that cost most and that most folders use, compiled once. The dev preset goes without, so that a missing include shows.
option(WARPWRIGHT_PRECOMPILE "Use a precompiled header" ON)
if(WARPWRIGHT_PRECOMPILE)
  add_library(precompiled STATIC ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
  # The macros must be those of its users: whatever base links.
  target_link_libraries(precompiled PUBLIC project_settings nlohmann_json::nlohmann_json fmt::fmt spdlog::spdlog OpenSSL::Crypto
    Threads::Threads PRIVATE project_warnings)
  target_precompile_headers(precompiled PRIVATE
    <nlohmann/json.hpp> <fmt/format.h> <filesystem> <functional> <map> <memory> <optional> <regex> <string> <vector>)
endif()
function(warpwright_precompile name)
  if(WARPWRIGHT_PRECOMPILE)
    target_precompile_headers(${name} REUSE_FROM precompiled)
  endif()
endfunction()

# warpwright_library(NAME [NO_PRECOMPILE] [LINK target...]): one library and one test program per folder.
#
# Sources are every *.cpp of the folder (and its subfolders); *_test.cpp go into NAME_test, which ctest runs as a whole.
# Link only downward (src/README.md): tests/layering fails on an include whose target is not linked here.
function(warpwright_library name)
  cmake_parse_arguments(ARG "NO_PRECOMPILE" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|/main\\.cpp$|/testdata/")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC project_settings ${ARG_LINK} PRIVATE project_warnings)
    if(NOT ARG_NO_PRECOMPILE)
      warpwright_precompile(${name})
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE project_settings ${ARG_LINK})
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} project_warnings GTest::gtest_main)
    if(NOT ARG_NO_PRECOMPILE)
      warpwright_precompile(${name}_test)
    endif()
    add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 170 ENVIRONMENT
      "WARPWRIGHT_HOME=${CMAKE_SOURCE_DIR};WARPWRIGHT_WORKER=${CMAKE_BINARY_DIR}/warpwright-worker")
  endif()
endfunction()
