#include "evaluator/cuda/cupti.h"

#include <fmt/format.h>

#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "evaluator/cuda/cupti_library.h"
#include "evaluator/cuda/cupti_records.h"
#include "src/base/check.h"

namespace warpwright::cuda {
namespace {

// Drivers' records come with every call and carry the ids (cupti_abi.h).
constexpr abi::ActivityKind kTracedKinds[] = {abi::kExternalCorrelationActivity, abi::kDriverApiActivity,
                                              abi::kMemcpyActivity, abi::kMemsetActivity,
                                              abi::kConcurrentKernelActivity};
constexpr size_t kBufferBytes = size_t{1} << 20;

// Between CUPTI's threads and the tracer. CUPTI's callbacks carry no pointer of ours, so that there is one
// per process; it is never destroyed, since CUPTI may hold a buffer to the end.
class BufferPool {
 public:
  struct Full {
    std::unique_ptr<uint8_t[]> buffer;
    size_t valid_bytes = 0;
  };
  static BufferPool& get() {
    static BufferPool* pool = new BufferPool;
    return *pool;
  }

  // False if there is a tracer already.
  bool acquire() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(in_use_, true);
  }
  void release() {
    const std::lock_guard lock(mutex_);
    free_.clear();
    full_.clear();
    in_use_ = false;
  }
  std::vector<Full> take_full() {
    const std::lock_guard lock(mutex_);
    return std::exchange(full_, {});
  }
  bool take_loss() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lost_, false);
  }
  void recycle(std::unique_ptr<uint8_t[]> buffer) {
    constexpr size_t kKept = 8;
    const std::lock_guard lock(mutex_);
    if (free_.size() < kKept) free_.push_back(std::move(buffer));
  }

  static void requested(uint8_t** buffer, size_t* bytes, size_t* max_records) {
    BufferPool& pool = get();
    const std::lock_guard lock(pool.mutex_);
    *max_records = 0;  // as many as fit
    if (pool.free_.empty()) {
      *buffer = new (std::nothrow) uint8_t[kBufferBytes];
    } else {
      *buffer = pool.free_.back().release();
      pool.free_.pop_back();
    }
    *bytes = *buffer != nullptr ? kBufferBytes : 0;  // CUPTI then counts dropped records
  }
  static void completed(abi::Context, uint32_t, uint8_t* buffer, size_t, size_t valid_bytes) {
    BufferPool& pool = get();
    std::unique_ptr<uint8_t[]> owned(buffer);
    const std::lock_guard lock(pool.mutex_);
    try {
      pool.full_.push_back({std::move(owned), valid_bytes});
    } catch (const std::bad_alloc&) {  // CUPTI is C
      pool.lost_ = true;
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<uint8_t[]>> free_;
  std::vector<Full> full_;
  bool in_use_ = false, lost_ = false;
};

class CuptiTracer final : public ActivityTracer {
 public:
  // REQUIRES: the pool is acquired; the tracer releases it.
  explicit CuptiTracer(CuptiLibrary library) : library_(std::move(library)) {}
  ~CuptiTracer() override;
  CuptiTracer(const CuptiTracer&) = delete;
  CuptiTracer& operator=(const CuptiTracer&) = delete;

  Result<void> start();
  const std::string& version() const override { return library_.version; }
  Result<void> begin(uint64_t id) override;
  Result<void> end() override;
  Result<std::map<uint64_t, Trace>> collect() override;
  void abandon() override { abandoned_ = true; }

 private:
  Result<void> check(const char* call, abi::CuptiCode code) const {
    if (code == abi::kCuptiSuccess) return {};
    return infrastructure_error(library_.describe_failure(call, code));
  }
  Result<void> flush(uint32_t flags);
  void read(const BufferPool::Full& full);

  CuptiLibrary library_;
  TraceAssembler assembler_;
  std::optional<uint64_t> active_;
  size_t enabled_ = 0;  // of kTracedKinds
  bool abandoned_ = false;
};

Result<void> CuptiTracer::start() {
  const abi::CuptiFunctions& cupti = library_.functions;
  TRY(check("cuptiActivityRegisterCallbacks",
            cupti.cuptiActivityRegisterCallbacks(&BufferPool::requested, &BufferPool::completed)));
  for (const abi::ActivityKind kind : kTracedKinds) {
    TRY(check("cuptiActivityEnable", cupti.cuptiActivityEnable(kind)));
    ++enabled_;
  }
  return {};
}

CuptiTracer::~CuptiTracer() {
  const abi::CuptiFunctions& cupti = library_.functions;
  if (!abandoned_) {
    if (active_) cupti.cuptiActivityPopExternalCorrelationId(abi::kExternalCustom0, nullptr);
    while (enabled_ > 0) cupti.cuptiActivityDisable(kTracedKinds[--enabled_]);
    cupti.cuptiActivityFlushAll(abi::kFlushForced);
    cupti.cuptiFinalize();
  }
  BufferPool::get().release();
}

Result<void> CuptiTracer::begin(uint64_t id) {
  if (active_) TRY(end());
  TRY(check("cuptiActivityPushExternalCorrelationId",
            library_.functions.cuptiActivityPushExternalCorrelationId(abi::kExternalCustom0, id)));
  active_ = id;
  assembler_.expect(id);
  return {};
}

Result<void> CuptiTracer::end() {
  CHECK(active_);
  const uint64_t pushed = *std::exchange(active_, std::nullopt);
  uint64_t popped = 0;
  TRY(check("cuptiActivityPopExternalCorrelationId",
            library_.functions.cuptiActivityPopExternalCorrelationId(abi::kExternalCustom0, &popped)));
  if (popped != pushed)
    return infrastructure_error(fmt::format("CUPTI mixed up correlation ids ({} for {})", popped, pushed));
  return {};
}

Result<void> CuptiTracer::flush(uint32_t flags) {
  TRY(check("cuptiActivityFlushAll", library_.functions.cuptiActivityFlushAll(flags)));
  for (BufferPool::Full& full : BufferPool::get().take_full()) {
    read(full);
    BufferPool::get().recycle(std::move(full.buffer));
  }
  return {};
}

void CuptiTracer::read(const BufferPool::Full& full) {
  abi::ActivityRecord* record = nullptr;
  while (full.valid_bytes != 0) {
    const abi::CuptiCode code =
        library_.functions.cuptiActivityGetNextRecord(full.buffer.get(), full.valid_bytes, &record);
    if (code == abi::kCuptiMaxLimitReached) return;
    if (code != abi::kCuptiSuccess || record == nullptr) {
      assembler_.lose(library_.describe_failure("cuptiActivityGetNextRecord", code));
      return;
    }
    assembler_.add(record);
  }
}

Result<std::map<uint64_t, Trace>> CuptiTracer::collect() {
  if (active_) TRY(end());
  TRY(flush(0));
  // Some buffer may wait for a record that will never be complete.
  if (!assembler_.complete()) TRY(flush(abi::kFlushForced));
  size_t dropped = 0;
  TRY(check("cuptiActivityGetNumDroppedRecords",
            library_.functions.cuptiActivityGetNumDroppedRecords(nullptr, 0, &dropped)));
  if (dropped != 0) assembler_.lose(fmt::format("CUPTI dropped {} records", dropped));
  if (BufferPool::get().take_loss()) assembler_.lose("out of memory for CUPTI's records");
  return assembler_.finish();
}

}  // namespace

Result<std::unique_ptr<ActivityTracer>> ActivityTracer::open(const std::string& library, int driver_version) {
  TRY_ASSIGN(CuptiLibrary loaded, CuptiLibrary::load(library, driver_version));
  if (!BufferPool::get().acquire())
    return infrastructure_error("CUPTI is in use by another tracer of this process");
  auto tracer = std::make_unique<CuptiTracer>(std::move(loaded));
  TRY(tracer->start());
  return tracer;
}

}  // namespace warpwright::cuda
