// The exported host code makes, launch for launch, the calls of the bound plan: for every contest workload,
// run against a recording fake of the CUDA runtime.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "src/exporter/expected_records_test.h"
#include "src/exporter/fake_runtime_test.h"
#include "src/exporter/tvm_ffi.h"
#include "src/trace/dataset.h"

namespace warpwright::exporter {
namespace {

constexpr std::string_view kDefinition = "gdn_decode_qk4_v8_d128_k_last";
constexpr int kStreamOfTest = 7;

const trace::LoadedDefinition& decode() {
  static const trace::LoadedDefinition loaded = *trace::DatasetPath::open({})->load(kDefinition);
  return loaded;
}

plan::BindInputs bind_inputs(const trace::Axes& axes, bool with_state, double scale = 0.08838834764831845) {
  plan::BindInputs inputs;
  inputs.axes = axes;
  inputs.scalars["scale"] = scale;
  inputs.present["state"] = with_state;
  inputs.device.resident_blocks = [](const std::string&, int64_t, int64_t) -> std::optional<int64_t> {
    return 2;
  };
  return inputs;
}

std::vector<plan::BindInputs> contest_workloads(bool with_state = true) {
  std::vector<plan::BindInputs> all;
  for (const trace::Workload& workload : decode().workloads)
    all.push_back(bind_inputs(workload.axes, with_state));
  return all;
}

// A decode definition whose state may be left out, as FlashInfer's own may.
const trace::Definition& definition() {
  static const trace::Definition value = [] {
    trace::Definition changed = decode().definition;
    for (trace::Tensor& tensor : changed.inputs) tensor.optional = tensor.optional || tensor.name == "state";
    return changed;
  }();
  return value;
}

ExportRequest request(const std::string& path, KnobValues knobs = {}) {
  ExportRequest made;
  made.definition = definition();
  made.source = *read_file(path);
  made.source_name = path;
  made.knobs = std::move(knobs);
  made.workloads = contest_workloads();
  made.solution_name = "test";
  made.author = "warpwright";
  return made;
}

// A candidate, exported and built, with its plan to compare with.
struct Exported {
  plan::Plan plan;
  KnobValues knobs;
  FakeRuntime runtime;

