#include "tests/golden_kernels/async_mutations.h"

#include <fmt/format.h>

#include <algorithm>

namespace warpwright::golden {
namespace {

const Substitution kSubstitutions[] = {
    // Phases
    {{"tma_gemm", "tcgen05_gemm", "two_block_gemm"}, "step / kStages % 2 ^ 1)", "step / kStages % 2)"},
    {{"tma_gemm", "wgmma_gemm", "tcgen05_gemm", "two_block_gemm"},
     "step / kStages % 2);",
     "step / kStages % 2 ^ 1);"},
    {{"persistent_wgmma"}, "turn / kStages % 2 ^ 1)", "turn / kStages % 2)"},
    {{"persistent_wgmma"}, "turn / kStages % 2);", "turn / kStages % 2 ^ 1);"},
    {{"persistent_wgmma"}, "int turn = 0;", "int turn = group;"},
    {{"tcgen05_gemm", "two_block_gemm"}, "wait_for(done, 0)", "wait_for(done, 1)"},
    {{"cluster_softmax"}, "wait_for(barrier, 0)", "wait_for(barrier, 1)"},

    // Counts of arrivals
    {{"tma_gemm", "wgmma_gemm", "persistent_wgmma", "tcgen05_gemm", "two_block_gemm"},
     "init_barrier(fulls + 8 * i, 1)",
     "init_barrier(fulls + 8 * i, 2)"},
    {{"tma_gemm"}, "init_barrier(empties + 8 * i, 4)", "init_barrier(empties + 8 * i, 3)"},
    {{"tma_gemm"}, "init_barrier(empties + 8 * i, 4)", "init_barrier(empties + 8 * i, 5)"},
    {{"persistent_wgmma"}, "init_barrier(empties + 8 * i, 2)", "init_barrier(empties + 8 * i, 1)"},
    {{"tcgen05_gemm", "two_block_gemm"},
     "init_barrier(empties + 8 * i, 1)",
     "init_barrier(empties + 8 * i, 2)"},
    {{"tcgen05_gemm", "two_block_gemm"}, "init_barrier(done, 1)", "init_barrier(done, 2)"},
    {{"cluster_softmax"}, "init_barrier(barrier, 1)", "init_barrier(barrier, 2)"},

    // Counts of bytes
    {{"tma_gemm", "wgmma_gemm"},
     "arrive_expecting(barrier, 2 * kTileBytes)",
     "arrive_expecting(barrier, 2 * kTileBytes - 16)"},
    {{"tma_gemm", "wgmma_gemm"},
     "arrive_expecting(barrier, 2 * kTileBytes)",
     "arrive_expecting(barrier, 2 * kTileBytes + 16)"},
    {{"tma_gemm", "wgmma_gemm"},
     "arrive_expecting(barrier, 2 * kTileBytes)",
     "arrive_expecting(barrier, kTileBytes)"},
    {{"tcgen05_gemm"}, "2 * kTileBytes + kScalesOfStage);", "2 * kTileBytes + kScalesOfStage - 16);"},
    {{"tcgen05_gemm"}, "2 * kTileBytes + kScalesOfStage);", "2 * kTileBytes);"},
    {{"tcgen05_gemm"}, "kScaleBytes, barrier)", "kScaleBytes - 16, barrier)"},
    {{"persistent_wgmma"},
     "arrive_expecting(barrier, kStageBytes)",
     "arrive_expecting(barrier, kStageBytes - 16)"},
    {{"two_block_gemm"}, "2 * kStageBytes);", "kStageBytes);"},
    {{"two_block_gemm"}, "2 * kStageBytes);", "2 * kStageBytes - 16);"},
    {{"two_block_gemm"}, "if (rank == 0) arrive_expecting", "arrive_expecting"},
    {{"cluster_softmax"}, "sizeof(parts) : 0", "sizeof(parts) - 16 : 0"},
    {{"cluster_softmax"}, "sizeof(parts) : 0", "0 : sizeof(parts)"},

    // Another barrier, another place
    {{"tma_gemm", "wgmma_gemm", "tcgen05_gemm"}, "first_row, barrier)", "first_row, barrier + 8)"},
    {{"tma_gemm", "wgmma_gemm", "tcgen05_gemm"}, "load_box(to + kTileBytes", "load_box(to + kTileBytes + 16"},
    {{"tma_gemm", "wgmma_gemm", "tcgen05_gemm"}, "load_box(to + kTileBytes", "load_box(to + kTileBytes / 2"},
    {{"two_block_gemm"}, "kInFirstBlock = 0xfeffffff", "kInFirstBlock = 0xffffffff"},
    {{"two_block_gemm"}, "first_column + rank * kColumns / 2", "first_column"},
    {{"two_block_gemm"}, "load_box_of_pair(to + kABytes", "load_box_of_pair(to + kABytes / 2"},
    {{"persistent_wgmma"}, "load_box(to + kABytes", "load_box(to + kABytes / 2"},
    {{"tcgen05_gemm"}, "commit_to(empties + 8 * stage)", "commit_to(empties)"},
    {{"two_block_gemm"}, "commit_to_pair(empties + 8 * stage)", "commit_to(empties + 8 * stage)"},
    {{"two_block_gemm"}, "static_cast<unsigned short>(3)", "static_cast<unsigned short>(1)"},
    {{"cluster_softmax"}, "address_in(barrier, 0)", "address_in(barrier, rank)"},
    {{"cluster_softmax"},
     "address_in(shared_address(&parts[rank][threadIdx.x]), 0)",
     "address_in(shared_address(&parts[rank][threadIdx.x]), rank)"},

    // Swizzle, strides and start in descriptors
    {{"tma_gemm"}, "chunk ^ row % 8", "chunk ^ row % 4"},
    {{"wgmma_gemm", "persistent_wgmma"}, "1ull << 62", "2ull << 62"},
    {{"wgmma_gemm", "persistent_wgmma"}, "1ull << 62", "0ull << 62"},
    {{"wgmma_gemm", "persistent_wgmma"},
     "(1024ull >> 4) << 32 | 1ull << 62",
     "(512ull >> 4) << 32 | 1ull << 62"},
    {{"wgmma_gemm", "persistent_wgmma"},
     "(address & 0x3ffff) >> 4 | 1ull << 16 | (1024ull >> 4) << 32 | 1ull << 62",
     "(address & 0x3ffff) | 1ull << 16 | (1024ull >> 4) << 32 | 1ull << 62"},
    {{"tcgen05_gemm", "two_block_gemm"}, "2ull << 61", "4ull << 61"},
    {{"tcgen05_gemm", "two_block_gemm"}, "2ull << 61", "1ull << 61"},
    {{"tcgen05_gemm", "two_block_gemm"}, "2ull << 61", "0ull << 61"},
    {{"tcgen05_gemm", "two_block_gemm"}, "1ull << 46 | 2ull << 61", "2ull << 61"},
    {{"tcgen05_gemm", "two_block_gemm"},
     "(1024ull >> 4) << 32 | 1ull << 46",
     "(512ull >> 4) << 32 | 1ull << 46"},
    {{"wgmma_gemm", "persistent_wgmma", "tcgen05_gemm", "two_block_gemm"},
     "kNextPart = 32 >> 4",
     "kNextPart = 64 >> 4"},
    {{"tcgen05_gemm"}, "(128ull >> 4) << 32", "(256ull >> 4) << 32"},
    {{"tcgen05_gemm"}, "(128ull >> 4) << 32 | 1ull << 46", "(128ull >> 4) << 32 | 1ull << 46 | 2ull << 61"},

    // Shape, types and flags in instruction descriptors
    {{"tcgen05_gemm", "two_block_gemm"}, "return 1 << 4 | format", "return 0 << 4 | format"},
    {{"tcgen05_gemm", "two_block_gemm"}, "format << 7", "(format ^ 1) << 7"},
    {{"tcgen05_gemm", "two_block_gemm"}, "format << 10", "(format ^ 1) << 10"},
    {{"tcgen05_gemm", "two_block_gemm"}, "n / 8 << 17", "n / 16 << 17"},
    {{"tcgen05_gemm", "two_block_gemm"}, "m / 16 << 24", "m / 32 << 24"},
    {{"tcgen05_gemm", "two_block_gemm"}, "n / 8 << 17", "n / 8 << 17 | 1u << 2"},
    {{"tcgen05_gemm", "two_block_gemm"}, "n / 8 << 17", "n / 8 << 17 | 1u << 13"},
    {{"tcgen05_gemm", "two_block_gemm"}, "n / 8 << 17", "n / 8 << 17 | 1u << 15"},
    {{"tcgen05_gemm", "two_block_gemm"}, "n / 8 << 17", "n / 8 << 17 | 1u << 16"},
    {{"tcgen05_gemm"}, "scale << 4 |", "0 << 4 |"},
    {{"tcgen05_gemm"}, "1u << 23", "0u << 23"},
    {{"tcgen05_gemm"}, "scale << 29", "0 << 29"},
    {{"wgmma_gemm"}, "f32.bf16.bf16", "f32.f16.f16"},
    {{"wgmma_gemm"}, "f32.e4m3.e4m3", "f32.e5m2.e4m3"},
    {{"wgmma_gemm", "tcgen05_gemm", "two_block_gemm"}, "step > 0 || part > 0", "part > 0"},
    {{"wgmma_gemm", "persistent_wgmma", "tcgen05_gemm", "two_block_gemm"}, "step > 0 || part > 0", "true"},

    // Commits and waits in another order
    {{"wgmma_gemm"}, "wait_products<1>();", "wait_products<2>();"},
    {{"wgmma_gemm"}, "wait_products<0>();", "wait_products<1>();"},
    {{"persistent_wgmma"}, "wait_products<0>();", "wait_products<1>();"},
    {{"wgmma_gemm"},
     R"(    commit_products();
    wait_products<1>();)",
     R"(    wait_products<1>();
    commit_products();)"},
    {{"wgmma_gemm"},
     R"(    fence_products();
#pragma unroll
    for (int part = 0; part < kRowBytes / 32; ++part)
      multiply(sum, left + part * kNextPart, right + part * kNextPart, step > 0 || part > 0);
    commit_products();)",
     R"(    fence_products();
    commit_products();
#pragma unroll
    for (int part = 0; part < kRowBytes / 32; ++part)
      multiply(sum, left + part * kNextPart, right + part * kNextPart, step > 0 || part > 0);)"},
    {{"wgmma_gemm"},
     R"(    store_box(c, first_column, first_row, tiles);
    commit_stores();)",
     R"(    commit_stores();
    store_box(c, first_column, first_row, tiles);)"},
    {{"tcgen05_gemm"},
     R"(      fence_after_barrier();
      if constexpr (kScaled) {)",
     R"(      commit_to(empties + 8 * stage);
      if constexpr (kScaled) {)"},
    {{"tcgen05_gemm"},
     R"(      commit_to(empties + 8 * stage);
    }
    commit_to(done);)",
     R"(      commit_to(empties + 8 * stage);
      if (step == 0) commit_to(done);
    })"},
    {{"tcgen05_gemm"},
     R"(      wait_for(fulls + 8 * stage, step / kStages % 2);
      fence_after_barrier();)",
     R"(      commit_to(empties + 8 * stage);
      wait_for(fulls + 8 * stage, step / kStages % 2);
      fence_after_barrier();)"},
    {{"two_block_gemm"},
     R"(      commit_to_pair(empties + 8 * stage);
    }
    commit_to_pair(done);)",
     R"(      commit_to_pair(empties + 8 * stage);
      if (step == 0) commit_to_pair(done);
    })"},
    {{"cluster_softmax"},
     R"(    wait_for(barrier, 0);
    sum = 0;)",
     R"(    sum = parts[0][threadIdx.x];
    wait_for(barrier, 0);
    sum -= sum;)"},

    // Tensor memory: too little, the wrong lanes, given back too early or only in part
    {{"tcgen05_gemm"},
     "allocate_columns<1>(shared_address(&shared.columns), kColumns)",
     "allocate_columns<1>(shared_address(&shared.columns), kColumns / 2)"},
    {{"tcgen05_gemm"},
     "allocate_columns<1>(shared_address(&shared.columns), kColumns)",
     "allocate_columns<1>(shared_address(&shared.columns), kColumns - 32)"},
    {{"tcgen05_gemm"}, "free_columns<1>(sum, kColumns)", "free_columns<1>(sum, kColumns / 2)"},
    {{"tcgen05_gemm"}, "free_columns<1>(sum, kColumns)", "free_columns<1>(sum + 32, kColumns)"},
    {{"tcgen05_gemm"},
     "  wait_for(done, 0);\n",
     "  wait_for(done, 0);\n  if (warp == 0) free_columns<1>(sum, kColumns);\n"},
    {{"tcgen05_gemm"},
     "  fence_before_barrier();\n  __syncthreads();\n  if (warp == 0) free",
     "  if (warp == 0) free"},
    {{"two_block_gemm"},
     "allocate_columns<2>(shared_address(&shared.columns), kColumns)",
     "allocate_columns<2>(shared_address(&shared.columns), kColumns / 2)"},
    {{"two_block_gemm"}, "allocate_columns<2>", "allocate_columns<1>"},
    {{"two_block_gemm"}, "free_columns<2>", "free_columns<1>"},
    {{"two_block_gemm"},
     "  wait_for(done, 0);\n",
     "  wait_for(done, 0);\n  if (warp == 0) free_columns<2>(sum, kColumns);\n"},
    {{"tcgen05_gemm", "two_block_gemm"}, "warp * 32 << 16", "0 << 16"},
    {{"tcgen05_gemm", "two_block_gemm"}, "(warp * 32 << 16) + column", "(warp * 32 << 16) + column + 16"},
    {{"tcgen05_gemm"}, "copy_scales(sum + kTile + 4,", "copy_scales(sum + kTile,"},

    // Clusters, registers, dependent launches
    {{"two_block_gemm"}, "barrier.cluster.arrive.release", "barrier.cluster.arrive.relaxed"},
    {{"two_block_gemm"}, "blockIdx.x % 2", "blockIdx.x / 2 % 2"},
    {{"persistent_wgmma"}, "setmaxnreg.inc.sync.aligned.u32 232", "setmaxnreg.inc.sync.aligned.u32 240"},
    {{"persistent_wgmma"}, "setmaxnreg.dec.sync.aligned.u32 40", "setmaxnreg.dec.sync.aligned.u32 48"},
    {{"dependent_chain"},
     "  wait_for_those_before();\n  if (i < count) out[i] = value - *mean;",
     "  if (i < count) out[i] = value - *mean;\n  wait_for_those_before();"},
};

