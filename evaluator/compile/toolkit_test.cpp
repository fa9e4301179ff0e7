#include "evaluator/compile/toolkit.h"

#include <gtest/gtest.h>

#include <optional>

#include "src/base/files.h"

namespace warpwright::compile {
namespace {

namespace fs = std::filesystem;

// Trees of empty files in the layouts that toolkits come in.
class FindToolkit : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDirectory::create();
    ASSERT_TRUE(made);
    temporary_.emplace(std::move(*made));
    root_ = fs::canonical(temporary_->path());
  }
  void touch(const fs::path& file) {
    ASSERT_TRUE(warpwright::create_directories((root_ / file).parent_path()));
    ASSERT_TRUE(write_file_atomic(root_ / file, ""));
  }
  void add_libraries(const fs::path& folder, const std::string& version) {
    touch(folder / ("libnvrtc.so." + version.substr(0, version.find('.'))));
    touch(folder / ("libnvrtc-builtins.so." + version));
  }
  void add_headers(const fs::path& runtime, const fs::path& crt, const fs::path& cccl) {
    for (const char* header : {"cuda_bf16.h", "cuda_fp8.h", "cooperative_groups.h"}) touch(runtime / header);
    touch(crt / "crt/mma.h");
    touch(cccl / "cuda/std/cstdint");
  }
  void add_classic(const fs::path& folder, const std::string& version) {
    add_libraries(folder / "lib64", version);
    add_headers(folder / "include", folder / "include", folder / "include/cccl");
  }
  Result<Toolkit> find(const std::vector<fs::path>& roots) {
    CudaSearch search;
    for (const fs::path& root : roots) search.roots.push_back({root_ / root, "test"});
    return find_toolkit(search);
  }
  std::optional<TempDirectory> temporary_;
  fs::path root_;
};

TEST_F(FindToolkit, ClassicTree) {
  add_classic("cuda", "13.0");
  fs::create_symlink("libnvrtc.so.13", root_ / "cuda/lib64/libnvrtc.so");
  const auto toolkit = find({"cuda"});
  ASSERT_TRUE(toolkit) << toolkit.error().message;
  EXPECT_EQ(toolkit->nvrtc_library, root_ / "cuda/lib64/libnvrtc.so.13");
  EXPECT_EQ(toolkit->version.text(), "13.0");
  EXPECT_EQ(toolkit->include_dirs,
            (std::vector<fs::path>{root_ / "cuda/include", root_ / "cuda/include/cccl"}));
}

TEST_F(FindToolkit, WheelsOfCuda13ShareOneFolder) {
  add_libraries("nvidia/cu13/lib", "13.5");
  const fs::path include = "nvidia/cu13/include";
  add_headers(include, include, include / "cccl");
  const auto toolkit = find({"nvidia"});
  ASSERT_TRUE(toolkit) << toolkit.error().message;
  EXPECT_EQ(toolkit->include_dirs, (std::vector<fs::path>{root_ / include, root_ / include / "cccl"}));
}

TEST_F(FindToolkit, WheelsOfCuda12HaveOneFolderEach) {
  add_libraries("nvidia/cuda_nvrtc/lib", "12.9");
  add_headers("nvidia/cuda_runtime/include", "nvidia/cuda_nvcc/include", "nvidia/cuda_cccl/include");
  const auto toolkit = find({"nvidia"});
  ASSERT_TRUE(toolkit) << toolkit.error().message;
  EXPECT_EQ(toolkit->version, (NvrtcVersion{12, 9}));
  EXPECT_EQ(toolkit->include_dirs.size(), 3u);
}

TEST_F(FindToolkit, FirstUsableRootWinsAndFaultsAreNamed) {
  add_classic("old", "12.4");
  add_classic("headless", "13.0");
  fs::remove_all(root_ / "headless/include/cccl");
  add_libraries("torn/lib64", "13.0");
  fs::remove(root_ / "torn/lib64/libnvrtc-builtins.so.13.0");
  const auto nothing = find({"old", "headless", "torn", "absent"});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::kInfrastructure);
  for (const char* words :
       {"old (test): NVRTC 12.4 is too old, 12.8 is needed", "the header cuda/std/cstdint is not",
        "libnvrtc-builtins.so is missing", "absent (test): no such folder", "get-cuda-wheels.sh"})
    EXPECT_NE(nothing.error().message.find(words), std::string::npos) << words << " in\n"
                                                                      << nothing.error().message;
  add_classic("good", "12.8");
  add_classic("better", "13.1");
  const auto toolkit = find({"old", "good", "better"});
  ASSERT_TRUE(toolkit);
  EXPECT_EQ(toolkit->version.text(), "12.8");
}

TEST_F(FindToolkit, StampChangesWithAnyHeader) {
  add_classic("cuda", "13.0");
  const auto toolkit = find({"cuda"});
  ASSERT_TRUE(toolkit);
  const std::string before = toolkit_stamp(*toolkit);
  EXPECT_EQ(toolkit_stamp(*toolkit), before);
  ASSERT_TRUE(write_file_atomic(root_ / "cuda/include/cccl/cuda/std/cstdint", "changed"));
  EXPECT_NE(toolkit_stamp(*toolkit), before);
}

TEST(CudaSearch, TakesTheEnvironmentFirst) {
  const char* old = std::getenv("CUDA_HOME");
  const std::string kept = old != nullptr ? old : "";
  ::setenv("CUDA_HOME", "/my/cuda", 1);
  EXPECT_EQ(CudaSearch::from_environment().roots.at(0).path, "/my/cuda");
  old != nullptr ? ::setenv("CUDA_HOME", kept.c_str(), 1) : ::unsetenv("CUDA_HOME");
}

}  // namespace
}  // namespace warpwright::compile
