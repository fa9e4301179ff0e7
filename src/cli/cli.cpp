// The command line: which options there are and what --help teaches. The only file that knows CLI11.
#include <CLI/CLI.hpp>
#include <iostream>

#include "src/base/log.h"
#include "src/base/subprocess.h"
#include "src/cli/commands.h"
#include "src/engine/models.h"

namespace warpwright::cli {
namespace {

constexpr const char* kFooter = R"(
First steps:
  warpwright doctor                                   what this machine has, and what is missing
  warpwright evaluate seeds/gdn_decode_qk4_v8_d128_k_last/warp_rows.cu
  warpwright evolve --config configs/gdn_decode.toml --run-dir runs/first
  warpwright report --run runs/first

Exit codes: 0 done, 1 the candidate or the run failed its checks, 2 wrong usage or configuration,
3 infrastructure (a missing library, a full disk, no worker), 130 interrupted.
Environment: FIB_DATASET_PATH (a FlashInfer Trace dataset), CUDA_HOME, WARPWRIGHT_HOME, WARPWRIGHT_CACHE,
WARPWRIGHT_PYTHON (a Python that has PyTorch), WARPWRIGHT_LOG (debug|info|warn).)";

void add_form(CLI::App* command, OutputForm& form) {
  command->add_flag_callback(
      "--json", [&form] { form = OutputForm::kJson; }, "machine-readable output");
}

void add_datasets(CLI::App* command, std::vector<std::filesystem::path>& datasets) {
  command->add_option("--dataset", datasets,
                      "folder with definitions/ and workloads/ in FlashInfer Trace's layout; searched before "
                      "$FIB_DATASET_PATH and configs/trace");
}

void add_candidate(CLI::App* command, CandidateOptions& options, bool required) {
  auto* file =
      command->add_option("candidate", options.candidate, "the candidate: one .cu file with its launch plan");
  if (required) file->required();
  command->add_option("--definition", options.definition, "default: the name of the candidate's folder");
  command->add_option("--knob", options.knobs, "NAME=VALUE: another value of a `tune` knob than its default");
  add_datasets(command, options.datasets);
}

CLI::App* add_evolve(CLI::App& app, EvolveOptions& options) {
  auto* command = app.add_subcommand("evolve", "search for faster correct kernels; resumable at any moment");
  auto* config = command->add_option("--config", options.config, "run configuration (configs/*.toml)");
  command->add_option("--run-dir", options.run_dir, "new folder for the run; default runs/<config>-<time>");
  auto* definition = command->add_option(
      "--definition", options.definition,
      "with the configuration below configs/ that is for it: gdn_prefill, or its whole name");
  auto* track = command->add_option("--track", options.track,
                                    "A | B | C: all definitions of a contest track, with one budget");
  auto* resume =
      command->add_option("--resume", options.resume, "go on with the run, or track, in this folder");
  for (auto* other : {definition, track, resume}) config->excludes(other);
  for (auto* other : {track, resume}) definition->excludes(other);
  track->excludes(resume);
  command->add_option("--seed", options.seed, "same seed, same run");
  command->add_option("--max-evaluations", options.max_evaluations,
                      "stop after so many evaluated candidates");
  command->add_option("--max-minutes", options.max_minutes, "stop after so much wall clock");
  command->add_option("--workers", options.workers, "evaluator processes; default one per core");
  command->add_option("--executor", options.executor, "auto | sim | cuda");
  command->add_option(
      "--model", options.models,
      "whom to ask for kernels, PRESET:MODEL[@URL]: openai:gpt-6.1-terra, anthropic:claude-sonnet-5-5, "
      "vllm:NAME@http://localhost:8000/v1, command:'my-agent -p', manual:FOLDER; may be given again. "
      "Presets, with the environment variable of each key: configs/models/endpoints.toml");
  command->add_option(
      "--agent", options.agent,
      "how they are asked, a folder below agents/: evolver (default with a model) starts from the "
      "seeds, scratch from the definition alone");
  command
      ->add_option("--strategy", options.strategy,
                   "evolve (default): a population on islands, parents by outcome; best-of-n: every proposal "
                   "from a seed or from nothing, none sees another's outcome; hill-climb: every proposal "
                   "changes the best so far. `warpwright study` holds them against each other")
      ->check(CLI::IsMember({"evolve", "best-of-n", "hill-climb"}));
  command->add_option("--max-dollars", options.max_dollars, "hard cap on what models may cost");
  command->add_option("--max-tokens", options.max_tokens, "hard cap on their tokens");
  command->add_option("--max-calls", options.max_calls, "hard cap on calls");
  auto* fork =
      command->add_option("--fork", options.fork,
                          "RUN@STEP: branch off that run where candidate STEP is decided, with other "
                          "settings; what came before is taken over, not paid again");
  for (auto* other : {definition, track, resume}) fork->excludes(other);
  command->add_flag("--skip-red-team", options.skip_red_team,
                    "search although no one knows whether a cheat would score here; the report says so");
  add_datasets(command, options.datasets);
  return command;
}

constexpr const char* kStudyFooter = R"(
Every (definition, strategy, seed) is an ordinary run below DIR, of equal budget, from the definition's configuration
below configs/. Finished runs are not run again and an interrupted one goes on: give the same command again, or
--resume DIR; more seeds, strategies and definitions may be added later.

