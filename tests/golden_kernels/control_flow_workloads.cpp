// Calls, recursion, branch tables, votes of a block.
#include <algorithm>
#include <array>
#include <bit>

#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/numbers.h"

namespace warpwright::golden {
namespace {

constexpr std::array<int, 8> kPrimes = {2, 3, 5, 7, 11, 13, 17, 19};

std::vector<int> ints(std::size_t count, uint64_t seed, uint32_t below) {
  Random random(seed);
  std::vector<int> values(count);
  for (int& x : values) x = static_cast<int>(random.below(below));
  return values;
}

Workload recursion() {
  const std::vector<int> values = ints(128, 71, 128);
  Workload w{"recursion", "calls", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<int>("out", 128);
  w.launch("recursion", {2}, {64}) << x << out;
  w.check = [=](const Results& r) {
    std::vector<int> expected;
    for (int value : values) {
      std::array<int, 8> trail = {0, 1, 2, 3, 4, 5, 6, 7};
      int sum = 0;
      for (int depth = value & 15; depth > 0; --depth) {
        trail[static_cast<std::size_t>(depth % 8)] += depth;
        sum += 3 * depth;
      }
      expected.push_back(sum * 1000 + trail[static_cast<std::size_t>(value & 7)] +
                         kPrimes[static_cast<std::size_t>(value >> 4 & 7)]);
    }
    return equal(r.of<int>(out), expected, "out");
  };
  return w;
}

Workload function_pointers() {
  const std::vector<int> values = ints(64, 72, 1000);
  Workload w{"function_pointers", "calls", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<int>("out", 64);
  w.launch("function_pointers", {1}, {64}) << x << out << 4;
  w.check = [=](const Results& r) {
    const auto apply = [](int which, int to) { return which == 0 ? to + 1 : which == 1 ? 2 * to : -to; };
    std::vector<int> expected;
    for (int i = 0; i < 64; ++i) {
      const int value = values[static_cast<std::size_t>(i)];
      expected.push_back(apply(4 % 3, value) + 100000 * apply(value % 3, i));
    }
    return equal(r.of<int>(out), expected, "out");
  };
  return w;
}

int branch_step(int value, int third) {
  switch (value & 15) {
    case 0:
      return value + 3;
    case 1:
      return value * 5;
    case 2:
      return value - third;
    case 3:
      return value ^ 0x155;
    case 4:
      return value | 0x2000;
    case 5:
      return value / 3 - 1;
    case 6:
      return ~value;
    case 7:
      return value * 2 + 7 - 9;
    case 8:
      return value - 9;
    case 9:
      return std::popcount(static_cast<uint32_t>(value)) * 77;
    case 10:
      return -value;
    case 11:
      return value >> 2;
    default:
      return value + kPrimes[static_cast<std::size_t>(value & 7)];
  }
}

Workload branch_table() {
  const std::vector<int> values = ints(150, 73, 5000);
  Workload w{"branch_table", "calls", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<int>("out", 150);
  w.launch("branch_table", {2}, {96}) << x << out << 150;
  w.check = [=](const Results& r) {
    std::vector<int> expected = values;
    for (int& value : expected)
      for (int step = 0; step < 5; ++step) value = branch_step(value, values[2]);
    return equal(r.of<int>(out), expected, "out");
  };
  return w;
}

Workload block_votes() {
  std::vector<int> values = ints(192, 74, 50);
  for (int& x : values) x -= 10;
  values[100] = 77;
  Workload w{"block_votes", "calls", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<int>("out", 192);
  w.launch("block_votes", {2}, {96}, 96 * 4) << x << out;
  w.check = [=](const Results& r) {
    std::vector<int> expected;
    for (std::size_t i = 0; i < 192; ++i) {
      const auto block = std::span(values).subspan(i / 96 * 96, 96);
      const auto positive = std::count_if(block.begin(), block.end(), [](int y) { return y > 0; });
      expected.push_back(block[95 - i % 96] + static_cast<int>(i % 96 % 4 * 10) +
                         1000 * static_cast<int>(positive) + 100000 * (i >= 96) + 200000);
    }
    return equal(r.of<int>(out), expected, "out");
  };
  return w;
}

}  // namespace

std::vector<GoldenCase> control_flow_cases() {
  return {{"recursion", recursion},
          {"function_pointers", function_pointers},
          {"branch_table", branch_table},
          {"block_votes", block_votes}};
}

}  // namespace warpwright::golden
