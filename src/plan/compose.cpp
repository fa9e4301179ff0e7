#include "src/plan/compose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "src/plan/ast.h"
#include "src/plan/fragment.h"

namespace warpwright::plan {
namespace {

// One branch of the result, with all the parts that it stands for.
struct Branch {
  Fragment fragment;
  std::vector<const Part*> parts;
  std::string prefix;
  Fragment::Rendered rendered;
};

std::string one_line(std::string text) {
  for (char& c : text)
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0 || c == '*' || c == '\\') c = ' ';
  return text;
}

std::string names_of(const Branch& branch) {
  std::string names;
  for (const Part* part : branch.parts)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", one_line(part->name));
  return names;
}

std::string condition_of(const Branch& branch) {
  if (branch.parts.size() == 1) return branch.parts.front()->when;
  std::string condition;
  for (const Part* part : branch.parts)
    condition += fmt::format("{}({})", condition.empty() ? "" : " || ", part->when);
  return condition;
}

Result<std::vector<Branch>> read_branches(const std::vector<Part>& parts,
                                          const trace::Definition& definition) {
  std::vector<std::string> conditions;
  for (const Part& part : parts) {
    auto signs = expression_signs(part.when);
    if (!signs) return add_context(signs.error(), fmt::format("the condition of {}", part.name));
    conditions.push_back(std::move(*signs));
  }
  std::vector<Branch> branches;
  for (size_t i = 0; i < parts.size(); ++i) {
    auto fragment = Fragment::read(parts[i].source, parts[i].knobs, definition, conditions[i], conditions);
    if (!fragment) return add_context(fragment.error(), parts[i].name);
    const Fragment::Rendered rendered = fragment->render("P");  // to compare; its final prefix comes later
    const auto same = std::find_if(branches.begin(), branches.end(),
                                   [&](const Branch& branch) { return branch.rendered == rendered; });
    if (same != branches.end()) {
      same->parts.push_back(&parts[i]);
      // The last part is the else, with all that equal it.
      if (i + 1 == parts.size()) std::rotate(same, same + 1, branches.end());
    } else {
      branches.push_back({std::move(*fragment), {&parts[i]}, {}, rendered});
    }
  }
  return branches;
}

// P0, P1, ...: none that stands anywhere in the parts already.
void choose_prefixes(std::vector<Branch>& branches) {
  std::string all;
  for (const Branch& branch : branches)
    all += branch.rendered.knobs + branch.rendered.statements + branch.rendered.units;
  int number = 0;
  for (Branch& branch : branches) {
    do {
      branch.prefix = fmt::format("P{}", number++);
    } while (all.find(branch.prefix) != std::string::npos);
    branch.rendered = branch.fragment.render(branch.prefix);
  }
}

std::string indented(const std::string& text) {
  std::string result;
  bool at_line_start = true;
  for (const char c : text) {
    if (at_line_start && c != '\n') result += "  ";
    result += c;
    at_line_start = c == '\n';
  }
  return result;
}

std::string text_of(const std::vector<Branch>& branches) {
  std::string text = "/*@plan\n";
  for (const Branch& branch : branches) text += branch.rendered.knobs;
  if (text.back() == '\n' && text.size() > 8) text += '\n';
  for (size_t i = 0; i < branches.size(); ++i) {
    const Branch& branch = branches[i];
    if (i > 0) text += "} else ";
    if (i + 1 < branches.size()) text += fmt::format("if ({}) ", condition_of(branch));
    text += fmt::format("{{  // {}: {}\n{}", branch.prefix, names_of(branch),
                        indented(branch.rendered.statements));
  }
  text += "}\n*/\n";
  for (const Branch& branch : branches) text += branch.rendered.units;
  return text;
}

tl::unexpected<Error> cannot_be(const std::vector<Diagnostic>& diagnostics, std::string_view text) {
  const Diagnostic& first = diagnostics.front();
  return usage_error(fmt::format("the composition is no candidate: {}", first.render("composition", text)));
}

Result<void> check(const std::string& text, const std::vector<Branch>& branches,
                   const trace::Definition& definition, const std::vector<BindInputs>& workloads) {
  const auto source = split_source(text);
  if (!source) return cannot_be(source.error(), text);
  std::vector<std::string> wanted, got;
  for (const Branch& branch : branches)
    wanted.insert(wanted.end(), branch.rendered.unit_names.begin(), branch.rendered.unit_names.end());
  for (const Unit& unit : source->units) got.push_back(unit.name);
  if (got != wanted)
    return usage_error(
        "the composition is no candidate: the device code of a part ends within a comment or a string");
  const auto plan = parse_plan(*source, definition);
  if (!plan) return cannot_be(plan.error(), text);
  for (BindInputs inputs : workloads) {
    inputs.knobs = {};
    if (!inputs.device.resident_blocks)
      inputs.device.resident_blocks = [](const std::string&, int64_t, int64_t) {
        return std::optional<int64_t>(1);
      };
    const auto bound = bind(*plan, definition, inputs);
    if (!bound) return cannot_be(bound.error(), text);
  }
  return {};
}

}  // namespace

Result<std::string> compose(const std::vector<Part>& parts, const trace::Definition& definition,
                            const std::vector<BindInputs>& workloads) {
  if (parts.empty()) return usage_error("there is nothing to compose");
  TRY_ASSIGN(std::vector<Branch> branches, read_branches(parts, definition));
  if (branches.size() == 1)
    return usage_error("there is nothing to compose: all parts are the same candidate");
  choose_prefixes(branches);
  std::string text = text_of(branches);
  TRY(check(text, branches, definition, workloads));
  return text;
}

}  // namespace warpwright::plan
