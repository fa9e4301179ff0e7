#include "tests/golden_kernels/mutation.h"

#include <algorithm>
#include <regex>
#include <sstream>

namespace warpwright::golden {
namespace {

const std::regex& ordering_call() {
  static const std::regex pattern(
      R"re(__syncthreads\(\);|__syncwarp\(\);|__threadfence(_block|_system)?\(\);|__pipeline_wait_prior\(\w+\);)re"
      R"re(|\b\w+\.sync\(\);|cg::wait(_prior<\d+>)?\(\w+\);)re"
      R"re(|asm volatile\("(membar|fence|bar\.|barrier\.|cp\.async\.wait)[^"]*"[^;]*\);)re");
  return pattern;
}

// A call with parentheses in its arguments at most one deep.
const std::regex& async_call() {
  static const std::regex pattern(
      R"re(\b(init_barrier|fence_barrier_init|arrive|arrive_expecting|wait_for|fence_to_async|load_box|load_bytes)re"
      R"re(|store_box|commit_stores|wait_stores_read|wait_stores|fence_products|commit_products|wait_products<\d>)re"
      R"re(|load_box_of_pair|sync_cluster|allocate_columns<\d>|free_columns<\d>|fence_before_barrier)re"
      R"re(|fence_after_barrier|commit_to|commit_to_pair|copy_scales|wait_columns|wait_for_those_before))re"
      R"re(\(([^();]|\([^();]*\))*\);|asm volatile\("griddepcontrol\.wait[^;]*;"[^;]*\);)re");
  return pattern;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::string code_of(const std::string& line) {
  return line.substr(0, line.find("//"));
}

std::string next_code(const std::vector<std::string>& lines, std::size_t after) {
  for (std::size_t i = after + 1; i < lines.size(); ++i)
    if (const std::string code = trimmed(code_of(lines[i])); !code.empty()) return code;
  return "";
}

std::vector<Mutant> without_each(const std::regex& pattern, const std::string& source) {
  std::vector<std::string> lines = split(source, '\n');
  std::vector<Mutant> mutants;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string code = code_of(lines[i]);
    for (std::sregex_iterator at(code.begin(), code.end(), pattern), end; at != end; ++at) {
      Mutant mutant;
      mutant.line = static_cast<int>(i) + 1;
      mutant.removed = at->str();
      mutant.before = next_code(lines, i);
      const auto start = static_cast<std::size_t>(at->position());
      for (std::size_t j = 0; j < lines.size(); ++j) {
        std::string line = lines[j];
        if (j == i) line.replace(start, mutant.removed.size(), 1, ';');
        mutant.text += line;
        mutant.text += '\n';
      }
      mutants.push_back(std::move(mutant));
    }
  }
  return mutants;
}

}  // namespace

std::vector<Mutant> mutants_of(const std::string& source) {
  return without_each(ordering_call(), source);
}

std::vector<Mutant> async_mutants_of(const std::string& source) {
  return without_each(async_call(), source);
}

std::vector<Mutant> substitutes_of(const std::string& source, const std::string& text,
                                   const std::string& replacement) {
  const std::vector<std::string> lines = split(source, '\n');
  std::vector<Mutant> mutants;
  for (std::size_t at = source.find(text); at != std::string::npos; at = source.find(text, at + 1)) {
    Mutant mutant;
    const std::size_t end = at + text.size();
    mutant.line = static_cast<int>(std::count(source.begin(), source.begin() + std::ptrdiff_t(at), '\n')) + 1;
    mutant.removed = text + " => " + replacement;
    const auto last_line = std::count(source.begin(), source.begin() + std::ptrdiff_t(end), '\n');
    mutant.before = next_code(lines, static_cast<std::size_t>(last_line));
    mutant.text = source.substr(0, at) + replacement + source.substr(end);
    mutants.push_back(std::move(mutant));
  }
  return mutants;
}

std::vector<EquivalentMutant> read_equivalent_mutants(const std::string& text) {
  std::vector<EquivalentMutant> all;
  for (const std::string& line : split(text, '\n')) {
    if (trimmed(line).empty() || line[0] == '#') continue;
    std::vector<std::string> fields;
    for (const std::string& field : split(line, '|')) fields.push_back(trimmed(field));
    fields.resize(4);
    all.push_back({fields[0], fields[1], fields[2], fields[3]});
  }
  return all;
}

}  // namespace warpwright::golden
