# Settings and warnings as INTERFACE targets, so that only our own code is held to them.
option(WARPWRIGHT_WERROR "Treat warnings as errors (the dev preset does)" OFF)
# Most of the program waits; the folders that compute are HOT (cmake/Targets.cmake).
set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG")
option(WARPWRIGHT_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

add_library(project_settings INTERFACE)
# One include root: every include names its folder from the repository's root, which is what the layering test reads.
target_include_directories(project_settings INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(project_settings INTERFACE SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)

add_library(project_warnings INTERFACE)
target_compile_options(project_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Werror=switch-enum -Werror=return-type -Werror=unused-result -Wno-psabi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(project_warnings INTERFACE -Werror=suggest-override)
endif()
if(WARPWRIGHT_WERROR)
  target_compile_options(project_warnings INTERFACE -Werror)
endif()

if(WARPWRIGHT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
