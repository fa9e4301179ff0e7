// What a hidden folder is to the program that it is hidden from, and to what that starts.
#include "src/base/confine.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/files.h"

namespace warpwright {
namespace {

namespace fs = std::filesystem;

class Confine : public ::testing::Test {
 protected:
  TempDirectory folder = TempDirectory::create("confine").value();
  fs::path seeds() const { return folder.path() / "home" / "seeds"; }
  void SetUp() override {
    ASSERT_TRUE(warpwright::create_directories(seeds()));
    ASSERT_TRUE(warpwright::create_directories(folder.path() / "work"));
    ASSERT_TRUE(write_file_atomic(seeds() / "plain.cu", "secret"));
    ASSERT_TRUE(write_file_atomic(folder.path() / "home" / "notes", "open"));
  }
  // Exit code of a shell command in a process from which the seeds are hidden.
  int shell(const std::string& command) const {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const Error error = exec_without({seeds()}, {"sh", "-c", command + " 2>/dev/null >&2"});
      ::_exit(error.message.find("Landlock") != std::string::npos ? 77 : 99);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
  }
  std::string at(const std::string& name) const { return (folder.path() / name).string(); }
};

TEST_F(Confine, NothingBelowAHiddenFolderIsOpenedByAnyWay) {
  if (shell("true") == 77) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_NE(shell("cat " + at("home/seeds/plain.cu")), 0);
  EXPECT_NE(shell("cd " + at("home/seeds") + " && cat plain.cu"), 0);
  EXPECT_NE(shell("ls " + at("home/seeds")), 0);
  EXPECT_NE(shell("ln -s " + at("home/seeds") + " " + at("work/link") + "; cat " + at("work/link/plain.cu")),
            0);
  EXPECT_NE(shell("ln " + at("home/seeds/plain.cu") + " " + at("work/copy") + "; cat " + at("work/copy")), 0);
  EXPECT_NE(shell("sh -c 'sh -c \"cat " + at("home/seeds/plain.cu") + "\"'"), 0);
}

TEST_F(Confine, WhatIsBesideStaysAsItWas) {
  if (shell("true") == 77) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_EQ(shell("cat " + at("home/notes")), 0);
  EXPECT_EQ(shell("echo new > " + at("work/new") + " && cat " + at("work/new")), 0);
  EXPECT_EQ(shell("ls / > /dev/null; date"), 0);
}

TEST_F(Confine, WhatIsMissingNeedNoHidingAndARootCannotBeHidden) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(exec_without({at("none")}, {"true"}).message.find("Landlock") != std::string::npos ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(exec_without({}, {}).message, "no program to start");
}

}  // namespace
}  // namespace warpwright