  evolve      the whole search: a population on islands, parents chosen by outcome, tuning sessions, races, ...
  best-of-n   every proposal is made from a seed or from nothing and sees no other outcome
  hill-climb  one line: every proposal changes the best so far; when all steps of its knobs were tried, it jumps

The first strategy is held against the others, pair by pair on equal seeds, with 95 % intervals of a bootstrap over
seeds. DIR/study.md and DIR/result.json keep what is printed.

Examples:
  warpwright study --definition gdn_decode --definition gdn_prefill --max-evaluations 40
  warpwright study --definition gdn_decode --model openai:gpt-6-luna --max-dollars 2 --seeds 1,2,3)";

CLI::App* add_study(CLI::App& app, StudyOptions& options) {
  auto* command =
      app.add_subcommand("study", "search strategies against each other, at equal budget over seeds");
  command->footer(kStudyFooter);
  EvolveOptions& run = options.run;
  auto* definition = command->add_option("--definition", options.definitions,
                                         "gdn_prefill, or its whole name; may be given again");
  auto* resume = command->add_option("--resume", options.resume, "go on with the study in this folder");
  command->add_option("--strategies", options.strategies, "evolve,best-of-n,hill-climb")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::IsMember({"evolve", "best-of-n", "hill-climb"}));
  command->add_option("--seeds", options.seeds, "random seeds: one run each")
      ->delimiter(',')
      ->capture_default_str();
  auto* evaluations =
      command->add_option("--max-evaluations", run.max_evaluations, "budget of each run; default 64");
  auto* dollars =
      command->add_option("--max-dollars", run.max_dollars,
                          "budget of each run in model calls; evaluations are then unlimited unless said");
  auto* window = command
                     ->add_option("--window", options.window,
                                  "outcomes that a proposal may lack; default: the configuration's")
                     ->check(CLI::Range(1, 4096));
  auto* model = command->add_option("--model", run.models, "as of evolve");
  auto* agent = command->add_option("--agent", run.agent, "as of evolve; one that starts from the seeds");
  command->add_option("--workers", run.workers, "evaluator processes; default one per core");
  auto* executor = command->add_option("--executor", run.executor, "auto | sim | cuda");
  auto* out = command->add_option("--out", options.out, "folder of the study; default studies/study-<time>");
  command->add_flag("--skip-red-team", run.skip_red_team, "as of evolve");
  for (auto* other : {definition, evaluations, dollars, window, model, agent, executor, out})
    resume->excludes(other);
  add_datasets(command, run.datasets);
  add_form(command, options.form);
  return command;
}

CLI::App* add_config(CLI::App& app, ConfigOptions& options) {
  auto* command =
      app.add_subcommand("config", "every option explained; a configuration checked, or shown whole");
  auto* explain = command
                      ->add_option("--explain", options.explain,
                                   "all options, or those of a table, or one: search, search.islands, "
                                   "models.NAME.price, agent.toml")
                      ->expected(0, 1);
  command->add_flag("--markdown", options.markdown, "all of it as docs/CONFIGURATION.md has it")
      ->needs(explain);
  auto* check = command->add_option("--check", options.check, "all that is wrong with a file, by its lines");
  auto* show =
      command->add_option("--show", options.show, "the whole configuration that a file makes, as TOML");
  explain->excludes(check)->excludes(show);
  check->excludes(show);
  add_form(command, options.form);
  return command;
}

