// The table of supported instructions: every form in it decodes, and the document is what it generates.
#include "evaluator/sim/instructions.h"

#include <random>
#include <set>

#include "evaluator/sim/instruction_forms.h"
#include "evaluator/sim/ops/convert.h"
#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/ops/video.h"
#include "evaluator/sim/ops/warp_ops.h"
#include "evaluator/sim/program_impl.h"
#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

std::string module_of(const std::vector<std::string>& instructions) {
  std::string text =
      ".version 9.0\n.target sm_100a\n.address_size 64\n.visible .entry k() {\n.reg .pred %p<9>;\n"
      ".reg .b16 %h<9>;\n.reg .b32 %w<9>;\n.reg .b64 %d<9>;\n.reg .b64 %a;\n.reg .b128 %q<9>;\n";
  for (const std::string& instruction : instructions) text += instruction + ";\n";
  return text + "ret;\n}\n";
}

// The instructions that the decoder refuses.
std::vector<std::string> refused(const std::vector<std::string>& instructions) {
  auto module = ptx::parse(module_of(instructions));
  if (!module) return {module.error().message};
  auto program = Program::build(std::move(*module));
  if (!program) return {program.error().message};
  const Kernel* kernel = (*program)->impl().decode("k");
  std::vector<std::string> result;
  for (const Op& op : kernel->code) {
    if (op.run != unsupported) continue;
    const InstructionInfo& info = kernel->instructions[static_cast<std::size_t>(op.instruction)];
    result.push_back(info.text + " (" + info.note + ")");
  }
  return result;
}

std::string bank_of(std::string_view type) {
  const int bytes = ptx::type_size(type);
  return bytes == 16 ? "%q" : bytes == 8 ? "%d" : bytes == 4 ? "%w" : "%h";
}

// %t and %s stand for registers of the width of the opcode's last and first type.
std::string with_registers(const std::string& opcode, std::string operands) {
  std::vector<std::string> types;
  for (std::size_t at = opcode.find('.'); at != opcode.npos; at = opcode.find('.', at + 1)) {
    const std::string part = opcode.substr(at + 1, opcode.find('.', at + 1) - at - 1);
    if (ptx::type_size(part) > 0) types.push_back(part);
  }
  for (std::size_t at = operands.find('%'); at != operands.npos; at = operands.find('%', at + 1)) {
    const char kind = operands[at + 1];
    if (kind == 't') operands.replace(at, 2, bank_of(types.back()));
    if (kind == 's') operands.replace(at, 2, bank_of(types.front()));
  }
  return operands;
}

// Data registers, a vector where the opcode names one.
std::string data_of(const std::string& opcode) {
  const std::string bank = bank_of(opcode.substr(opcode.rfind('.') + 1));
  int count = 1;
  for (const int k : {2, 4, 8}) {
    if (opcode.find(".v" + std::to_string(k)) != opcode.npos) count = k;
  }
  if (count == 1) return bank + "1";
  std::string text = "{";
  for (int k = 0; k < count; ++k) text += (k > 0 ? ", " : "") + bank + std::to_string(k);
  return text + "}";
}
std::string memory_operands(const std::string& opcode) {
  const std::string data = data_of(opcode), policy = opcode.find("cache_hint") != opcode.npos ? ", %d0" : "";
  if (opcode.starts_with("ld")) return data + ", [%a]" + policy;
  if (opcode.starts_with("st") || opcode.starts_with("red")) return "[%a], " + data + policy;
  if (opcode.starts_with("atom"))
    return data + ", [%a], " + data + (opcode.find(".cas") != opcode.npos ? ", " + data : "") + policy;
  return opcode.starts_with("prefetch") ? "[%a]" : "[%a], 128";
}

// One opcode of a form, its alternatives drawn at random: memory operations have too many to try them all.
std::string draw(std::string_view form, std::mt19937& random) {
  std::string opcode;
  for (std::size_t at = 1; at < form.size();) {
    if (form[at] != '{') {
      const std::size_t end = std::min(form.find('{', at), form.size());
      opcode += form.substr(at, end - at);
      at = end;
      continue;
    }
    const std::size_t end = form.find('}', at);
    const auto options = expand_form(form.substr(at, end - at + 1));
    opcode += options[random() % options.size()];
    at = end + 1;
  }
  return opcode;
}

