// What a device process is asked to do, as plain data: programs, buffers, calls and timed shots. Nothing here
// knows plans or definitions; evaluator/exec lowers a bound plan to this, and carries it across the process
// border (exec/device_protocol.h).
//
// Ids are the caller's. All sizes and offsets are bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace warpwright::cuda {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

// --- programs ---

struct FunctionName {
  int image = 0;  // index into ProgramImages::images
  std::string symbol;
};
struct ProgramImages {
  std::vector<std::string> images;  // each a cubin (ELF), or PTX text that the driver compiles
  std::vector<FunctionName> functions;
};
struct FunctionInfo {
  int registers = 0;  // per thread
  int static_shared_bytes = 0, local_bytes = 0, max_threads_per_block = 0;
};

// --- buffers ---

enum class BufferRole { kInput, kOutput, kWorkspace, kSelfClean };
struct BufferSpec {
  std::string name;  // for messages
  BufferRole role = BufferRole::kInput;
  uint64_t bytes = 0;
};
// What lies beside a buffer.
//   kZones     at least 64 KiB of secret pattern on both sides, read back after every checked call
//   kUnmapped  the buffer ends at an unmapped page (virtual memory API): an overrun faults at once
enum class GuardKind { kZones, kUnmapped };

// What outputs and workspaces hold before a call; kRandom differs each time.
enum class Fill { kNan, kFinite, kRandom };

// --- one call of the operator ---

struct BufferRef {
  int buffer = 0;  // index into the buffers the call runs on
  int64_t offset = 0;
};
struct TensorMap {  // CUtensorMap, tiled mode; enumerations by their CUDA values
  BufferRef base;
  int data_type = 0;
  std::vector<uint64_t> dims, strides_bytes;  // strides_bytes has one entry less than dims
  std::vector<uint32_t> box, element_strides;
  int interleave = 0, swizzle = 0, l2_promotion = 0, oob_fill = 0;
};
struct Launch {
  int function = 0;   // index into ProgramImages::functions
  std::string label;  // for messages: "split<16>"
  Dim3 grid, block;
  uint32_t dynamic_shared_bytes = 0;
  std::optional<Dim3> cluster;
  bool programmatic_dependent = false, cooperative = false;
  std::optional<int> carveout_percent;
  // The parameter block; the places below are filled in by the device process. A null pointer is no patch.
  std::vector<std::byte> parameters;
  struct Pointer {
    uint64_t offset = 0;
    BufferRef target;
  };
  struct Map {
    uint64_t offset = 0;
    int tensor_map = 0;
  };
  std::vector<Pointer> pointers;
  std::vector<Map> maps;  // copied in, 128 bytes each
};
struct Memset {
  BufferRef target;
  uint8_t value = 0;
  uint64_t bytes = 0;
};
struct Copy {
  BufferRef target, source;
  uint64_t bytes = 0;
};
using Operation = std::variant<Launch, Memset, Copy>;
struct CallWork {
  std::vector<TensorMap> tensor_maps;
  std::vector<Operation> operations;
};

// What the device or a guard found wrong with a call.
struct DeviceFault {
  enum class Kind {
    kFault,        // the context is lost: illegal address, misaligned, trap, ...
    kLaunch,       // a launch was refused (out of resources, cooperative grid too large, ...); context intact
    kGuardBroken,  // guard zone overwritten
    kInputModified,
    kSelfCleanBroken,  // a self-clean workspace is not zero after a timed call
    kTimeout,          // the watchdog's; the process was killed
  };
  Kind kind = Kind::kFault;
  int cuda_error = 0;   // CUresult, 0 if there is none
  std::string message;  // one line: "gdn_decode<4, 2>: CUDA_ERROR_ILLEGAL_ADDRESS (...)"
  int shot = -1;        // of a batch of timed shots: the one it was seen in; -1: not known
};

// Faults are data: T or what the candidate did.
template <class T>
struct Outcome {
  std::optional<DeviceFault> fault;
  T value = {};
};

// --- timed shots ---

enum class TimingProfile { kContest, kStrict };

// A timed call: which contender, on which version of the inputs' contents.
struct Shot {
  int contender = 0;
  int version = 0;
  bool keep_outputs = false;  // for a check of what was timed
};

struct Sample {
  double span_us = 0;    // CUPTI: first start to last end of the call's kernels, copies and memsets; 0: none
  double events_us = 0;  // CUDA events around the same region, less the median of empty pairs; 0: none
  double sm_clock_mhz = 0;   // while it ran; 0: unknown
  uint64_t activities = 0;   // hash of the names and sizes of what ran: equal in all samples of a contender
  uint64_t output_hash = 0;  // keyed; equal outputs, equal hash
  std::string invalid;       // why this sample does not count (records dropped, ...); empty: it counts
};

// --- the device ---

struct DeviceFacts {
  std::string name, uuid;
  int arch = 0;  // 90, 100
  int sm_count = 0;
  int64_t l2_bytes = 0, memory_bytes = 0;
  double max_sm_clock_mhz = 0;
  int driver_version = 0;           // 13000
  std::string timer;                // "cupti 13.0" or "events (why not CUPTI)"
  std::string clocks;               // "locked at 1965 MHz", "not locked"
  bool has_unmapped_guards = true;  // false: the device cannot do GuardKind::kUnmapped, zones stand in
};

}  // namespace warpwright::cuda
