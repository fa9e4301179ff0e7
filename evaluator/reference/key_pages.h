// Pages of FP8 keys as the contest's indexer stores them: the e4m3 bytes of all keys of a page, then a
// float32 scale of each. Private to reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace warpwright::reference {

inline constexpr int64_t kKeyScaleBytes = 4;

struct KeyPages {
  uint64_t seed;
  std::string_view tensor;
  double std;
  int64_t distinct;  // > 0: all keys are copies of so many
  int64_t page_size;
  int64_t head_size;
};

// REQUIRES: `data` has whole pages.
void fill_key_pages(const KeyPages& pages, std::span<std::byte> data);

}  // namespace warpwright::reference