CLI::App* add_import(CLI::App& app, ImportOptions& options) {
  auto* command = app.add_subcommand(
      "import-openevolve", "a run configuration from OpenEvolve's, and what of it has no equal here");
  command->add_option("config", options.config, "OpenEvolve's config.yaml (0.3.2)")->required();
  command->add_option("--definition", options.definition, "what to make faster: its file does not say");
  command->add_option("--out", options.out, "configuration to write (.toml); default: standard output");
  command->add_flag("--lenient", options.lenient,
                    "list keys that OpenEvolve 0.3.2 has not, instead of refusing them");
  add_form(command, options.form);
  return command;
}

CLI::App* add_journal(CLI::App& app, JournalOptions& options) {
  auto* command =
      app.add_subcommand("journal", "a run's record: is it sound, what is it made of, its events");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* about) {
    auto* sub = command->add_subcommand(name, about);
    sub->add_option("--run", options.run_dir, "the run's folder; another process may be writing")->required();
    sub->callback([&options, name] { options.what = name; });
    return sub;
  };
  add_form(add("verify",
               "hold it against all that it promises: SQLite's check, order and chain of events, blobs, "
               "results, the state that it makes; exit code 1 if something is wrong"),
           options.form);
  add_form(add("stats", "events and blobs by kind, sizes, growth, calls, tokens, dollars"), options.form);
  auto* lines = add("export", "every event as a line of JSON, for other programs (src/journal/README.md)");
  lines->add_flag_callback(
      "--jsonl", [] {}, "the one form there is");
  lines->add_option("--out", options.out, "file to write; default: standard output");
  lines->add_option("--blobs", options.blobs, "also every blob as a file of its hash's name in this folder");
  return command;
}

CLI::App* add_replay(CLI::App& app, ReplayOptions& options) {
  auto* command = app.add_subcommand(
      "replay",
      "a recorded run again, offline: every decision, prompt and answer anew, compared with the record");
  command->add_option("--run", options.run_dir, "the run's folder")->required();
  command->add_option("--out", options.out,
                      "new folder to keep the replayed run in; default: nothing is kept");
  command->add_flag("--evaluate", options.evaluate,
                    "also compile, check and time every kernel again, instead of using the recorded results");
  command->add_flag(
      "--recorded-prompts", options.recorded_prompts,
      "let prompts differ that this version of the program words otherwise; all else is compared");
  command->add_option("--workers", options.workers,
                      "evaluator processes with --evaluate; default one per core");
  add_form(command, options.form);
  return command;
}

CLI::App* add_evaluate(CLI::App& app, EvaluateOptions& options) {
  auto* command =
      app.add_subcommand("evaluate", "compile one candidate, prove it right, estimate or time it");
  add_candidate(command, options.candidate, true);
  command->add_option("--workloads", options.workloads,
                      "all | smoke | sim | adversarial | indices 0,3,17; auto: sim on the simulator, "
                      "all on a GPU");
  command->add_option("--executor", options.executor,
                      "auto | sim | cuda | cuda+TOOL: a GPU under compute-sanitizer's memcheck, racecheck, "
                      "initcheck or synccheck, untimed");
  command->add_option("--target", options.target,
                      "NVRTC target: sm_100a, sm_90a, ...; auto: the GPU's, else sm_100a");
  command->add_option(
      "--device", options.device,
      "model whose time is estimated and whose limits hold (configs/devices/); auto: the GPU's, else b200");
  command->add_option("--stage", options.last_stage, "stop after: plan | compile | smoke | validate | time");
  command->add_option("--seed", options.seed, "of the random inputs");
  command->add_flag("--profile", options.profile,
                    "per source line: instructions, memory sectors, conflicts, waits, and what stands out");
  add_form(command, options.form);
  return command;
}

constexpr const char* kCompareFooter = R"(
Both must pass the checks of `evaluate` first. Then, on a GPU, they run by turns in one process on the same
inputs (ABBA, the first drawn by a coin), and the median ratio of their times decides:
  FASTER, SLOWER   A's time is below, above B's by more than the noise floor of this device
  SAME             the ratio's interval lies within the noise floor
  UNCLEAR          none of these after all pairs: the device is too noisy for so small a difference
A and B that are equal come out FASTER in less than one of a hundred runs (evaluator/timing/README.md).
Without a GPU the simulator's estimates are compared: ESTIMATED_FASTER, TIE (within --tie-margin) or
ESTIMATED_SLOWER. The overall ratio weighs workloads as the score does: 1 / mean of B's time / A's time.

Exit codes: 0 whatever the verdict, 1 if A or B fails its checks, 2 wrong usage, 3 infrastructure.
Example: warpwright compare new.cu best.cu --definition gdn_decode_qk4_v8_d128_k_last --knob-a ROWS=8)";

