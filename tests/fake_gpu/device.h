// The fake GPU: streams that run at synchronisation points, modules, events, one sticky fault for all.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "evaluator/cuda/driver_abi.h"
#include "evaluator/sim/simulator.h"
#include "tests/fake_gpu/activity.h"
#include "tests/fake_gpu/address_space.h"
#include "tests/fake_gpu/settings.h"
#include "tests/fake_gpu/timing_model.h"

namespace warpwright::fake_gpu {

inline constexpr uint64_t kSharedDefault = 48 * 1024, kSharedOptin = 227 * 1024, kSharedPerSm = 228 * 1024;

// CUresult by what the fake means.
inline constexpr int kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kInvalidDevice = 101,
                     kInvalidImage = 200, kInvalidContext = 201, kNoBinary = 209, kEccError = 214,
                     kInvalidPtx = 218, kInvalidHandle = 400, kNotFound = 500, kNotReady = 600,
                     kIllegalAddress = 700, kOutOfResources = 701, kAssert = 710, kIllegalInstruction = 715,
                     kMisaligned = 716, kLaunchFailed = 719, kCooperativeTooLarge = 720, kNotSupported = 801,
                     kInvalidClusterSize = 912;
bool is_sticky(int code);

struct Program {  // CUmodule
  ~Program();
  std::shared_ptr<const sim::Program> code;
  std::map<std::string, int> registers;  // by kernel, where the image was a cubin
  AddressSpace* space = nullptr;
};
struct Kernel {  // CUfunction
  std::shared_ptr<Program> program;
  std::string name;
  const sim::KernelInfo* info = nullptr;
  int registers = 32;
  int max_dynamic_shared_bytes = static_cast<int>(kSharedDefault);
  int carveout = -1, non_portable_cluster = 0;
};

struct Stream;
struct EventState {  // CUevent
  bool timing = true, recorded = false, reached = false;
  uint64_t sequence = 0, ns = 0;
  Stream* stream = nullptr;
};

struct Operation {
  uint64_t sequence = 0, enqueued_ns = 0;
  uint32_t correlation = 0;
  bool overlaps = false;  // a programmatic launch: no gap after the one before
  // Does it, from `start_ns` on; sets end_ns. Returns a CUresult.
  std::function<int(const Operation&, uint64_t start_ns, uint64_t& end_ns)> run;
};
struct Stream {
  uint32_t id = 0;
  bool is_legacy = false, is_blocking = true;  // with respect to the default stream
  uint64_t ready_ns = 0;
  std::deque<Operation> queue;
};

class Device {
 public:
  static Device& get();

  std::recursive_mutex mutex;
  bool initialised = false;
  int contexts = 0;  // retained
  int fault = 0;     // sticky CUresult
  AddressSpace space;
  TimingModel timing;
  uint64_t host_ns = 1'000'000;
  Stream legacy;
  std::map<Stream*, std::unique_ptr<Stream>> streams;
  std::map<EventState*, std::shared_ptr<EventState>> events;
  std::map<Program*, std::shared_ptr<Program>> programs;
  std::map<Kernel*, std::unique_ptr<Kernel>> kernels;

  Stream* find(abi::Stream handle);                      // null: no such stream
  uint64_t submit(Stream& stream, Operation operation);  // returns its number
  uint32_t next_correlation() { return ++correlation_; }

  // Run what is queued: all of it, of one stream, or of one stream up to an operation. Return the sticky
  // fault.
  int drain();
  int drain(Stream& stream, uint64_t last = ~uint64_t{0});
  void wait_for(uint64_t ns);  // moves the host's clock

 private:
  Device();
  void obey_order(Stream& stream, uint64_t sequence);
  void execute(Stream& stream, const Operation& operation);
  uint64_t sequence_ = 0;
  uint32_t correlation_ = 0;
};

// A launch as the driver was asked for it.
struct LaunchRequest {
  Kernel* kernel = nullptr;
  sim::Dim3 grid, block;
  uint32_t dynamic_shared_bytes = 0;
  bool cooperative = false, programmatic = false;
  sim::Dim3 cluster;
  std::vector<std::byte> parameters;
};
int check_launch(const LaunchRequest& request);  // CUresult
Operation make_launch(const LaunchRequest& request, const Stream& stream);

// CUresult; `log`: why not, for a person.
int load_program(Device& device, const char* image, std::shared_ptr<Program>& program, std::string& log);

}  // namespace warpwright::fake_gpu
