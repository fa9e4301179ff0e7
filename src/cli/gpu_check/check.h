// warpwright gpu-check: what this machine's GPU does with everything that can be asked of it, in parts that
// can run alone (a borrowed machine may end a command after minutes) and fail alone. Parts give notes and
// tables; src/report/gpu_check_text.h makes the document of them.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/cli/candidate.h"
#include "src/cli/commands.h"
#include "src/engine/evaluate_once.h"
#include "src/report/gpu_check_text.h"
#include "src/workers/pool.h"

namespace warpwright::cli::gpu_check {

using report::PartResult;
using report::Table;

// One worker that stays between requests, as in a search; or several, for work on the simulator alone.
class WorkerSession {
 public:
  explicit WorkerSession(const GpuCheckOptions& options, int count = 1);

  Result<HelloMessage> hello();
  // In the order of the requests. Errors: no worker can be started, interrupted.
  Result<std::vector<EvaluationReport>> run_all(std::vector<EvaluationRequest> requests);
  Result<EvaluationReport> run(EvaluationRequest request);
  int workers_lost() const { return workers_lost_; }

 private:
  const GpuCheckOptions& options_;
  std::unique_ptr<workers::WorkerPool> pool_;
  std::optional<HelloMessage> hello_;
  int64_t next_id_ = 0;
  int workers_lost_ = 0;
};

struct Seed {
  std::string definition;
  std::string source_name;  // relative to the home folder: the same on every machine
  LoadedCandidate candidate;
  plan::Plan plan;

  std::string short_name() const;  // "warp_rows"
  std::string small_selection() const;
};

struct Context {
  const GpuCheckOptions& options;
  std::filesystem::path home;
  HelloMessage hello;
  WorkerSession& session;
  std::vector<Seed> seeds;

  // Where the times come from: "measured", "estimated by the simulator", "made up by a fake GPU".
  std::string times;
  bool is_fake = false;  // the GPU of tests/fake_gpu
  bool precompiles() const { return !options.precompile.empty(); }
  // Of the seed with its default knobs, on this executor.
  EvaluationRequest request_of(const Seed& seed) const;
  EvaluationRequest on_simulator(EvaluationRequest request) const;
  const Seed& cheap_seed() const;  // of the definition that costs least
  void progress(const std::string& text) const;
};

struct Part {
  const char* name;
  const char* title;
  std::function<Result<PartResult>(Context&)> run;
};
const std::vector<Part>& parts();

// One file each, in the order of the document.
Result<PartResult> check_machine(Context& context);
Result<PartResult> check_programs(Context& context);
Result<PartResult> check_red_team(Context& context);
Result<PartResult> check_calibration(Context& context);
Result<PartResult> check_seeds(Context& context);
Result<PartResult> check_duels(Context& context);
Result<PartResult> check_survival(Context& context);
Result<PartResult> check_with_sanitizer(Context& context);
Result<PartResult> check_ranking(Context& context);
Result<PartResult> check_bits(Context& context);
Result<PartResult> check_flashinfer(Context& context);

Result<std::vector<Seed>> load_seeds(const GpuCheckOptions& options, const std::filesystem::path& home);
std::string axes_text(const std::map<std::string, int64_t>& axes);
std::string knobs_text(const KnobValues& knobs);

}  // namespace warpwright::cli::gpu_check
