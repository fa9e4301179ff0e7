#include "src/exporter/host_support.h"

#include <string>

#include "src/exporter/host_support_parts.h"

namespace warpwright::exporter {
namespace {

constexpr std::string_view kTensors = R"host(
// --- buffers ---

struct Buffer {
  void* data = nullptr;  // null: an optional tensor that was not given
  const char* name = "";
  int64_t bytes = 0;

  // The rest of the buffer from a place on, which must be aligned for what is read there.
  Buffer from_byte(Int offset, int alignment) const {
    if (data == nullptr) return *this;
    const std::string where = "offset of " + std::to_string(offset.value) + " bytes into " + name;
    if (offset < 0 || offset > bytes) fail(where + " is outside: it has " + std::to_string(bytes) + " bytes");
    if (offset % alignment != 0) fail(where + " is not a multiple of " + std::to_string(alignment));
    return {static_cast<char*>(data) + offset.value, name, bytes - offset.value};
  }
  Buffer from_element(Int index, int element_bytes) const { return from_byte(index * element_bytes, element_bytes); }
};

constexpr Int byte_size(Int count, int element_bits) {
  return ceil_div(count * element_bits, 8);
}

// --- the caller's tensors ---

using TensorView = tvm::ffi::TensorView;

inline void require_rank(const TensorView& tensor, const char* name, int rank) {
  if (tensor.ndim() != rank) {
    TVM_FFI_THROW(ValueError) << "tensor " << name << " has " << tensor.ndim() << " dimensions, expected "
                              << rank;
  }
}

// An axis of the definition, read from the tensor that carries it.
inline Int axis(const TensorView& tensor, const char* name, int rank, int dimension) {
  require_rank(tensor, name, rank);
  return tensor.size(dimension);
}

inline Buffer checked_tensor(const TensorView& tensor, const char* name, DLDataType type,
                             std::initializer_list<Int> shape, DLDevice device) {
  require_rank(tensor, name, static_cast<int>(shape.size()));
  const DLDataType actual = tensor.dtype();
  if (actual.code != type.code || actual.bits != type.bits || actual.lanes != type.lanes) {
    TVM_FFI_THROW(TypeError) << "tensor " << name << " has DLPack data type (code " << int(actual.code)
                             << ", " << int(actual.bits) << " bits, " << actual.lanes
                             << " lanes), expected (code " << int(type.code) << ", " << int(type.bits)
                             << " bits, " << type.lanes << " lanes)";
  }
  Int count = 1;
  int dimension = 0;
  for (Int extent : shape) {
    if (extent != tensor.size(dimension)) {
      TVM_FFI_THROW(ValueError) << "tensor " << name << " has size " << tensor.size(dimension)
                                << " in dimension " << dimension << ", expected " << extent.value;
    }
    count = count * extent;
    ++dimension;
  }
  if (!tensor.IsContiguous()) TVM_FFI_THROW(ValueError) << "tensor " << name << " is not contiguous";
  if (tensor.device().device_type != device.device_type || tensor.device().device_id != device.device_id) {
    TVM_FFI_THROW(ValueError) << "tensor " << name << " is on another device than the first tensor";
  }
  char* const data = static_cast<char*>(tensor.data_ptr()) + tensor.byte_offset();
  return {data, name, ceil_div(count * (type.bits * type.lanes), 8).value};
}

// An optional tensor: a null buffer if it was not given.
inline Buffer checked_tensor(const tvm::ffi::Optional<TensorView>& tensor, const char* name, DLDataType type,
                             std::initializer_list<Int> shape, DLDevice device) {
  if (!tensor.has_value()) return {nullptr, name, 0};
  return checked_tensor(*tensor, name, type, shape, device);
}
)host";

constexpr std::string_view kDevice = R"host(
// --- the CUDA runtime ---

inline void check(cudaError_t status, const std::string& what) {
  if (status != cudaSuccess) fail(what + ": " + cudaGetErrorString(status));
}

// Makes a device current, and the former one again at the end.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    check(cudaGetDevice(&former_), "cudaGetDevice");
    if (former_ != device) {
      check(cudaSetDevice(device), "cudaSetDevice");
      changed_ = true;
    }
  }
  DeviceGuard(const DeviceGuard&) = delete;
  ~DeviceGuard() {
    if (changed_) cudaSetDevice(former_);
  }

 private:
  int former_ = 0;
  bool changed_ = false;
};

inline Int device_attribute(int device, cudaDeviceAttr attribute) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
  return value;
}

// Attributes that a kernel needs before it is launched: set once per device, raised when a launch needs more.
struct FunctionState {
  int64_t shared_bytes = 48 * 1024;  // what every kernel may use without asking
  int carveout_percent = -1;
  bool non_portable_cluster = false;
};

