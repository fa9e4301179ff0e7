#include "evaluator/compile/cache.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "src/base/files.h"
#include "src/base/hash.h"

namespace warpwright::compile {
namespace {

namespace fs = std::filesystem;

class CompileCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDirectory::create();
    ASSERT_TRUE(made);
    temporary_.emplace(std::move(*made));
    folder_ = temporary_->path() / "cache";
  }
  fs::path only_file() const {
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (entry.is_regular_file()) return entry.path();
    return {};
  }
  std::optional<TempDirectory> temporary_;
  fs::path folder_;
  const std::string key_ = sha256_hex("key");
};

TEST_F(CompileCacheTest, KeepsBytesAcrossObjects) {
  const std::string body("a\0b\n", 4);
  CompileCache(folder_, 1 << 20).put(key_, body);
  EXPECT_EQ(CompileCache(folder_, 1 << 20).get(key_), body);
  EXPECT_EQ(CompileCache(folder_, 1 << 20).get(sha256_hex("other")), std::nullopt);
}

TEST_F(CompileCacheTest, TruncatedOrCorruptEntryIsAbsentAndRemoved) {
  CompileCache cache(folder_, 1 << 20);
  for (const std::string& damage : {std::string(), std::string("short"), std::string(64, '0') + "body"}) {
    cache.put(key_, "body");
    const fs::path file = only_file();
    ASSERT_FALSE(file.empty());
    ASSERT_TRUE(write_file_atomic(file, damage));
    EXPECT_EQ(cache.get(key_), std::nullopt);
    EXPECT_FALSE(fs::exists(file));
  }
  cache.put(key_, "body");
  fs::resize_file(only_file(), 66);
  EXPECT_EQ(cache.get(key_), std::nullopt);
  cache.put(key_, "body");
  EXPECT_EQ(cache.get(key_), "body");
}

TEST_F(CompileCacheTest, LongestUnreadGoFirst) {
  CompileCache cache(folder_, 10'000);
  const std::string body(1000, 'x');
  const std::string old = sha256_hex("old"), read = sha256_hex("read");
  cache.put(old, body);
  cache.put(read, body);
  const auto yesterday = fs::file_time_type::clock::now() - std::chrono::hours(24);
  for (const auto& entry : fs::recursive_directory_iterator(folder_))
    if (entry.is_regular_file()) fs::last_write_time(entry.path(), yesterday);
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(cache.get(read));
    cache.put(sha256_hex(std::to_string(i)), body);
  }
  EXPECT_FALSE(cache.get(old));
  EXPECT_TRUE(cache.get(read));
  EXPECT_TRUE(cache.get(sha256_hex("7")));
}

TEST_F(CompileCacheTest, FolderThatCannotBeMadeWarnsOnce) {
  ASSERT_TRUE(write_file_atomic(temporary_->path() / "cache", "a file where the folder should be"));
  CompileCache cache(folder_, 1 << 20);
  EXPECT_EQ(cache.get(key_), std::nullopt);
  cache.put(key_, "body");
  EXPECT_NE(cache.take_warning().find("compile results are not kept: cannot create folder"),
            std::string::npos);
  cache.put(key_, "body");
  EXPECT_EQ(cache.take_warning(), "");
}

TEST_F(CompileCacheTest, ConcurrentWritersLeaveWholeEntries) {
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer)
    writers.emplace_back([&, writer] {
      CompileCache cache(folder_, 1 << 20);
      for (int i = 0; i < 10; ++i) {
        cache.put(key_, std::string(5000, static_cast<char>('a' + writer)));
        const auto seen = cache.get(key_);
        ASSERT_TRUE(seen);
        EXPECT_EQ(*seen, std::string(5000, seen->front()));
      }
    });
  for (std::thread& writer : writers) writer.join();
}

}  // namespace
}  // namespace warpwright::compile
