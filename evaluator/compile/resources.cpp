#include "evaluator/compile/resources.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "evaluator/compile/cubin.h"

namespace warpwright::compile {
namespace {

bool is_symbol_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

// The integer just before `words` in `line`, 0 if they are not there: "Used 10 registers" -> 10.
int number_before(std::string_view line, std::string_view words) {
  const size_t at = line.find(words);
  if (at == std::string_view::npos) return 0;
  size_t begin = at;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9') --begin;
  int value = 0;
  std::from_chars(line.data() + begin, line.data() + at, value);
  return value;
}

// Lines of the assembler come after everything that a candidate can make the compiler print
// (#pragma message): where one function is described twice, the last description is the true one.
void read_assembler_report(std::string_view log, std::map<std::string, KernelResources>& kernels) {
  KernelResources ignored;
  KernelResources* current = &ignored;
  constexpr std::string_view kFunction = "Function properties for ";
  while (!log.empty()) {
    const size_t end = std::min(log.find('\n'), log.size());
    const std::string_view line = log.substr(0, end);
    log.remove_prefix(std::min(end + 1, log.size()));
    if (!line.starts_with("ptxas")) continue;
    if (const size_t at = line.find(kFunction); at != std::string_view::npos) {
      const auto found = kernels.find(std::string(line.substr(at + kFunction.size())));
      current = found != kernels.end() ? &found->second : &ignored;
    } else if (line.find(" bytes stack frame") != std::string_view::npos) {
      current->stack = number_before(line, " bytes stack frame");
      current->spill_stores = number_before(line, " bytes spill stores");
      current->spill_loads = number_before(line, " bytes spill loads");
    } else if (line.find("Used ") != std::string_view::npos) {
      current->registers = number_before(line, " registers");
      current->static_shared = number_before(line, " bytes smem");
      current->stack = std::max(current->stack, number_before(line, " bytes cumulative stack size"));
    }
  }
}

// How many threads of `registers` each fit the 64 Ki registers of a block: registers are given to warps in
// units of 256, warps to the four schedulers evenly.
int threads_by_registers(int registers) {
  if (registers <= 0) return 1024;
  const int per_warp = (registers * 32 + 255) / 256 * 256;
  return std::min(1024, 65536 / per_warp / 4 * 4 * 32);
}

int max_threads(const Cubin& cubin, const std::string& kernel, int registers) {
  int limit = threads_by_registers(registers);
  for (const CubinAttribute& attribute : cubin.attributes(".nv.info." + kernel)) {
    if (attribute.id != kMaxThreads && attribute.id != kRequiredThreads) continue;
    uint64_t threads = 1;
    for (size_t axis = 0; axis < 3; ++axis) threads *= std::clamp<uint64_t>(attribute.word(axis), 1, 1024);
    limit = static_cast<int>(std::min<uint64_t>(threads, 1024));
  }
  return limit;
}

int registers_in(const Cubin& cubin, const std::string& kernel) {
  for (const CubinAttribute& attribute : cubin.attributes(".nv.info")) {
    if (attribute.id != kRegisterCount || attribute.word(0) >= cubin.symbols().size()) continue;
    if (cubin.symbols()[attribute.word(0)].name == kernel) return static_cast<int>(attribute.word(1));
  }
  return 0;
}

int constant_bytes(const Cubin& cubin, const std::string& kernel) {
  uint64_t total = 0;
  for (const CubinSection& section : cubin.sections()) {
    constexpr std::string_view kPrefix = ".nv.constant";
    const size_t suffix = kPrefix.size() + 2;  // the bank's digit and a dot
    if (section.name.starts_with(kPrefix) && section.name.size() > suffix &&
        std::string_view(section.name).substr(suffix) == kernel)
      total += section.size;
  }
  return static_cast<int>(total);
}

}  // namespace

std::vector<std::string> ptx_entries(std::string_view ptx) {
  std::vector<std::string> entries;
  constexpr std::string_view kEntry = ".entry ";
  for (size_t at = ptx.find(kEntry); at != std::string_view::npos; at = ptx.find(kEntry, at + 1)) {
    const size_t line = ptx.rfind('\n', at) == std::string_view::npos ? 0 : ptx.rfind('\n', at) + 1;
    const std::string_view before = ptx.substr(line, at - line);
    if (!before.empty() && before != ".visible " && before != ".weak ") continue;  // text in a comment
    size_t begin = at + kEntry.size(), end = begin;
    while (end < ptx.size() && is_symbol_character(ptx[end])) ++end;
    if (end > begin) entries.emplace_back(ptx.substr(begin, end - begin));
  }
  return entries;
}

Result<std::map<std::string, KernelResources>> kernel_resources(std::string_view ptx, std::string_view cubin,
                                                                std::string_view log) {
  std::map<std::string, KernelResources> kernels;
  for (std::string& entry : ptx_entries(ptx)) kernels[std::move(entry)];
  if (cubin.empty()) return kernels;
  TRY_ASSIGN(const Cubin file, Cubin::parse(cubin));
  read_assembler_report(log, kernels);
  for (auto& [name, kernel] : kernels) {
    if (const int registers = registers_in(file, name)) kernel.registers = registers;
    kernel.constant = constant_bytes(file, name);
    kernel.max_threads = max_threads(file, name, kernel.registers);
    kernel.has_resources = true;
  }
  return kernels;
}

}  // namespace warpwright::compile