TEST(Instructions, EveryFormOfTheTableDecodes) {
  std::vector<std::string> batch;
  std::mt19937 random(7);
  const auto flush = [&] {
    for (const std::string& text : refused(batch)) ADD_FAILURE() << "in the table, yet refused: " << text;
    batch.clear();
  };
  for (const SupportedInstruction& instruction : supported_instructions()) {
    if (instruction.family == other_forms().front().family) break;  // those have tests of their own
    if (instruction.form.starts_with('~')) {
      for (int k = 0; k < 200; ++k) {
        const std::string opcode = draw(instruction.form, random);
        batch.push_back(opcode + " " + memory_operands(opcode));
      }
    } else {
      for (const std::string& opcode : expand_form(instruction.form))
        batch.push_back(opcode + " " + with_registers(opcode, std::string(instruction.operands)));
    }
    if (batch.size() > 4000) flush();
  }
  flush();
}

TEST(Instructions, EveryMatrixProductOfTheTableIsOne) {
  for (const SupportedInstruction& instruction : other_forms()) {
    if (!instruction.form.starts_with("mma")) continue;
    for (const std::string& opcode : expand_form(instruction.form)) {
      std::vector<std::string> parts;
      std::istringstream words(opcode);
      for (std::string part; std::getline(words, part, '.');) parts.push_back(part);
      const bool mixed =
          parts[parts.size() - 4] != parts.back() && instruction.note == "accumulators of one type";
      EXPECT_TRUE(mixed || parse_mma(parts)) << opcode;
    }
  }
}

TEST(Instructions, PiecesOfEveryWidthMove) {
  EXPECT_TRUE(refused({"mov.b16 %h0, {%h1, %h2}", "mov.b32 %w0, {%h1, %h2}", "mov.b32 {%h1, %h2}, %w0",
                       "mov.b32 {%h1, %h2, %h3, %h4}, %w0", "mov.b64 {%w1, %w2}, %d0",
                       "mov.b64 %d0, {%h1, %h2, %h3, %h4}", "mov.b128 %q0, {%w1, %w2, %w3, %w4}",
                       "mov.b128 {%d1, %d2}, %q0", "mov.b128 %q1, %q0"})
                  .empty());
}

TEST(Instructions, FormsThatDoNotExistAreRefusedByName) {
  for (const char* text :
       {"add.sat.u32 %w0, %w1, %w2", "redux.sync.add.f32 %w0, %w1, -1", "cvt.rn.e4m3x2.f32 %h0, %w1, %w2",
        "shfl.sync.left.b32 %w0, %w1, 1, 31, -1", "atom.add.b16 %h0, [%a], %h1",
        "ld.v3.f32 {%w0, %w1, %w2}, [%a]", "tex.1d.v4.f32.s32 {%w0, %w1, %w2, %w3}, [%d1, {%w4}]",
        "fma.f32 %w0, %w1, %w2, %w3"}) {
    const auto names = refused({text});
    ASSERT_EQ(names.size(), 1u) << text;
    EXPECT_TRUE(names[0].starts_with(std::string(text).substr(0, std::string(text).find(' ')))) << names[0];
  }
}

TEST(Instructions, ModifiersOfMemoryOperationsMayComeInAnyOrder) {
  EXPECT_TRUE(is_supported_form("ld.global.acquire.gpu.b32"));
  EXPECT_TRUE(is_supported_form("ld.acquire.gpu.global.b32"));
  EXPECT_TRUE(is_supported_form("atom.add.release.gpu.global.s32"));
  EXPECT_FALSE(is_supported_form("ld.global.shared.b32"));
}

TEST(Instructions, TheDocumentIsWhatTheTableGenerates) {
  std::ifstream file("evaluator/sim/INSTRUCTIONS.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == instructions_document())
      << "evaluator/sim/INSTRUCTIONS.md is out of date: warpwright doctor --instructions > "
         "evaluator/sim/INSTRUCTIONS.md";
}

}  // namespace
}  // namespace warpwright::sim
