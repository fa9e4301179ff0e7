#include "evaluator/exec/gpu_lock.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <thread>

#include "src/base/files.h"
#include "src/base/subprocess.h"

namespace warpwright::exec {
namespace {

// Another process that has the lock until it is killed.
Subprocess other_holder(const std::filesystem::path& folder, const std::string& kind) {
  SubprocessOptions options;
  options.argv = {std::filesystem::read_symlink("/proc/self/exe"), "hold-lock", folder.string(), kind};
  auto process = Subprocess::start(options).value();
  pollfd held{process.stdout_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&held, 1, 30'000), 1);
  return process;
}

class GpuLockTest : public ::testing::Test {
 protected:
  TempDirectory folder_ = TempDirectory::create().value();
  GpuLock lock_ = GpuLock::open(folder_.path() / "cache", "GPU-test").value();
  std::filesystem::path path() const { return folder_.path() / "cache"; }
};

TEST_F(GpuLockTest, ATimingExcludesEverybodyElse) {
  const auto other = other_holder(path(), "exclusive");
  const auto shared = lock_.share(30), alone = lock_.exclude(30);
  ASSERT_FALSE(shared);
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(alone.error().message.find("process " + std::to_string(other.pid())), std::string::npos)
      << alone.error().message;
}

TEST_F(GpuLockTest, ChecksShareTheGpu) {
  const auto other = other_holder(path(), "shared");
  EXPECT_TRUE(lock_.share(10'000));
  EXPECT_FALSE(lock_.exclude(30));
}

TEST_F(GpuLockTest, TheLockDiesWithItsHolder) {
  auto other = other_holder(path(), "exclusive");
  ASSERT_FALSE(lock_.share(10));
  other.kill_group();
  other.wait();
  EXPECT_TRUE(lock_.exclude(10'000));
}

TEST_F(GpuLockTest, WhoWaitsAloneIsNotOvertaken) {
  const auto reader = other_holder(path(), "shared");
  SubprocessOptions options;
  options.argv = {std::filesystem::read_symlink("/proc/self/exe"), "hold-lock", path().string(), "exclusive"};
  const auto writer = Subprocess::start(options).value();
  // As soon as the writer waits, another reader has to queue behind it.
  bool queued = false;
  for (int tries = 0; tries < 2000 && !queued; ++tries) {
    queued = !lock_.share(5);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(queued);
}

TEST_F(GpuLockTest, AHoldEndsWithItsScope) {
  { const auto hold = lock_.exclude(1000); }
  const auto other = other_holder(path(), "exclusive");
  EXPECT_FALSE(lock_.share(10));
}

TEST_F(GpuLockTest, AStrangeUuidIsStillAFileOfTheFolder) {
  ASSERT_TRUE(GpuLock::open(path(), "../../etc/passwd\n"));
  ASSERT_TRUE(GpuLock::open(path(), ""));
  EXPECT_EQ(list_files(path(), ".lock").size(), 3u);
}

}  // namespace
}  // namespace warpwright::exec
