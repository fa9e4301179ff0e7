#include "evaluator/compile/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <limits>
#include <optional>
#include <unordered_map>

#include "evaluator/compile/static_mix.h"
#include "evaluator/ptx/lexer.h"
#include "src/base/check.h"
#include "src/base/hash.h"

namespace warpwright::compile {

using ptx::Function;
using ptx::Instruction;
using ptx::Operand;
using ptx::Parameter;
using ptx::Token;
using ptx::Variable;

// Writes a kernel and what it reaches in words that are equal for equal programs.
class KernelNormaliser {
 public:
  KernelNormaliser(const ptx::Module& module, const std::vector<KernelReader::Directive>& directives)
      : directives_(directives) {
    for (const Function& function : module.functions) functions_.emplace(function.name, &function);
    for (const Variable& variable : module.variables) variables_.emplace(variable.name, &variable);
  }

  KernelCode run(const std::string& entry) {
    (void)symbol(entry);
    CHECK(!open_.empty());
    KernelCode code;
    while (!open_.empty()) {
      const Symbol next = open_.front();
      open_.pop_front();
      if (next.variable != nullptr) write_variable(*next.variable);
      if (next.function == nullptr) continue;
      write_function(*next.function);
      add_mix(*next.function, code.mix);
      add_grams(*next.function, code.grams);
    }
    code.fingerprint = sha256_hex(text_);
    return code;
  }

 private:
  struct Symbol {
    const Function* function = nullptr;
    const Variable* variable = nullptr;
  };

  void word(std::string_view text) {
    text_ += text;
    text_ += ' ';
  }
  void number(uint64_t value) { word(std::to_string(value)); }
  void numbers(const int (&values)[3]) {
    for (const int value : values) number(static_cast<uint64_t>(value));
  }

  // A symbol of the module by the order in which it is met; what it is follows in the same order.
  std::string symbol(const std::string& name) {
    const auto [known, is_new] = symbols_.emplace(name, symbols_.size());
    if (is_new) {
      const auto function = functions_.find(name);
      const auto variable = variables_.find(name);
      if (function != functions_.end()) {
        open_.push_back({function->second, nullptr});
        // What lies outside the module is known by its name alone.
        if (function->second->is_declaration) word("extern " + name);
      } else if (variable != variables_.end()) {
        open_.push_back({nullptr, variable->second});
      }
    }
    return fmt::format("S{}", known->second);
  }

  void write_variable(const Variable& variable) {
    word("variable");
    number(static_cast<uint64_t>(variable.space));
    number(static_cast<uint64_t>(variable.alignment));
    number(static_cast<uint64_t>(variable.element_size));
    number(variable.size);
    word(variable.is_extern ? "extern" : variable.is_managed ? "managed" : "own");
    if (!variable.bytes.empty()) word(sha256_hex(variable.bytes));
    for (const Variable::Pointer& pointer : variable.pointers)
      word(fmt::format("@{} {} {}", pointer.at, symbol(pointer.symbol), pointer.offset));
  }

  void write_parameters(const std::vector<Parameter>& parameters) {
    number(parameters.size());
    for (const Parameter& parameter : parameters)
      word(fmt::format("{}:{}", parameter.size, parameter.alignment));
  }

  void write_function(const Function& function) {
    enter(function);
    word(function.is_entry ? "\nentry" : "\nfunction");
    write_parameters(function.results);
    write_parameters(function.parameters);
    numbers(function.max_threads);
    numbers(function.required_threads);
    numbers(function.required_cluster);
    number(static_cast<uint64_t>(function.min_blocks_per_sm));
    for (const Instruction& instruction : function.code) {
      write_directives(instruction.line);
      write_instruction(function, instruction);
    }
    write_directives(end_line(function));
  }

  void enter(const Function& function) {
    registers_.clear();
    locals_.clear();
    local_variables_.clear();
    for (const auto* parameters : {&function.results, &function.parameters})
      for (const Parameter& parameter : *parameters)
        locals_.emplace(parameter.name, fmt::format("P{}", locals_.size()));
    for (const Variable& variable : function.variables) local_variables_.emplace(variable.name, &variable);
    const auto is_before = [](const KernelReader::Directive& d, int line) { return d.line < line; };
    next_directive_ = std::lower_bound(directives_.begin(), directives_.end(), function.line, is_before);
  }

  // The line that no directive of this function lies behind.
  static int end_line(const Function& function) {
    return function.code.empty() ? function.line : function.code.back().line + 1;
  }

  void write_directives(int before_line) {
    for (; next_directive_ != directives_.end() && next_directive_->line < before_line; ++next_directive_)
      word(next_directive_->text);
  }

  void write_instruction(const Function& function, const Instruction& instruction) {
    word("\n" + instruction.opcode);
    if (instruction.predicate >= 0)
      word((instruction.predicate_negated ? "@!" : "@") + register_text(function, instruction.predicate));
    for (const Operand& operand : instruction.operands) write_operand(function, operand);
  }

  std::string register_text(const Function& function, int index) {
    const auto [known, is_new] = registers_.emplace(index, registers_.size());
    const auto cls = function.registers[static_cast<size_t>(index)].cls;
    return fmt::format("%{}:{}", static_cast<int>(cls), known->second);
  }

