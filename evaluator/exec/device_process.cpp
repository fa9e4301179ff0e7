#include "evaluator/exec/device_process.h"

#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "evaluator/exec/device_protocol.h"
#include "evaluator/exec/sanitizer.h"
#include "src/base/log.h"

namespace warpwright::exec {
namespace {

// The environment is already an allow-list. No limit on the address space: the driver reserves more than the
// machine has; and none on time, which is the supervisor's watchdog's business.
void give_up_privileges() {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit no_core{0, 0};  // it would hold the inputs
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (std::getenv(kUnderSanitizer) == nullptr)
    ::syscall(SYS_close_range, static_cast<unsigned>(device::kArenaDescriptor) + 1, ~0u, 0);
}

// Replies go to a descriptor that nobody else knows: what the driver or a kernel's printf writes to stdout
// goes to the log.
UniqueFd take_stdout() {
  UniqueFd replies(::dup(STDOUT_FILENO));
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return replies;
}

}  // namespace

int device_process_main(const device::OpenEngine& open) {
  give_up_privileges();
  init_logging("device");
  const UniqueFd replies = take_stdout();
  const int code =
      device::serve_device(open, STDIN_FILENO, replies.get(), UniqueFd(device::kArenaDescriptor));
  // Past the destructors, the driver's too: a broken context may hang in them.
  ::_exit(code);
}

int device_process_main() {
  return device_process_main([] { return cuda::Engine::open(); });
}

}  // namespace warpwright::exec
