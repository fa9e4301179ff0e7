// A composed candidate, exported: for every workload the host code launches what the bound plan launches,
// which is what the part of its band would launch.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/exporter/expected_records_test.h"
#include "src/exporter/fake_runtime_test.h"
#include "src/exporter/tvm_ffi.h"
#include "src/plan/compose.h"
#include "src/trace/dataset.h"

namespace warpwright::exporter {
namespace {

const trace::LoadedDefinition& load(const std::string& name) {
  static std::map<std::string, trace::LoadedDefinition> loaded;
  if (!loaded.contains(name)) loaded[name] = *trace::DatasetPath::open({})->load(name);
  return loaded[name];
}

std::vector<plan::BindInputs> workloads_of(const trace::LoadedDefinition& loaded) {
  std::vector<plan::BindInputs> all;
  for (const trace::Workload& workload : loaded.workloads) {
    plan::BindInputs inputs;
    inputs.axes = workload.axes;
    for (const trace::Tensor& tensor : loaded.definition.inputs)
      if (tensor.is_scalar) inputs.scalars[tensor.name] = 0.125;
    inputs.device.resident_blocks = [](const std::string&, int64_t, int64_t) {
      return std::optional<int64_t>(2);
    };
    all.push_back(std::move(inputs));
  }
  return all;
}

FakeCall call_of(const plan::BindInputs& inputs, int stream) {
  FakeCall call;
  call.axes = inputs.axes;
  call.scalars = inputs.scalars;
  call.stream = stream;
  return call;
}

// Every workload on a stream of its own, so that each allocates its workspaces anew.
void expect_same_launches(const std::string& source, const trace::LoadedDefinition& loaded) {
  const trace::Definition& definition = loaded.definition;
  ExportRequest request;
  request.definition = definition;
  request.source = source;
  request.source_name = "composed.cu";
  request.workloads = workloads_of(loaded);
  request.solution_name = "test";
  request.author = "warpwright";
  const auto solution = export_tvm_ffi(request);
  ASSERT_TRUE(solution) << solution.error().message;
  const auto plan = plan::parse_plan(*plan::split_source(source), definition);
  ASSERT_TRUE(plan);
  std::vector<plan::BoundPlan> bound;
  std::vector<FakeCall> calls;
  for (const plan::BindInputs& inputs : request.workloads) {
    bound.push_back(*plan::bind(*plan, definition, inputs));
    calls.push_back(call_of(inputs, static_cast<int>(calls.size()) + 10));
  }
  const auto runtime = FakeRuntime::build(*solution, definition, bound);
  ASSERT_TRUE(runtime) << runtime.error().message;
  const auto records = runtime->run(calls);
  ASSERT_TRUE(records) << records.error().message;
  ASSERT_EQ(records->size(), bound.size());
  for (size_t i = 0; i < bound.size(); ++i) {
    SCOPED_TRACE(fmt::format("workload {}", i));
    for (const Json& record : (*records)[i]) EXPECT_NE(record["call"], "error") << record;
    const Allocations split = split_records((*records)[i], bound[i]);
    ASSERT_FALSE(bound[i].operations.empty());
    EXPECT_EQ(split.operations, expected_operations(bound[i], definition, split.addresses, calls[i].stream));
  }
}

struct Piece {
  std::string file, when;
  KnobValues knobs = {};
};

void expect_composition_works(const std::string& definition, const std::vector<Piece>& pieces) {
  SCOPED_TRACE(definition);
  const trace::LoadedDefinition& loaded = load(definition);
  std::vector<plan::Part> parts;
  for (const Piece& piece : pieces)
    parts.push_back({piece.file, piece.when, *read_file(piece.file), piece.knobs});
  const auto source = plan::compose(parts, loaded.definition, workloads_of(loaded));
  ASSERT_TRUE(source) << source.error().message;
  expect_same_launches(*source, loaded);
}

constexpr const char* kDecode = "gdn_decode_qk4_v8_d128_k_last";
constexpr const char* kSparse = "dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64";

TEST(ExportedComposition, OfTwoSeedsDispatchesByBand) {
  const std::string seeds = fmt::format("seeds/{}/", kDecode);
  expect_composition_works(kDecode, {{seeds + "lane_groups.cu", "batch_size <= 8", {{"SMALL_LANES", "32"}}},
                                     {seeds + "warp_rows.cu", "batch_size > 8", {{"ROWS", "8"}}}});
}

TEST(ExportedComposition, OfPartsWithUnitsAndBranchesOfTheirOwn) {
  const std::string folder = "src/exporter/testdata/";
  expect_composition_works(kDecode, {{folder + "units.cu", "batch_size <= 2"},
                                     {folder + "branches.cu", "batch_size > 2 && batch_size <= 16"},
                                     {folder + "units.cu", "batch_size > 16", {{"THREADS", "64"}}}});
}

// Workspaces, one of them self_clean, a cooperative launch and [[pdl]] in both branches.
TEST(ExportedComposition, OfOneSeedWithTwoSettings) {
  const std::string seed = fmt::format("seeds/{}/split_merge.cu", kSparse);
  expect_composition_works(kSparse, {{seed, "num_tokens <= 2", {{"SPLITS", "64"}, {"BLOCK", "32"}}},
                                     {seed, "num_tokens > 2", {{"SPLITS", "16"}, {"FUSED_TOKENS", "0"}}}});
}

// What the search composed and tuned by itself (benchmarks/composition).
TEST(ExportedComposition, OfTheSearchDispatchesAsItsPlanSays) {
  const std::string source = *read_file("benchmarks/composition/dsa_sparse_attention_composed.cu");
  EXPECT_NE(source.find("//@unit P1"), std::string::npos);
  expect_same_launches(source, load(kSparse));
}

}  // namespace
}  // namespace warpwright::exporter
