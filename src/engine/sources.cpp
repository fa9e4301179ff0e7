#include "src/engine/sources.h"

#include <cctype>

#include "src/base/check.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/plan/requirements.h"
#include "src/rules/workload_binding.h"

namespace warpwright::engine {

SourceStore::SourceStore(trace::Definition definition, rules::Rules rules,
                         std::vector<rules::SelectedWorkload> workloads, const rules::DeviceModel& device)
    : definition_(std::move(definition)),
      rules_(std::move(rules)),
      workloads_(std::move(workloads)),
      device_model_(device) {
  plan::DeviceFacts facts;
  facts.arch = device.arch;
  facts.sm_count = device.sm_count;
  for (const rules::SelectedWorkload& selected : workloads_)
    inputs_.push_back(rules::bind_inputs(definition_, selected.group.workload, rules_, {}, facts));
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
  return plan::meets_requirements(*source.plan, definition_, inputs_, knobs);
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
  auto text = plan::compose(parts, definition_, inputs_);
  if (text) {
    known->second = add(std::move(*text));
  } else {
    spdlog::warn("the champions of the bands cannot be composed: {}", text.error().message);
  }
  return known->second;
}

namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Where the default stands that `tune NAME = DEFAULT in` declares: first character and the one behind the
// last.
std::optional<std::pair<size_t, size_t>> find_default(std::string_view source, size_t from,
                                                      std::string_view name) {
  constexpr std::string_view kTune = "tune", kIn = "in";
  const auto is_space = [&](size_t at) { return std::isspace(static_cast<unsigned char>(source[at])) != 0; };
  const auto skip_space = [&](size_t at) {
    while (at < source.size() && is_space(at)) ++at;
    return at;
  };
  for (size_t at = source.find(kTune, from); at != source.npos; at = source.find(kTune, at + 1)) {
    const size_t name_at = skip_space(at + kTune.size());
    if (is_word(source[at - 1]) || name_at == at + kTune.size()) continue;
    if (source.substr(name_at, name.size()) != name) continue;
    const size_t equals = skip_space(name_at + name.size());
    if (equals == source.size() || source[equals] != '=') continue;
    const size_t begin = skip_space(equals + 1);
    size_t end = begin;
    while (end < source.size() && !is_space(end) && source[end] != ';') ++end;
    const size_t in = skip_space(end);
    const bool is_last_word = in + kIn.size() >= source.size() || !is_word(source[in + kIn.size()]);
    if (end > begin && in > end && source.substr(in, kIn.size()) == kIn && is_last_word)
      return std::pair(begin, end);
  }
  return std::nullopt;
}

}  // namespace

// By hand: every prompt asks for it several times, and a regular expression takes a millisecond to make.
std::string with_default_knobs(std::string source, const KnobValues& knobs) {
  const size_t plan = source.find("/*@plan");
  if (plan == std::string::npos) return source;
  for (const auto& [name, value] : knobs) {
    const auto place = find_default(source, plan + 1, name);
    if (place) source.replace(place->first, place->second - place->first, value);
  }
  return source;
}

}  // namespace warpwright::engine