  void write_operand(const Function& function, const Operand& operand) {
    if (operand.negated) word("!");
    switch (operand.kind) {
      case Operand::Kind::kSink:
        word("_");
        break;
      case Operand::Kind::kRegister:
        word(register_text(function, operand.reg) + operand.name);
        break;
      case Operand::Kind::kSpecial:
        word(operand.name);
        break;
      case Operand::Kind::kImmediate:
        word(fmt::format("{}{:x}", operand.float_literal ? "f" : "i", operand.bits));
        break;
      case Operand::Kind::kSymbol:
        word(symbol_text(operand.name));
        break;
      case Operand::Kind::kLabel:
        write_label(function, operand.name);
        break;
      case Operand::Kind::kVector:
        write_list(function, operand, "{", "}");
        break;
      case Operand::Kind::kMemory:
        write_list(function, operand, "[", "]");
        break;
      case Operand::Kind::kTuple:
        write_list(function, operand, "(", ")");
        break;
    }
    if (operand.second >= 0) word("|" + register_text(function, operand.second));
    if (operand.offset != 0) word(fmt::format("{:+}", operand.offset));
  }

  void write_list(const Function& function, const Operand& operand, std::string_view open,
                  std::string_view close) {
    word(open);
    for (const Operand& element : operand.elements) write_operand(function, element);
    word(close);
  }

  // A label is where it leads to.
  void write_label(const Function& function, const std::string& name) {
    if (const auto label = function.labels.find(name); label != function.labels.end()) {
      word(fmt::format("L{}", label->second));
    } else if (const auto table = function.branch_targets.find(name);
               table != function.branch_targets.end()) {
      for (const std::string& target : table->second) {
        const auto at = function.labels.find(target);
        word(fmt::format("L{}", at == function.labels.end() ? -1 : at->second));
      }
    } else {
      word("prototype");
    }
  }

  // Parameters by their place, what is declared in the body by the order of use, everything else is the
  // module's.
  std::string symbol_text(const std::string& name) {
    if (const auto local = locals_.find(name); local != locals_.end()) return local->second;
    const auto variable = local_variables_.find(name);
    if (variable == local_variables_.end()) return symbol(name);
    std::string text = fmt::format("V{}", locals_.size());
    locals_.emplace(name, text);
    write_variable(*variable->second);
    return text;
  }

  static void add_grams(const Function& function, OpcodeGrams& grams);

  const std::vector<KernelReader::Directive>& directives_;
  std::unordered_map<std::string_view, const Function*> functions_;
  std::unordered_map<std::string_view, const Variable*> variables_;
  std::unordered_map<std::string, size_t> symbols_;
  std::deque<Symbol> open_;  // met, not yet written
  std::string text_;

  // Of the function being written.
  std::unordered_map<int, size_t> registers_;
  std::unordered_map<std::string, std::string> locals_;
  std::unordered_map<std::string_view, const Variable*> local_variables_;
  std::vector<KernelReader::Directive>::const_iterator next_directive_;
};

namespace {

uint64_t mix(uint64_t x) {  // the finaliser of splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t hash_of(std::string_view text) {  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

void KernelNormaliser::add_grams(const Function& function, OpcodeGrams& grams) {
  const size_t count = function.code.size();
  for (size_t begin = 0; begin < count; ++begin) {
    const size_t end = std::min(begin + kGramLength, count);
    if (begin > 0 && end - begin < kGramLength) break;  // a short function is one short sequence
    uint64_t gram = 0;
    for (size_t at = begin; at < end; ++at) gram = mix(gram ^ hash_of(function.code[at].opcode));
    ++grams[gram];
  }
}

KernelReader::KernelReader(const ptx::Module& module, std::string_view text) : module_(module) {
  ptx::Lexer lexer(text);
  for (Token token = lexer.next(); token.kind != Token::Kind::kEnd; token = lexer.next()) {
    const bool is_wanted = token.is(".pragma") || token.is(".maxnreg");
    if (!is_wanted) continue;
    const Token value = lexer.next();
    directives_.push_back({token.line, std::string(token.text) + ' ' + std::string(value.text)});
    if (value.kind == Token::Kind::kEnd) break;
  }
}

KernelCode KernelReader::read(const std::string& entry) const {
  return KernelNormaliser(module_, directives_).run(entry);
}

std::string sketch_of(const OpcodeGrams& grams) {
  constexpr size_t kValues = 32;
  uint64_t least[kValues];
  std::fill(std::begin(least), std::end(least), std::numeric_limits<uint64_t>::max());
  for (const auto& [gram, count] : grams) {
    for (int times = 1; times <= count; times *= 2) {
      const uint64_t element = mix(gram + static_cast<uint64_t>(times));
      for (size_t k = 0; k < kValues; ++k) least[k] = std::min(least[k], mix(element ^ mix(k)));
    }
  }
  std::string text;
  for (const uint64_t value : least) text += fmt::format("{:04x}", value & 0xffff);
  return text;
}

}  // namespace warpwright::compile
