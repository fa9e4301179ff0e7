// The whole GPU evaluator, from request to report, with device processes on the fake GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "evaluator/exec/test_support.h"
#include "evaluator/service/evaluator.h"
#include "src/base/files.h"

namespace warpwright::service {
namespace {
namespace fs = std::filesystem;

constexpr const char* kDefinition = "gdn_decode_qk4_v8_d128_k_last";

// A fake GPU with settings of its own, and an evaluator on it.
class OnFake : public testing::Test {
 protected:
  void open(const std::string& settings = "") {
    const fs::path library = folder_.path() / "libfake_gpu.so";
    fs::create_symlink(FAKE_GPU_LIBRARY, library);
    std::ofstream(folder_.path() / "fake_gpu.env")
        << "FAKE_GPU_LOG=" << log().string() << "\nFAKE_GPU_BUDGET=20000000\n"
        << settings;
    for (const char* name : {"WARPWRIGHT_LIBCUDA", "WARPWRIGHT_LIBCUPTI", "WARPWRIGHT_LIBNVML"})
      setenv(name, library.c_str(), 1);
    EvaluatorOptions options;
    options.home = find_home().value();
    auto created = Evaluator::create(options);
    ASSERT_TRUE(created) << created.error().message;
    evaluator_ = std::move(*created);
  }
  EvaluationReport evaluate(const std::string& path, const std::string& selection,
                            Stage last = Stage::kValidate) {
    EvaluationRequest request;
    request.id = path;
    request.source_name = fs::path(path).filename();
    request.source = read_file(find_home().value() / path).value();
    request.definition = kDefinition;
    request.executor = "cuda";
    request.target = "sm_90a";
    request.selection = selection;
    request.last_stage = last;
    return evaluator_->evaluate(request, {});
  }
  EvaluationReport evaluate_seed(const std::string& selection = "0", Stage last = Stage::kValidate) {
    return evaluate(std::string("seeds/") + kDefinition + "/warp_rows.cu", selection, last);
  }
  EvaluationReport evaluate_broken(const std::string& name) {
    return evaluate("tests/broken_kernels/" + name + ".cu", "0");
  }
  fs::path log() const { return folder_.path() / "log"; }
  size_t count_in_log(const std::string& call) const {
    std::ifstream file(log());
    size_t count = 0;
    for (std::string line; std::getline(file, line);) count += line.find(" " + call) != std::string::npos;
    return count;
  }

