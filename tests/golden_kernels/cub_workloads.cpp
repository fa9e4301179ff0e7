// CUB's block-wide algorithms, and a device-wide sort made of plain launches.
#include <algorithm>
#include <numeric>

#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/numbers.h"

namespace warpwright::golden {
namespace {

constexpr std::size_t kThreads = 128, kTile = 512, kBlocks = 2, kAll = kBlocks * kTile;

template <class T>
void shuffle(std::vector<T>& values, Random& random) {
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[random.below(static_cast<uint32_t>(i))]);
}

Workload block_radix_sort() {
  Random random(61);
  std::vector<float> keys(kAll);  // distinct, of both signs
  for (std::size_t i = 0; i < kAll; ++i) keys[i] = (static_cast<float>(i) - 500.5f) * 0.37f;
  shuffle(keys, random);
  std::vector<int> values(kAll);
  std::iota(values.begin(), values.end(), 0);
  Workload w{"block_radix_sort", "cub_block", {}, {}, {}};
  const auto k = w.input("keys", keys), v = w.input("values", values);
  const auto sorted = w.output<float>("sorted", kAll), moved = w.output<int>("moved", kAll);
  w.launch("block_radix_sort", {kBlocks}, {kThreads}) << k << v << sorted << moved;
  w.check = [=](const Results& r) {
    std::vector<float> expected = keys;
    for (std::size_t block = 0; block < kBlocks; ++block)
      std::sort(&expected[block * kTile], &expected[block * kTile] + kTile, std::greater<>());
    std::string wrong = equal(r.of<float>(sorted), expected, "sorted");
    for (std::size_t i = 0; i < kAll && wrong.empty(); ++i) {
      const auto from = static_cast<std::size_t>(r.of<int>(moved)[i]);
      if (from >= kAll || keys[from] != expected[i]) wrong = "a value did not go with its key";
    }
    return wrong;
  };
  return w;
}

Workload block_scan_and_reduce() {
  Random random(62);
  std::vector<int> values(kAll);
  for (int& x : values) x = static_cast<int>(random.below(1000));
  Workload w{"block_scan_and_reduce", "cub_block", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto inclusive = w.output<int>("inclusive", kAll), exclusive = w.output<int>("exclusive", kAll),
             totals = w.output<int>("totals", kBlocks);
  const auto maxima = w.output<float>("maxima", kBlocks);
  w.launch("block_scan_and_reduce", {kBlocks}, {kThreads}) << x << inclusive << exclusive << totals << maxima;
  w.check = [=](const Results& r) {
    std::vector<int> upto, before, sums;
    std::vector<float> largest;
    for (std::size_t block = 0; block < kBlocks; ++block) {
      const auto tile = std::span(values).subspan(block * kTile, kTile);
      std::inclusive_scan(tile.begin(), tile.end(), std::back_inserter(upto));
      std::exclusive_scan(tile.begin(), tile.end(), std::back_inserter(before), 0);
      sums.push_back(upto.back());
      largest.push_back(static_cast<float>(*std::max_element(tile.begin(), tile.end())));
    }
    std::string wrong = equal(r.of<int>(inclusive), upto, "inclusive");
    if (wrong.empty()) wrong = equal(r.of<int>(exclusive), before, "exclusive");
    if (wrong.empty()) wrong = equal(r.of<int>(totals), sums, "totals");
    return wrong.empty() ? equal(r.of<float>(maxima), largest, "maxima") : wrong;
  };
  return w;
}

// Each run of `length` is ordered by value modulo 1000 and holds what it held before.
std::string sorted_runs(std::span<const uint32_t> got, const std::vector<uint32_t>& before,
                        std::size_t length) {
  for (std::size_t start = 0; start < before.size(); start += length) {
    std::vector<uint32_t> now(&got[start], &got[start] + length);
    std::vector<uint32_t> then(&before[start], &before[start] + length);
    if (!std::is_sorted(now.begin(), now.end(), [](uint32_t a, uint32_t b) { return a % 1000 < b % 1000; }))
      return "a run is not in order";
    std::sort(now.begin(), now.end());
    std::sort(then.begin(), then.end());
    if (now != then) return "a run lost a key";
  }
  return "";
}

Workload block_merge_sort() {
  Random random(63);
  std::vector<uint32_t> keys(kAll), warp_keys(kBlocks * kThreads * 2);
  for (uint32_t& x : keys) x = random.below(1u << 20);
  for (uint32_t& x : warp_keys) x = random.below(1u << 20);
  Workload w{"block_merge_sort", "cub_block", {}, {}, {}};
  const auto k = w.state("keys", keys), wk = w.state("warp_keys", warp_keys);
  w.launch("block_merge_sort", {kBlocks}, {kThreads}) << k << wk;
  w.check = [=](const Results& r) {
    const std::string wrong = sorted_runs(r.of<uint32_t>(k), keys, kTile);
    return wrong.empty() ? sorted_runs(r.of<uint32_t>(wk), warp_keys, 64) : wrong;
  };
  return w;
}

Workload warp_reductions() {
  Random random(64);
  std::vector<double> values(kBlocks * kThreads);
  std::vector<int> heads(values.size());
  for (double& x : values) x = static_cast<double>(random.below(1000)) / 8;
  for (int& x : heads) x = random.below(5) == 0;
  Workload w{"warp_reductions", "cub_block", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto sums = w.output<double>("sums", values.size() / 32);
  const auto h = w.input("heads", heads);
  const auto segments = w.output<int>("segments", values.size());
  w.launch("warp_reductions", {kBlocks}, {kThreads}) << x << sums << h << segments;
  w.check = [=](const Results& r) {
    std::vector<double> expected(values.size() / 32, 0);
    for (std::size_t i = 0; i < values.size(); ++i) expected[i / 32] += values[i];
    std::string wrong = equal(r.of<double>(sums), expected, "sums");
    for (std::size_t i = 0; i < values.size() && wrong.empty(); ++i) {
      if (heads[i] == 0 && i % 32 != 0) continue;  // only a segment's first lane has its sum
      int sum = static_cast<int>(i);
      for (std::size_t j = i + 1; j % 32 != 0 && heads[j] == 0; ++j) sum += static_cast<int>(j);
      if (r.of<int>(segments)[i] != sum) wrong = "a segment's sum is wrong";
    }
    return wrong;
  };
  return w;
}

Workload device_sort() {
  // More counts than the scan takes at once.
  constexpr uint32_t kCount = 4300, kGrid = (kCount + kTile - 1) / kTile, kDigits = 16;
  Random random(65);
  std::vector<uint32_t> keys(kCount);
  for (uint32_t& x : keys) x = static_cast<uint32_t>(random.bits() >> 32) & 0xff00ffff;  // with ties
  for (std::size_t i = 0; i < 100; ++i) keys[i * 43] = keys[5];
  std::vector<int> order(kCount);
  std::iota(order.begin(), order.end(), 0);
  Workload w{"device_sort", "device_sort", {}, {}, {}};
  BufferId key_buffers[2] = {w.state("keys", keys), w.output<uint32_t>("other keys", kCount)};
  BufferId order_buffers[2] = {w.state("order", order), w.output<int>("other order", kCount)};
  const auto counts = w.output<int>("counts", kDigits * kGrid);
  for (int pass = 0; pass < 8; ++pass) {
    const int from = pass % 2, to = 1 - from;
    w.launch("count_digits", {kGrid}, {kThreads}) << key_buffers[from] << counts << int{kCount} << pass * 4;
    w.launch("scan_counts", {1}, {kThreads}) << counts << int{kDigits * kGrid};
    w.launch("scatter_by_digit", {kGrid}, {kThreads})
        << key_buffers[from] << order_buffers[from] << counts << key_buffers[to] << order_buffers[to]
        << int{kCount} << pass * 4;
  }
  w.check = [=, keys_out = key_buffers[0], order_out = order_buffers[0]](const Results& r) {
    std::vector<int> by_key = order;
    std::stable_sort(by_key.begin(), by_key.end(), [&](int a, int b) {
      return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
    });
    std::vector<uint32_t> sorted = keys;
    std::sort(sorted.begin(), sorted.end());
    const std::string wrong = equal(r.of<uint32_t>(keys_out), sorted, "keys");
    return wrong.empty() ? equal(r.of<int>(order_out), by_key, "order") : wrong;
  };
  return w;
}

}  // namespace

std::vector<GoldenCase> cub_cases() {
  return {{"block_radix_sort", block_radix_sort},
          {"block_scan_and_reduce", block_scan_and_reduce},
          {"block_merge_sort", block_merge_sort},
          {"warp_reductions", warp_reductions},
          {"device_sort", device_sort}};
}

}  // namespace warpwright::golden
