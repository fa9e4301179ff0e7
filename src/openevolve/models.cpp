#include "src/openevolve/models.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace warpwright::openevolve {
namespace {

constexpr const char* kDefaultVariable = "OPENAI_API_KEY";

// "gpt-4o" of "openai/gpt-4o", as a key of TOML may be.
std::string our_name(const std::string& theirs,
                     const std::vector<std::pair<std::string, std::vector<ModelLine>>>& taken) {
  std::string name = theirs.substr(theirs.rfind('/') + 1);
  for (char& c : name)
    if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '-')) c = '-';
  if (name.empty()) name = "model";
  std::string unique = name.substr(0, 60);
  for (int i = 2; std::any_of(taken.begin(), taken.end(), [&](const auto& m) { return m.first == unique; });
       ++i)
    unique = fmt::format("{}-{}", name.substr(0, 60), i);
  return unique;
}

// "${NAME}" or "$NAME": the variable; else the value is a key itself.
std::optional<std::string> variable_of(const std::string& text) {
  if (!text.starts_with('$')) return std::nullopt;
  std::string name = text.substr(1);
  if (name.starts_with('{') && name.ends_with('}')) name = name.substr(1, name.size() - 2);
  const auto is_name = [](unsigned char c) {
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_name)) return std::nullopt;
  return name;
}

class ModelsImporter {
 public:
  explicit ModelsImporter(const Reader& reader) : reader_(reader) {}

  Result<ImportedModels> run() {
    std::vector<std::map<std::string, Value>> models = reader_.models();
    if (models.empty()) models = older_forms();
    for (const auto& model : models) TRY(add(model));
    for (const KnownKey& key : known_keys()) {
      const std::string path(key.path);
      if (path.starts_with("llm.") && key.instead.empty() && !path.starts_with("llm.models"))
        out_.done.insert(path);
    }
    return std::move(out_);
  }

 private:
  // One model by llm.name, or two by primary_model and secondary_model.
  std::vector<std::map<std::string, Value>> older_forms() const {
    std::vector<std::map<std::string, Value>> models;
    for (const char* which : {"primary", "secondary"}) {
      const Value name = reader_.get(fmt::format("llm.{}_model", which));
      if (!name.json.is_string()) continue;
      std::map<std::string, Value> model = {{"name", name}};
      const Value weight = reader_.get(fmt::format("llm.{}_model_weight", which));
      if (weight.json.is_number()) model["weight"] = weight;
      models.push_back(std::move(model));
    }
    const Value name = reader_.get("llm.name");
    if (models.empty() && name.json.is_string()) models.push_back({{"name", name}});
    return models;
  }

  // Of the model, else of [llm], else OpenEvolve's default.
  Value get(const std::map<std::string, Value>& model, const std::string& key) const {
    const auto own = model.find(key);
    return own != model.end() && !own->second.json.is_null() ? own->second : reader_.get("llm." + key);
  }

  Result<double> number(const std::map<std::string, Value>& model, const std::string& key, double low,
                        double high) const {
    const Value value = get(model, key);
    const double number = value.json.get<double>();
    if (number >= low && number <= high) return number;
    return reader_.refuse("llm." + key, value,
                          fmt::format("is {}: it must be {} to {}", dump_json(value.json), low, high));
  }

  Result<void> add(const std::map<std::string, Value>& model) {
    const Value name = get(model, "name");
    if (!name.json.is_string() || name.json.get<std::string>().empty())
      return reader_.refuse("llm.models", name, "has an entry without a name");
    model_ = name.json.get<std::string>();
    TRY_ASSIGN(const double weight, number(model, "weight", 0, 1e6));
    if (weight == 0) {
      out_.warnings.push_back(
          fmt::format("model '{}' has weight 0: it is never asked, and left out", model_));
      return {};
    }
    const std::string ours = our_name(model_, out_.models);
    lines_.clear();
    ours_ = "models." + ours;
    TRY(add_provider(model));
    out_.weights[ours] = weight;
    note("weight", get(model, "weight"), fmt::format("search.roles: {} = {}", ours, weight), "");
    for (const auto& [key, value] : model) note_rest(key, value);
    out_.models.emplace_back(ours, lines_);
    return {};
  }

  Result<void> add_provider(const std::map<std::string, Value>& model) {
    const Value manual = get(model, "manual_mode");
    if (manual.json.is_boolean() && manual.json.get<bool>()) {
      put("provider", "manual", "manual_mode");
      put("folder", "manual", "prompts are written here, and replies read");
      note("manual_mode", manual, ours_ + ".provider = \"manual\"", "");
      return {};
    }
    const Value provider = get(model, "provider");
    if (provider.json == "claude_code") {
      put("provider", "command", "llm.provider");
      put("command", Json::array({"claude", "--print", "--model", model_}),
          "the prompt on stdin, the reply on stdout");
      note("provider", provider, ours_ + ".command", "any program that answers a prompt");
      return {};
    }
    if (provider.json != "openai")
      return reader_.refuse("llm.provider", provider, "must be openai or claude_code");
    put("provider", "openai-chat", "llm.provider");
    TRY(add_endpoint(model));
    return add_request(model);
  }

