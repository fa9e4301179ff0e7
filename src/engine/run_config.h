// The configuration of a run (configs/*.toml): which definition, on what, for how long.
// configs/gdn_decode.toml shows every table with comments.
//
// An unknown key, a wrong type or a value out of range is a usage error "<file>:<line>: ..." that names the
// nearest key there is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/contract/evaluation.h"
#include "src/events/settings.h"
#include "src/llm/model_config.h"

namespace warpwright::engine {

struct RunConfig {
  // [run]
  std::string definition;
  uint64_t seed = 1;             // same seed, same run
  int64_t max_evaluations = 64;  // results recorded: distinct programs, failed ones included
  double max_minutes = 0;        // wall clock of one invocation; 0: no limit

  // [device]
  std::string device = "auto";    // model in configs/devices/; auto and target: see EvaluationRequest
  std::string executor = "auto";  // auto | sim | cuda
  std::string target = "auto";

  // [workers]
  int worker_count = 0;                    // 0: one per core
  std::vector<std::string> worker_prefix;  // launch prefix, e.g. ["srun", "-N1", "-n1", "--gres=gpu:1"]
  std::string worker_path;                 // empty: default_worker_path()
  std::vector<std::string> worker_arguments;
  int64_t hello_deadline_s = 120;

  // [search], [search.operators] and [search.roles]; window is [run] window
  events::SearchSettings search;
  bool operators_given = false;  // else an agent brings them

  // [agent]: a folder below agents/, or the path of one; empty: nobody writes kernels, seeds are tuned
  std::string agent;

  // [models.NAME]: whom the agent's roles may ask
  std::map<std::string, llm::ModelConfig> models;

  // [budget] of all model calls; 0: no cap
  double max_dollars = 0;
  int64_t max_tokens = 0, max_calls = 0;

  // [seeds]
  bool seeds_allowed = true;
  std::string seeds_folder;  // empty: seeds/<definition>
  std::string baseline_file = "plain.cu";

  // [scripted]: the operator "scripted" takes its proposals from these files, in the order of names
  std::string scripted_folder;

  // [evaluation]
  std::string selection = "auto";  // see rules::Rules::settle_selection
  int64_t input_seed = -1;         // of the random inputs; -1: run.seed
  Stage last_stage = Stage::kTime;
  std::string timing_profile = "contest";
  EvaluationLimits limits;
  bool red_team = true;  // no search where a cheat would score, see engine/red_team.h

  // [data]: searched before $FIB_DATASET_PATH and configs/trace
  std::vector<std::string> datasets;
};

Result<RunConfig> load_run_config(const std::filesystem::path& path);
Result<RunConfig> parse_run_config(std::string_view toml, const std::string& where);

// The tables of the file as JSON; what the journal keeps. Reading back gives the same configuration.
Json to_json(const RunConfig& config);
Result<RunConfig> run_config_from_json(const Json& json, const std::string& where);
// The same as TOML, for the copy in the run's folder.
std::string to_toml(const RunConfig& config);

// Checks what needs more than one key (an operator without its provider, ...). load_run_config did it;
// do it again after overriding fields.
Result<void> check_run_config(const RunConfig& config, const std::string& where);

}  // namespace warpwright::engine
