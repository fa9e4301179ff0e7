#include "evaluator/reference/key_pages.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "evaluator/reference/inputs.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/parallel.h"
#include "src/base/check.h"

namespace warpwright::reference {
namespace {

using rules::Distribution;

// One key: bfloat16 values, divided by the scale that takes the largest to e4m3's largest.
float pack_key(std::span<float> key, std::span<std::byte> bytes) {
  float largest = 0;
  for (float& value : key) {
    value = float_from_bf16(bf16_from_float(value));
    largest = std::max(largest, std::abs(value));
  }
  const float scale = std::max(largest, 1e-4f) / 448.0f;
  for (float& value : key) value /= scale;
  store_floats(trace::DType::kFloat8E4m3fn, bytes, 0, key);
  return scale;
}

void fill_page(const KeyPages& pages, int64_t page, std::span<std::byte> data) {
  const rules::Generator values{Distribution::kNormal, {{"std", pages.std}}};
  const auto head = static_cast<size_t>(pages.head_size);
  const int64_t first = page * pages.page_size;
  std::vector<float> keys(head * static_cast<size_t>(pages.page_size));
  if (pages.distinct <= 0) {
    generate(values, pages.seed, pages.tensor, pages.head_size, first * pages.head_size, keys);
  } else {
    const rules::Generator pick{Distribution::kIntegers, {{"high", static_cast<double>(pages.distinct - 1)}}};
    std::vector<float> picked(static_cast<size_t>(pages.page_size));
    generate(pick, pages.seed, "copy", 1, first, picked);
    for (size_t i = 0; i < picked.size(); ++i)
      generate(values, pages.seed, pages.tensor, pages.head_size,
               static_cast<int64_t>(picked[i]) * pages.head_size, std::span(keys).subspan(i * head, head));
  }
  const size_t scales = keys.size();
  for (int64_t i = 0; i < pages.page_size; ++i) {
    const size_t at = static_cast<size_t>(i) * head;
    const float scale = pack_key(std::span(keys).subspan(at, head), data.subspan(at, head));
    std::memcpy(data.data() + scales + static_cast<size_t>(i) * sizeof scale, &scale, sizeof scale);
  }
}

}  // namespace

void fill_key_pages(const KeyPages& pages, std::span<std::byte> data) {
  const auto page_bytes = static_cast<size_t>(pages.page_size * (pages.head_size + kKeyScaleBytes));
  CHECK(page_bytes > 0 && data.size() % page_bytes == 0);
  for_each_row(static_cast<int64_t>(data.size() / page_bytes), [&](int64_t page) {
    fill_page(pages, page, data.subspan(static_cast<size_t>(page) * page_bytes, page_bytes));
  });
}

}  // namespace warpwright::reference
