// For tests of tensor copies: a case, its PTX, and kernels on a small matrix.
#pragma once

#include "evaluator/sim/bulk_test_support.h"
#include "evaluator/sim/tensor_map.h"

namespace warpwright::sim {

struct TensorCase {
  TensorMap map;
  std::array<int64_t, kMaxTensorRank> start = {};
  std::size_t tensor_bytes = 0;
  uint32_t element = 1;
};

inline std::string coordinates(const TensorCase& c, uint32_t count = 0) {
  std::string text = "{";
  for (uint32_t d = 0; d < (count != 0 ? count : c.map.rank); ++d)
    text += (d > 0 ? ", " : "") + std::to_string(c.start[d]);
  return "[%rd0, " + text + "}]";
}
inline std::string dims(const TensorCase& c) {
  return std::to_string(c.map.rank) + "d";
}
inline std::string load_text(const TensorCase& c) {
  return single(expect(std::to_string(box_bytes(c.map))) + "cp.async.bulk.tensor." + dims(c) +
                    ".shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r2], " + coordinates(c) +
                    ", [%r1];\n",
                "ISSUED");
}
inline std::string store_text(const TensorCase& c) {
  return kFence + "bar.sync 0;\n" +
         single("cp.async.bulk.tensor." + dims(c) + ".global.shared::cta.tile.bulk_group " + coordinates(c) +
                    ", [%r2];\n" + kCommit + kWaitGroup,
                "STORED");
}

// A matrix of 16 rows of 64 words, boxes of 4 rows of 16.
inline TensorCase tensor_matrix() {
  TensorCase c;
  c.map.type = TensorMapType::kU32;
  c.element = 4;
  c.map.rank = 2;
  c.map.dims = {64, 16};
  c.map.strides = {256};
  c.map.box = {16, 4};
  c.tensor_bytes = 4096;
  c.start = {16, 8};
  return c;
}
struct TensorOutcome {
  LaunchReport report;
  std::vector<uint32_t> tensor, out;
};
// k(map, out) with a tensor that the kernel may write.
inline TensorOutcome run_tensor(TensorCase c, const std::string& body, Dim3 cluster = {}) {
  TestLaunch t(bulk_kernel({"map", "out"}, body));
  const uint64_t tensor = t.output<uint32_t>("tensor", 1024);
  const std::vector<uint32_t> values = numbers(1024, 9);
  std::memcpy(t.memory.bytes(tensor).data(), values.data(), 4096);
  t.memory.mark_initialised(tensor, true);
  c.map.address = tensor;
  t.launch.parameters.clear();
  t.argument(encode_tensor_map(c.map));
  const uint64_t out = t.output<uint32_t>("out", 1024);
  t.launch.cluster = cluster;
  t.options.warp_instruction_budget = 1'000'000;
  const LaunchReport report = t.run(cluster, {64, 1, 1});
  return {report, t.read<uint32_t>(tensor), t.read<uint32_t>(out)};
}

}  // namespace warpwright::sim