  plan::BoundPlan bind(plan::BindInputs inputs) const {
    inputs.knobs = knobs;
    return *plan::bind(plan, definition(), inputs);
  }
};

// Each is compiled once for all tests.
const Exported& build(const std::string& path, const KnobValues& knobs = {}) {
  static std::map<std::pair<std::string, KnobValues>, Exported> built;
  if (const auto found = built.find({path, knobs}); found != built.end()) return found->second;
  const ExportRequest made = request(path, knobs);
  const auto solution = export_tvm_ffi(made);
  if (!solution) throw std::runtime_error(solution.error().message);
  plan::Plan plan = *plan::parse_plan(*plan::split_source(made.source), definition());
  std::vector<plan::BoundPlan> bound;
  for (const bool with_state : {true, false}) {
    for (plan::BindInputs inputs : contest_workloads(with_state)) {
      inputs.knobs = knobs;
      bound.push_back(*plan::bind(plan, definition(), inputs));
    }
  }
  auto runtime = FakeRuntime::build(*solution, definition(), bound);
  if (!runtime) throw std::runtime_error(runtime.error().message);
  return built.emplace(std::pair(path, knobs), Exported{std::move(plan), knobs, std::move(*runtime)})
      .first->second;
}

FakeCall call_of(const plan::BindInputs& inputs, int stream = kStreamOfTest) {
  FakeCall call;
  call.axes = inputs.axes;
  call.scalars = inputs.scalars;
  if (!inputs.present.at("state")) call.absent = {"state"};
  call.stream = stream;
  return call;
}

// Every workload on a stream of its own, so that each allocates its workspaces anew.
void expect_same_launches(const std::string& path, const KnobValues& knobs = {}) {
  SCOPED_TRACE(path);
  const Exported& exported = build(path, knobs);
  for (const bool with_state : {true, false}) {
    const std::vector<plan::BindInputs> workloads = contest_workloads(with_state);
    ASSERT_EQ(workloads.size(), 54u);
    std::vector<FakeCall> calls;
    for (size_t i = 0; i < workloads.size(); ++i)
      calls.push_back(call_of(workloads[i], static_cast<int>(i) + 10));
    const auto records = exported.runtime.run(calls);
    ASSERT_TRUE(records) << records.error().message;
    ASSERT_EQ(records->size(), workloads.size());
    for (size_t i = 0; i < workloads.size(); ++i) {
      SCOPED_TRACE(fmt::format("workload {}, batch {}", i, workloads[i].axes.at("batch_size")));
      const plan::BoundPlan bound = exported.bind(workloads[i]);
      const Allocations split = split_records((*records)[i], bound);
      ASSERT_FALSE(bound.operations.empty());
      EXPECT_EQ(split.operations, expected_operations(bound, definition(), split.addresses, calls[i].stream));
      for (const Json& record : (*records)[i]) EXPECT_NE(record["call"], "error") << record;
    }
  }
}

constexpr const char* kBranches = "src/exporter/testdata/branches.cu";
constexpr const char* kInstantiations = "src/exporter/testdata/instantiations.cu";
constexpr const char* kExpressions = "src/exporter/testdata/expressions.cu";
constexpr const char* kErrors = "src/exporter/testdata/errors.cu";
constexpr const char* kUnits = "src/exporter/testdata/units.cu";

TEST(ExportedHostCode, MakesTheBoundPlansCallsWithBranchesWorkspacesAndAttributes) {
  expect_same_launches(kBranches);
}
TEST(ExportedHostCode, MakesTheBoundPlansCallsWithOtherKnobs) {
  expect_same_launches(kBranches, {{"SPLITS", "8"}, {"FUSED", "false"}, {"SOFTCAP", "0.25"}});
}
TEST(ExportedHostCode, DispatchesTemplateArgumentsThatChangeWithTheWorkload) {
  expect_same_launches(kInstantiations);
}
TEST(ExportedHostCode, ComputesEveryExpressionAsTheBinderDoes) {
  expect_same_launches(kExpressions);
}
TEST(ExportedHostCode, KeepsUnitsApart) {
  expect_same_launches(kUnits);
}
TEST(ExportedHostCode, MakesTheCallsOfTheSeeds) {
  for (const auto& seed : list_files(fmt::format("seeds/{}", kDefinition), ".cu"))
    expect_same_launches(seed.string());
}

std::vector<std::string> names(const std::vector<Json>& records) {
  std::vector<std::string> all;
  for (const Json& record : records) all.push_back(record["call"]);
  return all;
}
size_t count(const std::vector<Json>& records, std::string_view name) {
  return static_cast<size_t>(
      std::count_if(records.begin(), records.end(), [&](const Json& r) { return r["call"] == name; }));
}
std::string error_of(const std::vector<Json>& records) {
  for (const Json& record : records) {
    if (record["call"] == "error") return record["message"];
  }
  return "no error; calls: " + fmt::format("{}", fmt::join(names(records), " "));
}

class HostCode : public testing::Test {
 protected:
  static const Exported& instantiations() { return build(kInstantiations); }
  static FakeCall batch(int64_t size, int stream = kStreamOfTest) {
    return call_of(bind_inputs({{"batch_size", size}}, true), stream);
  }
  static std::vector<std::vector<Json>> run(const Exported& exported, const std::vector<FakeCall>& calls) {
    return *exported.runtime.run(calls);
  }
};

TEST_F(HostCode, AllocatesNothingInTheSteadyStateAndOnlyGrows) {
  const auto records =
      run(instantiations(), {batch(4), batch(4), batch(64), batch(1), batch(64), batch(64, 8)});
  EXPECT_EQ(count(records[0], "malloc"), 2u);
  EXPECT_EQ(count(records[2], "free"), 2u);
  EXPECT_EQ(count(records[2], "synchronize"), 2u);
  EXPECT_EQ(count(records[2], "malloc"), 2u);
  for (const size_t i : {1u, 3u, 4u}) {
    EXPECT_EQ(count(records[i], "malloc") + count(records[i], "free"), 0u) << i;
    EXPECT_EQ(count(records[i], "memset"), 0u) << "a self_clean workspace is zeroed once: " << i;
  }
  EXPECT_EQ(count(records[5], "malloc"), 2u) << "another stream has its own";
  EXPECT_EQ(count(records[5], "free"), 0u);
}

TEST_F(HostCode, ZeroesSelfCleanWorkspacesAgainAfterAFailedCall) {
  FakeCall failing = batch(4);
  failing.wrong = "launches";
  const auto records = run(instantiations(), {batch(4), failing, batch(4), batch(4)});
  EXPECT_NE(
      error_of(records[1])
          .find("launching step<warps, large, __nv_bfloat16> (plan line 14): unspecified launch failure"),
      std::string::npos)
      << error_of(records[1]);
  EXPECT_EQ(count(records[2], "memset"), 1u);
  EXPECT_EQ(count(records[3], "memset"), 0u);
}

TEST_F(HostCode, KeepsDevicesApartAndRestoresTheCurrentOne) {
  FakeCall other = batch(4);
  other.device = 1;
  const auto records = run(instantiations(), {batch(4), other, other});
  EXPECT_EQ(count(records[0], "set_device"), 0u);
  EXPECT_EQ(count(records[1], "malloc"), 2u);
  EXPECT_EQ(count(records[2], "malloc"), 0u);
  EXPECT_EQ(records[2].front()["device"], 1);
  EXPECT_EQ(records[2].back()["device"], 0);
}

TEST_F(HostCode, RefusesTensorsThatDoNotFitAndNamesThem) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"dtype", "TypeError: tensor k has DLPack data type"},
      {"rank", "ValueError: tensor k has 5 dimensions, expected 4"},
      {"shape", "ValueError: tensor k has size 129 in dimension 3, expected 128"},
      {"layout", "ValueError: tensor k is not contiguous"},
      {"device", "ValueError: tensor k is on another device"}};
  std::vector<FakeCall> calls;
  for (const auto& [wrong, message] : cases) {
    calls.push_back(batch(4));
    calls.back().wrong = wrong;
    calls.back().wrong_tensor = "k";
  }
  calls.push_back(batch(4));
  calls.back().wrong = "host";
  calls.back().wrong_tensor = "q";
  const auto records = run(instantiations(), calls);
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(error_of(records[i]).substr(0, cases[i].second.size()), cases[i].second);
    EXPECT_EQ(count(records[i], "launch"), 0u);
  }
  EXPECT_NE(error_of(records.back()).find("another device"), std::string::npos) << error_of(records.back());
}