  TempDirectory folder_ = TempDirectory::create("warpwright-fake").value();
  std::unique_ptr<Evaluator> evaluator_;
};

#define EXPECT_STATUS(report, expected)                        \
  EXPECT_EQ(to_string((report).status), std::string(expected)) \
      << (report).rule << ": " << (report).message << "\n"     \
      << ((report).evidence.empty() ? "" : (report).evidence[0])

TEST_F(OnFake, SeedsPassAndAreTimedByCupti) {
  open();
  for (const fs::path& seed : list_files(find_home().value() / "seeds" / kDefinition, ".cu")) {
    const EvaluationReport report = evaluate(fs::relative(seed, find_home().value()), "0", Stage::kTime);
    EXPECT_STATUS(report, "PASSED") << seed;
    EXPECT_EQ(report.timing.method, "cupti");
    for (const WorkloadReport& workload : report.workloads) {
      EXPECT_GT(workload.latency_us, 2);
      EXPECT_GT(workload.samples, 0);
    }
  }
}

TEST_F(OnFake, WithoutCuptiEventsAreTheClock) {
  open("FAKE_GPU_CUPTI=off\n");
  const EvaluationReport report = evaluate_seed("0", Stage::kTime);
  EXPECT_STATUS(report, "PASSED");
  EXPECT_EQ(report.timing.method, "events");
}

// Two seeds, one of them the quicker on this GPU, and one against itself, under 1 % of noise.
TEST_F(OnFake, DuelsOrderWhatDiffersAndNothingElse) {
  open("FAKE_GPU_NOISE=0.01\n");
  const auto duel = [&](const std::string& challenger, const std::string& incumbent) {
    EvaluationRequest request;
    request.id = challenger + incumbent;
    const fs::path folder = find_home().value() / "seeds" / kDefinition;
    request.source = read_file(folder / challenger).value();
    request.definition = kDefinition;
    request.executor = "cuda";
    request.selection = "0";
    request.last_stage = Stage::kSmoke;
    request.rival = Rival{read_file(folder / incumbent).value(), incumbent, {}, 0.15};
    const EvaluationReport report = evaluator_->evaluate(request, {});
    EXPECT_STATUS(report, "PASSED");
    return report.duel.value_or(DuelReport());
  };
  const DuelReport won = duel("warp_rows.cu", "plain.cu"), lost = duel("plain.cu", "warp_rows.cu");
  EXPECT_EQ(won.verdict, "FASTER") << won.ratio << " " << won.message;
  EXPECT_EQ(lost.verdict, "SLOWER") << lost.ratio << " " << lost.message;
  EXPECT_EQ(won.method, "cupti");
  EXPECT_NEAR(won.ratio * lost.ratio, 1, 0.02);
  const DuelReport equal = duel("warp_rows.cu", "warp_rows.cu");
  EXPECT_NE(equal.verdict, "FASTER") << equal.ratio;
  EXPECT_NE(equal.verdict, "SLOWER") << equal.ratio;
  EXPECT_NEAR(equal.ratio, 1, 0.02);
}

TEST_F(OnFake, ALargeWorkloadPassesToo) {
  open();
  EXPECT_STATUS(evaluate_seed("46"), "PASSED");
}

struct Verdict {
  const char *kernel, *status, *rule;
};
TEST_F(OnFake, BrokenKernelsAreChargedAndTheNextOneIsNot) {
  open();
  for (const Verdict& expected : {Verdict{"misaligned_access", "RUNTIME_ERROR", ""},
                                  {"out_of_bounds_write", "REJECTED", "out-of-bounds-write"},
                                  {"input_modified", "REJECTED", "input-modified"},
                                  {"last_rows_skipped", "INCORRECT_NUMERICAL", ""},
                                  {"device_malloc", "REJECTED", "device-runtime-call"}}) {
    const EvaluationReport report = evaluate_broken(expected.kernel);
    EXPECT_STATUS(report, expected.status) << expected.kernel;
    EXPECT_EQ(report.rule, expected.rule) << expected.kernel;
  }
  EXPECT_STATUS(evaluate_seed(), "PASSED");
}

// One fault that no kernel has to answer for: it happens in one process and never again.
TEST_F(OnFake, AFaultThatFreshProcessesDoNotShowIsNotCharged) {
  const fs::path once = folder_.path() / "once";
  open("FAKE_GPU_FAIL_ONCE=" + once.string() + ":cuLaunchKernelEx/gdn:719\n");
  const EvaluationReport report = evaluate_seed();
  EXPECT_TRUE(fs::exists(once));
  EXPECT_STATUS(report, "PASSED");
  EXPECT_GE(count_in_log("cuInit"), 2u) << "a fresh process";
  std::string warnings;
  for (const std::string& warning : report.warnings) warnings += warning + "\n";
  EXPECT_NE(warnings.find("the device or its driver is to blame"), std::string::npos) << warnings;
}

TEST_F(OnFake, ASickDeviceChargesNobodyAndIsUsedAgainWhenItIsWell) {
  const fs::path sick = folder_.path() / "sick";
  open("FAKE_GPU_SICK=" + sick.string() + "\n");
  std::ofstream(sick) << "ill";
  EXPECT_STATUS(evaluate_seed(), "WORKER_LOST");
  fs::remove(sick);
  EXPECT_STATUS(evaluate_seed(), "PASSED");
}

// --- programs of one kernel, straight to the executor ---

// scale(y, x, factor) of exec/test_support.h, with something else in place of its store.
std::vector<exec::CodeUnit> scale_that(const std::string& body) {
  auto units = exec::testing::scale_units();
  const std::string store = "st.global.f32 [%rd1], %f3;";
  std::string& ptx = units[0].ptx;
  return ptx.replace(ptx.find(store), store.size(), body), units;
}

class RecoveryOnFake : public OnFake {
 protected:
  void open_executor() {
    open("FAKE_GPU_BUDGET=1000000\n");  // milliseconds
    evaluator_.reset();
    executor_ = exec::open_executor("cuda").value();
  }
  std::unique_ptr<exec::LoadedProgram> load(const std::vector<exec::CodeUnit>& units) {
    auto loaded = executor_->load(units).value();
    EXPECT_FALSE(loaded.failure) << loaded.failure->message;
    return std::move(loaded.program);
  }
  // The failure, and y[3] of a call with x = 1, 2, ... and factor 2.
  std::pair<std::optional<exec::Failure>, float> run(const exec::LoadedProgram& program,
                                                     int64_t deadline_ms) {
    auto session = program.open_session();
    EXPECT_TRUE(session->set_input("x", exec::testing::floats(1)));
    EXPECT_TRUE(session->add_buffer("y", exec::BufferRole::kOutput, 128));
    exec::CallOptions options;
    options.deadline_ms = deadline_ms;
    const auto report = session->call(exec::testing::scale_plan(2), options);
    EXPECT_TRUE(report) << report.error().message;
    if (!report || report->failure) return {report ? report->failure : std::nullopt, 0};
    return {std::nullopt, exec::testing::float_at(session->read("y").value(), 3)};
  }
  // `failing` fails and the good program computes, again and again.
  void alternate(const std::vector<exec::CodeUnit>& failing, Status status, int64_t deadline_ms) {
    open_executor();
    const auto good = load(exec::testing::scale_units()), bad = load(failing);
    for (int k = 0; k < 20; ++k) {
      const auto [failure, unused] = run(*bad, deadline_ms);
      ASSERT_TRUE(failure) << k;
      EXPECT_EQ(failure->status, status) << failure->message;
      EXPECT_TRUE(failure->needs_confirmation);
      ASSERT_TRUE(executor_->renew());
      const auto [nothing, value] = run(*good, 60'000);
      ASSERT_FALSE(nothing) << k << ": " << nothing->message;
      EXPECT_EQ(value, 8);
    }
    EXPECT_GE(count_in_log("cuInit"), 21u);
  }
  std::unique_ptr<exec::Executor> executor_;
};

TEST_F(RecoveryOnFake, TwentyFaultsInARowHarmNobodyElse) {
  alternate(scale_that("mov.u64 %rd4, 4096;\nst.global.f32 [%rd4], %f3;"), Status::kRuntimeError, 60'000);
  EXPECT_EQ(count_in_log("fault 700"), 20u);
}
TEST_F(RecoveryOnFake, TwentyHangsInARowHarmNobodyElse) {
  alternate(scale_that("again:\nst.global.f32 [%rd1], %f3;\nadd.f32 %f3, %f3, %f1;\nbra again;"),
            Status::kTimeout, 400);
  EXPECT_EQ(count_in_log("hang "), 20u);
}

}  // namespace
}  // namespace warpwright::service
