#include "evaluator/compile/sandbox.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "evaluator/compile/testing.h"
#include "src/base/files.h"

namespace warpwright::compile {
namespace {

// As a kernel before 5.13 answers: no such call.
void hide_landlock() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 444, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 447, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(filter), filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    ::_exit(77);
}

TEST(SandboxDeathTest, KeepsFilesSocketsAndProgramsOut) {
  auto folder = TempDirectory::create();
  ASSERT_TRUE(folder);
  ASSERT_TRUE(write_file_atomic(folder->path() / "readable", "x"));
  const std::string inside = (folder->path() / "readable").string(),
                    fresh = (folder->path() / "new").string();
  auto run = [&] {
    const std::string enforced = enter_sandbox({folder->path().string()});
    int faults = 0;
    if (enforced.find("landlock") != std::string::npos) {
      faults |= ::open("/etc/passwd", O_RDONLY) < 0 ? 0 : 1;
      faults |= ::open(inside.c_str(), O_RDONLY) >= 0 ? 0 : 2;
      faults |= ::open(inside.c_str(), O_WRONLY) < 0 ? 0 : 4;
      faults |= ::open(fresh.c_str(), O_WRONLY | O_CREAT, 0600) < 0 ? 0 : 8;
    }
    if (enforced.find("seccomp") != std::string::npos) {
      faults |= ::socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM ? 0 : 16;
      char name[] = "/bin/true";
      char* argv[] = {name, nullptr};
      ::execv(name, argv);
      faults |= errno == EPERM ? 0 : 32;
    }
    ::_exit(faults);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

TEST(SandboxDeathTest, KernelWithoutLandlockCompilesAndSaysSo) {
  REQUIRE_TOOLKIT();
  auto run = [] {
    hide_landlock();
    auto compiler = Compiler::create(test_options());
    auto outcome = compiler->compile(one_unit("__global__ void f(int* p) { *p = 1; }", {"f"}));
    const bool good = outcome && outcome->program() != nullptr && outcome->sandbox == "seccomp" &&
                      outcome->warning.find("no Landlock") != std::string::npos;
    ::_exit(good ? 0 : 1);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace warpwright::compile