inline void prepare_function(const void* function, int device, int64_t shared_bytes, int carveout_percent,
                             bool non_portable_cluster, const std::string& what) {
  if (shared_bytes <= 48 * 1024 && carveout_percent < 0 && !non_portable_cluster) return;
  static std::mutex mutex;
  static auto& states = *new std::map<std::pair<const void*, int>, FunctionState>;
  const std::lock_guard<std::mutex> lock(mutex);
  FunctionState& state = states[{function, device}];
  const auto set = [&](cudaFuncAttribute attribute, int value) {
    check(cudaFuncSetAttribute(function, attribute, value), what + ": cudaFuncSetAttribute");
  };
  if (shared_bytes > state.shared_bytes) {
    set(cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
    state.shared_bytes = shared_bytes;
  }
  if (carveout_percent >= 0 && carveout_percent != state.carveout_percent) {
    set(cudaFuncAttributePreferredSharedMemoryCarveout, carveout_percent);
    state.carveout_percent = carveout_percent;
  }
  if (non_portable_cluster && !state.non_portable_cluster) {
    set(cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
    state.non_portable_cluster = true;
  }
}

// --- workspaces: one set per device and stream; they grow and are never freed, so that a call whose shapes
// were seen before allocates nothing ---

struct Workspace {
  void* data = nullptr;
  int64_t bytes = 0;
  bool clean = false;  // self_clean only: all zero, as the last call left it
};

struct StreamState {
  std::mutex mutex;  // held for a whole call: two threads on one stream take turns
  std::vector<Workspace> workspaces;
};

inline StreamState& stream_state(int device, cudaStream_t stream) {
  static std::mutex mutex;
  // Never destroyed: at exit the CUDA context may be gone first.
  static auto& states = *new std::map<std::tuple<int, cudaStream_t, std::thread::id>, StreamState>;
  const std::lock_guard<std::mutex> lock(mutex);
  const bool per_thread = stream == cudaStreamPerThread;  // one handle, a stream for each thread
  return states[{device, stream, per_thread ? std::this_thread::get_id() : std::thread::id()}];
}
)host";

constexpr std::string_view kCall = R"host(
// --- one call of the solution ---

struct Dim3 {
  Int x = 1, y = 1, z = 1;
};

struct LaunchConfig {
  Dim3 grid, block;
  Int shared_bytes = 0;
  bool has_cluster = false;
  Dim3 cluster;
  bool pdl = false;
  bool cooperative = false;
  Int carveout_percent = -1;
};

inline unsigned extent(Int value, const char* what, const char* axis_name) {
  if (value <= 0 || value > INT32_MAX) {
    fail(std::string(what) + ": extent " + axis_name + " of a launch is " + std::to_string(value.value));
  }
  return static_cast<unsigned>(value.value);
}
inline dim3 extents(const Dim3& value, const char* what) {
  return dim3(extent(value.x, what, "x"), extent(value.y, what, "y"), extent(value.z, what, "z"));
}

class Call {
 public:
  explicit Call(DLDevice device)
      : device_(require_cuda(device)),
        guard_(device_),
        stream_(static_cast<cudaStream_t>(TVMFFIEnvGetStream(device.device_type, device.device_id))),
        state_(stream_state(device_, stream_)),
        lock_(state_.mutex) {}

  Int arch() const {
    return device_attribute(device_, cudaDevAttrComputeCapabilityMajor) * 10 +
           device_attribute(device_, cudaDevAttrComputeCapabilityMinor);
  }
  Int sm_count() const { return device_attribute(device_, cudaDevAttrMultiProcessorCount); }

  template <class... Parameters>
  Int resident_blocks(const char* what, void (*kernel)(Parameters...), Int threads, Int shared_bytes) const {
    if (threads < 1 || threads > 1024 || shared_bytes < 0) {
      fail(std::string(what) + ": resident_blocks needs 1 to 1024 threads and no negative shared memory");
    }
    const void* const function = reinterpret_cast<const void*>(kernel);
    prepare_function(function, device_, shared_bytes.value, -1, false, what);
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, i32(threads),
                                                        static_cast<size_t>(shared_bytes.value)),
          std::string(what) + ": resident_blocks");
    return Int(blocks) * sm_count();
  }

  // `slot` counts the plan's workspaces. A self_clean one is zeroed when it is new, and after a call that
  // failed before its kernels could clean up.
  Buffer workspace(size_t slot, const char* name, Int bytes, bool self_clean) {
    if (bytes < 0) fail(std::string("workspace ") + name + " has a negative size");
    if (state_.workspaces.size() <= slot) state_.workspaces.resize(slot + 1);
    Workspace& workspace = state_.workspaces[slot];
    if (workspace.data == nullptr || workspace.bytes < bytes.value) grow(workspace, name, bytes.value);
    if (self_clean) {
      if (!workspace.clean) {
        check(cudaMemsetAsync(workspace.data, 0, static_cast<size_t>(workspace.bytes), stream_),
              std::string("zeroing workspace ") + name);
      }
      workspace.clean = false;
      cleaned_by_kernels_.push_back(slot);
    }
    return {workspace.data, name, bytes.value};
  }

  void memset(const char* what, const Buffer& target, Int value, Int bytes) {
    require_range(what, target, bytes);
    if (value < 0 || value > 255) fail(std::string(what) + ": the value is not in 0 to 255");
    if (bytes > 0) check(cudaMemsetAsync(target.data, i32(value), size(what, bytes), stream_), what);
  }

  void copy(const char* what, const Buffer& target, const Buffer& source, Int bytes) {
    require_range(what, target, bytes);
    require_range(what, source, bytes);
    if (bytes == 0) return;
    check(cudaMemcpyAsync(target.data, source.data, size(what, bytes), cudaMemcpyDeviceToDevice, stream_), what);
  }

  template <class... Parameters, class... Arguments>
  void launch(const char* what, void (*kernel)(Parameters...), const LaunchConfig& config,
              Arguments... arguments) {
    static_assert(sizeof...(Parameters) == sizeof...(Arguments),
                  "the plan passes another number of arguments");
    static_assert(((sizeof(Parameters) == sizeof(Arguments)) && ...),
                  "an argument has another size in the kernel");
    void* pointers[sizeof...(Arguments) + 1] = {static_cast<void*>(&arguments)..., nullptr};
    launch_function(what, reinterpret_cast<const void*>(kernel), config, pointers);
  }

  // To be called at the end: the self_clean workspaces are zero again once the stream has run.
  void finish() {
    for (size_t slot : cleaned_by_kernels_) state_.workspaces[slot].clean = true;
  }

 private:
  static int require_cuda(DLDevice device) {
    if (device.device_type != kDLCUDA) TVM_FFI_THROW(ValueError) << "the tensors are not on a CUDA device";
    return device.device_id;
  }

  static void require_range(const char* what, const Buffer& buffer, Int bytes) {
    if (bytes > 0 && buffer.data == nullptr) fail(std::string(what) + ": tensor " + buffer.name + " was not given");
    if (bytes > buffer.bytes) {
      fail(std::string(what) + ": " + std::to_string(bytes.value) + " bytes of " + buffer.name + ", which has " +
           std::to_string(buffer.bytes) + " there");
    }
  }

  static size_t size(const char* what, Int bytes) {
    if (bytes < 0) fail(std::string(what) + ": a negative number of bytes");
    return static_cast<size_t>(bytes.value);
  }

  void grow(Workspace& workspace, const char* name, int64_t bytes) {
    const std::string what =
        std::string("allocating workspace ") + name + " of " + std::to_string(bytes) + " bytes";
    if (workspace.data != nullptr) {
      check(cudaStreamSynchronize(stream_), what);  // kernels of earlier calls may still use it
      check(cudaFree(workspace.data), what);
    }
    workspace = Workspace{};
    const int64_t allocated = bytes > 256 ? bytes : 256;
    check(cudaMalloc(&workspace.data, static_cast<size_t>(allocated)), what);
    workspace.bytes = allocated;
  }

  void launch_function(const char* what, const void* function, const LaunchConfig& plan, void** arguments) {
    cudaLaunchAttribute attributes[3];
    cudaLaunchConfig_t config = {};
    config.gridDim = extents(plan.grid, what);
    config.blockDim = extents(plan.block, what);
    config.dynamicSmemBytes = size(what, plan.shared_bytes);
    config.stream = stream_;
    config.attrs = attributes;
    bool non_portable = false;
    if (plan.has_cluster) {
      const dim3 cluster = extents(plan.cluster, what);
      non_portable = int64_t{cluster.x} * cluster.y * cluster.z > 8;
      cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
      attribute.id = cudaLaunchAttributeClusterDimension;
      attribute.val.clusterDim.x = cluster.x;
      attribute.val.clusterDim.y = cluster.y;
      attribute.val.clusterDim.z = cluster.z;
    }
    if (plan.pdl) {
      cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
      attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
      attribute.val.programmaticStreamSerializationAllowed = 1;
    }
    if (plan.cooperative) {
      cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
      attribute.id = cudaLaunchAttributeCooperative;
      attribute.val.cooperative = 1;
    }
    prepare_function(function, device_, plan.shared_bytes.value, i32(plan.carveout_percent), non_portable,
                     what);
    check(cudaLaunchKernelExC(&config, function, arguments), std::string("launching ") + what);
  }

  int device_;
  DeviceGuard guard_;
  cudaStream_t stream_;
  StreamState& state_;
  std::unique_lock<std::mutex> lock_;
  std::vector<size_t> cleaned_by_kernels_;
};

}  // namespace
}  // namespace ww
)host";

}  // namespace

// In parts, because compilers need not take longer literals than 64 KiB.
std::string_view host_support_source() {
  static const std::string text = [] {
    std::string whole;
    for (std::string_view part : {kHostSupportNumbers, kTensors, kDevice, kCall}) whole += part;
    return whole;
  }();
  return text;
}

}  // namespace warpwright::exporter
