// Atomics, cooperative groups, barriers of parts of a block, flags between blocks.
#include <algorithm>
#include <bit>
#include <numeric>

#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/numbers.h"

namespace warpwright::golden {
namespace {

std::vector<int> small_ints(std::size_t count, uint64_t seed, uint32_t below = 10) {
  Random random(seed);
  std::vector<int> values(count);
  for (int& x : values) x = static_cast<int>(random.below(below));
  return values;
}

// The first complaint, if any.
std::string first_of(std::initializer_list<std::string> complaints) {
  for (const std::string& complaint : complaints)
    if (!complaint.empty()) return complaint;
  return "";
}

Workload atomics_on_words() {
  constexpr uint32_t kBlocks = 2, kThreads = 128, kAll = kBlocks * kThreads;
  Workload w{"atomics_on_words", "atomics", {}, {}, {}};
  const auto i = w.state("i", std::vector<int>(8 + kBlocks, 0));
  const auto u = w.state("u", std::vector<uint32_t>{0, ~0u, 0, 0, 0, 0, ~0u});
  const auto tickets = w.output<int>("tickets", kAll);
  w.launch("atomics_on_words", {kBlocks}, {kThreads}) << i << u << tickets;
  w.check = [=](const Results& r) {
    const auto words = r.of<int>(i);
    if (words[4] < 1000 || words[4] >= 1000 + static_cast<int>(kAll))
      return std::string("no thread's value was exchanged");
    uint32_t mixed = 0;
    for (uint32_t id = 0; id < kAll; ++id) mixed ^= id * 2654435761u;
    std::vector<int> drawn(r.of<int>(tickets).begin(), r.of<int>(tickets).end()), in_order(kAll);
    std::sort(drawn.begin(), drawn.end());
    std::iota(in_order.begin(), in_order.end(), 0);
    const int n = kAll;
    return first_of({equal(words,
                           {n, -3 * n, n - 8, 6 - n, words[4], 42, 0, 2 * n, static_cast<int>(kThreads),
                            static_cast<int>(kThreads)},
                           "i"),
                     equal(r.of<uint32_t>(u),
                           {~0u, 0xffff0000u, mixed, kAll % 100, (1000 - kAll) % 100, 0x80000000u + kAll - 1,
                            ~0u - (kAll - 1)},
                           "u"),
                     drawn == in_order ? "" : "the tickets are not each thread's own"});
  };
  return w;
}

Workload atomics_on_long_words() {
  constexpr uint32_t kBlocks = 2, kThreads = 128, kAll = kBlocks * kThreads;
  constexpr uint64_t kOne = 1;
  Workload w{"atomics_on_long_words", "atomics", {}, {}, {}};
  const auto l = w.state("l", std::vector<uint64_t>{0, 0, ~uint64_t{0}, 0, ~uint64_t{0}, 0, 0, 5});
  const auto s = w.state("s", std::vector<int64_t>{-5000, 5000});
  w.launch("atomics_on_long_words", {kBlocks}, {kThreads}) << l << s;
  w.check = [=](const Results& r) {
    uint64_t mixed = 0;
    for (uint32_t id = 0; id < kAll; ++id) mixed ^= uint64_t{3} << id % 62;
    const uint64_t exchanged = r.of<uint64_t>(l)[6];
    if (exchanged < kOne << 35 || exchanged >= (kOne << 35) + kAll)
      return std::string("l[6] was not exchanged");
    return first_of({equal(r.of<uint64_t>(l),
                           {uint64_t{kAll} << 33, kOne << 40 | (kAll - 1), (kOne << 40) - (kAll - 1),
                            ~uint64_t{0}, 0, mixed, exchanged, kOne << 50},
                           "l"),
                     equal(r.of<int64_t>(s), {-1000, 1000 - (static_cast<int64_t>(kAll) - 1)}, "s")});
  };
  return w;
}

Workload atomics_on_floats() {
  constexpr uint32_t kBlocks = 2, kThreads = 128;
  constexpr float kAll = kBlocks * kThreads;
  Workload w{"atomics_on_floats", "atomics", {}, {}, {}};
  const auto f = w.state("f", std::vector<float>(2, 0));
  const auto d = w.state("d", std::vector<double>(1, 0));
  const auto h2 = w.state("h2", std::vector<uint16_t>(2, 0));
  const auto b2 = w.state("b2", std::vector<uint16_t>(2, 0));
  const auto h = w.state("h", std::vector<uint16_t>(2, 0));
  const auto b = w.state("b", std::vector<uint16_t>(2, 0));
  const auto f2 = w.state("f2", std::vector<float>(2, 0));
  const auto f4 = w.state("f4", std::vector<float>(4, 0));
  w.launch("atomics_on_floats", {kBlocks}, {kThreads}) << f << d << h2 << b2 << h << b << f2 << f4;
  w.check = [=](const Results& r) {
    return first_of({equal(r.of<float>(f), {kAll / 2, 2.5f}, "f"), equal(r.of<double>(d), {kAll / 4}, "d"),
                     equal(r.of<uint16_t>(h2), {to_half(kAll), to_half(2 * kAll)}, "h2"),
                     equal(r.of<uint16_t>(b2), {to_bf16(kAll), to_bf16(-kAll)}, "b2"),
                     equal(r.of<uint16_t>(h), {to_half(kAll / 2), to_half(-kAll / 2)}, "h"),
                     equal(r.of<uint16_t>(b), {0, to_bf16(kAll / 2)}, "b"),
                     equal(r.of<float>(f2), {kAll, 2 * kAll}, "f2"),
                     equal(r.of<float>(f4), {kAll, 2 * kAll, 3 * kAll, 4 * kAll}, "f4")});
  };
  return w;
}

Workload atomics_in_shared_memory() {
  Workload w{"atomics_in_shared_memory", "atomics", {}, {}, {}};
  const auto i = w.output<int>("i", 6);
  const auto u = w.output<uint32_t>("u", 8);
  const auto f = w.output<float>("f", 2);
  const auto l = w.output<uint64_t>("l", 6);
  const auto d = w.output<double>("d", 2);
  w.launch("atomics_in_shared_memory", {2}, {128}) << i << u << f << l << d;
  w.check = [=](const Results& r) {
    uint32_t mixed = 0;
    for (uint32_t t = 0; t < 128; ++t) mixed ^= t * 2654435761u;
    const uint64_t sum = uint64_t{128} << 32, largest = (uint64_t{1} << 36) + 127;
    return first_of({equal(r.of<int>(i), {128, 127, -127, 128, 127, -127}, "i"),
                     equal(r.of<uint32_t>(u), {~0u, ~255u, mixed, 28, ~0u, ~255u, mixed, 28}, "u"),
                     equal(r.of<float>(f), {64, 64}, "f"), equal(r.of<double>(d), {16, 16}, "d"),
                     equal(r.of<uint64_t>(l), {sum, largest, 8, sum, largest, 8}, "l")});
  };
  return w;
}

Workload atomic_references() {
  Workload w{"atomic_references", "atomics", {}, {}, {}};
  const auto x = w.state("x", std::vector<int>(3, 0));
  const auto plain = w.state("plain", std::vector<int>(1, 0));
  w.launch("atomic_references", {3}, {64}) << x << plain;
  w.check = [=](const Results& r) {
    return first_of({equal(r.of<int>(x), {192, 0, 3}, "x"), equal(r.of<int>(plain), {3}, "plain")});
  };
  return w;
}

Workload last_block_sum() {
  constexpr int kCount = 3000;
  Workload w{"last_block_sum", "last_block", {}, {}, {}};
  std::vector<float> values;
  for (int x : small_ints(kCount, 21)) values.push_back(static_cast<float>(x));  // sums are exact
  const auto x = w.input("x", values);
  const auto parts = w.output<float>("parts", 4);
  const auto arrived = w.state("arrived", std::vector<uint32_t>{0});
  const auto out = w.output<float>("out", 1);
  w.launch("last_block_sum", {4}, {256}) << x << parts << arrived << out << kCount;
  w.check = [=](const Results& r) {
    return equal(r.of<float>(out), {std::accumulate(values.begin(), values.end(), 0.0f)}, "out");
  };
  return w;
}

struct GroupResults {
  std::vector<int> sums, maxima, scans, branch_sums, branch_ranks, bits;
};
GroupResults expected_groups(const std::vector<int>& x) {
  GroupResults e;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t warp = i / 32 * 32, eight = i / 8 * 8;
    int sum = 0, inclusive = 0, exclusive = 0, largest = 0, branch = 0, rank = 0, size = 0, alike = 0;
    bool five = false;
    for (std::size_t j = warp; j < warp + 32; ++j) {
      sum += x[j];
      if (j <= i) inclusive += x[j];
      if (j >= eight && j < i) exclusive += x[j];
      if (j / 8 == i / 8) largest = std::max(largest, x[j]);
      if (x[j] % 3 == 0) {
        branch += x[j];
        ++size;
        rank += j < i;
      }
      if ((x[j] & 3) == (x[i] & 3)) alike ^= x[j];
      five = five || x[j] == 5;
    }
    e.sums.push_back(sum);
    e.maxima.push_back(largest);
    e.scans.push_back(inclusive - exclusive);
    e.branch_sums.push_back(x[i] % 3 == 0 ? branch : -1);
    e.branch_ranks.push_back(x[i] % 3 == 0 ? rank * 100 + size : -1);
    e.bits.push_back(alike + 1000 * five + 2000);
  }
  return e;
}

Workload group_reductions() {
  const std::vector<int> values = small_ints(192, 22);
  Workload w{"group_reductions", "cooperative", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto sums = w.output<int>("sums", values.size()), maxima = w.output<int>("maxima", values.size()),
             scans = w.output<int>("scans", values.size()),
             branches = w.output<int>("branch_sums", values.size()),
             ranks = w.output<int>("branch_ranks", values.size()),
             bits = w.output<int>("bits", values.size());
  w.launch("group_reductions", {2}, {96}) << x << sums << maxima << scans << branches << ranks << bits;
  w.check = [=](const Results& r) {
    const GroupResults e = expected_groups(values);
    return first_of(
        {equal(r.of<int>(sums), e.sums, "sums"), equal(r.of<int>(maxima), e.maxima, "maxima"),
         equal(r.of<int>(scans), e.scans, "scans"), equal(r.of<int>(branches), e.branch_sums, "branch_sums"),
         equal(r.of<int>(ranks), e.branch_ranks, "branch_ranks"), equal(r.of<int>(bits), e.bits, "bits")});
  };
  return w;
}

Workload tile_shuffles() {
  std::vector<float> values;
  for (int x : small_ints(128, 23)) values.push_back(static_cast<float>(x));
  Workload w{"tile_shuffles", "cooperative", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto squares = w.output<float>("squares", 128), neighbours = w.output<float>("neighbours", 128);
  w.launch("tile_shuffles", {2}, {64}) << x << squares << neighbours;
  w.check = [=](const Results& r) {
    std::vector<float> sums(128, 0), next(128, 0);
    for (std::size_t i = 0; i < 128; ++i) {
      for (std::size_t j = i / 16 * 16; j < i / 16 * 16 + 16; ++j) sums[i] += values[j] * values[j];
      next[i] = values[i / 16 * 16 + (i + 1) % 16];
    }
    return first_of(
        {equal(r.of<float>(squares), sums, "squares"), equal(r.of<float>(neighbours), next, "neighbours")});
  };
  return w;
}

Workload grid_steps() {
  constexpr std::size_t kBlocks = 4, kThreads = 64, kAll = kBlocks * kThreads;
  Workload w{"grid_steps", "cooperative", {}, {}, {}};
  const auto values = w.output<int>("values", 2 * kAll);
  w.launch("grid_steps", {kBlocks}, {kThreads}) << values << 3;
  w.steps.back().cooperative = true;
  w.check = [=](const Results& r) {
    std::vector<int> now(kAll), next(kAll);
    std::iota(now.begin(), now.end(), 0);
    for (int step = 0; step < 3; ++step, now = next)
      for (std::size_t i = 0; i < kAll; ++i) next[i] = now[i] + now[(i + kThreads) % kAll];
    return equal(r.of<int>(values).subspan(kAll), now, "values");
  };
  return w;
}

Workload staged_copy() {
  constexpr std::size_t kTiles = 3, kSize = 64;
  const std::vector<float> values = Random(24).normals(kTiles * kSize * 4);
  Workload w{"staged_copy", "cooperative", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<float>("out", values.size());
  w.launch("staged_copy", {1}, {kSize}) << x << out << int{kTiles};
  w.check = [=](const Results& r) {
    std::vector<float> expected;
    for (std::size_t tile = 0; tile < kTiles; ++tile)
      for (std::size_t i = 0; i < kSize * 4; ++i)
        expected.push_back(values[(tile * kSize + kSize - 1 - i / 4) * 4 + i % 4]);
    return equal(r.of<float>(out), expected, "out");
  };
  return w;
}

Workload warp_transpose() {
  const std::vector<float> values = Random(25).normals(2 * 4 * 256);
  Workload w{"warp_transpose", "warp_exchange", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<float>("out", values.size());
  w.launch("warp_transpose", {2}, {128}) << x << out;
  w.check = [=](const Results& r) {
    std::vector<float> expected(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      expected[i] = values[i / 256 * 256 + i % 8 * 32 + i % 256 / 32 * 4 + i % 32 / 8];
    return equal(r.of<float>(out), expected, "out");
  };
  return w;
}

Workload warp_tree() {
  const std::vector<int> values = small_ints(256, 26);
  Workload w{"warp_tree", "warp_exchange", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<int>("out", 8);
  w.launch("warp_tree", {2}, {128}) << x << out;
  w.check = [=](const Results& r) {
    std::vector<int> sums(8, 0);
    for (std::size_t i = 0; i < values.size(); ++i) sums[i / 32] += values[i];
    return equal(r.of<int>(out), sums, "out");
  };
  return w;
}

Workload producers_and_consumers() {
  const std::vector<int> values = small_ints(4 * 64, 27, 1000);
  Workload w{"producers_and_consumers", "warp_exchange", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<int>("out", values.size());
  w.launch("producers_and_consumers", {1}, {128}) << x << out << 4;
  w.check = [=](const Results& r) {
    std::vector<int> expected;
    for (std::size_t i = 0; i < values.size(); ++i)
      expected.push_back(2 * values[i / 64 * 64 + 63 - i % 64] + 1);
    return equal(r.of<int>(out), expected, "out");
  };
  return w;
}

Workload pipelined_sum() {
  constexpr std::size_t kTiles = 5;
  const std::vector<int> values = small_ints(kTiles * 128, 28, 1000);
  Workload w{"pipelined_sum", "warp_exchange", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<int>("out", 128);
  w.launch("pipelined_sum", {1}, {128}) << x << out << int{kTiles};
  w.check = [=](const Results& r) {
    std::vector<int> sums(128, 0);
    for (std::size_t i = 0; i < values.size(); ++i) sums[127 - i % 128] += values[i];
    return equal(r.of<int>(out), sums, "out");
  };
  return w;
}

Workload warp_votes() {
  std::vector<int> values = small_ints(96, 29);
  std::fill(values.begin() + 64, values.end(), 4);  // one warp all alike
  Workload w{"warp_votes", "warp_exchange", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto same = w.output<int>("same", 96), rank = w.output<int>("rank", 96),
             extremes = w.output<int>("extremes", 96);
  w.launch("warp_votes", {1}, {96}) << x << same << rank << extremes;
  w.check = [=](const Results& r) {
    std::vector<int> counts, ranks, mixes;
    for (std::size_t i = 0; i < 96; ++i) {
      const auto warp = std::span(values).subspan(i / 32 * 32, 32);
      const auto equals = [&](int y) { return y == values[i]; };
      counts.push_back(static_cast<int>(std::count_if(warp.begin(), warp.end(), equals)));
      ranks.push_back(
          static_cast<int>(std::count_if(warp.begin(), warp.begin() + static_cast<int>(i % 32), equals)));
      const int either = std::accumulate(warp.begin(), warp.end(), 0, std::bit_or<>());
      const auto big = std::count_if(warp.begin(), warp.end(), [](int y) { return y > 3; });
      mixes.push_back(*std::max_element(warp.begin(), warp.end()) * 1000000 +
                      std::accumulate(warp.begin(), warp.end(), 0) * 1000 + either * 2 +
                      (counts.back() == 32) + 100 * static_cast<int>(big));
    }
    return first_of({equal(r.of<int>(same), counts, "same"), equal(r.of<int>(rank), ranks, "rank"),
                     equal(r.of<int>(extremes), mixes, "extremes")});
  };
  return w;
}

Workload chained_scan() {
  const std::vector<int> values = small_ints(5 * 64, 30, 100);
  Workload w{"chained_scan", "warp_exchange", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<int>("out", values.size()), totals = w.output<int>("totals", 5);
  const auto flags = w.state("flags", std::vector<int>(5, 0));
  w.launch("chained_scan", {5}, {64}) << x << out << totals << flags;
  w.check = [=](const Results& r) {
    std::vector<int> expected(values.size());
    std::partial_sum(values.begin(), values.end(), expected.begin());
    return equal(r.of<int>(out), expected, "out");
  };
  return w;
}

}  // namespace

std::vector<GoldenCase> synchronisation_cases() {
  return {{"atomics_on_words", atomics_on_words},
          {"atomics_on_long_words", atomics_on_long_words},
          {"atomics_on_floats", atomics_on_floats},
          {"atomics_in_shared_memory", atomics_in_shared_memory},
          {"atomic_references", atomic_references},
          {"last_block_sum", last_block_sum},
          {"group_reductions", group_reductions},
          {"tile_shuffles", tile_shuffles},
          {"grid_steps", grid_steps},
          {"staged_copy", staged_copy},
          {"warp_transpose", warp_transpose},
          {"warp_tree", warp_tree},
          {"producers_and_consumers", producers_and_consumers},
          {"pipelined_sum", pipelined_sum},
          {"warp_votes", warp_votes},
          {"chained_scan", chained_scan}};
}

}  // namespace warpwright::golden
