// The commands of warpwright as plain functions; cli.cpp maps the command line onto them. Each prints its
// result on stdout, everything else on stderr, and returns the process's exit code: 0 done, 1 the candidate
// or the run failed its checks, 2 wrong usage or configuration, 3 infrastructure, 130 interrupted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/contract/evaluation.h"

namespace warpwright::cli {

enum class OutputForm { kText, kJson };

struct EvolveOptions {
  std::filesystem::path config;
  std::string definition, track;  // instead of a configuration: the ones below configs/
  std::filesystem::path run_dir;
  std::filesystem::path resume;
  std::optional<uint64_t> seed;
  std::optional<int64_t> max_evaluations;
  std::optional<double> max_minutes;
  std::optional<int> workers;
  std::string executor;             // empty: the configuration's
  std::string strategy;             // the same
  std::string agent;                // below agents/; empty: the configuration's, or "evolver" with models
  std::vector<std::string> models;  // PRESET:MODEL[@URL]; empty: the configuration's
  std::optional<double> max_dollars;
  std::optional<int64_t> max_tokens, max_calls;
  std::string fork;  // RUN@STEP
  bool skip_red_team = false;
  std::vector<std::filesystem::path> datasets;
};
int run_evolve(const EvolveOptions& options);

struct StudyOptions {
  std::vector<std::string> definitions;
  std::vector<std::string> strategies = {"evolve", "best-of-n", "hill-climb"};
  std::vector<uint64_t> seeds = {1, 2, 3, 4, 5};
  std::optional<int> window;
  EvolveOptions run;          // budgets, models, agent, processes of each run
  std::filesystem::path out;  // empty: studies/study-<time>
  std::filesystem::path resume;
  OutputForm form = OutputForm::kText;
};
int run_study(const StudyOptions& options);

struct ConfigOptions {
  std::optional<std::string> explain;  // "", a table or a key
  bool markdown = false;
  std::filesystem::path check, show;
  OutputForm form = OutputForm::kText;
};
int run_config(const ConfigOptions& options);

struct ImportOptions {
  std::filesystem::path config;  // OpenEvolve's, YAML
  std::string definition;
  std::filesystem::path out;  // empty: standard output
  bool lenient = false;
  OutputForm form = OutputForm::kText;
};
int run_import_openevolve(const ImportOptions& options);

struct JournalOptions {
  std::string what;  // verify | stats | export
  std::filesystem::path run_dir;
  std::filesystem::path out, blobs;  // of export
  OutputForm form = OutputForm::kText;
};
int run_journal(const JournalOptions& options);

struct ReplayOptions {
  std::filesystem::path run_dir;
  std::filesystem::path out;      // empty: a temporary folder, removed again
  bool evaluate = false;          // every kernel again, by workers
  bool recorded_prompts = false;  // prompts that this program words otherwise are no difference
  int workers = 0;
  OutputForm form = OutputForm::kText;
};
int run_replay(const ReplayOptions& options);

// What evaluate, plan and export have in common: a candidate and what it is for.
struct CandidateOptions {
  std::filesystem::path candidate;
  std::string definition;          // empty: the name of the candidate's folder
  std::vector<std::string> knobs;  // NAME=VALUE
  std::vector<std::filesystem::path> datasets;
};

struct EvaluateOptions {
  CandidateOptions candidate;
  std::string workloads = "auto";
  std::string executor = "auto";
  std::string target = "auto";
  std::string device = "auto";
  std::string last_stage = "time";
  uint64_t seed = 0;
  bool profile = false;
  OutputForm form = OutputForm::kText;
};
int run_evaluate(const EvaluateOptions& options);

// A is the challenger, B the incumbent.
struct CompareOptions {
  std::filesystem::path a, b;
  std::string definition;                     // of both; empty: the name of A's folder
  std::vector<std::string> knobs_a, knobs_b;  // NAME=VALUE
  std::vector<std::filesystem::path> datasets;
  std::string workloads = "auto";
  std::string executor = "auto";
  std::string target, device;  // empty: the request's defaults
  double tie_margin = 0.15;    // of estimates
  uint64_t seed = 0;
  OutputForm form = OutputForm::kText;
};
int run_compare(const CompareOptions& options);

struct CalibrateOptions {
  std::vector<std::filesystem::path> measurements;
  std::string device = "b200";
  std::filesystem::path out;  // empty: the calibration is printed, nothing is written
  std::vector<std::filesystem::path> datasets;
};
int run_calibrate(const CalibrateOptions& options);

struct PlanOptions {
  CandidateOptions candidate;
  std::string workload = "0";  // index in the definition's workload list, or a uuid
  std::string device = "b200";
  OutputForm form = OutputForm::kText;
};
int run_plan(const PlanOptions& options);

// Several candidates as one that dispatches by axes.
struct ComposeOptions {
  std::vector<std::filesystem::path> candidates;  // one for each condition, in order
  std::string definition;                         // of all; empty: the name of the first one's folder
  std::vector<std::string> when;                  // plan expressions over axes; empty: the bands of the rules
  std::vector<std::string> knobs;                 // N:NAME=VALUE, of the Nth candidate from 1
  std::vector<std::filesystem::path> datasets;
  std::filesystem::path out;  // empty: printed
  bool overwrite = false;
};
int run_compose(const ComposeOptions& options);

struct ExportOptions {
  CandidateOptions candidate;  // a file, or:
  std::filesystem::path run_dir;
  std::string candidate_id;  // empty: the run's best
  std::string format = "tvm-ffi";
  std::filesystem::path out;
  std::string name, author = "warpwright";
  bool overwrite = false;
};
int run_export(const ExportOptions& options);

struct ShowOptions {
  std::filesystem::path run_dir;
  // {} | {"candidate", ID} | {"prompt", N} | {"reply", N} | {"calls"} | {"lessons"} | {"events"}
  std::vector<std::string> what;
  OutputForm form = OutputForm::kText;
};
int run_show(const ShowOptions& options);

struct ReportOptions {
  std::filesystem::path run_dir;
  OutputForm form = OutputForm::kText;
};
int run_report(const ReportOptions& options);

struct ScoreOptions {
  std::vector<std::string> traces;                      // files, or published:NAME
  std::vector<std::string> baselines = {"flashinfer"};  // the first that a definition has
  std::vector<std::string> solutions;                   // empty: all
  std::string hardware;                                 // only traces of it; empty: all
  bool per_workload = false;
  std::vector<std::filesystem::path> datasets;
  OutputForm form = OutputForm::kText;
};
int run_score(const ScoreOptions& options);

struct GpuCheckOptions {
  std::filesystem::path out = "gpu-check";
  std::string executor = "cuda";
  bool quick = false;
  std::vector<std::string> only;     // parts; empty: all
  std::filesystem::path precompile;  // not empty: only compiles what a check compiles, into this folder ...
  std::string target;                // ... for this target
  std::vector<std::filesystem::path> datasets;
};
int run_gpu_check(const GpuCheckOptions& options);

struct DoctorOptions {
  bool calibrate = false;         // measure the GPU and store the figures
  bool instructions = false;      // only print what the simulator executes
  bool check_oracles = false;     // hold the oracles against the definitions' own Python references
  std::string definition;         // of check_oracles; empty: all
  std::optional<uint64_t> seed;   // of check_oracles; drawn if not given
  bool red_team = false;          // try kernels that cheat, instead of the checks
  std::vector<std::string> only;  // of the red team: beginnings of names
  std::string executor = "auto", device = "auto", target = "auto";  // of the red team
  std::vector<std::filesystem::path> datasets;
  OutputForm form = OutputForm::kText;
};
int run_doctor(const DoctorOptions& options);
int run_red_team(const DoctorOptions& options);
int run_check_oracles(const DoctorOptions& options);
int run_doctor_calibrate(const DoctorOptions& options);

int run_without_folder(int argc, char** argv);  // for runs: see engine/models.h

// Prints the error's one line on stderr and gives its exit code.
int report_error(const Error& error);

// The whole program.
int main_with(int argc, char** argv);

}  // namespace warpwright::cli
