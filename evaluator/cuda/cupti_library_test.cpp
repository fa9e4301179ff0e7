#include "evaluator/cuda/cupti_library.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "evaluator/cuda/cupti.h"

namespace warpwright::cuda {
namespace {

TEST(CuptiLibrary, VersionsAreThoseOfTheToolkits) {
  EXPECT_EQ(cupti_version_text(130001), "13.0");
  EXPECT_EQ(cupti_version_text(130200), "13.2");
  EXPECT_EQ(cupti_version_text(26), "12.8");
  EXPECT_EQ(cupti_version_text(99), "API 99");
}

TEST(CuptiLibrary, AnOldDriverIsOfferedNoNewerCupti) {
  const auto has_13 = [](const std::vector<std::string>& candidates) {
    return std::any_of(candidates.begin(), candidates.end(),
                       [](const std::string& path) { return path.ends_with("libcupti.so.13"); });
  };
  EXPECT_TRUE(has_13(cupti_candidates(0)));
  EXPECT_TRUE(has_13(cupti_candidates(13000)));
  EXPECT_FALSE(has_13(cupti_candidates(12080)));
  EXPECT_FALSE(cupti_candidates(12080).empty());
}

TEST(CuptiLibrary, WhatIsMissingIsSaid) {
  const auto missing = ActivityTracer::open("/nowhere/libcupti.so.13");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nowhere/libcupti.so.13"), std::string::npos);
  const auto other = ActivityTracer::open("libm.so.6");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("libm.so.6 lacks cuptiGetVersion"), std::string::npos)
      << other.error().message;
}

TEST(CuptiLibrary, TheToolkitsOwnHasAllThatIsAskedOfIt) {
  for (const std::string& candidate : cupti_candidates(0)) {
    if (candidate.find("/cuda") == candidate.npos) continue;
    const auto library = CuptiLibrary::load(candidate, 0);
    ASSERT_TRUE(library) << library.error().message;
    EXPECT_NE(library->version, "");
    EXPECT_NE(library->describe_failure("cuptiActivityEnable", abi::kCuptiInsufficientPrivileges)
                  .find("NVreg_RestrictProfilingToAdminUsers=0"),
              std::string::npos);
    return;
  }
  GTEST_SKIP() << "no CUPTI here";
}

}  // namespace
}  // namespace warpwright::cuda
