// Runs an oracle, or a rounding function, on files: the C++ half of check_oracles.py and check_rounding.py.
//
//   run_oracle case FOLDER             case.json and NAME.bin -> NAME.f64 per output; of a ranked output also
//                                      NAME.ranks.f64 (index, score), rows one after the other; undecided.f64
//   run_oracle encode DTYPE IN OUT     float32 values to bit patterns
//   run_oracle decode DTYPE IN OUT     bit patterns to float32 values
#include <fmt/format.h>

#include <cstdio>
#include <cstring>

#include "evaluator/reference/numeric.h"
#include "evaluator/reference/oracle.h"
#include "src/base/files.h"
#include "src/base/json.h"

namespace warpwright::reference {
namespace {
namespace fs = std::filesystem;

template <class T>
Result<void> write_values(const fs::path& path, const std::vector<T>& values) {
  return write_file_atomic(path, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

Result<HostTensor> read_tensor(const fs::path& path, const trace::Definition& definition,
                               const trace::Tensor& tensor, const trace::Axes& axes) {
  HostTensor made;
  made.dtype = tensor.dtype;
  TRY_ASSIGN(made.shape, definition.shape_of(tensor, axes));
  TRY_ASSIGN(const int64_t bytes, definition.bytes_of(tensor, axes));
  TRY_ASSIGN(const std::string content, read_file(path));
  if (static_cast<int64_t>(content.size()) != bytes)
    return usage_error(fmt::format("{}: {} bytes, not {}", path.string(), content.size(), bytes));
  made.data.resize(content.size());
  std::memcpy(made.data.data(), content.data(), content.size());
  return made;
}

Result<void> write_outputs(const fs::path& folder, const OracleOutputs& outputs) {
  for (const auto& [name, values] : outputs.values) TRY(write_values(folder / (name + ".f64"), values));
  for (const auto& [name, ranking] : outputs.rankings) {
    std::vector<double> flat;
    for (const auto& row : ranking.rows)
      for (const Candidate& candidate : row) {
        flat.push_back(static_cast<double>(candidate.index));
        flat.push_back(candidate.score);
      }
    TRY(write_values(folder / (name + ".ranks.f64"), flat));
  }
  return write_values(folder / "undecided.f64",
                      std::vector<double>(outputs.undecided_rows.begin(), outputs.undecided_rows.end()));
}

Result<void> run_case(const fs::path& folder) {
  TRY_ASSIGN(const std::string text, read_file(folder / "case.json"));
  TRY_ASSIGN(const Json json, parse_json(text, "case.json"));
  TRY_ASSIGN(const trace::Definition definition,
             trace::parse_definition(json.at("definition").dump(), "case.json"));
  const auto axes = json.at("axes").get<trace::Axes>();
  Inputs inputs;
  inputs.scalars = json.at("scalars").get<std::map<std::string, double>>();
  for (const trace::Tensor& tensor : definition.inputs) {
    const fs::path file = folder / (tensor.name + ".bin");
    if (tensor.is_scalar || !fs::exists(file)) continue;
    TRY_ASSIGN(inputs.tensors[tensor.name], read_tensor(file, definition, tensor, axes));
  }
  const Oracle* oracle = find_oracle(json.at("family").get<std::string>());
  if (oracle == nullptr) return usage_error("case.json: no such family");
  TRY_ASSIGN(const OracleOutputs outputs, oracle->run(definition, axes, inputs));
  return write_outputs(folder, outputs);
}

Result<void> convert(bool encode, const std::string& dtype_name, const fs::path& in, const fs::path& out) {
  const auto dtype = trace::dtype_from_string(dtype_name);
  if (!dtype) return usage_error("no such dtype");
  TRY_ASSIGN(const std::string content, read_file(in));
  const size_t width = static_cast<size_t>(trace::size_bits(*dtype)) / 8;
  const size_t count = content.size() / (encode ? sizeof(float) : width);
  std::vector<float> floats(count);
  std::vector<std::byte> patterns(count * width);
  if (encode) {
    std::memcpy(floats.data(), content.data(), count * sizeof(float));
    store_floats(*dtype, patterns, 0, floats);
    return write_values(out, patterns);
  }
  std::memcpy(patterns.data(), content.data(), patterns.size());
  for (size_t i = 0; i < count; ++i) floats[i] = static_cast<float>(load_element(*dtype, patterns, i));
  return write_values(out, floats);
}

int report(const Result<void>& result) {
  if (result) return 0;
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  return 2;
}

}  // namespace
}  // namespace warpwright::reference

int main(int argc, char** argv) {
  namespace ref = warpwright::reference;
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "case" && argc == 3) return ref::report(ref::run_case(argv[2]));
  if ((command == "encode" || command == "decode") && argc == 5)
    return ref::report(ref::convert(command == "encode", argv[2], argv[3], argv[4]));
  std::fprintf(stderr, "usage: run_oracle case FOLDER | encode|decode DTYPE IN OUT\n");
  return 2;
}
