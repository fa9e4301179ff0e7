#include "evaluator/ptx/locations.h"

#include <gtest/gtest.h>

namespace warpwright::ptx {
namespace {

constexpr int kUser = 1, kHeader = 2;

void expect_at(const SourceLocation& location, int file, int line) {
  EXPECT_EQ(location.file, file);
  EXPECT_EQ(location.line, line);
}

// As NVRTC writes them for a __device__ function of the user that calls the toolkit's bf16 conversions.
TEST(Locations, LibraryCodeBelongsToTheUsersLineThatCalledIt) {
  Locations locations;
  expect_at(locations.add({kUser, 7, 3}), kUser, 7);
  expect_at(locations.add({kUser, 3, 31}, {kUser, 7, 3}), kUser, 3);
  expect_at(locations.add({kHeader, 636, 5}, {kUser, 3, 31}), kUser, 3);
  expect_at(locations.add({kHeader, 307, 1}, {kHeader, 636, 5}), kUser, 3);
  expect_at(locations.add({kUser, 8, 3}), kUser, 8);
  expect_at(locations.add({kHeader, 636, 5}, {kUser, 8, 3}), kUser, 8);
  expect_at(locations.add({kHeader, 307, 1}, {kHeader, 636, 5}), kUser, 8);
}

TEST(Locations, AKernelOfAHeaderIsItsOwnUser) {
  Locations locations;
  expect_at(locations.add({kHeader, 10, 1}), kHeader, 10);
  expect_at(locations.add({kHeader, 40, 1}, {kHeader, 10, 1}), kHeader, 40);
}

TEST(Locations, AnUnknownCallerIsTakenAtItsWord) {
  Locations locations;
  expect_at(locations.add({kHeader, 40, 1}, {kUser, 5, 9}), kUser, 5);
}

TEST(Locations, AreReadFromTheText) {
  const auto module = parse(R"(.version 8.8
.target sm_100a
.address_size 64
.visible .entry k()
{
 .loc 1 7 3
 .loc 2 636 5, function_name $L__info_string2, inlined_at 1 7 3
 ret;
}
.file 1 "k.cu"
.file 2 "/usr/include/h.hpp"
)");
  ASSERT_TRUE(module) << module.error().message;
  expect_at(module->functions.at(0).code.at(0).source, kUser, 7);
}

}  // namespace
}  // namespace warpwright::ptx
