#include "src/base/confine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "src/base/unique_fd.h"

namespace warpwright {
namespace {

namespace fs = std::filesystem;

// Landlock's kernel interface (Documentation/userspace-api/landlock.rst), version 1 of it: files.
struct Ruleset {
  uint64_t handled_access_fs;
};
struct [[gnu::packed]] PathBeneath {
  uint64_t allowed_access;
  int32_t parent_fd;
};
constexpr long kSysCreateRuleset = 444, kSysAddRule = 445, kSysRestrictSelf = 446;
constexpr uint32_t kCreateRulesetVersion = 1;
constexpr int kRulePathBeneath = 1;
constexpr uint64_t kAllRights = (1u << 13) - 1;
constexpr uint64_t kRightsOfFiles = 7;  // execute, write, read: what a rule on a plain file may allow

tl::unexpected<Error> failure(const std::string& what) {
  return infrastructure_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<void> allow(int ruleset, const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || S_ISLNK(info.st_mode))
    return {};  // its target has a rule of its own
  PathBeneath rule{S_ISDIR(info.st_mode) ? kAllRights : kRightsOfFiles, fd.get()};
  if (::syscall(kSysAddRule, ruleset, kRulePathBeneath, &rule, 0) != 0) return failure(path.string());
  return {};
}

// Landlock only allows: so everything beside the way to a hidden folder is.
Result<void> allow_all_beside(int ruleset, const std::set<fs::path>& ways, const std::set<fs::path>& hidden) {
  for (const fs::path& way : ways) {
    if (hidden.contains(way)) continue;
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator(way, fs::directory_options::skip_permission_denied, error))
      if (!ways.contains(entry.path())) TRY(allow(ruleset, entry.path()));
  }
  return {};
}

}  // namespace

Result<void> hide_folders(const std::vector<fs::path>& folders) {
  if (::syscall(kSysCreateRuleset, nullptr, 0, kCreateRulesetVersion) < 1)
    return infrastructure_error("this kernel has no Landlock (Linux 5.13 or newer, enabled at boot)");
  std::set<fs::path> hidden, ways;
  for (const fs::path& folder : folders) {
    std::error_code error;
    const fs::path whole = fs::canonical(folder, error);
    if (error) continue;  // what is not there need not be hidden
    if (whole == whole.root_path()) return usage_error("the root folder cannot be hidden");
    hidden.insert(whole);
    for (fs::path way = whole;; way = way.parent_path()) {
      ways.insert(way);
      if (way == way.root_path()) break;
    }
  }
  if (hidden.empty()) return {};
  const Ruleset rules{kAllRights};
  const UniqueFd ruleset(static_cast<int>(::syscall(kSysCreateRuleset, &rules, sizeof rules, 0)));
  if (!ruleset) return failure("Landlock");
  TRY(allow_all_beside(ruleset.get(), ways, hidden));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("no_new_privs");
  if (::syscall(kSysRestrictSelf, ruleset.get(), 0) != 0) return failure("Landlock");
  return {};
}

Error exec_without(const std::vector<fs::path>& folders, const std::vector<std::string>& argv) {
  if (argv.empty()) return Error{ErrorKind::kUsage, "no program to start"};
  if (auto hidden = hide_folders(folders); !hidden) return hidden.error();
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return Error{ErrorKind::kUsage, fmt::format("{}: {}", argv[0], std::strerror(errno))};
}

}  // namespace warpwright
