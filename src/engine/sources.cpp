#include "src/engine/sources.h"

#include <algorithm>
#include <regex>

#include "src/base/check.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/rules/workload_binding.h"

namespace warpwright::engine {

SourceStore::SourceStore(trace::Definition definition, rules::Rules rules,
                         std::vector<rules::SelectedWorkload> workloads, const rules::DeviceModel& device)
    : definition_(std::move(definition)),
      rules_(std::move(rules)),
      workloads_(std::move(workloads)),
      device_model_(device) {
  device_.arch = device.arch;
  device_.sm_count = device.sm_count;
}

std::string SourceStore::add(std::string text) {
  std::string hash = sha256_hex(text);
  if (sources_.contains(hash)) return hash;
  Source source{std::move(text), std::nullopt};
  if (const auto split = plan::split_source(source.text)) {
    if (auto parsed = plan::parse_plan(*split, definition_)) source.plan = std::move(*parsed);
  }
  sources_.emplace(hash, std::move(source));
  return hash;
}

const std::string* SourceStore::find(const std::string& hash) const {
  const auto source = sources_.find(hash);
  return source == sources_.end() ? nullptr : &source->second.text;
}

const SourceStore::Source& SourceStore::at(const std::string& hash) const {
  const auto source = sources_.find(hash);
  CHECK(source != sources_.end());
  return source->second;
}

std::vector<events::DeclaredKnob> SourceStore::declared_knobs(const std::string& hash) const {
  std::vector<events::DeclaredKnob> declared;
  const Source& source = at(hash);
  if (!source.plan) return declared;
  for (const plan::Knob& knob : source.plan->knobs())
    declared.push_back({knob.name, knob.values, knob.default_value});
  return declared;
}

bool SourceStore::accepts(const std::string& hash, const KnobValues& knobs) const {
  const Source& source = at(hash);
  if (!source.plan) return true;
  return std::none_of(workloads_.begin(), workloads_.end(), [&](const rules::SelectedWorkload& selected) {
    return plan::violates_requirement(
        *source.plan, definition_,
        rules::bind_inputs(definition_, selected.group.workload, rules_, knobs, device_));
  });
}

std::optional<std::string> SourceStore::compose(const std::vector<plan::Part>& parts) {
  FieldHasher hasher;
  for (const plan::Part& part : parts) {
    hasher.add(part.name).add(part.when).add(part.source);
    for (const auto& [name, value] : part.knobs) hasher.add(name).add(value);
    hasher.add("");
  }
  const auto [known, is_new] = compositions_.try_emplace(hasher.hex());
  if (!is_new) return known->second;
  std::vector<plan::BindInputs> inputs;
  for (const rules::SelectedWorkload& selected : workloads_)
    inputs.push_back(rules::bind_inputs(definition_, selected.group.workload, rules_, {}, device_));
  auto text = plan::compose(parts, definition_, inputs);
  if (text) {
    known->second = add(std::move(*text));
  } else {
    spdlog::warn("the champions of the bands cannot be composed: {}", text.error().message);
  }
  return known->second;
}

std::string with_default_knobs(std::string source, const KnobValues& knobs) {
  const size_t plan = source.find("/*@plan");
  if (plan == std::string::npos) return source;
  for (const auto& [name, value] : knobs) {
    const std::regex declaration("(\\btune\\s+" + name + "\\s*=\\s*)([^\\s;]+)(\\s+in\\b)");
    std::smatch match;
    const auto begin = source.cbegin() + static_cast<std::ptrdiff_t>(plan);
    if (std::regex_search(begin, source.cend(), match, declaration))
      source.replace(match[2].first, match[2].second, value);
  }
  return source;
}

}  // namespace warpwright::engine
