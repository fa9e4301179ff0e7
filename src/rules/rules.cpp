#include "src/rules/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "src/base/check.h"
#include "src/plan/plan.h"

namespace warpwright::rules {
namespace {

using trace::LoadedDefinition;
using trace::Workload;
using trace::WorkloadGroup;

std::string axes_text(const trace::Axes& axes) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : axes) parts.push_back(fmt::format("{}={}", name, value));
  return fmt::format("{}", fmt::join(parts, " "));
}

// Inputs that the profile leaves out are not in the workload any more: presence has one place.
SelectedWorkload make_selected(const Rules& rules, const trace::Definition& definition, WorkloadGroup group,
                               const std::string& band, const std::string& profile) {
  for (const trace::Tensor& tensor : definition.inputs) {
    if (tensor.is_scalar || !tensor.optional) continue;
    if (rules.generator_of(tensor, profile).distribution == Distribution::kAbsent)
      group.workload.inputs.erase(tensor.name);
  }
  return {std::move(group), band, profile};
}

Result<std::vector<SelectedWorkload>> with_bands(const Rules& rules, const LoadedDefinition& loaded,
                                                 const std::vector<Workload>& workloads) {
  std::map<std::string, std::vector<Workload>> by_profile;  // workloads of two profiles are never equal
  for (const Workload& workload : workloads) by_profile[rules.profile_of(workload).name].push_back(workload);
  std::vector<SelectedWorkload> selected;
  for (const auto& [profile, alike] : by_profile) {
    for (WorkloadGroup& group : trace::group_workloads(alike)) {
      TRY_ASSIGN(const std::string band, rules.band_of(loaded.definition, group.workload.axes));
      selected.push_back(make_selected(rules, loaded.definition, std::move(group), band, profile));
    }
  }
  std::stable_sort(selected.begin(), selected.end(), [](const auto& a, const auto& b) {
    return a.group.workload.index < b.group.workload.index;
  });
  return selected;
}

Result<std::vector<SelectedWorkload>> select_all(const Rules& rules, const LoadedDefinition& loaded) {
  if (loaded.workloads.empty())
    return usage_error(fmt::format("{}: the dataset {} has no workloads of it", loaded.definition.name,
                                   loaded.dataset.string()));
  return with_bands(rules, loaded, loaded.workloads);
}

// Cost stands for bytes of all tensors: what has to be made, moved and compared.
Result<double> cost_of(const trace::Definition& definition, const trace::Axes& axes) {
  double bytes = 0;
  for (const auto* tensors : {&definition.inputs, &definition.outputs}) {
    for (const trace::Tensor& tensor : *tensors) {
      TRY_ASSIGN(const int64_t size, definition.bytes_of(tensor, axes));
      bytes += static_cast<double>(size);
    }
  }
  return bytes;
}

Result<std::vector<SelectedWorkload>> select_cheapest(const Rules& rules, const LoadedDefinition& loaded) {
  TRY_ASSIGN(const std::vector<SelectedWorkload> all, select_all(rules, loaded));
  std::map<std::string, std::pair<double, const SelectedWorkload*>> cheapest;
  for (const SelectedWorkload& candidate : all) {
    TRY_ASSIGN(const double cost, cost_of(loaded.definition, candidate.group.workload.axes));
    const auto [it, is_new] = cheapest.try_emplace(candidate.band, cost, &candidate);
    if (!is_new && cost < it->second.first) it->second = {cost, &candidate};
  }
  std::vector<SelectedWorkload> selected;
  for (const SelectedWorkload& candidate : all) {
    if (cheapest.at(candidate.band).second == &candidate) selected.push_back(candidate);
  }
  return selected;
}