CLI::App* add_compare(CLI::App& app, CompareOptions& options) {
  auto* command = app.add_subcommand("compare", "which of two candidates is faster, by more than noise");
  command->footer(kCompareFooter);
  command->add_option("A", options.a, "the challenger: one .cu file with its launch plan")->required();
  command->add_option("B", options.b, "the incumbent; may be the same file with other knobs")->required();
  command->add_option("--definition", options.definition, "of both; default: the name of A's folder");
  command->add_option("--knob-a", options.knobs_a, "NAME=VALUE: a knob of A");
  command->add_option("--knob-b", options.knobs_b, "NAME=VALUE: a knob of B");
  command->add_option("--workloads", options.workloads,
                      "all | smoke | sim | indices 0,3,17; auto: sim on the simulator, all on a GPU");
  command->add_option("--executor", options.executor, "auto | sim | cuda");
  command->add_option("--target", options.target, "NVRTC target: sm_100a, sm_90a, ...");
  command->add_option("--device", options.device, "device whose time is estimated (configs/devices/)");
  command->add_option("--tie-margin", options.tie_margin, "estimates within this share of the better tie");
  command->add_option("--seed", options.seed, "of the random inputs");
  add_datasets(command, options.datasets);
  add_form(command, options.form);
  return command;
}

CLI::App* add_calibrate(CLI::App& app, CalibrateOptions& options) {
  auto* command = app.add_subcommand(
      "calibrate", "fit the time estimate to measured kernels, and say how well it orders them");
  command
      ->add_option("--measurements", options.measurements,
                   "files of measured times (.jsonl, .json, .csv): definition, source, axes, knobs, device, "
                   "latency_us, method; see src/estimate/measurements.h")
      ->required();
  command->add_option("--device", options.device, "device that they were measured on (configs/devices/)");
  command->add_option("--out", options.out,
                      "calibration file to write; configs/calibration/<device>.toml is used");
  add_datasets(command, options.datasets);
  return command;
}

CLI::App* add_plan(CLI::App& app, PlanOptions& options) {
  auto* command =
      app.add_subcommand("plan", "print a candidate's launches as they would run for one workload");
  add_candidate(command, options.candidate, true);
  command->add_option("--workload", options.workload, "index in the definition's list, or a uuid");
  command->add_option("--device", options.device, "device whose SM count and architecture the plan sees");
  add_form(command, options.form);
  return command;
}

constexpr const char* kComposeFooter = R"(
The result is a candidate like any other: each part's device code is a unit of its own (P0, P1, ...), its plan a
branch, its knobs become P0_NAME, P1_NAME with the values chosen here as defaults. Equal parts become one branch;
of a part that is itself a composition by the same conditions, the branch of its condition is taken.
Then evaluate it as a whole: a part's time in its band is what the composition's will be.

A search composes by itself (operator compose): whenever the champions of the bands promise more together than
the best candidate scores alone.

Exit codes: 0 done, 2 it cannot be made, and why.
Example, one for each band of configs/rules (small, large):
  cd seeds/gdn_decode_qk4_v8_d128_k_last
  warpwright compose warp_rows.cu lane_groups.cu --knob 1:ROWS=2 --out composed.cu
Example, with conditions:
  warpwright compose a.cu b.cu --definition gdn_decode_qk4_v8_d128_k_last --when 'batch_size <= 2' --out c.cu)";

CLI::App* add_compose(CLI::App& app, ComposeOptions& options) {
  auto* command = app.add_subcommand(
      "compose", "make one candidate of several, which dispatches to one of them by the axes of a call");
  command->footer(kComposeFooter);
  command
      ->add_option("candidates", options.candidates,
                   "one .cu file for each band of the definition's rules, in their order; or for each --when")
      ->required();
  command->add_option("--definition", options.definition,
                      "of all; default: the name of the first one's folder");
  command->add_option(
      "--when", options.when,
      "condition over axes for the next candidate, instead of the bands: 'batch_size <= 8'; once for "
      "each, at most one may hold for a call, the last candidate takes what is left");
  command->add_option("--knob", options.knobs, "N:NAME=VALUE: a knob of the Nth candidate, from 1");
  command->add_option("--out", options.out, "file to write; default: printed");
  command->add_flag("--overwrite", options.overwrite, "replace the file");
  add_datasets(command, options.datasets);
  return command;
}

