#include "evaluator/reference/python_reference.h"

#include <fmt/format.h>

#include <cstring>
#include <mutex>

#include "evaluator/reference/python_process.h"

namespace warpwright::reference {
namespace {

constexpr int64_t kDeadlineMs = 300'000;
constexpr size_t kAlignment = 256;

size_t round_up(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// A job for the script, and where its tensors lie in the shared memory.
struct Layout {
  Json job = {{"inputs", Json::array()}, {"outputs", Json::array()}};
  size_t bytes = 0;
  size_t place(size_t size) {
    const size_t at = bytes;
    bytes += round_up(size);
    return at;
  }
};

Json scalar_value(const trace::Tensor& input, double value) {
  if (trace::is_floating(input.dtype)) return value;
  if (input.dtype == trace::DType::kBool) return value != 0;
  return static_cast<int64_t>(value);
}

void add_inputs(const trace::Definition& definition, const Inputs& inputs, Layout& layout) {
  for (const trace::Tensor& input : definition.inputs) {
    const auto tensor = inputs.tensors.find(input.name);
    const auto scalar = inputs.scalars.find(input.name);
    if (input.is_scalar && scalar != inputs.scalars.end()) {
      layout.job["inputs"].push_back({{"kind", "scalar"}, {"value", scalar_value(input, scalar->second)}});
    } else if (!input.is_scalar && tensor != inputs.tensors.end()) {
      const size_t bytes = tensor->second.data.size();
      layout.job["inputs"].push_back({{"kind", "tensor"},
                                      {"dtype", to_string(input.dtype)},
                                      {"shape", tensor->second.shape},
                                      {"bytes", bytes},
                                      {"offset", layout.place(bytes)}});
    } else {
      layout.job["inputs"].push_back({{"kind", "absent"}});
    }
  }
}

Result<void> add_outputs(const trace::Definition& definition, const trace::Axes& axes, Layout& layout) {
  for (const trace::Tensor& output : definition.outputs) {
    TRY_ASSIGN(const auto shape, definition.shape_of(output, axes));
    const auto bytes = static_cast<size_t>(element_count(shape)) * sizeof(double);
    layout.job["outputs"].push_back(
        {{"name", output.name}, {"shape", shape}, {"offset", layout.place(bytes)}});
  }
  return {};
}

void write_inputs(const trace::Definition& definition, const Inputs& inputs, const Json& job,
                  std::span<std::byte> memory) {
  size_t at = 0;
  for (const trace::Tensor& input : definition.inputs) {
    const Json& spec = job.at("inputs").at(at++);
    if (spec.at("kind") != "tensor") continue;
    const auto& data = inputs.tensors.at(input.name).data;
    if (!data.empty()) std::memcpy(memory.data() + spec.at("offset").get<size_t>(), data.data(), data.size());
  }
}

OracleOutputs read_outputs(const Json& job, std::span<const std::byte> memory) {
  OracleOutputs outputs;
  for (const Json& spec : job.at("outputs")) {
    auto& values = outputs.values[spec.at("name").get<std::string>()];
    values.resize(static_cast<size_t>(element_count(spec.at("shape").get<std::vector<int64_t>>())));
    if (!values.empty())
      std::memcpy(values.data(), memory.data() + spec.at("offset").get<size_t>(),
                  values.size() * sizeof(double));
  }
  return outputs;
}

class PythonOracle final : public Oracle {
 public:
  std::string_view family() const override { return "python"; }
  bool may_be_minus_infinity(std::string_view /*output*/) const override { return true; }

  Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                            const Inputs& inputs) const override {
    if (definition.reference.empty())
      return usage_error(fmt::format("{}: {} belongs to no family of oracles and has no Python reference",
                                     definition.source_path, definition.name));
    const std::lock_guard lock(mutex_);
    TRY(start());
    auto outputs = run_in(*process_, definition, axes, inputs);
    if (process_->alive()) TRY(process_->memory().resize(0));
    if (!outputs)
      return add_context(outputs.error(), fmt::format("{}: Python reference", definition.source_path));
    return outputs;
  }

  Result<std::string> versions() const {
    const std::lock_guard lock(mutex_);
    TRY(start());
    return process_->versions();
  }

 private:
  Result<void> start() const {
    if (process_ != nullptr && process_->alive()) return {};
    TRY_ASSIGN(process_, PythonProcess::start());
    return {};
  }

  static Result<OracleOutputs> run_in(PythonProcess& process, const trace::Definition& definition,
                                      const trace::Axes& axes, const Inputs& inputs) {
    Layout layout;
    layout.job["code"] = definition.reference;
    add_inputs(definition, inputs, layout);
    TRY(add_outputs(definition, axes, layout));
    layout.job["arena_bytes"] = layout.bytes;
    TRY(process.memory().resize(std::max(layout.bytes, kAlignment * 16)));
    write_inputs(definition, inputs, layout.job, process.memory().bytes());
    TRY_ASSIGN(const Json answer, process.ask(layout.job, kDeadlineMs));
    if (!answer.is_object()) return infrastructure_error("answered nonsense");
    if (answer.contains("error"))
      return infrastructure_error(answer.value("error", "an error without a text"));
    return read_outputs(layout.job, process.memory().bytes());
  }

  mutable std::mutex mutex_;
  mutable std::unique_ptr<PythonProcess> process_;
};

const PythonOracle& the_oracle() {
  static const PythonOracle oracle;
  return oracle;
}

}  // namespace

const Oracle& python_oracle() {
  return the_oracle();
}

Result<std::string> python_versions() {
  return the_oracle().versions();
}

}  // namespace warpwright::reference
