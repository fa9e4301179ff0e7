#include "evaluator/sim/instructions.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "evaluator/sim/instruction_forms.h"

namespace warpwright::sim {
namespace {

// A piece of a form: the texts that may stand here.
using Choice = std::vector<std::string_view>;

std::vector<Choice> choices_of(std::string_view form) {
  std::vector<Choice> choices;
  if (form.starts_with('~')) form.remove_prefix(1);
  while (!form.empty()) {
    const bool is_group = form.front() == '{';
    const std::size_t end = form.find(is_group ? '}' : '{');
    std::string_view piece = form.substr(is_group ? 1 : 0, end == form.npos ? end : end - (is_group ? 1 : 0));
    form = end == form.npos ? std::string_view() : form.substr(end + (is_group ? 1 : 0));
    Choice choice;
    for (std::size_t comma = piece.find(','); is_group && comma != piece.npos; comma = piece.find(',')) {
      choice.push_back(piece.substr(0, comma));
      piece.remove_prefix(comma + 1);
    }
    choice.push_back(piece);
    choices.push_back(std::move(choice));
  }
  return choices;
}

void expand(const std::vector<Choice>& choices, std::size_t at, const std::string& prefix,
            std::vector<std::string>& out) {
  if (at == choices.size()) {
    out.push_back(prefix);
    return;
  }
  for (const std::string_view text : choices[at]) expand(choices, at + 1, prefix + std::string(text), out);
}

bool matches_in_order(const std::vector<Choice>& choices, std::size_t at, std::string_view opcode) {
  if (at == choices.size()) return opcode.empty();
  return std::any_of(choices[at].begin(), choices[at].end(), [&](std::string_view text) {
    return opcode.starts_with(text) && matches_in_order(choices, at + 1, opcode.substr(text.size()));
  });
}

// Each modifier takes a choice of its own; choices left over must allow for nothing.
bool matches_in_any_order(std::vector<Choice>& choices, std::string_view modifiers) {
  if (modifiers.empty()) {
    return std::all_of(choices.begin(), choices.end(), [](const Choice& choice) {
      return choice.empty() || std::find(choice.begin(), choice.end(), "") != choice.end();
    });
  }
  const std::size_t end = modifiers.find('.', 1);
  const std::string_view first = modifiers.substr(0, end);
  const std::string_view rest = end == modifiers.npos ? std::string_view() : modifiers.substr(end);
  for (Choice& choice : choices) {
    if (std::find(choice.begin(), choice.end(), first) == choice.end()) continue;
    const Choice taken = std::exchange(choice, {});
    const bool found = matches_in_any_order(choices, rest);
    choice = taken;
    if (found) return true;
  }
  return false;
}

std::string_view base_of(std::string_view opcode) {
  return opcode.substr(0, opcode.find('.'));
}
bool has_base(std::string_view form, std::string_view base) {
  const std::vector<Choice> choices = choices_of(form);
  return std::any_of(choices[0].begin(), choices[0].end(),
                     [&](std::string_view text) { return base_of(text) == base; });
}

bool matches(std::string_view form, std::string_view opcode) {
  std::vector<Choice> choices = choices_of(form);
  if (!form.starts_with('~')) return matches_in_order(choices, 0, opcode);
  const std::string_view base = base_of(opcode);
  // What is fixed comes first: "~atom" or "~ld.global".
  std::vector<Choice> open;
  for (const Choice& choice : choices) {
    if (choice.size() > 1) {
      open.push_back(choice);
      continue;
    }
    std::string_view fixed = choice[0].starts_with('.') ? choice[0] : choice[0].substr(base.size());
    while (!fixed.empty()) {
      const std::size_t end = fixed.find('.', 1);
      open.push_back({fixed.substr(0, end)});
      fixed = end == fixed.npos ? std::string_view() : fixed.substr(end);
    }
  }
  return matches_in_any_order(open, opcode.substr(base.size()));
}

bool look_up(std::string_view opcode) {
  const std::string_view base = base_of(opcode);
  bool knows_base = false;
  for (const SupportedInstruction& instruction : instruction_forms()) {
    if (!has_base(instruction.form, base)) continue;
    knows_base = true;
    if (matches(instruction.form, opcode)) return true;
  }
  const auto others = other_forms();
  return !knows_base ||
         std::any_of(others.begin(), others.end(), [&](const SupportedInstruction& instruction) {
           return has_base(instruction.form, base) && matches(instruction.form, opcode);
         });
}

}  // namespace

std::vector<SupportedInstruction> supported_instructions() {
  const auto forms = instruction_forms(), others = other_forms();
  std::vector<SupportedInstruction> all(forms.begin(), forms.end());
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

bool is_supported_form(std::string_view opcode) {
  static std::mutex mutex;
  static std::unordered_map<std::string, bool> known;
  const std::lock_guard lock(mutex);
  constexpr std::size_t kMost = 100'000;  // hostile modules may have any number of opcodes
  if (known.size() > kMost) known.clear();
  const auto [place, is_new] = known.try_emplace(std::string(opcode), false);
  if (is_new) place->second = look_up(opcode);
  return place->second;
}

std::vector<std::string> expand_form(std::string_view form) {
  std::vector<std::string> out;
  expand(choices_of(form), 0, "", out);
  return out;
}

std::string instructions_document() {
  std::string text =
      "# Instructions the simulator executes\n\n"
      "Generated by `warpwright doctor --instructions`; do not edit. `{.a,.b,}` stands for one of the\n"
      "modifiers or, where the list ends in a comma, none of them. A form that begins with `~` takes its\n"
      "modifiers in any order. Operands are examples: `%p` predicates, `%h`, `%w`, `%d`, `%q` registers of\n"
      "16, 32, 64 and 128 bits, `%t` and `%s` of the width of the last and of the first type.\n\n"
      "What is not here is refused by name when a kernel reaches it: textures and surfaces, dynamic stack\n"
      "allocation, device-side malloc and free, multimem.\n";
  std::string_view family;
  for (const SupportedInstruction& instruction : supported_instructions()) {
    if (instruction.family != family) {
      family = instruction.family;
      text += "\n## " + std::string(family) + "\n\n| form | operands | note |\n|---|---|---|\n";
    }
    std::string operands(instruction.operands);
    for (std::size_t at = operands.find('|'); at != operands.npos; at = operands.find('|', at + 2))
      operands.replace(at, 1, "\\|");
    text += "| `" + std::string(instruction.form) + "` | " + (operands.empty() ? "" : "`" + operands + "`") +
            " | " + std::string(instruction.note) + " |\n";
  }
  return text;
}

}  // namespace warpwright::sim