CLI::App* add_export(CLI::App& app, ExportOptions& options) {
  auto* command = app.add_subcommand("export", "write a candidate as a FlashInfer-Bench solution");
  add_candidate(command, options.candidate, false);
  command->add_option("--run", options.run_dir, "take the candidate from this run");
  command->add_option("--candidate-id", options.candidate_id, "default: the run's best");
  command->add_option("--format", options.format, "tvm-ffi");
  command->add_option("--out", options.out, "folder to write")->required();
  command->add_option("--name", options.name, "solution name; default: definition and identity");
  command->add_option("--author", options.author, "the contest's team name");
  command->add_flag("--force", options.overwrite, "write into a folder that holds something else");
  return command;
}

CLI::App* add_show(CLI::App& app, ShowOptions& options) {
  auto* command = app.add_subcommand("show", "one thing of a run, whole");
  command->add_option("--run", options.run_dir, "the run's folder")->required();
  command->add_option("what", options.what,
                      "candidate ID (source, lineage, verdict), prompt ID and reply ID (what a model was "
                      "asked and said; 17.1: "
                      "its second turn), calls, lessons, or events");
  add_form(command, options.form);
  return command;
}

CLI::App* add_report(CLI::App& app, ReportOptions& options) {
  auto* command =
      app.add_subcommand("report", "a run's result: best candidate, times against the plain seed");
  command->add_option("--run", options.run_dir, "the run's folder")->required();
  add_form(command, options.form);
  return command;
}

constexpr const char* kScoreFooter = R"(
The contest's final rule. Definition: the mean over its workloads of baseline latency / candidate latency; one
failed or missing workload makes it 0. Track: the sum of its definitions / their number (A 1, B 2, C 2), of each the
best solution in the files. All workloads weigh the same, so small ones often carry most of the score: the table of
bands says how much, and what 10 % less time in each would add.
Several traces of a solution on a workload: the fastest counts, and any that failed, as in FlashInfer-Bench.
Times of unlike hardware are never divided by one another.

Published B200 latencies (configs/published/) can stand as baseline or as traces: published:flashinfer,
published:llm-cuda, published:team-wombat, published:python-reference.

Examples:
  warpwright score dataset/traces/*/*/*.jsonl --baseline flashinfer
  warpwright score my_b200_traces.jsonl --baseline published:flashinfer --per-workload
  warpwright score published:llm-cuda --baseline published:flashinfer)";

CLI::App* add_score(CLI::App& app, ScoreOptions& options) {
  auto* command = app.add_subcommand("score", "the contest's score of FlashInfer-Bench traces");
  command->footer(kScoreFooter);
  command->add_option("traces", options.traces, "files of evaluated traces (.jsonl), or published:NAME")
      ->required();
  command
      ->add_option(
          "--baseline", options.baselines,
          "solution held against, or the one that it begins; may be repeated, the first that a definition "
          "has counts")
      ->capture_default_str();
  command->add_option("--solution", options.solutions, "only these solutions");
  command->add_option("--hardware", options.hardware, "only traces of this hardware, as they name it");
  command->add_flag("--per-workload", options.per_workload, "also every workload's times and ratio");
  add_datasets(command, options.datasets);
  add_form(command, options.form);
  return command;
}

CLI::App* add_gpu_check(CLI::App& app, GpuCheckOptions& options) {
  auto* command = app.add_subcommand(
      "gpu-check", "on a machine with a GPU: all that can be asked of it, in one document and one JSON");
  command->footer(
      "Parts, in order: machine, tests, red-team, calibration, seeds, duels, survival, sanitizer, ranking, "
      "bits, "
      "flashinfer.\n"
      "Each may fail without ending the rest; what ran before stays in DIR/gpu-check.json, so that --only "
      "can add "
      "to it.\n"
      "Writes DIR/gpu-check.md, DIR/gpu-check.json and DIR/measurements.jsonl. Exit code 1: a part failed.");
  command->add_option("--out", options.out, "folder to write")->capture_default_str();
  command->add_option("--executor", options.executor, "cuda, or sim to run it through without a GPU")
      ->capture_default_str();
  command->add_flag("--quick", options.quick, "few workloads, settings and rounds: a minute");
  command->add_option("--only", options.only, "PART[,PART]")->delimiter(',');
  auto* precompile = command->add_option("--precompile", options.precompile,
                                         "only compile what a check compiles, into this folder");
  command->add_option("--target", options.target, "of --precompile: sm_90a, sm_100a")->needs(precompile);
  add_datasets(command, options.datasets);
  return command;
}