Result<std::vector<SelectedWorkload>> select_indices(const Rules& rules, const LoadedDefinition& loaded,
                                                     std::string_view text) {
  std::set<size_t> chosen;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    size_t index = 0;
    const auto [next, error] = std::from_chars(at, end, index);
    if (error != std::errc() || (next != end && *next != ','))
      return usage_error(
          fmt::format("selection '{}': expected smoke, sim, all, adversarial, or workload indices "
                      "like 0,3,17",
                      text));
    if (index >= loaded.workloads.size())
      return usage_error(fmt::format("selection '{}': {} has workloads 0 to {}", text, loaded.definition.name,
                                     static_cast<int64_t>(loaded.workloads.size()) - 1));
    chosen.insert(index);
    if (next == end) break;
    at = next + 1;
  }
  std::vector<Workload> workloads;
  for (size_t index : chosen) workloads.push_back(loaded.workloads[index]);
  return with_bands(rules, loaded, workloads);
}

// A workload of a case: random tensors, scalars of the case.
Workload make_workload(const Selection::Case& item, trace::Axes axes, const trace::Definition& definition,
                       const Workload* stands_for) {
  Workload workload;
  workload.axes = std::move(axes);
  for (const trace::Tensor& tensor : definition.inputs) {
    trace::WorkloadInput input;
    const auto given = item.scalars.find(tensor.name);
    if (given != item.scalars.end()) {
      input.kind = trace::WorkloadInput::Kind::kScalar;
      input.scalar = given->second;
    } else if (stands_for != nullptr && tensor.is_scalar && stands_for->inputs.contains(tensor.name)) {
      input = stands_for->inputs.at(tensor.name);
    }
    workload.inputs[tensor.name] = input;
  }
  return workload;
}

Result<trace::Axes> axes_of(const Selection::Case& item, const trace::Definition& definition,
                            const std::string& where) {
  trace::Axes axes;
  for (const auto& [name, expression] : item.axes) {
    const trace::Axis* axis = definition.find_axis(name);
    if (axis == nullptr || axis->is_constant)
      return usage_error(fmt::format("{}: '{}' must be a variable axis of {}", where, name, definition.name));
    TRY_ASSIGN(axes[name],
               plan::evaluate_integer(expression, definition, {}, fmt::format("{}: axis '{}'", where, name)));
    if (axes[name] < 0) return usage_error(fmt::format("{}: axis '{}' must not be negative", where, name));
  }
  for (const trace::Axis& axis : definition.axes) {
    if (!axis.is_constant && !axes.contains(axis.name))
      return usage_error(fmt::format("{}: axis '{}' is missing", where, axis.name));
  }
  return axes;
}

class CaseSelector {
 public:
  CaseSelector(const Rules& rules, const LoadedDefinition& loaded, std::string name)
      : rules_(rules), loaded_(loaded), name_(std::move(name)) {}

  Result<std::vector<SelectedWorkload>> select(const Selection& selection) {
    for (size_t i = 0; i < selection.cases.size(); ++i) {
      TRY(add(selection.cases[i],
              fmt::format("{}: selection '{}', case {}", rules_.source_path, name_, i + 1)));
    }
    for (const Workload& workload : loaded_.workloads) {
      if (!taken_.empty() && !taken_.contains(workload.uuid))
        return usage_error(fmt::format("{}: selection '{}': no case stands for workload {} ({})",
                                       rules_.source_path, name_, workload.index, axes_text(workload.axes)));
    }
    return std::move(selected_);
  }

 private:
  Result<void> add(const Selection::Case& item, const std::string& where) {
    TRY_ASSIGN(const trace::Axes axes, axes_of(item, loaded_.definition, where));
    std::vector<std::string> uuids;
    const Workload* first = nullptr;
    for (const Workload& workload : loaded_.workloads) {
      if (item.stands_for.empty()) break;
      TRY_ASSIGN(const bool stands,
                 plan::evaluate_condition(item.stands_for, loaded_.definition, workload.axes, where));
      if (!stands) continue;
      if (!taken_.insert(workload.uuid).second)
        return usage_error(fmt::format("{}: workload {} has a case already", where, workload.index));
      if (first == nullptr) first = &workload;
      uuids.push_back(workload.uuid);
    }
    if (!item.stands_for.empty() && uuids.empty()) return {};  // another dataset: nothing of this kind in it
    TRY_ASSIGN(const std::string band, rules_.band_of(loaded_.definition, axes));
    std::vector<std::string> profiles = item.profiles;
    if (profiles.empty()) profiles.push_back(rules_.profiles.front().name);
    for (const std::string& profile : profiles) {
      WorkloadGroup group{make_workload(item, axes, loaded_.definition, first), uuids};
      if (uuids.empty()) group.uuids = {fmt::format("{}-{}-{}", name_, selected_.size(), profile)};
      group.workload.uuid = group.uuids.front();
      group.workload.index = static_cast<int>(selected_.size());
      selected_.push_back(make_selected(rules_, loaded_.definition, std::move(group), band, profile));
    }
    return {};
  }

