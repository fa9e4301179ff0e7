#include "src/exporter/fake_runtime_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/subprocess.h"

namespace warpwright::exporter {
namespace {

constexpr uint64_t kFirstTensor = 0x100000000000;
constexpr uint64_t kTensorDistance = 0x001000000000;

char parameter_letter(const plan::Argument& argument) {
  const auto* scalar = std::get_if<plan::ScalarArgument>(&argument);
  if (scalar == nullptr) return 'p';
  switch (scalar->type) {
    case plan::ScalarArgument::Type::kI32:
      return 'i';
    case plan::ScalarArgument::Type::kI64:
      return 'l';
    case plan::ScalarArgument::Type::kF32:
      return 'f';
    case plan::ScalarArgument::Type::kF64:
      return 'd';
    case plan::ScalarArgument::Type::kBool:
      return 'b';
  }
  return '?';
}

std::string_view parameter_type(char letter) {
  switch (letter) {
    case 'i':
      return "int";
    case 'l':
      return "int64_t";
    case 'f':
      return "float";
    case 'd':
      return "double";
    case 'b':
      return "bool";
    default:
      return "void*";
  }
}

// "split<16, float>" -> "template <int64_t, class> "
std::string template_head(const std::string& name_expression) {
  const size_t open = name_expression.find('<');
  if (open == std::string::npos) return "inline ";
  std::string head;
  for (size_t at = open + 1; at < name_expression.size();) {
    const size_t end = std::min(name_expression.find_first_of(",>", at), name_expression.size());
    std::string argument = name_expression.substr(at, end - at);
    argument.erase(0, argument.find_first_not_of(' '));
    const bool is_bool = argument == "true" || argument == "false";
    const bool is_number = argument[0] == '-' || std::isdigit(static_cast<unsigned char>(argument[0])) != 0;
    head += (head.empty() ? "" : ", ") + std::string(is_bool ? "bool" : is_number ? "int64_t" : "class");
    at = end + 1;
  }
  return fmt::format("template <{}> ", head);
}

// Empty functions in the place of the kernels.
std::string stub_kernels(const std::vector<plan::BoundPlan>& bound) {
  std::set<std::string> functions, registrations;
  for (const plan::BoundPlan& plan : bound) {
    for (const plan::BoundOperation& operation : plan.operations) {
      const auto* launch = std::get_if<plan::BoundLaunch>(&operation);
      if (launch == nullptr) continue;
      std::string letters, types;
      for (const plan::Argument& argument : launch->arguments) {
        letters += parameter_letter(argument);
        types += fmt::format("{}{}", types.empty() ? "" : ", ", parameter_type(letters.back()));
      }
      const std::string unit = launch->unit.empty() ? "candidate" : launch->unit;
      functions.insert(fmt::format("namespace {} {{ {}void {}({}) {{}} }}\n", unit,
                                   template_head(launch->name_expression), launch->kernel, types));
      registrations.insert(fmt::format(
          "  fake_cuda::add_kernel(reinterpret_cast<const void*>(&{}::{}), \"{}::{}\", \"{}\");\n", unit,
          launch->name_expression, unit, launch->name_expression, letters));
    }
  }
  std::string text = "#pragma once\n#include <cuda_runtime.h>\nstruct __nv_bfloat16;\n";
  for (const std::string& function : functions) text += function;
  text += "inline void add_kernels() {\n";
  for (const std::string& registration : registrations) text += registration;
  return text + "}\n";
}

std::string_view type_code(trace::DType dtype) {
  if (dtype == trace::DType::kBfloat16) return "kDLBfloat";
  if (dtype == trace::DType::kFloat8E4m3fn) return "kDLFloat8_e4m3fn";
  return trace::to_string(dtype).substr(0, 3) == "int" ? "kDLInt" : "kDLFloat";
}

std::string tensor_text(const trace::Definition& definition, const trace::Tensor& tensor) {
  std::string shape;
  for (const std::string& extent : tensor.shape) {
    const trace::Axis* const axis = definition.find_axis(extent);
    shape += (shape.empty() ? "" : ", ") + (axis == nullptr     ? extent
                                            : axis->is_constant ? fmt::to_string(axis->value)
                                                                : fmt::format("axis(\"{}\")", extent));
  }
  return fmt::format("tensor(\"{}\", {:#x}, {{{}}}, {{{}, {}, 1}})", tensor.name,
                     FakeRuntime::tensor_address(definition, tensor.name), shape, type_code(tensor.dtype),
                     trace::size_bits(tensor.dtype));
}

constexpr std::string_view kMain = R"main(#include "kernel.cu"

#include <iostream>

namespace {
std::map<std::string, std::string> given;
std::string text(const std::string& key) { return given.count(key) ? given[key] : ""; }
[[maybe_unused]] int64_t axis(const std::string& name) { return std::stoll(text(name)); }
[[maybe_unused]] double scalar(const std::string& name) { return std::stod(text(name)); }
[[maybe_unused]] bool absent(const std::string& name) {
  return text("absent").find("," + name + ",") != std::string::npos;
}

tvm::ffi::TensorView tensor(const std::string& name, uint64_t address, std::vector<int64_t> shape, DLDataType type) {
  DLDevice device{kDLCUDA, std::stoi(text("device"))};
  const std::string wrong = text("wrong_tensor") == name ? text("wrong") : "";
  if (wrong == "dtype") type.bits = 64;
  if (wrong == "rank") shape.push_back(1);
  if (wrong == "shape") shape.back() += 1;
  if (wrong == "device") device.device_id += 1;
  if (wrong == "host") device.device_type = kDLCPU;
  return {reinterpret_cast<void*>(address), shape, type, device, wrong != "layout"};
}
}  // namespace

int main() {
  add_kernels();
  std::string word;
  while (std::cin >> word) {
    if (word != "call") {
      given[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
      continue;
    }
    fake_cuda::state().fail_launches = text("wrong") == "launches";
    fake_cuda::state().fail_allocations = text("wrong") == "allocations";
    fake_cuda::current_stream() = reinterpret_cast<void*>(static_cast<uint64_t>(std::stoull(text("stream"))));
    try {
      fake_export_run(@ARGUMENTS@);
    } catch (const std::exception& error) {
      std::printf("{\"call\":\"error\",\"message\":\"%s\"}\n", error.what());
    }
    std::printf("{\"call\":\"end\"}\n");
    given.clear();
  }
}
)main";

std::string driver(const trace::Definition& definition) {
  std::string arguments;
  for (const auto* tensors : {&definition.inputs, &definition.outputs}) {
    for (const trace::Tensor& tensor : *tensors) {
      std::string text =
          tensor.is_scalar ? fmt::format("scalar(\"{}\")", tensor.name) : tensor_text(definition, tensor);
      if (tensor.optional) {
        const std::string_view type = tensor.is_scalar ? "double" : "tvm::ffi::TensorView";
        text = fmt::format("absent(\"{}\") ? std::optional<{}>() : {}", tensor.name, type, text);
      }
      arguments += (arguments.empty() ? "" : ",\n          ") + text;
    }
  }
  std::string text(kMain);
  const std::string_view mark = "@ARGUMENTS@";
  return text.replace(text.find(mark), mark.size(), arguments);
}

std::string call_text(const FakeCall& call) {
  std::string absent = ",";
  for (const std::string& name : call.absent) absent += name + ",";
  std::string text = fmt::format("stream={} device={} absent={}", call.stream, call.device, absent);
  if (!call.wrong.empty()) text += fmt::format(" wrong={} wrong_tensor={}", call.wrong, call.wrong_tensor);
  for (const auto& [name, value] : call.axes) text += fmt::format(" {}={}", name, value);
  for (const auto& [name, value] : call.scalars) text += fmt::format(" {}={:.17g}", name, value);
  return text + " call\n";
}

}  // namespace

uint64_t FakeRuntime::tensor_address(const trace::Definition& definition, std::string_view name) {
  uint64_t address = kFirstTensor;
  for (const auto* tensors : {&definition.inputs, &definition.outputs}) {
    for (const trace::Tensor& tensor : *tensors) {
      if (tensor.name == name) return address;
      address += kTensorDistance;
    }
  }
  return 0;
}

Result<FakeRuntime> FakeRuntime::build(const ExportedSolution& solution, const trace::Definition& definition,
                                       const std::vector<plan::BoundPlan>& bound) {
  TRY_ASSIGN(TempDirectory folder, TempDirectory::create("exporter-host"));
  for (const SourceFile& file : solution.files)
    TRY(write_file_atomic(folder.path() / file.path, file.content));
  TRY(write_file_atomic(folder.path() / "device_code.cuh", stub_kernels(bound)));  // in the real one's place
  TRY(write_file_atomic(folder.path() / "main.cpp", driver(definition)));
  SubprocessOptions options;
  const std::string fakes = "tests/fake_cuda_runtime/";
  options.argv = {"c++",
                  "-std=c++17",
                  "-Wall",
                  "-Wextra",
                  "-Werror",
                  "-Wno-unused-variable",
                  "-I" + fakes + "cuda",
                  "-I" + fakes + "tvm_ffi",
                  (folder.path() / "main.cpp").string(),
                  "-o",
                  (folder.path() / "host").string()};
  TRY_ASSIGN(const CompletedProcess compiled, run_to_completion(options, "", 120'000, 1 << 20));
  if (!compiled.status.success()) return infrastructure_error(compiled.stderr_text);
  return FakeRuntime(std::move(folder));
}

Result<std::vector<std::vector<Json>>> FakeRuntime::run(const std::vector<FakeCall>& calls) const {
  std::string input;
  for (const FakeCall& call : calls) input += call_text(call);
  SubprocessOptions options;
  options.argv = {(folder_.path() / "host").string()};
  TRY_ASSIGN(const CompletedProcess ran, run_to_completion(options, input, 60'000, 64 << 20));
  if (!ran.status.success()) return infrastructure_error(ran.status.describe() + "\n" + ran.stderr_text);
  std::vector<std::vector<Json>> records(1);
  for (size_t at = 0; at < ran.stdout_text.size();) {
    const size_t end = ran.stdout_text.find('\n', at);
    TRY_ASSIGN(Json record, parse_json(ran.stdout_text.substr(at, end - at), "the fake runtime's output"));
    at = end + 1;
    if (record["call"] == "end") {
      records.emplace_back();
    } else {
      records.back().push_back(std::move(record));
    }
  }
  records.pop_back();
  return records;
}

}  // namespace warpwright::exporter