struct UnusedLine {
  std::string_view file, start;  // of the line, trimmed
};
const UnusedLine kUnusedLines[] = {
    {"two_block_gemm", "return scale << 4 |"},  // scaled_product_of: it has no block scales
};

std::string line_of(const std::string& text, int number) {
  std::size_t begin = 0;
  for (int i = 1; i < number; ++i) begin = text.find('\n', begin) + 1;
  begin = text.find_first_not_of(" \t", begin);
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

std::span<const Substitution> substitutions() {
  return kSubstitutions;
}

bool is_unused_code(const std::string& file, const Mutant& mutant) {
  const std::string line = line_of(mutant.text, mutant.line);
  return std::any_of(std::begin(kUnusedLines), std::end(kUnusedLines), [&](const UnusedLine& unused) {
    return unused.file == file && line.starts_with(unused.start);
  });
}

std::vector<MapMutant> map_mutants_of(const Workload& workload) {
  using Change = void (*)(sim::TensorMap&);
  static constexpr std::pair<const char*, Change> kChanges[] = {
      {"swizzle",
       [](sim::TensorMap& map) {
         map.swizzle =
             map.swizzle == sim::TensorSwizzle::kNone ? sim::TensorSwizzle::k32 : sim::TensorSwizzle::kNone;
       }},
      {"box of half the rows", [](sim::TensorMap& map) { map.box[1] /= 2; }},
      {"rows 16 bytes further apart", [](sim::TensorMap& map) { map.strides[0] += 16; }},
      {"half the rows", [](sim::TensorMap& map) { map.dims[1] /= 2; }},
      {"every second row", [](sim::TensorMap& map) { map.element_strides[1] = 2; }},
  };
  std::vector<MapMutant> mutants;
  for (std::size_t step = 0; step < workload.steps.size(); ++step)
    for (std::size_t i = 0; i < workload.steps[step].arguments.size(); ++i) {
      if (workload.steps[step].arguments[i].kind != Argument::Kind::kMap) continue;
      for (const auto& [what, change] : kChanges) {
        mutants.push_back({fmt::format("map {}: {}", i, what), workload});
        change(mutants.back().workload.steps[step].arguments[i].map);
      }
    }
  return mutants;
}

}  // namespace warpwright::golden
