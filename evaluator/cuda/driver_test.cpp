#include "evaluator/cuda/driver.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace warpwright::cuda {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

TEST(Driver, AMissingLibraryIsNamedWithTheMend) {
  const auto driver = Driver::open("/nowhere/libcuda.so.1");
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().kind, ErrorKind::kInfrastructure);
  EXPECT_TRUE(contains(driver.error().message, "/nowhere/libcuda.so.1")) << driver.error().message;
  EXPECT_TRUE(contains(driver.error().message, "install NVIDIA's driver, or use --executor sim"))
      << driver.error().message;
}

TEST(Driver, TheEnvironmentNamesTheLibrary) {
  ASSERT_EQ(::setenv("WARPWRIGHT_LIBCUDA", "/chosen/libcuda.so", 1), 0);
  const auto driver = Driver::open();
  ::unsetenv("WARPWRIGHT_LIBCUDA");
  ASSERT_FALSE(driver);
  EXPECT_TRUE(contains(driver.error().message, "/chosen/libcuda.so")) << driver.error().message;
}

TEST(Driver, AnotherLibraryIsNoDriver) {
  const auto driver = Driver::open("libm.so.6");
  ASSERT_FALSE(driver);
  EXPECT_TRUE(contains(driver.error().message, "libm.so.6 is no CUDA driver")) << driver.error().message;
}

TEST(Driver, TheToolkitsStubIsRecognised) {
  std::string stub;
  for (const char* folder : {"lib64/stubs", "lib/stubs", "targets/x86_64-linux/lib/stubs"})
    if (const std::string path = std::string("/usr/local/cuda/") + folder + "/libcuda.so";
        std::filesystem::exists(path))
      stub = path;
  if (stub.empty()) GTEST_SKIP() << "no toolkit with stubs here";
  const auto driver = Driver::open(stub);
  ASSERT_FALSE(driver);
  EXPECT_TRUE(contains(driver.error().message, "stub")) << driver.error().message;
  EXPECT_TRUE(contains(driver.error().message, "LD_LIBRARY_PATH")) << driver.error().message;
  EXPECT_EQ(driver.error().message.find('\n'), std::string::npos);
}

TEST(Blame, WhatADeviceDoesIsTheCandidatesAndWhatTheMachineDoesIsNot) {
  const auto address = blame(700, "gdn<4>");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->kind, DeviceFault::Kind::kFault);
  EXPECT_EQ(address->cuda_error, 700);
  EXPECT_TRUE(address->message.starts_with("gdn<4>: CUDA_ERROR_ILLEGAL_ADDRESS (")) << address->message;

  const auto resources = blame(701, "gdn<4>");
  ASSERT_TRUE(resources);
  EXPECT_EQ(resources->kind, DeviceFault::Kind::kLaunch);

  for (const int machine : {2, 214, 999, 123456}) {
    const auto fault = blame(machine, "gdn<4>");
    ASSERT_FALSE(fault) << machine;
    EXPECT_EQ(fault.error().kind, ErrorKind::kInfrastructure);
  }
}

TEST(Blame, AnUnknownErrorCountsAsALostContextOfTheMachine) {
  EXPECT_TRUE(error_facts(123456).context_lost);
  EXPECT_EQ(describe_failure("cuX", 123456), "cuX: an unknown CUDA error (CUDA error 123456)");
}

}  // namespace
}  // namespace warpwright::cuda
