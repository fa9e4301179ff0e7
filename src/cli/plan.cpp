// warpwright plan: what a candidate would launch, without compiling or running it.
#include <fmt/format.h>

#include <charconv>
#include <iostream>

#include "src/cli/candidate.h"
#include "src/cli/commands.h"
#include "src/rules/device.h"
#include "src/rules/workload_binding.h"

namespace warpwright::cli {
namespace {

Result<const trace::Workload*> find_workload(const LoadedCandidate& candidate, const std::string& which) {
  const auto& workloads = candidate.loaded.workloads;
  if (workloads.empty())
    return usage_error(fmt::format("{} has no workloads in {}", candidate.definition_name,
                                   candidate.loaded.dataset.string()));
  size_t index = 0;
  const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), index);
  if (error == std::errc() && end == which.data() + which.size()) {
    if (index < workloads.size()) return &workloads[index];
    return usage_error(fmt::format("--workload {}: {} has workloads 0 to {}", which,
                                   candidate.definition_name, workloads.size() - 1));
  }
  for (const trace::Workload& workload : workloads)
    if (workload.uuid.starts_with(which)) return &workload;
  return usage_error(fmt::format("--workload {}: neither an index nor the start of a uuid", which));
}

int print_plan(const PlanOptions& options, const LoadedCandidate& candidate, const trace::Workload& workload,
               const plan::BoundPlan& bound) {
  if (options.form == OutputForm::kJson) {
    Json json = plan::to_json(bound);
    json["workload"] = {{"uuid", workload.uuid}, {"axes", workload.axes}};
    json["definition"] = candidate.definition_name;
    std::cout << dump_json(json, 2) << "\n";
    return 0;
  }
  std::string axes;
  for (const auto& [name, value] : workload.axes) axes += fmt::format(" {}={}", name, value);
  std::cout << fmt::format("{}  workload {} ({}):{}\n{}", candidate.definition_name, workload.index,
                           workload.uuid.substr(0, 8), axes, plan::describe(bound));
  return 0;
}

}  // namespace

int run_plan(const PlanOptions& options) {
  auto candidate = load_candidate(options.candidate);
  if (!candidate) return report_error(candidate.error());
  auto device = rules::load_device(options.device);
  if (!device) return report_error(device.error());
  auto workload = find_workload(*candidate, options.workload);
  if (!workload) return report_error(workload.error());
  auto parsed = parse_candidate(*candidate);
  if (!parsed) {
    std::cerr << parsed.error();
    return 1;
  }
  plan::DeviceFacts facts;
  facts.arch = device->arch;
  facts.sm_count = device->sm_count;
  const auto inputs =
      rules::bind_inputs(candidate->loaded.definition, **workload, candidate->rules, candidate->knobs, facts);
  auto bound = plan::bind(parsed->plan, candidate->loaded.definition, inputs);
  if (!bound) {
    std::cerr << render(bound.error(), *candidate);
    return 1;
  }
  return print_plan(options, *candidate, **workload, *bound);
}

}  // namespace warpwright::cli
