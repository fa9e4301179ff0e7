// configs/models/endpoints.toml: what is known of common endpoints, so that a model can be named in one word on the
// command line, or with preset = "openai" in a [models.NAME] table.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/llm/model_config.h"

namespace warpwright::llm {

struct EndpointPreset {
  std::string name;
  std::string notes;  // for people
  Json table;         // keys of a [models.NAME] table, without the model
};

struct TomlTable;

class EndpointPresets {
 public:
  // Every preset is checked as a whole: one with a wrong key is an error here, not when it is used.
  static Result<EndpointPresets> load(const std::filesystem::path& path);
  static Result<EndpointPresets> from_toml(std::string_view text, const std::string& file);

  const std::vector<EndpointPreset>& all() const { return presets_; }
  const EndpointPreset* find(std::string_view name) const;
  std::string names() const;  // "openai, anthropic, ..."

 private:
  static Result<EndpointPresets> from_tables(const std::vector<TomlTable>& tables);
  std::vector<EndpointPreset> presets_;
};

// "PRESET:MODEL" or "PRESET:MODEL@BASE_URL", such as "vllm:Qwen3-Coder@http://localhost:8000/v1";
// "command:PROGRAM ARGUMENTS" (split at spaces, quotes as in a shell), "manual:FOLDER", "scripted:FOLDER",
// "replay:FOLDER". The model's name in the run is the last part of MODEL, the program's name, or the word
// before the colon.
Result<ModelConfig> model_from_spec(const EndpointPresets& presets, const std::string& spec);

// A [models.NAME] table with `preset`: the preset's keys, replaced by the table's own, without `preset`. Any
// other table comes back as it is.
Result<Json> with_preset(const EndpointPresets& presets, const Json& table, const std::string& where);

}  // namespace warpwright::llm