TEST_F(HostCode, ReportsAFailedAllocationByName) {
  FakeCall failing = batch(4);
  failing.wrong = "allocations";
  const auto records = run(instantiations(), {failing, batch(4)});
  EXPECT_EQ(error_of(records[0]), "RuntimeError: allocating workspace arrivals of 128 bytes: out of memory");
  EXPECT_EQ(count(records[1], "malloc"), 2u);
}

TEST_F(HostCode, RefusesShapesWhoseKernelsWereNeverChecked) {
  // batch 24 takes warps = 4 with large = false, as batch 16 does; batch 47 takes warps = 4 and large = true,
  // as 32.
  const auto records = run(instantiations(), {batch(24), batch(47), batch(0)});
  EXPECT_EQ(count(records[0], "launch"), 1u);
  EXPECT_EQ(count(records[1], "launch"), 2u);
  EXPECT_NE(error_of(records[2]).find("extent x of a launch is 0"), std::string::npos)
      << error_of(records[2]);
}

TEST_F(HostCode, FailsWhereThePlanDoesNotBind) {
  const Exported& exported = build(kErrors);
  std::vector<FakeCall> calls;
  for (int64_t size = 100; size < 126; ++size) calls.push_back(batch(size));
  const auto records = run(exported, calls);
  for (size_t i = 0; i < calls.size(); ++i) {
    SCOPED_TRACE(calls[i].axes.at("batch_size"));
    const bool binds = plan::bind(exported.plan, definition(), bind_inputs(calls[i].axes, true)).has_value();
    EXPECT_EQ(binds, calls[i].axes.at("batch_size") == 100);
    EXPECT_EQ(count(records[i], "error"), binds ? 0u : 1u) << error_of(records[i]);
    EXPECT_EQ(count(records[i], "launch"), binds ? 1u : 0u);
  }
  EXPECT_EQ(error_of(records[1]), "RuntimeError: division by zero in the launch plan");
  EXPECT_EQ(error_of(records[16]), "RuntimeError: never 116 (plan line 21)");
}

TEST_F(HostCode, SetsFunctionAttributesOnceForEachDevice) {
  const Exported& exported = build(kBranches);
  const auto records = run(exported, {batch(1), batch(1), batch(8), batch(16), batch(64)});
  const auto attributes = [&](size_t i) {
    std::vector<std::string> all;
    for (const Json& record : records[i]) {
      if (record["call"] == "set_attribute")
        all.push_back(
            fmt::format("{}={}", record["attribute"].get<std::string>(), record["value"].get<int>()));
    }
    return all;
  };
  EXPECT_EQ(attributes(0), std::vector<std::string>{"carveout=100"});
  EXPECT_EQ(attributes(1), std::vector<std::string>{});
  EXPECT_EQ(attributes(2), std::vector<std::string>{"shared=98304"});
  EXPECT_EQ(attributes(3), std::vector<std::string>{});
  EXPECT_EQ(attributes(4), std::vector<std::string>{"shared=65536"});
}

}  // namespace
}  // namespace warpwright::exporter
