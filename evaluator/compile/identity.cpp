#include "evaluator/compile/identity.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "evaluator/compile/cubin.h"
#include "evaluator/compile/ptx_references.h"
#include "src/base/hash.h"

namespace warpwright::compile {
namespace {

// Hashes a kernel by walking what it reaches. Symbols are described by what they hold; one met a second time
// by the order in which it was met, which also ends cycles.
class IdentityHasher {
 public:
  IdentityHasher(const Cubin& cubin, const std::set<std::string, std::less<>>& reached)
      : cubin_(cubin), reached_(reached) {
    number(cubin.flags());
  }

  Result<void> add_kernel(const std::string& kernel) {
    const CubinSection* text = cubin_.find(".text." + kernel);
    if (text == nullptr) return infrastructure_error(fmt::format("kernel {} is not in the cubin", kernel));
    hasher_.add("kernel");
    add_section(index_of(*text));
    add_launch_attributes(kernel);
    add_function_attributes(kernel);
    const CubinSection* shared = cubin_.find(".nv.shared." + kernel);
    number(shared != nullptr ? shared->size : 0);
    for (char bank = '0'; bank <= '9'; ++bank) {
      if (const CubinSection* constants = cubin_.find(fmt::format(".nv.constant{}.{}", bank, kernel))) {
        number(static_cast<uint64_t>(bank));
        add_section(index_of(*constants));
      }
    }
    return {};
  }

  // Constant banks of the whole module: bank 4 holds the addresses of global variables, the others
  // __constant__ data. Code names them by offset, not by relocation.
  void add_module_constants() {
    for (char bank = '1'; bank <= '9'; ++bank) {
      const CubinSection* section = cubin_.find(fmt::format(".nv.constant{}", bank));
      if (section == nullptr) continue;
      const uint32_t index = index_of(*section);
      hasher_.add("bank");
      number(static_cast<uint64_t>(bank));
      for (const CubinRelocation& relocation : cubin_.relocations(index))
        if (is_reached(relocation.symbol)) add_relocation(relocation, 0);
      for (const uint32_t symbol : objects_in(index)) {
        number(cubin_.symbols()[symbol].value);
        add_symbol(symbol);
      }
    }
  }

  std::string hex() { return hasher_.hex(); }

 private:
  void number(uint64_t value) { hasher_.add(std::to_string(value)); }

  uint32_t index_of(const CubinSection& section) const {
    return static_cast<uint32_t>(&section - cubin_.sections().data());
  }

  bool is_reached(uint32_t symbol) const {
    return symbol < cubin_.symbols().size() && reached_.contains(cubin_.symbols()[symbol].name);
  }

  // Reached variables of a section, by address.
  std::vector<uint32_t> objects_in(uint32_t section) const {
    std::vector<uint32_t> found;
    for (uint32_t index = 0; index < cubin_.symbols().size(); ++index) {
      const CubinSymbol& symbol = cubin_.symbols()[index];
      if (symbol.section == section && symbol.type == STT_OBJECT && is_reached(index)) found.push_back(index);
    }
    std::sort(found.begin(), found.end(),
              [&](uint32_t a, uint32_t b) { return cubin_.symbols()[a].value < cubin_.symbols()[b].value; });
    return found;
  }

  // Bytes and relocations; each section once.
  void add_section(uint32_t index) {
    const auto [seen, fresh] = sections_.emplace(index, sections_.size());
    if (!fresh) {
      number(seen->second);
      return;
    }
    add_range(index, 0, cubin_.sections()[index].size);
  }

  void add_range(uint32_t index, uint64_t begin, uint64_t size) {
    const CubinSection& section = cubin_.sections()[index];
    number(size);
    hasher_.add(begin < section.data.size() ? section.data.substr(begin, size) : "");
    for (const CubinRelocation& relocation : cubin_.relocations(index))
      if (relocation.offset >= begin && relocation.offset - begin < size) add_relocation(relocation, begin);
  }

  void add_relocation(const CubinRelocation& relocation, uint64_t base) {
    number(relocation.offset - base);
    number(relocation.type);
    number(static_cast<uint64_t>(relocation.addend));
    add_symbol(relocation.symbol);
  }

  void add_symbol(uint32_t index) {
    if (index >= cubin_.symbols().size()) return;
    const auto [seen, fresh] = symbols_.emplace(index, symbols_.size());
    number(seen->second);
    if (!fresh) return;
    const CubinSymbol& symbol = cubin_.symbols()[index];
    if (symbol.section == 0) {
      hasher_.add(symbol.name);  // the driver's own: vprintf, __assertfail, the reserved shared memory
      return;
    }
    const bool code = cubin_.sections()[symbol.section].name.starts_with(".text.");
    hasher_.add(code ? "code" : "data");
    if (code) {
      number(symbol.value);
      add_section(symbol.section);
    } else {
      add_range(symbol.section, symbol.value, symbol.size);
    }
  }

  // Parameters, bounds on threads, barriers, exits, ...; indices into the symbol table are left out.
  void add_launch_attributes(const std::string& kernel) {
    for (const CubinAttribute& attribute : cubin_.attributes(".nv.info." + kernel)) {
      if (attribute.id == kExterns) continue;
      number(attribute.id);
      number(attribute.value);
      hasher_.add(attribute.payload.substr(
          attribute.id == kParamCbank ? std::min<size_t>(4, attribute.payload.size()) : 0));
    }
  }

  void add_function_attributes(const std::string& kernel) {
    std::map<uint8_t, uint32_t> values;
    for (const CubinAttribute& attribute : cubin_.attributes(".nv.info")) {
      const bool wanted = attribute.id == kRegisterCount || attribute.id == kFrameSize ||
                          attribute.id == kMinStackSize || attribute.id == kMaxStackSize;
      if (wanted && attribute.word(0) < cubin_.symbols().size() &&
          cubin_.symbols()[attribute.word(0)].name == kernel)
        values[attribute.id] = attribute.word(1);
    }
    for (const auto& [id, value] : values) {
      number(id);
      number(value);
    }
  }

  const Cubin& cubin_;
  const std::set<std::string, std::less<>>& reached_;
  FieldHasher hasher_;
  std::map<uint32_t, size_t> sections_, symbols_;
};

}  // namespace

Result<std::string> code_identity(const CompiledUnit& unit, const std::vector<std::string>& kernels) {
  if (unit.cubin.empty()) return sha256_hex(unit.ptx);
  TRY_ASSIGN(const Cubin cubin, Cubin::parse(unit.cubin));
  const auto reached = reachable_symbols(unit.ptx, kernels);
  IdentityHasher hasher(cubin, reached);
  for (const std::string& kernel : kernels) TRY(hasher.add_kernel(kernel));
  hasher.add_module_constants();
  return hasher.hex();
}

}  // namespace warpwright::compile
