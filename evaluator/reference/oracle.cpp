#include "evaluator/reference/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluator/reference/families.h"
#include "evaluator/reference/python_reference.h"
#include "src/base/hash.h"
#include "src/rules/workload_binding.h"
#include "src/trace/captured_input.h"

namespace warpwright::reference {
namespace {

Result<void> check_finite(const trace::Definition& definition, const Oracle& oracle,
                          const OracleOutputs& outputs) {
  for (const auto& [name, values] : outputs.values) {
    const bool may_be_minus_infinity = oracle.may_be_minus_infinity(name);
    const auto it = std::find_if(values.begin(), values.end(), [&](double x) {
      return !std::isfinite(x) && !(may_be_minus_infinity && std::isinf(x) && x < 0);
    });
    if (it != values.end())
      return infrastructure_error(
          fmt::format("{}: the reference is not finite at {}[{}]; the input profile is wrong",
                      definition.name, name, it - values.begin()));
  }
  return {};
}

// Everything inputs and oracle depend on.
std::string case_key(const trace::Definition& definition, const trace::Workload& workload,
                     const rules::Rules& rules, std::string_view profile, uint64_t seed) {
  FieldHasher hasher;
  hasher.add(definition.name)
      .add(definition.reference)
      .add(rules.content_hash)
      .add(profile)
      .add(std::to_string(seed));
  for (const trace::Axis& axis : definition.axes) hasher.add(axis.name).add(std::to_string(axis.value));
  for (const trace::Tensor& tensor : definition.inputs) {
    hasher.add(tensor.name)
        .add(to_string(tensor.dtype))
        .add(workload.inputs.contains(tensor.name) ? "1" : "0");
    for (const std::string& dimension : tensor.shape) hasher.add(dimension);
  }
  hasher.add("axes");
  for (const auto& [name, value] : workload.axes) hasher.add(name).add(std::to_string(value));
  hasher.add("scalars");
  for (const auto& [name, value] : rules::scalar_values(definition, workload, rules))
    hasher.add(name).add(fmt::format("{}", value));
  hasher.add(trace::captured_identity(workload));
  return hasher.hex();
}

}  // namespace

const Oracle* find_oracle(std::string_view family) {
  for (const Oracle* oracle : {&gdn_decode_oracle(), &gdn_prefill_oracle(), &dsa_sparse_attention_oracle(),
                               &dsa_topk_indexer_oracle(), &moe_fp8_block_scale_oracle()}) {
    if (oracle->family() == family) return oracle;
  }
  return nullptr;
}

std::vector<double> best_of(const Ranking& ranking) {
  std::vector<double> best;
  for (const std::vector<Candidate>& row : ranking.rows) {
    for (int64_t i = 0; i < ranking.slots; ++i) {
      const auto place = static_cast<size_t>(i);
      best.push_back(place < row.size() ? static_cast<double>(row[place].index) : -1);
    }
  }
  return best;
}

size_t ReferenceCase::bytes() const {
  size_t total = 0;
  for (const auto& [name, tensor] : inputs.tensors) total += tensor.data.size();
  for (const auto& [name, values] : outputs.values) total += values.size() * sizeof(double);
  for (const auto& [name, ranking] : outputs.rankings)
    for (const auto& row : ranking.rows) total += row.size() * sizeof(Candidate);
  return total;
}

Result<std::shared_ptr<const ReferenceCase>> OracleCache::get(const trace::Definition& definition,
                                                              const trace::Workload& workload,
                                                              const rules::Rules& rules,
                                                              std::string_view profile, uint64_t seed) {
  const std::string key = case_key(definition, workload, rules, profile, seed);
  const auto known =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.first == key; });
  if (known != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, known);
    ++hits_;
    return entries_.front().second;
  }
  const Oracle* oracle = rules.oracle.empty() ? &python_oracle() : find_oracle(rules.oracle);
  if (oracle == nullptr)
    return usage_error(
        fmt::format("{}: there is no oracle '{}' for {}", rules.source_path, rules.oracle, definition.name));
  auto made = std::make_shared<ReferenceCase>();
  TRY_ASSIGN(made->inputs, make_inputs(definition, workload, rules, profile, seed));
  TRY_ASSIGN(made->outputs, oracle->run(definition, workload.axes, made->inputs));
  TRY(check_finite(definition, *oracle, made->outputs));
  bytes_ += made->bytes();
  entries_.emplace_front(key, std::move(made));
  while (bytes_ > max_bytes_ && entries_.size() > 1) {
    bytes_ -= entries_.back().second->bytes();
    entries_.pop_back();
  }
  return entries_.front().second;
}

}  // namespace warpwright::reference