  Result<void> add_endpoint(const std::map<std::string, Value>& model) {
    const Value base = get(model, "api_base");
    std::string url = base.json.is_string() ? base.json.get<std::string>() : "";
    while (url.ends_with('/')) url.pop_back();
    if (!url.starts_with("http://") && !url.starts_with("https://"))
      return reader_.refuse("llm.api_base", base, "must be an http:// or https:// address");
    if (url.find('@') != std::string::npos || url.find('?') != std::string::npos)
      return reader_.refuse("llm.api_base", base,
                            "must hold neither a user nor a query: keys stand in the environment");
    put("base_url", url, "llm.api_base");
    put("model", model_, "llm.models[].name");
    note("api_base", base, fmt::format("{}.base_url = {}", ours_, dump_json(Json(url))), "");
    add_key(get(model, "api_key"));
    return {};
  }

  void add_key(const Value& key) {
    const std::string text = key.json.is_string() ? key.json.get<std::string>() : "";
    const auto variable = variable_of(text);
    const std::string name = variable.value_or(kDefaultVariable);
    put("key_env", name, "the environment variable with the key");
    if (std::find(out_.environment.begin(), out_.environment.end(), name) == out_.environment.end())
      out_.environment.push_back(name);
    if (!text.empty() && !variable) {
      const std::string warning = fmt::format(
          "{}: llm.api_key is a key itself: it is not copied; put it into {}, and out of that file",
          reader_.where(key), name);
      if (std::find(out_.warnings.begin(), out_.warnings.end(), warning) == out_.warnings.end())
        out_.warnings.push_back(warning);
    }
    Value shown = key;
    shown.json = text.empty() ? Json() : variable ? Json(text) : Json("(a key)");
    note("api_key", shown, fmt::format("{}.key_env = \"{}\"", ours_, name), "");
  }

  Result<void> add_request(const std::map<std::string, Value>& model) {
    const auto given = [&](const char* key) {
      return !get(model, key).is_default() && !get(model, key).json.is_null();
    };
    const auto carry = [&](const char* key, const char* ours, const Json& value, const char* about) {
      put(ours, value, fmt::format("llm.{}", key));
      note(key, get(model, key), fmt::format("{}.{} = {}", ours_, ours, dump_json(value)), about);
    };
    if (given("max_tokens")) {
      TRY_ASSIGN(const double tokens, number(model, "max_tokens", 1, 1e7));
      carry("max_tokens", "max_output_tokens", static_cast<int64_t>(tokens),
            "thinking counts, too: raise it if answers are cut");
    } else {
      put("max_output_tokens", 32000, "not OpenEvolve's 4096, which cuts kernels");
    }
    if (given("temperature")) {
      TRY_ASSIGN(const double value, number(model, "temperature", 0, 10));
      carry("temperature", "temperature", value, "many newer models refuse it");
    }
    if (given("top_p")) {
      TRY_ASSIGN(const double value, number(model, "top_p", 0, 1));
      carry("top_p", "top_p", value, "many newer models refuse it");
    }
    if (given("reasoning_effort"))
      carry("reasoning_effort", "effort", get(model, "reasoning_effort").json, "");
    if (given("random_seed")) {
      put("extra_body", {{"seed", get(model, "random_seed").json}}, "llm.random_seed");
      note("random_seed", get(model, "random_seed"), ours_ + ".extra_body = {seed = ...}", "");
    }
    if (given("timeout")) {
      TRY_ASSIGN(const double value, number(model, "timeout", 0.001, 7 * 24 * 3600));
      carry("timeout", "total_timeout_s", value, "of one attempt; models that think need many minutes");
    }
    if (given("retries")) {
      TRY_ASSIGN(const double value, number(model, "retries", 0, 999));
      carry("retries", "max_attempts", static_cast<int64_t>(value) + 1, "only what may pass is tried again");
    }
    return {};
  }

  void put(std::string key, Json value, std::string comment) {
    lines_.push_back({std::move(key), std::move(value), std::move(comment)});
  }

  void note(const std::string& key, const Value& from, std::string ours, std::string about) {
    out_.keys.push_back({ImportedKey::Kind::kMapped, fmt::format("llm.{} ({})", key, model_),
                         dump_json(from.json), from.is_default(), std::move(ours), std::move(about)});
  }
  void note_rest(const std::string& key, const Value& from) {
    const KnownKey* known = find_known_key("llm.models[]." + key);
    if (known != nullptr && !known->instead.empty())
      out_.keys.push_back({ImportedKey::Kind::kNoEqual, fmt::format("llm.{} ({})", key, model_),
                           from.json.is_structured() ? "(...)" : dump_json(from.json), false, "",
                           std::string(known->instead)});
  }

  const Reader& reader_;
  ImportedModels out_;
  std::string model_, ours_;  // of the one at hand
  std::vector<ModelLine> lines_;
};

}  // namespace

Result<ImportedModels> import_models(const Reader& reader) {
  return ModelsImporter(reader).run();
}

}  // namespace warpwright::openevolve
