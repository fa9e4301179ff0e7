// A walk through everything the engine does, in a process of its own, while the fake driver fails one call of
// it, loses records, or has no CUPTI. Injections: tests/fake_gpu/README.md.
#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "src/base/subprocess.h"
#include "tests/cuda_engine/engine_testing.h"

namespace warpwright::cuda {
namespace {

using Faults = std::vector<DeviceFault>;

// Prints what happened; "ok" if nothing did.
class Walk {
 public:
  static std::string run() {
    Walk walk;
    Faults faults;
    if (auto done = walk.go(faults); !done) return "error: " + done.error().message;
    return faults.empty() ? "ok" : "fault: " + faults[0].message;
  }

 private:
  Result<void> go(Faults& faults) {
    TRY_ASSIGN(engine_, Engine::open());
    fmt::print("timer: {}\nclocks: {}\n", engine_->facts().timer, engine_->facts().clocks);
    TRY_ASSIGN(auto opened, engine_->open_program(1, test_images()));
    if (note(opened.fault, faults)) return {};
    for (const GuardKind guards : {GuardKind::kZones, GuardKind::kUnmapped}) {
      TRY(call(guards, faults));
      if (!faults.empty()) return {};
    }
    TRY(engine_->reload_program(1));
    for (const TimingProfile profile : {TimingProfile::kStrict, TimingProfile::kContest}) {
      TRY(sample(profile, faults));
      if (!faults.empty()) return {};
    }
    TRY(engine_->close_buffers(1));
    TRY(engine_->close_program(1));
    engine_.reset();
    return {};
  }
  static bool note(const std::optional<DeviceFault>& fault, Faults& faults) {
    if (fault) faults.push_back(*fault);
    return fault.has_value();
  }
  static std::vector<BufferSpec> specs() {
    return {{"x", BufferRole::kInput, 400}, {"y", BufferRole::kOutput, 400}};
  }
  CallWork work() const {
    CallWork work;
    work.tensor_maps.push_back(TensorMap{{0, 0}, 7, {100}, {}, {32}, {1}, 0, 0, 0, 0});
    Launch second = make_launch(kScale, "scale again", 1, 128, At{0}, At{1}, 100);
    second.programmatic_dependent = true;
    second.dynamic_shared_bytes = 60'000;
    work.operations = {make_launch(kScale, "scale", 1, 128, At{0}, At{1}, 100), second, Memset{{1, 0}, 0, 4},
                       Copy{{1, 4}, {0, 0}, 4}};
    return work;
  }
  Result<void> call(GuardKind guards, Faults& faults) {
    TRY(engine_->open_buffers(1, specs(), guards, 7));
    TRY(engine_->write(1, 0, content_));
    TRY_ASSIGN(faults, engine_->call(1, 1, work(), {Fill::kRandom, true}));
    std::vector<std::byte> y(400);
    return faults.empty() ? engine_->read(1, 1, y) : Result<void>();
  }
  Result<void> sample(TimingProfile profile, Faults& faults) {
    SamplerSpec spec;
    spec.contenders.push_back({1, work(), {}});
    spec.inputs_and_outputs = specs();
    spec.profile = profile;
    TRY_ASSIGN(const SamplerInfo info, engine_->open_sampler(1, spec));
    TRY(engine_->write_version(1, 0, 0, content_));
    const std::vector<Shot> shots = {{0, 0, false}, {0, 0, true}, {0, 0, false}};
    TRY_ASSIGN(auto taken, engine_->take(1, shots));
    if (note(taken.fault, faults)) return {};
    for (const Sample& s : taken.value)
      fmt::print("{}: span {:.3f} events {:.3f} clock {:.0f} sets {} invalid {}\n",
                 profile == TimingProfile::kStrict ? "strict" : "contest", s.span_us, s.events_us,
                 s.sm_clock_mhz, info.buffer_sets, s.invalid.empty() ? "no" : s.invalid);
    std::vector<std::byte> y(400);
    TRY(engine_->read_kept(1, 1, 1, y));
    return engine_->close_sampler(1);
  }

