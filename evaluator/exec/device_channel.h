// The supervisor's end of a device process: one command, one reply, within a deadline. Whatever else happens,
// the process is killed and gone, and the channel says what it saw.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "evaluator/exec/arena.h"
#include "evaluator/exec/device_protocol.h"
#include "src/base/result.h"
#include "src/base/subprocess.h"

namespace warpwright::exec::device {

// Why there is no reply, and no process any more.
struct Loss {
  enum class Cause {
    kDied,     // it ended by itself: a crash in the driver, or the machine ran out of memory
    kTimeout,  // killed at the deadline
    kGarbled,  // killed because what it said is not the protocol
  };
  Cause cause = Cause::kDied;
  std::string message;  // one line
};

struct ProcessOptions {
  std::vector<std::string> argv;                       // "warpwright-worker device-process"
  std::map<std::string, std::string> set_environment;  // beside what the driver and its libraries need
};

class Channel {
 public:
  static Result<std::unique_ptr<Channel>> start(const ProcessOptions& options);
  ~Channel();

  bool alive();  // false too if it has ended by itself
  // Bytes for the next command, or of the last reply. Grow first.
  Arena& arena() { return arena_; }
  // REQUIRES: alive(), just now.
  tl::expected<Reply, Loss> exchange(const Command& command, int64_t deadline_ms);
  // The process's own words are not to be had: it is killed. REQUIRES: not lost.
  Loss garbled(std::string what);
  void end();  // kills it
  // False: a process that was killed is still there; a driver that does not let go of it.
  bool all_gone() const;

 private:
  Channel(Arena arena, Subprocess process);
  tl::expected<std::string, Loss> transfer(std::string_view line, int64_t deadline_ms);
  std::optional<Loss> read_reply(std::string& reply);
  Loss died();
  void drain_stderr();
  ExitStatus stop(int64_t patience_ms);

  Arena arena_;
  std::unique_ptr<Subprocess> process_;
  uint64_t number_ = 0;
  std::string last_words_, unfinished_;  // of its stderr
  int logged_lines_ = 0;
};

}  // namespace warpwright::exec::device
