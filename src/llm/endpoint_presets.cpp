#include "src/llm/endpoint_presets.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "src/base/quotable.h"
#include "src/llm/toml_tables.h"

namespace warpwright::llm {
namespace {

// Words of a command line: spaces separate, quotes and backslashes protect.
Result<std::vector<std::string>> split_command(std::string_view text) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      if (word) words.push_back(std::move(*word));
      word.reset();
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      if (!word) word.emplace();
    } else if (c == quote) {
      quote = 0;
    } else {
      if (!word) word.emplace();
      *word += c == '\\' && quote != '\'' && i + 1 < text.size() ? text[++i] : c;
    }
  }
  if (quote != 0) return usage_error(fmt::format("--model: a quote {} is not closed in the command", quote));
  if (word) words.push_back(std::move(*word));
  return words;
}

std::string last_part(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos || slash + 1 == path.size() ? path : path.substr(slash + 1);
}

// "Qwen3-Coder@http://localhost:8000/v1": a model's name may hold an '@' of its own.
std::pair<std::string, std::string> split_address(const std::string& text) {
  for (const char* scheme : {"@http://", "@https://"})
    if (const size_t at = text.rfind(scheme); at != std::string::npos)
      return {text.substr(0, at), text.substr(at + 1)};
  return {text, ""};
}

}  // namespace

Result<EndpointPresets> EndpointPresets::load(const std::filesystem::path& path) {
  TRY_ASSIGN(const auto tables, read_toml_tables(path));
  return from_tables(tables);
}

Result<EndpointPresets> EndpointPresets::from_toml(std::string_view text, const std::string& file) {
  TRY_ASSIGN(const auto tables, read_toml_tables(text, file));
  return from_tables(tables);
}

Result<EndpointPresets> EndpointPresets::from_tables(const std::vector<TomlTable>& tables) {
  EndpointPresets presets;
  for (const TomlTable& table : tables) {
    EndpointPreset preset{table.name, "", table.json};
    if (const auto notes = preset.table.find("notes"); notes != preset.table.end() && notes->is_string()) {
      preset.notes = notes->get<std::string>();
      preset.table.erase("notes");
    }
    Json whole = preset.table;
    whole["model"] = "any";
    TRY(model_config_from_json(table.name, whole, fmt::format("{}: [{}]", table.where, table.name)));
    presets.presets_.push_back(std::move(preset));
  }
  return presets;
}

const EndpointPreset* EndpointPresets::find(std::string_view name) const {
  const auto found =
      std::find_if(presets_.begin(), presets_.end(), [&](const auto& p) { return p.name == name; });
  return found == presets_.end() ? nullptr : &*found;
}

std::string EndpointPresets::names() const {
  std::vector<std::string_view> names;
  for (const EndpointPreset& preset : presets_) names.push_back(preset.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<ModelConfig> model_from_spec(const EndpointPresets& presets, const std::string& spec) {
  const std::string where = "--model " + quotable_line(spec, 200);
  const size_t colon = spec.find(':');
  const std::string preset_name = spec.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : spec.substr(colon + 1);
  const EndpointPreset* preset = presets.find(preset_name);
  const auto local = provider_kind_from_string(preset_name);
  const bool is_local = local && !is_http(*local);
  if (rest.empty() || (preset == nullptr && !is_local))
    return usage_error(
        fmt::format("{}: must be PRESET:MODEL or PRESET:MODEL@BASE_URL, where PRESET is {}; or "
                    "command:PROGRAM, manual:FOLDER, scripted:FOLDER, replay:FOLDER",
                    where, presets.names()));
  if (!is_local) {
    auto [model, base_url] = split_address(rest);
    Json table = preset->table;
    table["model"] = model;
    if (!base_url.empty()) table["base_url"] = base_url;
    return model_config_from_json(last_part(model), table, where);
  }
  Json table = {{"provider", preset_name}};
  if (*local != ProviderKind::kCommand) {
    table["folder"] = rest;
    return model_config_from_json(preset_name, table, where);
  }
  TRY_ASSIGN(const std::vector<std::string> words, split_command(rest));
  table["command"] = words;
  return model_config_from_json(words.empty() ? preset_name : last_part(words[0]), table, where);
}

Result<Json> with_preset(const EndpointPresets& presets, const Json& table, const std::string& where) {
  if (!table.is_object() || !table.contains("preset")) return table;
  const Json& name = table.at("preset");
  const EndpointPreset* preset = name.is_string() ? presets.find(name.get<std::string>()) : nullptr;
  if (preset == nullptr)
    return usage_error(fmt::format("{}: preset must be one of {}", where, presets.names()));
  Json merged = preset->table;
  if (table.contains("key_file")) merged.erase("key_env");
  for (const auto& [key, value] : table.items()) merged[key] = value;
  merged.erase("preset");
  return merged;
}

}  // namespace warpwright::llm
