#include "src/openevolve/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "src/openevolve/models.h"
#include "src/openevolve/reader.h"
#include "src/openevolve/toml_writer.h"

namespace warpwright::openevolve {
namespace {

constexpr const char* kExampleDefinition = "gdn_decode_qk4_v8_d128_k_last";

// Goes through the tables of our file in their order; every line knows what it came from.
class Importer {
 public:
  Importer(const Reader& reader, const ImportOptions& options) : reader_(reader), options_(options) {}

  Result<Import> run(const std::string& file) {
    writer_.comment(fmt::format("Made from OpenEvolve's {} by warpwright import-openevolve.", file));
    TRY(run_table());
    TRY(workers_table());
    TRY(search_tables());
    TRY(models_tables());
    TRY(evaluation_table());
    list_rest();
    import_.toml = writer_.take();
    return std::move(import_);
  }

 private:
  // Tables are not quoted: a key may stand in one.
  static std::string text_of(const Json& value) {
    const bool holds_tables = value.is_array() && std::any_of(value.begin(), value.end(), [](const Json& v) {
                                return v.is_structured();
                              });
    return value.is_object() || holds_tables ? "(...)" : dump_json(value);
  }

  // `ours` of `table` takes the value; noted as mapped.
  void map(const std::string& theirs, const std::string& table, const std::string& ours, const Json& value,
           const std::string& note = "") {
    const Value from = reader_.get(theirs);
    writer_.key(table, ours, value, from.is_default() ? fmt::format("{}, by default there", theirs) : theirs);
    note_mapped(theirs, from, fmt::format("{}.{} = {}", table, ours, toml_text(value)), note);
  }
  void note_mapped(const std::string& theirs, const Value& from, std::string ours, std::string note) {
    import_.keys.push_back({ImportedKey::Kind::kMapped, theirs, text_of(from.json), from.is_default(),
                            std::move(ours), std::move(note)});
    done_.insert(theirs);
  }
  void note_no_equal(const std::string& theirs, std::string note) {
    const Value from = reader_.get(theirs);
    left_.push_back(
        {ImportedKey::Kind::kNoEqual, theirs, text_of(from.json), from.is_default(), "", std::move(note)});
    done_.insert(theirs);
  }

  // A number within what a run can have.
  Result<double> number(const std::string& theirs, double low, double high) {
    const Value value = reader_.get(theirs);
    const double number = value.json.is_number() ? value.json.get<double>() : low;
    if (!(number >= low && number <= high))
      return reader_.refuse(theirs, value,
                            fmt::format("is {}: it must be {} to {}", text_of(value.json), low, high));
    return number;
  }
  Result<int64_t> integer(const std::string& theirs, int64_t low, int64_t high) {
    TRY_ASSIGN(const double value, number(theirs, static_cast<double>(low), static_cast<double>(high)));
    return static_cast<int64_t>(value);
  }

