// Owners of what the driver hands out. A destructor gives its thing back and ignores the driver's answer:
// after a sticky fault every call fails, and the process is about to end anyway.
//
// All keep a pointer to the Driver, which must outlive them; all but PrimaryContext need its context current.
// Movable, not copyable; a default-constructed or moved-from one owns nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "evaluator/cuda/driver.h"
#include "evaluator/cuda/work.h"
#include "src/base/result.h"

namespace warpwright::cuda {

// What gives a thing back, once.
template <class T>
class Owned {
 public:
  using Release = void (*)(const Driver&, const T&);
  Owned() = default;
  Owned(const Driver& driver, T value, Release release)
      : driver_(&driver), value_(value), release_(release) {}
  Owned(Owned&& other) noexcept { swap(other); }
  Owned& operator=(Owned&& other) noexcept {
    Owned taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Owned() {
    if (driver_ != nullptr) release_(*driver_, value_);
  }
  const Driver& driver() const { return *driver_; }  // REQUIRES: owns something
  const T& get() const { return value_; }
  T& get() { return value_; }

 private:
  void swap(Owned& other) {
    std::swap(driver_, other.driver_);
    std::swap(value_, other.value_);
    std::swap(release_, other.release_);
  }
  const Driver* driver_ = nullptr;
  T value_{};
  Release release_ = nullptr;
};

// The device's primary context, retained and current in this thread.
class PrimaryContext {
 public:
  // `flags`: abi::ContextFlags; spinning waits are what timing wants.
  static Result<PrimaryContext> retain(const Driver& driver, abi::Device device,
                                       unsigned flags = abi::kScheduleSpin);

  abi::Context get() const { return owned_.get().context; }
  abi::Device device() const { return owned_.get().device; }
  Result<void> synchronize() const { return owned_.driver()->cuCtxSynchronize(); }

 private:
  struct State {
    abi::Context context = nullptr;
    abi::Device device = 0;
  };
  Owned<State> owned_;
};

class Module {
 public:
  // `image`: a cubin, or PTX text that the driver compiles. A DeviceFault of kind kLaunch: the image is bad
  // (no code for this GPU, PTX the driver cannot compile, with the first line of its log).
  static Result<Outcome<Module>> load(const Driver& driver, const std::string& image);

  abi::Module get() const { return owned_.get(); }
  Result<Outcome<abi::Function>> function(const std::string& symbol) const;  // fault: the image lacks it

 private:
  Owned<abi::Module> owned_;
};
Result<FunctionInfo> function_info(const Driver& driver, abi::Function function);

class Stream {
 public:
  static Result<Stream> create(const Driver& driver, unsigned flags = abi::kStreamNonBlocking);

  abi::Stream get() const { return owned_.get(); }
  Result<void> synchronize() const { return owned_.driver()->cuStreamSynchronize(owned_.get()); }

 private:
  Owned<abi::Stream> owned_;
};

class Event {
 public:
  static Result<Event> create(const Driver& driver, unsigned flags = abi::kEventDefault);

  abi::Event get() const { return owned_.get(); }
  Result<void> record(const Stream& stream) const {
    return owned_.driver()->cuEventRecord(owned_.get(), stream.get());
  }
  // From `start` to this one. REQUIRES: both have completed.
  Result<double> microseconds_since(const Event& start) const;

 private:
  Owned<abi::Event> owned_;
};

// Device memory, aligned to at least 256 bytes. Not cleared.
class DeviceMemory {
 public:
  static Result<DeviceMemory> allocate(const Driver& driver, uint64_t bytes);  // 0 bytes: owns nothing

  abi::DevicePointer get() const { return owned_.get(); }
  uint64_t bytes() const { return bytes_; }

 private:
  Owned<abi::DevicePointer> owned_;
  uint64_t bytes_ = 0;
};

// Page-locked host memory that kernels can read and write too (flags, stamps; fast copies).
class PinnedMemory {
 public:
  static Result<PinnedMemory> allocate(const Driver& driver, uint64_t bytes);

  std::byte* host() const { return static_cast<std::byte*>(owned_.get()); }
  abi::DevicePointer device() const { return device_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Owned<void*> owned_;
  abi::DevicePointer device_ = 0;
  uint64_t bytes_ = 0;
};

// Device memory from the virtual memory API with unmapped address space right before and after it: a kernel
// that leaves it faults at once. The size is rounded up to the driver's granularity (2 MiB).
class VirtualRange {
 public:
  // `guard_bytes`: unmapped space on each side at least, rounded up likewise.
  static Result<VirtualRange> map(const Driver& driver, abi::Device device, uint64_t bytes,
                                  uint64_t guard_bytes = 2 << 20);

  abi::DevicePointer begin() const { return owned_.get().mapped; }
  // The first unmapped byte.
  abi::DevicePointer end() const { return begin() + bytes(); }
  uint64_t bytes() const { return owned_.get().bytes; }  // mapped

 private:
  struct State {
    abi::DevicePointer reserved = 0, mapped = 0;
    uint64_t reserved_bytes = 0, bytes = 0;
    abi::AllocationHandle allocation = 0;
  };
  static void release(const Driver& driver, const State& state);
  Owned<State> owned_;
};

// What the driver tells; clocks, timer and max_sm_clock_mhz are left to NVML and CUPTI (the driver's own peak
// clock stands in).
Result<DeviceFacts> read_device_facts(const Driver& driver, abi::Device device);

}  // namespace warpwright::cuda
