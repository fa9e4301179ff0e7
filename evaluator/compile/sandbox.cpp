#include "evaluator/compile/sandbox.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "src/base/unique_fd.h"

namespace warpwright::compile {
namespace {

// Landlock's kernel interface (Documentation/userspace-api/landlock.rst). Declared here because the headers
// of Debian 12 stop at version 2 of it.
struct LandlockRuleset {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // version 4
  uint64_t scoped;              // version 6
};
struct [[gnu::packed]] LandlockPathBeneath {
  uint64_t allowed_access;
  int32_t parent_fd;
};
constexpr long kSysCreateRuleset = 444, kSysAddRule = 445, kSysRestrictSelf = 446;
constexpr uint32_t kCreateRulesetVersion = 1;
constexpr int kRulePathBeneath = 1;
constexpr uint64_t kReadFile = 1u << 2, kReadDir = 1u << 3;

// Every file right that version `abi` knows: 13 at first, then refer, truncate, (network,) ioctl.
uint64_t all_file_rights(long abi) {
  if (abi >= 5) return (1u << 16) - 1;
  if (abi >= 3) return (1u << 15) - 1;
  if (abi == 2) return (1u << 14) - 1;
  return (1u << 13) - 1;
}

bool enter_landlock(const std::vector<std::string>& readable_folders) {
  const long abi = ::syscall(kSysCreateRuleset, nullptr, 0, kCreateRulesetVersion);
  if (abi < 1) return false;
  LandlockRuleset ruleset{all_file_rights(abi), abi >= 4 ? uint64_t{3} : 0, abi >= 6 ? uint64_t{3} : 0};
  const size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const UniqueFd fd(static_cast<int>(::syscall(kSysCreateRuleset, &ruleset, size, 0)));
  if (!fd) return false;
  for (const std::string& folder : readable_folders) {
    const UniqueFd folder_fd(::open(folder.c_str(), O_PATH | O_CLOEXEC));
    if (!folder_fd) continue;
    LandlockPathBeneath rule{kReadFile | kReadDir, folder_fd.get()};
    if (::syscall(kSysAddRule, fd.get(), kRulePathBeneath, &rule, 0) != 0) return false;
  }
  return ::syscall(kSysRestrictSelf, fd.get(), 0) == 0;
}

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

// Denied calls fail with EPERM; another architecture's numbering is killed. Threads are left: NVRTC may use
// them.
bool enter_seccomp() {
  constexpr std::array<uint32_t, 9> denied = {SYS_socket, SYS_connect,          SYS_bind,
                                              SYS_ptrace, SYS_execve,           SYS_execveat,
                                              SYS_kill,   SYS_process_vm_readv, SYS_process_vm_writev};
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
#if defined(__x86_64__)
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, denied.size() + 1, 0));  // the x32 numbers
#endif
  for (size_t index = 0; index < denied.size(); ++index) {
    const auto to_denial = static_cast<uint8_t>(denied.size() - index);
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denied[index], to_denial, 0));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

std::string enter_sandbox(const std::vector<std::string>& readable_folders) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "none";
  std::string enforced;
  if (enter_landlock(readable_folders)) enforced = "landlock";
  if (enter_seccomp()) enforced += enforced.empty() ? "seccomp" : ",seccomp";
  return enforced.empty() ? "none" : enforced;
}

}  // namespace warpwright::compile