  Result<void> run_table() {
    if (options_.definition.empty()) {
      writer_.key("run", "definition", kExampleDefinition, "REPLACE: the name of what to make faster");
      import_.warnings.push_back(
          fmt::format("OpenEvolve's configuration does not say what to make faster: run.definition = \"{}\" "
                      "is an example; "
                      "give --definition NAME",
                      kExampleDefinition));
    } else {
      writer_.key("run", "definition", options_.definition, "");
    }
    if (reader_.get("random_seed").json.is_null()) {
      note_no_equal("random_seed", "every run has a seed; it is 1");
    } else {
      TRY_ASSIGN(const int64_t seed, integer("random_seed", 0, int64_t{1} << 53));
      map("random_seed", "run", "seed", seed);
    }
    TRY_ASSIGN(const int64_t iterations, integer("max_iterations", 1, 1'000'000'000));
    map("max_iterations", "run", "max_evaluations", iterations,
        "distinct programs; equal ones are not evaluated again");
    return {};
  }

  Result<void> workers_table() {
    if (reader_.get("evaluator.parallel_evaluations").is_default()) return {};  // one per core
    TRY_ASSIGN(const int64_t count, integer("evaluator.parallel_evaluations", 1, 10'000));
    map("evaluator.parallel_evaluations", "workers", "count", count);
    return {};
  }

  Result<void> search_tables() {
    TRY_ASSIGN(islands_, integer("database.num_islands", 1, 1000));
    map("database.num_islands", "search", "islands", islands_);
    TRY_ASSIGN(const int64_t population, integer("database.population_size", 1, 10'000'000));
    const int64_t members = (population + islands_ - 1) / islands_;
    map("database.population_size", "search", "population_size", members,
        "there of all islands, here of each");
    TRY_ASSIGN(const int64_t archive, integer("database.archive_size", 1, 1'000'000));
    map("database.archive_size", "search", "archive_size", archive);
    TRY(ratios());
    TRY(migration(members));
    TRY(inspirations());
    TRY(stagnation());
    return dimensions();
  }

  Result<void> ratios() {
    double sum = 0;
    for (const char* name : {"elite", "exploration", "exploitation"}) {
      const std::string theirs =
          fmt::format("database.{}_{}ratio", name, name == std::string("elite") ? "selection_" : "");
      TRY_ASSIGN(const double ratio, number(theirs, 0, 1));
      map(theirs, "search", name, ratio);
      sum += ratio;
    }
    if (sum <= 0)
      return reader_.refuse("database.elite_selection_ratio", reader_.get("database.elite_selection_ratio"),
                            "and the two others are all 0: no parent could be chosen");
    return {};
  }

  Result<void> migration(int64_t members) {
    TRY_ASSIGN(const int64_t interval, integer("database.migration_interval", 1, 1'000'000));
    TRY_ASSIGN(const double rate, number("database.migration_rate", 0, 1));
    if (islands_ == 1) {
      note_no_equal("database.migration_interval", "there is one island");
      note_no_equal("database.migration_rate", "there is one island");
      return {};
    }
    map("database.migration_interval", "search", "migration_interval", rate == 0 ? 0 : interval,
        "there iterations, here applied tickets");
    if (rate == 0) {
      note_no_equal("database.migration_rate", "0: search.migration_interval = 0, no migration");
      return {};
    }
    const int64_t count = std::clamp<int64_t>(std::llround(rate * static_cast<double>(members)), 1, 1000);
    map("database.migration_rate", "search", "migration_count", count,
        "there a share of the island, here its best so many; 1 to 3 keep islands apart for longer");
    return {};
  }

  Result<void> inspirations() {
    TRY_ASSIGN(const int64_t top, integer("prompt.num_top_programs", 0, 50));
    TRY_ASSIGN(const int64_t diverse, integer("prompt.num_diverse_programs", 0, 50));
    writer_.key("search", "inspirations", top + diverse, "programs shown beside the parent");
    if (top + diverse == 0) {
      note_no_equal("prompt.num_top_programs", "none is shown: search.inspirations = 0");
      note_no_equal("prompt.num_diverse_programs", "none is shown: search.inspirations = 0");
      return {};
    }
    map("prompt.num_top_programs", "search", "top_inspirations", top);
    map("prompt.num_diverse_programs", "search", "diverse_inspirations", diverse);
    return {};
  }

  Result<void> stagnation() {
    const Value patience = reader_.get("early_stopping_patience");
    if (patience.json.is_null()) return {};
    TRY_ASSIGN(const double value, number("early_stopping_patience", -1e9, 1e7));
    if (value < 0) {
      note_no_equal("early_stopping_patience",
                    "a run ends by its budget (run.max_evaluations, run.max_minutes)");
      return {};
    }
    map("early_stopping_patience", "search", "stagnation_after", static_cast<int64_t>(value),
        "there the run ends, here something is done about the island (search.stagnation_actions)");
    return {};
  }

  Result<void> dimensions();
  Result<void> models_tables();
  Result<void> evaluation_table();
  void list_rest();
  Result<int64_t> bins_of(const std::string& dimension) const;

  const Reader& reader_;
  const ImportOptions& options_;
  TomlWriter writer_;
  Import import_;
  std::vector<ImportedKey> left_;  // without an equal
  std::set<std::string> done_;
  int64_t islands_ = 1;
};

Result<int64_t> Importer::bins_of(const std::string& dimension) const {
  const Value bins = reader_.get("database.feature_bins");
  const Json count = bins.json.is_object() ? bins.json.value(dimension, Json(10)) : bins.json;
  if (!count.is_number_integer() || count.get<int64_t>() < 1 || count.get<int64_t>() > 64)
    return reader_.refuse("database.feature_bins", bins, "must be 1 to 64, or a table of such by dimension");
  return count.get<int64_t>();
}

// Their bins are learnt and move; ours have edges. Code sizes double from bin to bin, distances are even.
Result<void> Importer::dimensions() {
  const std::string theirs = "database.feature_dimensions";
  const Value names = reader_.get(theirs);
  Json grid = Json::array();
  std::string ours, lost;
  for (const Json& item : names.json) {
    const std::string name = item.get<std::string>();
    TRY_ASSIGN(const int64_t bins, bins_of(name));
    Json edges = Json::array();
    for (int64_t i = 1; i < bins; ++i)
      edges.push_back(name == "complexity" ? 16'384.0 / std::exp2(static_cast<double>(bins - 1 - i))
                                           : static_cast<double>(i) / static_cast<double>(bins));
    const std::string feature = name == "complexity"  ? "code_size"
                                : name == "diversity" ? "archive_distance"
                                                      : "";
    if (feature.empty()) {
      lost += fmt::format("{}'{}'", lost.empty() ? "" : ", ", name);
      continue;
    }
    grid.push_back({{"feature", feature}, {"edges", edges}});
    ours += fmt::format("{}{} -> {}", ours.empty() ? "" : ", ", name, feature);
  }
  if (!lost.empty())
    import_.warnings.push_back(
        fmt::format("{}: {} has no equal: dimensions are what the compiler and the plan say of a program "
                    "(warpwright config "
                    "--explain search.dimensions)",
                    reader_.where(names), lost));
  if (grid.empty()) {
    note_no_equal(theirs, "the built-in grid takes its place");
    return {};
  }
  map(theirs, "search", "dimensions", grid, ours + "; edges are fixed, not learnt");
  note_mapped("database.feature_bins", reader_.get("database.feature_bins"), "edges of search.dimensions",
              "");
  return {};
}

Result<void> Importer::models_tables() {
  TRY_ASSIGN(const ImportedModels models, import_models(reader_));
  const Value diff = reader_.get("diff_based_evolution");
  const bool is_diff = !diff.json.is_boolean() || diff.json.get<bool>();
  writer_.key("search.operators", "tune", 1.0, "other values of declared knobs: costs no call");
  if (!models.models.empty()) {
    writer_.key("search.operators", is_diff ? "diff" : "rewrite", 2.0, "diff_based_evolution");
    writer_.key("search.operators", "repair", 1.0, "failed candidates are mended, not dropped");
    note_mapped("diff_based_evolution", diff,
                is_diff ? "search.operators: diff = 2.0" : "search.operators: rewrite = 2.0",
                "with tune and repair, which OpenEvolve has not");
    for (const char* role : {"proposer", "repairer"})
      writer_.key("search.roles", role, models.weights, "weights of llm.models");
    writer_.key("agent", "name", "evolver", "starts from the seeds; scratch: from the definition alone");
    for (const auto& [name, table] : models.models)
      for (const ModelLine& line : table) writer_.key("models." + name, line.key, line.value, line.comment);
  } else {
    import_.warnings.emplace_back(
        "no model is named: nobody writes kernels until [models.NAME] or --model says who");
  }
  for (const ImportedKey& key : models.keys)
    (key.kind == ImportedKey::Kind::kMapped ? import_.keys : left_).push_back(key);
  import_.environment = models.environment;
  import_.warnings.insert(import_.warnings.end(), models.warnings.begin(), models.warnings.end());
  done_.insert(models.done.begin(), models.done.end());
  return {};
}

Result<void> Importer::evaluation_table() {
  TRY_ASSIGN(const double timeout, number("evaluator.timeout", 0.001, 1e9));
  map("evaluator.timeout", "evaluation", "evaluation_deadline_s",
      std::max<int64_t>(1, static_cast<int64_t>(std::ceil(timeout))), "kept: the process is killed then");
  return {};
}

void Importer::list_rest() {
  for (const auto& [path, value] : reader_.given()) {
    const KnownKey* key = find_known_key(path);
    if (key == nullptr || done_.contains(path)) continue;
    const bool is_first = done_.insert(path).second;
    if (is_first)
      left_.push_back(
          {ImportedKey::Kind::kNoEqual, path, text_of(value.json), false, "", std::string(key->instead)});
  }
  import_.keys.insert(import_.keys.end(), left_.begin(), left_.end());
  for (const UnknownKey& key : reader_.unknown())
    import_.keys.push_back({ImportedKey::Kind::kUnknown, key.path, "", false, "",
                            fmt::format("line {}; the nearest is '{}'", key.line, key.nearest)});
}

std::string rows(const Import& import, ImportedKey::Kind kind, const std::string& title) {
  std::string text;
  for (const ImportedKey& key : import.keys) {
    if (key.kind != kind) continue;
    std::string value = key.value.size() > 40 ? key.value.substr(0, 37) + "..." : key.value;
    std::string left = value.empty() ? key.theirs : fmt::format("{} = {}", key.theirs, value);
    if (key.is_default) left += " (default)";
    const std::string right = key.ours.empty()   ? key.note
                              : key.note.empty() ? key.ours
                                                 : fmt::format("{}  ({})", key.ours, key.note);
    text += fmt::format("  {:<58} {}\n", left, right);
  }
  return text.empty() ? "" : fmt::format("{}\n{}\n", title, text);
}

}  // namespace

Result<Import> import_config(std::string_view yaml, const std::string& file, const ImportOptions& options) {
  TRY_ASSIGN(const YamlNode root, parse_yaml(yaml, file));
  TRY_ASSIGN(const Reader reader, Reader::open(root, file));
  if (!options.lenient && !reader.unknown().empty()) {
    const UnknownKey& key = reader.unknown().front();
    return usage_error(
        fmt::format("{}:{}: OpenEvolve 0.3.2 has no key '{}'; the nearest is '{}' (--lenient lists "
                    "such keys and goes on)",
                    file, key.line, key.path, key.nearest));
  }
  return Importer(reader, options).run(file);
}

std::string to_text(const Import& import) {
  std::string text = rows(import, ImportedKey::Kind::kMapped, "mapped") +
                     rows(import, ImportedKey::Kind::kNoEqual, "no equal, and what is done instead") +
                     rows(import, ImportedKey::Kind::kUnknown, "unknown to OpenEvolve 0.3.2");
  for (const std::string& name : import.environment)
    text += fmt::format("set the environment variable {} to the key: no key is copied\n", name);
  for (const std::string& warning : import.warnings) text += warning + "\n";
  return text;
}

Json to_json(const Import& import) {
  Json keys = Json::array();
  for (const ImportedKey& key : import.keys) {
    const char* kind = key.kind == ImportedKey::Kind::kMapped    ? "mapped"
                       : key.kind == ImportedKey::Kind::kNoEqual ? "no equal"
                                                                 : "unknown";
    keys.push_back({{"kind", kind},
                    {"key", key.theirs},
                    {"value", key.value},
                    {"is_default", key.is_default},
                    {"ours", key.ours},
                    {"note", key.note}});
  }
  return {{"keys", keys},
          {"environment", import.environment},
          {"warnings", import.warnings},
          {"toml", import.toml}};
}

}  // namespace warpwright::openevolve
