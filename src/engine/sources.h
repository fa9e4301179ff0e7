// Candidate sources of a run and their plans, parsed once: declared knobs, and which assignments their
// `require` statements accept.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/events/event.h"
#include "src/plan/compose.h"
#include "src/plan/plan.h"
#include "src/rules/device.h"
#include "src/rules/rules.h"

namespace warpwright::engine {

class SourceStore {
 public:
  // `workloads` are the distinct ones of the run's selection.
  SourceStore(trace::Definition definition, rules::Rules rules,
              std::vector<rules::SelectedWorkload> workloads, const rules::DeviceModel& device);
  const rules::Rules& rules() const { return rules_; }
  const trace::Definition& definition() const { return definition_; }
  const std::vector<rules::SelectedWorkload>& workloads() const { return workloads_; }
  const rules::DeviceModel& device() const { return device_model_; }

  std::string add(std::string text);  // returns its hash
  const std::string* find(const std::string& hash) const;

  // Empty if the plan does not parse: the evaluation will say why. REQUIRES (both): the source was added.
  std::vector<events::DeclaredKnob> declared_knobs(const std::string& hash) const;
  // False if a `require` statement fails for any workload of the run.
  bool accepts(const std::string& hash, const KnobValues& knobs) const;

  // The hash of the source that dispatches to these parts (plan/compose.h), which is then added; none if
  // there can be no such source. Parts once refused are not tried again.
  std::optional<std::string> compose(const std::vector<plan::Part>& parts);

 private:
  struct Source {
    std::string text;
    std::optional<plan::Plan> plan;
  };
  const Source& at(const std::string& hash) const;

  trace::Definition definition_;
  rules::Rules rules_;
  std::vector<rules::SelectedWorkload> workloads_;
  rules::DeviceModel device_model_;
  std::vector<plan::BindInputs> inputs_;  // of the workloads, without knobs
  std::map<std::string, Source> sources_;
  std::map<std::string, std::optional<std::string>> compositions_;  // by what they are made of
};

// The source with the declared defaults of its knobs replaced: what is evaluated with `knobs`, as a file that
// stands for itself. Knobs it does not declare are ignored.
std::string with_default_knobs(std::string source, const KnobValues& knobs);

}  // namespace warpwright::engine