  const Rules& rules_;
  const LoadedDefinition& loaded_;
  std::string name_;
  std::set<std::string> taken_;
  std::vector<SelectedWorkload> selected_;
};

}  // namespace

Result<trace::Definition> Rules::definition_for(std::string_view selection,
                                                trace::Definition definition) const {
  const auto it = selections.find(std::string(selection));
  if (it == selections.end()) return definition;
  for (const auto& [name, value] : it->second.constants) {
    const auto axis = std::find_if(definition.axes.begin(), definition.axes.end(),
                                   [&](const trace::Axis& a) { return a.name == name; });
    if (axis == definition.axes.end() || !axis->is_constant)
      return usage_error(fmt::format("{}: selection '{}': constants: '{}' is not a constant axis of {}",
                                     source_path, selection, name, definition.name));
    axis->value = value;
  }
  return definition;
}

std::string Rules::settle_selection(const std::string& selection, bool is_simulator) const {
  if (selection != "auto") return selection;
  return is_simulator && selections.contains("sim") ? "sim" : "all";
}

Result<std::vector<SelectedWorkload>> Rules::select(std::string_view selection,
                                                    const LoadedDefinition& loaded) const {
  const auto it = selections.find(std::string(selection));
  if (it == selections.end()) return select_indices(*this, loaded, selection);
  switch (it->second.take) {
    case Selection::Take::kAll:
      return select_all(*this, loaded);
    case Selection::Take::kCheapestOfEachBand:
      return select_cheapest(*this, loaded);
    case Selection::Take::kCases:
      return CaseSelector(*this, loaded, it->first).select(it->second);
  }
  return usage_error("unreachable selection");
}

Result<std::string> Rules::band_of(const trace::Definition& definition, const trace::Axes& axes) const {
  if (bands.empty()) return std::string("all");
  std::vector<std::string> matching;
  for (const Band& band : bands) {
    const std::string where = fmt::format("{}: band '{}'", source_path, band.name);
    TRY_ASSIGN(const bool inside, plan::evaluate_condition(band.when, definition, axes, where));
    if (inside) matching.push_back(band.name);
  }
  if (matching.size() == 1) return matching.front();
  return usage_error(matching.empty()
                         ? fmt::format("{}: no band holds the workload {}", source_path, axes_text(axes))
                         : fmt::format("{}: the workload {} is in more than one band: {}", source_path,
                                       axes_text(axes), fmt::join(matching, ", ")));
}

const InputProfile* Rules::find_profile(std::string_view name) const {
  if (name.empty()) return profiles.empty() ? nullptr : &profiles.front();
  const auto it =
      std::find_if(profiles.begin(), profiles.end(), [&](const auto& p) { return p.name == name; });
  return it == profiles.end() ? nullptr : &*it;
}

const InputProfile& Rules::profile_of(const trace::Workload& workload) const {
  for (const InputProfile& profile : profiles) {
    if (std::find(profile.workloads.begin(), profile.workloads.end(), workload.uuid) !=
        profile.workloads.end())
      return profile;
  }
  CHECK(!profiles.empty());
  return profiles.front();
}

Generator Rules::generator_of(const trace::Tensor& tensor, std::string_view profile) const {
  for (const InputProfile* candidate : {find_profile(profile), find_profile("")}) {
    if (candidate == nullptr) continue;
    const auto it = candidate->generators.find(tensor.name);
    if (it != candidate->generators.end()) return it->second;
  }
  const bool floating = trace::is_floating(tensor.dtype);
  return Generator{floating ? Distribution::kNormal : Distribution::kIntegers, {}};
}

}  // namespace warpwright::rules
