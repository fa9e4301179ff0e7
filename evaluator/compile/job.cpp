#include "evaluator/compile/job.h"

#include "evaluator/compile/wire.h"

namespace warpwright::compile {
namespace {

void write(WireWriter& out, const std::vector<std::string>& texts) {
  out.u64(texts.size());
  for (const std::string& text : texts) out.text(text);
}

std::vector<std::string> read_texts(WireReader& in) {
  std::vector<std::string> texts(in.count());
  for (std::string& text : texts) text = in.text();
  return texts;
}

void write(WireWriter& out, const KernelResources& kernel) {
  for (const int value : {kernel.registers, kernel.spill_stores, kernel.spill_loads, kernel.stack,
                          kernel.static_shared, kernel.constant, kernel.max_threads})
    out.u64(static_cast<uint64_t>(value));
  out.u64(kernel.has_resources ? 1 : 0);
}

KernelResources read_kernel(WireReader& in) {
  KernelResources kernel;
  for (int* value : {&kernel.registers, &kernel.spill_stores, &kernel.spill_loads, &kernel.stack,
                     &kernel.static_shared, &kernel.constant, &kernel.max_threads})
    *value = static_cast<int>(in.u64());
  kernel.has_resources = in.u64() != 0;
  return kernel;
}

void write(WireWriter& out, const CompiledUnit& unit) {
  out.text(unit.name).text(unit.ptx).text(unit.cubin).text(unit.log);
  out.u64(unit.lowered_names.size());
  for (const auto& [expression, symbol] : unit.lowered_names) out.text(expression).text(symbol);
  out.u64(unit.kernels.size());
  for (const auto& [symbol, kernel] : unit.kernels) {
    out.text(symbol);
    write(out, kernel);
  }
}

CompiledUnit read_unit(WireReader& in) {
  CompiledUnit unit;
  unit.name = in.text();
  unit.ptx = in.text();
  unit.cubin = in.text();
  unit.log = in.text();
  for (uint64_t left = in.count(); left > 0 && in.ok(); --left) {
    std::string expression = in.text();
    unit.lowered_names[std::move(expression)] = in.text();
  }
  for (uint64_t left = in.count(); left > 0 && in.ok(); --left) {
    std::string symbol = in.text();
    unit.kernels[std::move(symbol)] = read_kernel(in);
  }
  return unit;
}

}  // namespace

std::string encode(const CompileJob& job) {
  WireWriter out;
  out.text(job.nvrtc_library).text(job.builtins_library);
  write(out, job.readable_folders);
  write(out, job.options);
  out.text(job.source_name).text(job.target).u64(job.cpu_seconds).u64(job.cubin_bytes);
  out.u64(job.units.size());
  for (const CompileUnit& unit : job.units) {
    out.text(unit.name).text(unit.prelude).text(unit.text);
    write(out, unit.name_expressions);
  }
  return out.take();
}

std::optional<CompileJob> decode_job(std::string_view bytes) {
  WireReader in(bytes);
  CompileJob job;
  job.nvrtc_library = in.text();
  job.builtins_library = in.text();
  job.readable_folders = read_texts(in);
  job.options = read_texts(in);
  job.source_name = in.text();
  job.target = in.text();
  job.cpu_seconds = in.u64();
  job.cubin_bytes = in.u64();
  job.units.resize(in.count());
  for (CompileUnit& unit : job.units) {
    unit.name = in.text();
    unit.prelude = in.text();
    unit.text = in.text();
    unit.name_expressions = read_texts(in);
  }
  if (!in.at_end()) return std::nullopt;
  return job;
}

std::string encode(const CompileAnswer& answer) {
  WireWriter out;
  out.text(answer.machine_error).text(answer.usage_error).text(answer.nvrtc).text(answer.sandbox);
  if (const auto* failure = std::get_if<CompileFailure>(&answer.value)) {
    out.u64(0).u64(static_cast<uint64_t>(failure->kind)).text(failure->message).text(failure->log);
    return out.take();
  }
  const auto& program = std::get<CompiledProgram>(answer.value);
  out.u64(1).u64(program.units.size());
  for (const CompiledUnit& unit : program.units) write(out, unit);
  return out.take();
}

std::optional<CompileAnswer> decode_answer(std::string_view bytes) {
  WireReader in(bytes);
  CompileAnswer answer;
  answer.machine_error = in.text();
  answer.usage_error = in.text();
  answer.nvrtc = in.text();
  answer.sandbox = in.text();
  if (in.u64() == 0) {
    CompileFailure failure;
    const uint64_t kind = in.u64();
    if (kind > static_cast<uint64_t>(CompileFailure::Kind::kCrashed)) return std::nullopt;
    failure.kind = static_cast<CompileFailure::Kind>(kind);
    failure.message = in.text();
    failure.log = in.text();
    answer.value = std::move(failure);
  } else {
    CompiledProgram program;
    program.units.resize(in.count());
    for (CompiledUnit& unit : program.units) unit = read_unit(in);
    answer.value = std::move(program);
  }
  if (!in.at_end()) return std::nullopt;
  return answer;
}

}  // namespace warpwright::compile