  std::unique_ptr<Engine> engine_;
  std::vector<std::byte> content_ = std::vector<std::byte>(400, std::byte{1});
};

TEST(Failures, DISABLED_Walk) {
  fmt::print("outcome: {}\n", Walk::run());
}

struct Walked {
  std::string text, outcome;
  std::vector<std::string> lines(const std::string& prefix) const {
    std::vector<std::string> found;
    std::stringstream stream(text);
    for (std::string line; std::getline(stream, line);)
      if (line.starts_with(prefix)) found.push_back(line.substr(prefix.size()));
    return found;
  }
};

// REQUIRES: it neither hangs nor dies.
Walked walk(const std::map<std::string, std::string>& environment) {
  SubprocessOptions options;
  options.argv = {std::filesystem::read_symlink("/proc/self/exe"), "--gtest_also_run_disabled_tests",
                  "--gtest_filter=Failures.DISABLED_Walk"};
  options.keep_environment = {"PATH",
                              "LD_LIBRARY_PATH",
                              "WARPWRIGHT_HOME",
                              "WARPWRIGHT_LIBCUDA",
                              "WARPWRIGHT_LIBCUPTI",
                              "WARPWRIGHT_LIBNVML",
                              "ASAN_OPTIONS"};
  options.set_environment = {{"FAKE_GPU_SMS", "2"}, {"FAKE_GPU_L2", "1024"}};
  for (const auto& [name, value] : environment) options.set_environment[name] = value;
  const auto done = value_of(run_to_completion(options, "", 60'000, 1 << 20));
  EXPECT_FALSE(done.timed_out);
  EXPECT_TRUE(done.status.success()) << done.status.describe() << "\n"
                                     << done.stdout_text << done.stderr_text;
  Walked walked{done.stdout_text, ""};
  const auto outcomes = walked.lines("outcome: ");
  walked.outcome = outcomes.empty() ? "none" : outcomes[0];
  return walked;
}

// "cuMemAlloc" -> how often the walk calls it.
std::map<std::string, int> calls_of_a_walk() {
  const std::string log = ::testing::TempDir() + fmt::format("engine_calls_{}.log", getpid());
  EXPECT_EQ(walk({{"FAKE_GPU_LOG", log}}).outcome, "ok");
  std::map<std::string, int> calls;
  std::stringstream lines(read_text(log));
  for (std::string line; std::getline(lines, line);) {
    std::stringstream words(line);
    std::string process, function;
    words >> process >> function;
    if (const size_t version = function.find("_v"); version != std::string::npos) function.resize(version);
    if (function.starts_with("cu") || function.starts_with("nvml")) ++calls[function];
  }
  std::filesystem::remove(log);
  return calls;
}

TEST(Failures, TheWalkIsCleanWhenNothingFails) {
  if (!is_fake_gpu()) GTEST_SKIP();
  const Walked walked = walk({});
  EXPECT_EQ(walked.outcome, "ok") << walked.text;
  EXPECT_EQ(walked.lines("strict: ").size(), 3u);
  for (const std::string& line : walked.lines("strict: "))
    EXPECT_NE(line.find("invalid no"), std::string::npos);
}

TEST(Failures, EveryCallOfTheDriverMayFail) {
  if (!is_fake_gpu()) GTEST_SKIP();
  // Giving things back may fail unseen; L2 without persisting lines, GPUs without NVML and processes without
  // CUPTI are what they are.
  const std::set<std::string> tolerated = {"cuMemFree",       "cuMemFreeHost",    "cuModuleUnload",
                                           "cuStreamDestroy", "cuEventDestroy",   "cuMemUnmap",
                                           "cuMemRelease",    "cuMemAddressFree", "cuDevicePrimaryCtxRelease",
                                           "cuCtxSetLimit",   "cuCtxSetCurrent"};
  const auto calls = calls_of_a_walk();
  EXPECT_GT(calls.size(), 40u);
  for (const auto& [function, count] : calls) {
    for (const int call : std::set<int>{1, (count + 1) / 2, count}) {
      const std::string injected = fmt::format("{}:{}:999", function, call);
      const Walked walked = walk({{"FAKE_GPU_FAIL", injected}});
      const bool may_go_on =
          tolerated.contains(function) || !function.starts_with("cu") || function.starts_with("cupti");
      if (walked.outcome == "ok")
        EXPECT_TRUE(may_go_on) << injected;
      else
        EXPECT_EQ(walked.outcome.find("error: "), 0u) << injected << " -> " << walked.outcome;
    }
  }
}

TEST(Failures, ACandidatesCodesAreFaults) {
  if (!is_fake_gpu()) GTEST_SKIP();
  const auto outcome = [](const std::string& fail) { return walk({{"FAKE_GPU_FAIL", fail}}).outcome; };
  EXPECT_NE(outcome("cuTensorMapEncodeTiled:1:1").find("fault: tensor map 0"), std::string::npos);
  EXPECT_NE(outcome("cuModuleLoadDataEx:2:218").find("fault: "), std::string::npos);
  EXPECT_NE(outcome("cuModuleGetFunction:7:500").find("fault: "), std::string::npos);
  EXPECT_NE(outcome("cuFuncSetAttribute:1:1").find("fault: scale again: 60000 bytes"), std::string::npos);
}

// Which of the walk's launches is the first of `kernel` with `text` in its line of the log; from 1.
int launch_with(const std::string& kernel, const std::string& text) {
  const std::string log = ::testing::TempDir() + fmt::format("engine_launch_{}.log", getpid());
  EXPECT_EQ(walk({{"FAKE_GPU_LOG", log}}).outcome, "ok");
  std::stringstream lines(read_text(log));
  std::filesystem::remove(log);
  int launches = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("cuLaunchKernelEx ") == std::string::npos) continue;
    ++launches;
    if (line.find(kernel) != std::string::npos && line.find(text) != std::string::npos) return launches;
  }
  ADD_FAILURE() << kernel << " " << text;
  return 0;
}

TEST(Failures, AnAttributeThatTheDeviceLacksIsThePlans) {
  if (!is_fake_gpu()) GTEST_SKIP();
  const auto outcome = [](int launch, int code) {
    return walk({{"FAKE_GPU_FAIL", fmt::format("cuLaunchKernelEx:{}:{}", launch, code)}}).outcome;
  };
  const int plain = launch_with("scale", "shared=0"), programmatic = launch_with("scale", " programmatic");
  EXPECT_EQ(outcome(programmatic, 801),
            "fault: scale again: this GPU does not support an attribute of the launch (cluster, cooperative "
            "or pdl)");
  EXPECT_EQ(outcome(plain, 801).find("error: "), 0u);
  EXPECT_EQ(outcome(plain, 701).find("fault: scale: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"), 0u);
  EXPECT_EQ(outcome(plain, 700).find("fault: scale: CUDA_ERROR_ILLEGAL_ADDRESS"), 0u);
}

TEST(Failures, WithoutCuptiEventsAreTheOnlyClock) {
  if (!is_fake_gpu()) GTEST_SKIP();
  for (const char* cupti : {"off", "denied"}) {
    const Walked walked = walk({{"FAKE_GPU_CUPTI", cupti}});
    EXPECT_EQ(walked.outcome, "ok");
    ASSERT_EQ(walked.lines("timer: ").size(), 1u);
    EXPECT_TRUE(walked.lines("timer: ")[0].starts_with("events (")) << walked.text;
    for (const char* profile : {"strict: ", "contest: "}) {
      ASSERT_EQ(walked.lines(profile).size(), 3u);
      for (const std::string& line : walked.lines(profile)) {
        EXPECT_TRUE(line.starts_with("span 0.000 events ")) << line;
        EXPECT_FALSE(line.starts_with("span 0.000 events 0.000")) << line;
        EXPECT_NE(line.find("invalid no"), std::string::npos) << line;
      }
    }
  }
}

TEST(Failures, SamplesWithoutTheirRecordsAreInvalid) {
  if (!is_fake_gpu()) GTEST_SKIP();
  for (const char* cupti : {"zero", "drop:3"}) {
    const Walked walked = walk({{"FAKE_GPU_CUPTI", cupti}});
    EXPECT_EQ(walked.outcome, "ok");
    int invalid = 0;
    for (const char* profile : {"strict: ", "contest: "})
      for (const std::string& line : walked.lines(profile))
        if (line.find("invalid no") == std::string::npos) {
          ++invalid;
          EXPECT_TRUE(line.starts_with("span 0.000")) << line;
        }
    EXPECT_GT(invalid, 3) << cupti << "\n" << walked.text;
  }
}

// What happens between the flush of the walk's last strict and last contest shot and the end of the wait for
// the call; in short names.
std::map<std::string, std::string> order_of_shots(const std::map<std::string, std::string>& environment) {
  const std::string log = ::testing::TempDir() + fmt::format("engine_order_{}.log", getpid());
  auto with_log = environment;
  with_log["FAKE_GPU_LOG"] = log;
  EXPECT_EQ(walk(with_log).outcome, "ok");
  const std::pair<std::string, std::string> names[] = {{"cuCtxResetPersistingL2Cache", "reset"},
                                                       {"cuLaunchKernelEx ww_flush", "flush"},
                                                       {"cuLaunchKernelEx ww_block", "gate"},
                                                       {"cuLaunchKernelEx ww_stamp", "stamp"},
                                                       {"cuLaunchKernelEx scale", "launch"},
                                                       {"cuMemsetD8Async", "memset"},
                                                       {"cuMemcpyDtoDAsync", "copy"},
                                                       {"cuEventRecord", "event"},
                                                       {"cuStreamSynchronize", "wait"},
                                                       {"cuptiActivityPush", "["},
                                                       {"cuptiActivityPop", "]"}};
  std::map<std::string, std::string> orders;
  std::stringstream lines(read_text(log));
  std::string order, before;
  int launches = 0;
  for (std::string line; std::getline(lines, line);) {
    for (const auto& [call, name] : names) {
      if (line.find(" " + call) == std::string::npos) continue;
      if (name == "reset" || (name == "stamp" && launches == 0 && order.find("flush") == std::string::npos)) {
        if (name == "stamp" && order == "reset") break;
        order.clear();
      }
      launches += name == "launch" ? 1 : 0;
      order += (order.empty() ? "" : " ") + name;
      if (name == "wait" && launches > 0) {
        if (order.find("flush") != std::string::npos)
          orders[order.find("reset") == std::string::npos ? "contest" : "strict"] = order;
        order.clear();
        launches = 0;
      }
    }
  }
  std::filesystem::remove(log);
  return orders;
}

TEST(Failures, TheProfilesDoWhatTheyAreDescribedToDo) {
  if (!is_fake_gpu()) GTEST_SKIP();
  const auto with_cupti = order_of_shots({});
  EXPECT_EQ(with_cupti.at("contest"), "stamp flush wait [ launch launch memset copy ] stamp wait");
  EXPECT_EQ(with_cupti.at("strict"),
            "reset flush wait stamp gate event [ launch launch memset copy ] event stamp wait");
  const auto without = order_of_shots({{"FAKE_GPU_CUPTI", "off"}});
  EXPECT_EQ(without.at("contest"), "stamp flush event launch launch memset copy event stamp wait");
  EXPECT_EQ(without.at("strict"),
            "reset flush wait stamp gate event launch launch memset copy event stamp wait");
}

TEST(Failures, LaunchAttributesArriveAsThePlanHasThem) {
  if (!is_fake_gpu()) GTEST_SKIP();
  const std::string log = ::testing::TempDir() + fmt::format("engine_launches_{}.log", getpid());
  EXPECT_EQ(walk({{"FAKE_GPU_LOG", log}}).outcome, "ok");
  int first = 0, second = 0;
  std::stringstream lines(read_text(log));
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("cuLaunchKernelEx scale ");
    if (at == std::string::npos) continue;
    const bool is_programmatic = line.find(" programmatic") != std::string::npos;
    const bool is_second = line.find("shared=60000") != std::string::npos;
    EXPECT_EQ(is_programmatic, is_second) << line;
    EXPECT_EQ(line.find("cooperative"), std::string::npos);
    ++(is_second ? second : first);
  }
  EXPECT_EQ(first, 9) << "two calls, one to warm up, six shots";
  EXPECT_EQ(second, 9);
  std::filesystem::remove(log);
}

}  // namespace
}  // namespace warpwright::cuda