CLI::App* add_doctor(CLI::App& app, DoctorOptions& options) {
  auto* command = app.add_subcommand("doctor", "what this machine has, what is missing, what to do about it");
  add_datasets(command, options.datasets);
  command->add_flag("--calibrate", options.calibrate,
                    "measure the GPU (bandwidths, arithmetic, launch costs, noise) and store the figures: "
                    "estimates and the physical floor read them");
  command->add_flag("--instructions", options.instructions,
                    "only print which PTX instructions the simulator executes (Markdown)");
  auto* oracles = command->add_flag("--check-oracles", options.check_oracles,
                                    "hold every oracle against its definitions' own Python reference, with "
                                    "--dataset the official ones; needs "
                                    "PyTorch in python3 or in $WARPWRIGHT_PYTHON");
  command->add_option("--definition", options.definition, "of the oracles' check: only this one")
      ->needs(oracles);
  command->add_option("--seed", options.seed, "of the oracles' check: of its inputs; default: drawn")
      ->needs(oracles);
  auto* red_team = command->add_flag("--red-team", options.red_team,
                                     "try kernels that cheat: does one score on this machine?");
  command->add_option("--executor", options.executor, "of the red team: auto | sim | cuda")->needs(red_team);
  command->add_option("--device", options.device, "of the red team: device model for estimates")
      ->needs(red_team);
  command->add_option("--target", options.target, "of the red team: sm_100a, sm_90a, ...")->needs(red_team);
  command
      ->add_option("--only", options.only, "of the red team: names, or their beginnings: k_,constant_table")
      ->delimiter(',')
      ->needs(red_team);
  add_form(command, options.form);
  return command;
}

}  // namespace

int report_error(const Error& error) {
  std::cerr << "warpwright: " << error.message << "\n";
  switch (error.kind) {
    case ErrorKind::kUsage:
      return 2;
    case ErrorKind::kInfrastructure:
      return 3;
    case ErrorKind::kInterrupted:
      return 130;
  }
  return 3;
}

int main_with(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == engine::kWithoutCommand) return run_without_folder(argc, argv);
  CLI::App app{"warpwright searches for fast, correct CUDA kernels.", "warpwright"};
  app.footer(kFooter);
  app.require_subcommand(1);
  EvolveOptions evolve;
  StudyOptions study;
  ConfigOptions config;
  ImportOptions import;
  JournalOptions journal;
  ReplayOptions replay;
  EvaluateOptions evaluate;
  CompareOptions compare;
  CalibrateOptions calibrate;
  PlanOptions plan;
  ComposeOptions compose;
  ExportOptions export_options;
  ShowOptions show;
  ReportOptions report;
  ScoreOptions score;
  GpuCheckOptions gpu_check;
  DoctorOptions doctor;
  auto* evolve_command = add_evolve(app, evolve);
  auto* study_command = add_study(app, study);
  auto* config_command = add_config(app, config);
  auto* import_command = add_import(app, import);
  auto* journal_command = add_journal(app, journal);
  auto* replay_command = add_replay(app, replay);
  auto* evaluate_command = add_evaluate(app, evaluate);
  auto* compare_command = add_compare(app, compare);
  auto* calibrate_command = add_calibrate(app, calibrate);
  auto* plan_command = add_plan(app, plan);
  auto* compose_command = add_compose(app, compose);
  auto* export_command = add_export(app, export_options);
  auto* show_command = add_show(app, show);
  auto* report_command = add_report(app, report);
  auto* score_command = add_score(app, score);
  auto* gpu_check_command = add_gpu_check(app, gpu_check);
  auto* doctor_command = add_doctor(app, doctor);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  init_logging("warpwright");
  install_interrupt_handler();
  if (*evolve_command) return run_evolve(evolve);
  if (*study_command) return run_study(study);
  if (*config_command) return run_config(config);
  if (*import_command) return run_import_openevolve(import);
  if (*journal_command) return run_journal(journal);
  if (*replay_command) return run_replay(replay);
  if (*evaluate_command) return run_evaluate(evaluate);
  if (*compare_command) return run_compare(compare);
  if (*calibrate_command) return run_calibrate(calibrate);
  if (*plan_command) return run_plan(plan);
  if (*compose_command) return run_compose(compose);
  if (*export_command) return run_export(export_options);
  if (*show_command) return run_show(show);
  if (*report_command) return run_report(report);
  if (*score_command) return run_score(score);
  if (*gpu_check_command) return run_gpu_check(gpu_check);
  return *doctor_command ? run_doctor(doctor) : 2;
}

}  // namespace warpwright::cli
