// What supervisor and device process say to one another: one JSON line per command on the device process's
// stdin, one per reply on its stdout, strictly in turn. The operations are those of cuda::Engine
// (cuda/engine.h).
//
// Bulk bytes (images, contents of buffers) go through an arena of shared memory (exec/arena.h) that the
// device process has as descriptor 3; each command says how large the arena is by then. A command's bytes lie
// at its beginning, and so do a reply's.
//
// Decoding is strict on both sides: a line that is not exactly a command or a reply is an error, never a
// crash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "evaluator/cuda/engine.h"
#include "evaluator/cuda/work.h"
#include "src/base/result.h"

namespace warpwright::exec::device {

inline constexpr int kProtocolVersion = 1;
inline constexpr size_t kMaxLineBytes = size_t{64} << 20;
inline constexpr int kArenaDescriptor = 3;

// --- commands; ids and indices as in cuda::Engine ---

struct Hello {};  // opens the device
struct OpenProgram {
  int id = 0;
  std::vector<uint64_t> image_bytes;  // the images lie in the arena, one after the other
  std::vector<cuda::FunctionName> functions;
};
struct ReloadProgram {
  int id = 0;
};
struct CloseProgram {
  int id = 0;
};
struct OpenBuffers {
  int id = 0;
  std::vector<cuda::BufferSpec> buffers;
  cuda::GuardKind guards = cuda::GuardKind::kZones;
  uint64_t seed = 0;
};
struct WriteBuffer {
  int buffers = 0, index = 0;
  uint64_t bytes = 0;  // in the arena
};
struct ReadBuffer {
  int buffers = 0, index = 0;
  uint64_t bytes = 0;  // to the arena
};
struct CloseBuffers {
  int id = 0;
};
struct Call {
  int program = 0, buffers = 0;
  cuda::CallWork work;
  cuda::CallPolicy policy;
};
struct OpenSampler {
  int id = 0;
  cuda::SamplerSpec spec;
};
struct WriteVersion {
  int sampler = 0, version = 0, input = 0;
  uint64_t bytes = 0;  // in the arena
};
struct Take {
  int sampler = 0;
  std::vector<cuda::Shot> shots;
};
struct ReadKept {
  int sampler = 0, shot = 0, index = 0;
  uint64_t bytes = 0;  // to the arena
};
struct CloseSampler {
  int id = 0;
};
using Command =
    std::variant<Hello, OpenProgram, ReloadProgram, CloseProgram, OpenBuffers, WriteBuffer, ReadBuffer,
                 CloseBuffers, Call, OpenSampler, WriteVersion, Take, ReadKept, CloseSampler>;
std::string_view name_of(const Command& command);  // "open_program"

struct CommandLine {
  uint64_t number = 0;  // counts up; the reply repeats it
  uint64_t arena_bytes = 0;
  Command command;
};

// --- replies ---

struct Done {};  // to commands without a result, and where the result lies in the arena
struct Greeting {
  int protocol = kProtocolVersion;
  cuda::DeviceFacts facts;
};
struct ProgramOpened {
  std::optional<cuda::DeviceFault> fault;
  std::vector<cuda::FunctionInfo> functions;
};
struct CallDone {
  std::vector<cuda::DeviceFault> faults;
};
struct SamplerOpened {
  cuda::SamplerInfo info;
};
struct Taken {
  std::optional<cuda::DeviceFault> fault;
  std::vector<cuda::Sample> samples;
};
struct Refused {  // the machine's failure: the engine's Result error
  std::string message;
};
using Reply = std::variant<Done, Greeting, ProgramOpened, CallDone, SamplerOpened, Taken, Refused>;

struct ReplyLine {
  uint64_t number = 0;
  Reply reply;
};

// One line each, with its newline.
std::string encode(const CommandLine& line);
std::string encode(const ReplyLine& line);
Result<CommandLine> decode_command(std::string_view line);
Result<ReplyLine> decode_reply(std::string_view line);

// What a process that may be corrupt says, fit for a report: one line, printable, at most 600 bytes.
std::string clean_text(std::string_view text);

}  // namespace warpwright::exec::device
