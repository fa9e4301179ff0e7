// Device code of the harness itself: patterns round buffers, hashes of buffers, the flush of the cache, the
// kernel that holds a stream back, clock stamps. tools/harness-kernels.sh makes harness.ptx of it, which is
// compiled into the program, so that no compiler is needed where it runs. Layouts: evaluator/cuda/harness.h.
using u32 = unsigned;
using u64 = unsigned long long;

// The bytes [begin, end) of what starts at `base`, which is a multiple of 8.
struct Range {
  u64 base, begin, end, key;
};
constexpr int kRangesPerLaunch = 32;
struct Ranges {
  Range at[kRangesPerLaunch];
};
// Of each range; the caller zeroes them.
struct Found {
  u64 count;                      // bytes that differ; of a hash: the hash
  u64 complement_of_first, last;  // offsets from base
};

// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
__device__ __forceinline__ u64 mix(u64 x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// What the eight bytes at base + 8 * index hold under a key; zeros under key 0.
__device__ __forceinline__ u64 pattern(u64 key, u64 index) {
  return key == 0 ? 0 : mix(key + index * 0x9e3779b97f4a7c15ull);
}

__device__ __forceinline__ bool is_whole(const Range& range, u64 index) {
  return index * 8 >= range.begin && index * 8 + 8 <= range.end;
}

// Which of the bytes of word `index` are in the range.
__device__ __forceinline__ void part(const Range& range, u64 index, u32& first, u32& last) {
  first = range.begin > index * 8 ? static_cast<u32>(range.begin - index * 8) : 0;
  last = range.end < index * 8 + 8 ? static_cast<u32>(range.end - index * 8) : 8;
}

extern "C" __global__ void __launch_bounds__(256) ww_fill(const __grid_constant__ Ranges ranges) {
  const Range range = ranges.at[blockIdx.y];
  const u64 words = (range.end + 7) / 8, step = static_cast<u64>(gridDim.x) * blockDim.x;
  for (u64 i = range.begin / 8 + blockIdx.x * static_cast<u64>(blockDim.x) + threadIdx.x; i < words;
       i += step) {
    const u64 value = pattern(range.key, i);
    if (is_whole(range, i)) {
      *reinterpret_cast<u64*>(range.base + i * 8) = value;
      continue;
    }
    u32 first, last;
    part(range, i, first, last);
    for (u32 b = first; b < last; ++b)
      *reinterpret_cast<unsigned char*>(range.base + i * 8 + b) =
          static_cast<unsigned char>(value >> (8 * b));
  }
}

extern "C" __global__ void __launch_bounds__(256)
    ww_check(const __grid_constant__ Ranges ranges, Found* found) {
  const Range range = ranges.at[blockIdx.y];
  const u64 words = (range.end + 7) / 8, step = static_cast<u64>(gridDim.x) * blockDim.x;
  u64 count = 0, lowest = ~0ull, highest = 0;
  for (u64 i = range.begin / 8 + blockIdx.x * static_cast<u64>(blockDim.x) + threadIdx.x; i < words;
       i += step) {
    const u64 value = pattern(range.key, i);
    const bool whole = is_whole(range, i);
    if (whole && *reinterpret_cast<const volatile u64*>(range.base + i * 8) == value) continue;
    u32 first, last;
    part(range, i, first, last);
    for (u32 b = first; b < last; ++b) {
      const u64 at = i * 8 + b;
      const auto byte = *reinterpret_cast<const volatile unsigned char*>(range.base + at);
      if (byte == static_cast<unsigned char>(value >> (8 * b))) continue;
      ++count;
      lowest = at < lowest ? at : lowest;
      highest = at;
    }
  }
  if (count == 0) return;
  Found& mine = found[blockIdx.y];
  atomicAdd(&mine.count, count);
  atomicMax(&mine.complement_of_first, ~lowest);
  atomicMax(&mine.last, highest);
}

// A sum over words, so that it does not depend on who adds when; the position is mixed into each.
extern "C" __global__ void __launch_bounds__(256)
    ww_hash(const __grid_constant__ Ranges ranges, Found* found) {
  const Range range = ranges.at[blockIdx.y];
  const u64 words = (range.end + 7) / 8, step = static_cast<u64>(gridDim.x) * blockDim.x;
  u64 sum = 0;
  for (u64 i = range.begin / 8 + blockIdx.x * static_cast<u64>(blockDim.x) + threadIdx.x; i < words;
       i += step) {
    u64 word = 0;
    if (is_whole(range, i)) {
      word = *reinterpret_cast<const volatile u64*>(range.base + i * 8);
    } else {
      u32 first, last;
      part(range, i, first, last);
      for (u32 b = first; b < last; ++b)
        word |= static_cast<u64>(*reinterpret_cast<const volatile unsigned char*>(range.base + i * 8 + b))
                << (8 * b);
    }
    sum += mix(word ^ pattern(range.key, i));
  }
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(~0u, sum, distance);
  if (threadIdx.x % 32 == 0 && sum != 0) atomicAdd(&found[blockIdx.y].count, sum);
}

// `value` 0 writes zeros, any other one words that are all different and not zero.
extern "C" __global__ void __launch_bounds__(256) ww_flush(ulonglong2* target, u64 pairs, u64 value) {
  const u64 step = static_cast<u64>(gridDim.x) * blockDim.x;
  for (u64 i = blockIdx.x * static_cast<u64>(blockDim.x) + threadIdx.x; i < pairs; i += step) {
    const u64 word = value == 0 ? 0 : (value + i * 0x9e3779b97f4a7c15ull) | 1;
    target[i] = make_ulonglong2(word, ~word & (value == 0 ? 0 : ~0ull));
  }
}

__device__ __forceinline__ u64 global_timer() {
  u64 now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

// Holds the stream back until the host writes `ticket` to the flag, or the limit is over. Both are mapped
// host memory.
extern "C" __global__ void ww_block(const volatile u32* flag, volatile u32* timed_out, u32 ticket,
                                    u64 limit_ns) {
  const u64 start = global_timer();
  while (*flag != ticket) {
    if (global_timer() - start < limit_ns) continue;
    *timed_out = ticket;
    return;
  }
}

struct Stamp {
  u64 ticket, timer_ns, clock;
};
// One block of SM 0 writes both clocks at the same time; the others do nothing.
extern "C" __global__ void ww_stamp(Stamp* stamp, u64 ticket) {
  u32 multiprocessor;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(multiprocessor));
  if (multiprocessor != 0 || threadIdx.x != 0) return;
  if (atomicExch(&stamp->ticket, ticket) == ticket) return;
  stamp->clock = clock64();
  stamp->timer_ns = global_timer();
}
