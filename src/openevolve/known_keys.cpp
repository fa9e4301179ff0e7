#include "src/openevolve/known_keys.h"

#include <algorithm>
#include <list>

namespace warpwright::openevolve {
namespace {

using enum KeyType;

constexpr const char* kJournal = "the journal keeps everything, durable at once; `warpwright show` prints it";
constexpr const char* kNoCheckpoint = "every event is durable when it happens: --resume works after any end";
constexpr const char* kArtifacts = "reports, logs and sources are blobs of the journal, each once";
constexpr const char* kTemplates =
    "prompts are templates: an agent's folder may bring its own (prompts/README.md)";
constexpr const char* kJudge = "models do not judge: a verdict is the evaluator's";
constexpr const char* kUnwritten = "OpenEvolve reads it and does nothing with it";
constexpr const char* kOneScore = "there is one score, the contest's, and validity is no matter of degree";
constexpr const char* kNovelty =
    "a fingerprint of the normalised PTX tells near duplicates (search.share_near_duplicates), without a "
    "model";
constexpr const char* kExport = "any run: warpwright journal export --jsonl --run DIR";
constexpr const char* kLabels = "programs are shown with score, times and lineage, not with labels by length";

std::vector<KnownKey> model_keys(const std::string& table) {
  static std::list<std::string> names;  // paths are views of these
  std::vector<KnownKey> keys;
  const auto add = [&](const char* key, KeyType type, Json value = {}, std::string_view instead = {}) {
    names.push_back(table + "." + key);
    keys.push_back({names.back(), type, std::move(value), instead});
  };
  add("name", kText);
  add("weight", kNumber, 1.0);
  add("api_base", kText, "https://api.openai.com/v1");
  add("api_key", kText);
  add("provider", kText, "openai");
  add("init_client", kAny, {}, "no code of a configuration is run; provider = \"command\" asks any program");
  add("system_message", kText, {}, kTemplates);
  add("temperature", kNumber, 0.7);
  add("top_p", kNumber, 0.95);
  add("max_tokens", kInteger, 4096);
  add("timeout", kNumber, 60);
  add("retries", kInteger, 3);
  add("retry_delay", kNumber, 5, "waits are what the endpoint asks for, else they grow, with jitter");
  add("random_seed", kInteger);
  add("reasoning_effort", kText);
  add("max_budget_usd", kNumber, {}, "[budget] max_dollars caps all models of a run together");
  add("manual_mode", kFlag, false);
  return keys;
}

std::vector<KnownKey> other_keys() {
  return {{"max_iterations", kInteger, 10000},
          {"checkpoint_interval", kInteger, 100, kNoCheckpoint},
          {"log_level", kText, "INFO", "WARPWRIGHT_LOG=debug|info|warn"},
          {"log_dir", kText, {}, "messages go to stderr; what happened is in the journal"},
          {"random_seed", kInteger, 42},
          {"language", kText, {}, "candidates are CUDA C++ with a launch plan"},
          {"file_suffix", kText, ".py", "candidates are CUDA C++ with a launch plan"},
          {"diff_based_evolution", kFlag, true},
          {"max_code_length", kInteger, 10000,
           "a source must fit its prompt: prompt.sections.parent of agent.toml, in tokens"},
          {"diff_pattern", kText, {}, "edits have one form, and one that does not apply is never evaluated"},
          {"early_stopping_patience", kInteger},
          {"convergence_threshold", kNumber, 0.001, "better is what a duel or the tie margin says is better"},
          {"early_stopping_metric", kText, "combined_score", kOneScore},
          {"max_tasks_per_child",
           kInteger,
           {},
           "a worker's device process is renewed when a fault or its memory asks for it"},
          {"llm.models", kAny},
          {"llm.evaluator_models", kAny, {}, kJudge},
          {"llm.primary_model", kText},
          {"llm.primary_model_weight", kNumber},
          {"llm.secondary_model", kText},
          {"llm.secondary_model_weight", kNumber},
          {"prompt.template_dir", kText, {}, kTemplates},
          {"prompt.system_message", kText, {}, kTemplates},
          {"prompt.evaluator_system_message", kText, {}, kJudge},
          {"prompt.programs_as_changes_description",
           kFlag,
           {},
           "shown programs are whole, or as what differs from the parent"},
          {"prompt.system_message_changes_description", kText, {}, kTemplates},
          {"prompt.initial_changes_description", kText, {}, kTemplates},
          {"prompt.num_top_programs", kInteger, 3},
          {"prompt.num_diverse_programs", kInteger, 2},
          {"prompt.use_template_stochasticity", kFlag, true, "lines of prompts/emphasis.md take turns"},
          {"prompt.template_variations", kMap, {}, "lines of prompts/emphasis.md take turns"},
          {"prompt.use_meta_prompting", kFlag, {}, kUnwritten},
          {"prompt.meta_prompt_weight", kNumber, {}, kUnwritten},
          {"prompt.include_artifacts", kFlag, true, "what the evaluator found is always shown"},
          {"prompt.max_artifact_bytes", kInteger, 20480, "prompt.sections.evidence of agent.toml, in tokens"},
          {"prompt.artifact_security_filter", kFlag, true, "quoted text is cleaned and fenced, always"},
          {"prompt.suggest_simplification_after_chars", kInteger, 500, kLabels},
          {"prompt.include_changes_under_chars", kInteger, 100, kLabels},
          {"prompt.concise_implementation_max_lines", kInteger, 10, kLabels},
          {"prompt.comprehensive_implementation_min_lines", kInteger, 50, kLabels},
          {"prompt.diff_summary_max_line_len", kInteger, 100, kLabels},
          {"prompt.diff_summary_max_lines", kInteger, 30, kLabels},
          {"database.db_path", kText, {}, "--run-dir names the run's folder"},
          {"database.in_memory", kFlag, true, kJournal},
          {"database.log_prompts", kFlag, true, kJournal},
          {"database.population_size", kInteger, 1000},
          {"database.archive_size", kInteger, 100},
          {"database.num_islands", kInteger, 5},
          {"database.elite_selection_ratio", kNumber, 0.1},
          {"database.exploration_ratio", kNumber, 0.2},
          {"database.exploitation_ratio", kNumber, 0.7},
          {"database.diversity_metric", kText, "edit_distance",
           "sketches of the compiled program tell how alike two are"},
          {"database.feature_dimensions", kTexts, Json::array({"complexity", "diversity"})},
          {"database.feature_bins", kAny, 10},
          {"database.diversity_reference_size", kInteger, 20, "the archive is the reference"},
          {"database.migration_interval", kInteger, 50},
          {"database.migration_rate", kNumber, 0.1},
          {"database.random_seed", kInteger, 42, "run.seed seeds everything"},
          {"database.artifacts_base_path", kText, {}, kArtifacts},
          {"database.artifact_size_threshold", kInteger, 32768, kArtifacts},
          {"database.cleanup_old_artifacts", kFlag, true, kArtifacts},
          {"database.artifact_retention_days", kInteger, 30, kArtifacts},
          {"database.max_snapshot_artifacts", kInteger, 100,
           "no part of the record is left out of prompts for its age"},
          {"database.novelty_llm", kAny, {}, kNovelty},
          {"database.embedding_model", kText, {}, kNovelty},
          {"database.similarity_threshold", kNumber, 0.99, kNovelty},
          {"evaluator.timeout", kNumber, 300},
          {"evaluator.max_retries", kInteger, 3,
           "a candidate's failure is final; only what the machine lost is evaluated again"},
          {"evaluator.memory_limit_mb", kInteger, {}, kUnwritten},
          {"evaluator.cpu_limit", kNumber, {}, kUnwritten},
          {"evaluator.cascade_evaluation", kFlag, true,
           "cheap stages come first, always, and losers are stopped (search.race_margin)"},
          {"evaluator.cascade_thresholds", kAny, Json::array({0.5, 0.75, 0.9}), kOneScore},
          {"evaluator.parallel_evaluations", kInteger, 1},
          {"evaluator.distributed",
           kFlag,
           {},
           "workers.command_prefix starts workers anywhere: srun, ssh, kubectl"},
          {"evaluator.use_llm_feedback", kFlag, false, kJudge},
          {"evaluator.llm_feedback_weight", kNumber, 0.1, kJudge},
          {"evaluator.enable_artifacts", kFlag, true, "what the evaluator found is always kept"},
          {"evolution_trace.enabled", kFlag, false, kExport},
          {"evolution_trace.format", kText, "jsonl", kExport},
          {"evolution_trace.include_code", kFlag, false, "warpwright journal export --blobs DIR"},
          {"evolution_trace.include_prompts", kFlag, true, "warpwright journal export --blobs DIR"},
          {"evolution_trace.output_path", kText, {}, kExport},
          {"evolution_trace.buffer_size", kInteger, 10, kExport},
          {"evolution_trace.compress", kFlag, false, kExport}};
}

}  // namespace

const std::vector<KnownKey>& known_keys() {
  static const std::vector<KnownKey> kKeys = [] {
    std::vector<KnownKey> keys = other_keys();
    for (const char* table : {"llm", "llm.models[]"})
      for (KnownKey& key : model_keys(table)) keys.push_back(std::move(key));
    return keys;
  }();
  return kKeys;
}

const KnownKey* find_known_key(std::string_view path) {
  const auto& keys = known_keys();
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const KnownKey& key) { return key.path == path; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string> keys_below(std::string_view table) {
  std::vector<std::string> names;
  for (const KnownKey& key : known_keys()) {
    std::string_view rest = key.path;
    if (!table.empty()) {
      if (!rest.starts_with(table) || rest.substr(table.size(), 1) != ".") continue;
      rest.remove_prefix(table.size() + 1);
    }
    const std::string name(rest.substr(0, rest.find_first_of(".[")));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace warpwright::openevolve
