// Which PTX instructions the simulator executes. What is not listed is refused by name when it is reached
// (Finding::Kind::kUnsupported).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warpwright::sim {

// A set of opcodes: "add{.rn,.rz,}.f32" stands for add.rn.f32, add.rz.f32 and add.f32. A leading '~' says
// that the modifiers may come in any order (memory operations).
struct SupportedInstruction {
  std::string_view family;
  std::string_view form;
  // An example of the operands: %p predicates, %h 16-bit, %w 32-bit, %d 64-bit, %q 128-bit registers, %a an
  // address, %t a register of the width of the opcode's last type, %s of its first.
  std::string_view operands;
  std::string_view note;
};
std::vector<SupportedInstruction> supported_instructions();

// False if the opcode's base is in the table, but not this form of it. Matrix and control instructions have
// decoders of their own, which refuse what they do not know.
bool is_supported_form(std::string_view opcode);

// All opcodes of a form, in the order of its alternatives.
std::vector<std::string> expand_form(std::string_view form);

// The table as the text of INSTRUCTIONS.md.
std::string instructions_document();

}  // namespace warpwright::sim
