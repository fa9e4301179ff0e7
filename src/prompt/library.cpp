#include "src/prompt/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "src/base/files.h"
#include "src/prompt/lines.h"
#include "src/prompt/text.h"

namespace warpwright::prompt {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

constexpr size_t kMaxFileBytes = 256 * 1024;

// The fields that each kind of template may use; build_prompt fills them.
const Names& system_fields() {
  static const Names kFields = {"plan_language", "definition", "interface", "reference",
                                "device",        "workloads",  "knowledge"};
  return kFields;
}
const Names& operator_fields() {
  static const Names kFields = {"standing", "emphasis", "parent",  "parent_times",  "parent_profile",
                                "evidence", "hints",    "history", "second_parent", "top",
                                "diverse",  "lessons",  "failures"};
  return kFields;
}
const Names& mismatch_fields() {
  static const Names kFields = {"problem"};
  return kFields;
}

// Without these an operator makes no sense, whatever an agent's own template says.
const std::map<std::string_view, Names>& required_fields() {
  static const std::map<std::string_view, Names> kRequired = {
      {"system", {"plan_language", "definition", "interface", "device", "workloads", "knowledge"}},
      {"mismatch", {"problem"}},
      {"rewrite", {"parent"}},
      {"diff", {"parent"}},
      {"plan", {"parent"}},
      {"crossover", {"parent", "second_parent"}},
      {"repair", {"parent", "evidence"}},
      {"research", {"lessons"}}};
  return kRequired;
}

const Names& shipped_templates() {
  static const Names kNames = {"system", "scratch", "rewrite",  "diff",    "crossover",
                               "repair", "plan",    "research", "mismatch"};
  return kNames;
}

// Where a text comes from: a path for errors, and the text.
struct File {
  std::string path;
  std::string_view text;
};

// The texts "prompts/<sub>NAME.md" by NAME, the agent's in place of ours.
std::map<std::string, File> markdown(const PromptLibrary::Files& files, const std::string& sub) {
  std::map<std::string, File> found;
  for (const std::string& root : {std::string("prompts/"), std::string("agent/prompts/")}) {
    const std::string folder = root + sub;
    for (const auto& [path, text] : files) {
      if (!path.starts_with(folder) || !path.ends_with(".md")) continue;
      const std::string name = path.substr(folder.size(), path.size() - folder.size() - 3);
      if (name.find('/') == std::string::npos && name != "README") found[name] = {path, text};
    }
  }
  return found;
}

Result<Template> read_template(const std::string& name, const File& file) {
  const Names& known = name == "system"     ? system_fields()
                       : name == "mismatch" ? mismatch_fields()
                                            : operator_fields();
  TRY_ASSIGN(Template result, Template::parse(file.text, file.path, known));
  const auto required = required_fields().find(name);
  if (required == required_fields().end()) return result;
  for (const std::string& field : required->second) {
    if (!result.uses(field))
      return usage_error(
          fmt::format("{}:1: field '{{{}}}' is missing: a {} prompt must show it", file.path, field, name));
  }
  return result;
}

// "[a, b]"
std::optional<Names> read_list(std::string_view text) {
  text = trim(text);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  Names items;
  while (!trim(text).empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string item(trim(text.substr(0, comma)));
    std::transform(item.begin(), item.end(), item.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (item.empty()) return std::nullopt;
    items.push_back(std::move(item));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

Result<void> read_header_line(std::string_view line, const std::string& where, Note& note) {
  const size_t colon = line.find(':');
  const std::string_view key = trim(line.substr(0, colon));
  const std::string_view value = colon == std::string_view::npos ? "" : trim(line.substr(colon + 1));
  if (key == "title" && !value.empty()) {
    note.title = value;
    return {};
  }
  if (key == "tags" || key == "needs") {
    const auto list = read_list(value);
    if (!list) return usage_error(fmt::format("{}: '{}' must be a list: {}: [a, b]", where, key, key));
    (key == "tags" ? note.tags : note.needs) = *list;
    return {};
  }
  return usage_error(fmt::format(
      "{}: a note's header holds 'title: ...', 'tags: [...]' and 'needs: [...]'; this is '{}'", where, line));
}

Result<Note> read_note(const std::string& name, const File& file) {
  const std::vector<std::string_view> lines = split_lines(file.text);
  Note note;
  note.name = name;
  const auto refuse = [&](std::string_view problem) {
    return usage_error(fmt::format("{}:1: {}", file.path, problem));
  };
  if (lines.empty() || trim(lines[0]) != "---")
    return refuse("a note begins with a line ---, 'title: ...', 'tags: [...]' and a line ---");
  size_t at = 1;
  for (; at < lines.size() && trim(lines[at]) != "---"; ++at)
    TRY(read_header_line(lines[at], fmt::format("{}:{}", file.path, at + 1), note));
  if (at == lines.size()) return refuse("the header of the note has no second line ---");
  if (note.title.empty()) return refuse("the note has no 'title: ...'");
  if (note.tags.empty()) return refuse("the note has no 'tags: [...]', so nothing would select it");
  for (++at; at < lines.size(); ++at) note.text.append(lines[at]).push_back('\n');
  note.text = std::string(trim_blank(note.text));
  return note;
}

// Lines "- text"; others are an error, so that a broken line is not lost.
Result<Names> read_emphases(const File& file) {
  Names emphases;
  size_t number = 0;
  for (const std::string_view line : split_lines(file.text)) {
    ++number;
    if (trim(line).empty()) continue;
    if (!line.starts_with("- "))
      return usage_error(fmt::format("{}:{}: each line must begin with '- '", file.path, number));
    emphases.emplace_back(trim(line.substr(2)));
  }
  return emphases;
}

Result<void> collect(const fs::path& folder, const std::string& prefix, PromptLibrary::Files& files) {
  for (const char* sub : {"", "knowledge/", "definitions/", "devices/"}) {
    for (const fs::path& path : list_files(folder / sub, ".md")) {
      TRY_ASSIGN(files[prefix + sub + path.filename().string()], read_file(path, kMaxFileBytes));
    }
  }
  return {};
}

}  // namespace

Result<PromptLibrary> PromptLibrary::load(const fs::path& home, const fs::path& agent_folder) {
  Files files;
  TRY(collect(home / "prompts", "prompts/", files));
  if (!agent_folder.empty()) TRY(collect(agent_folder / "prompts", "agent/prompts/", files));
  if (!agent_folder.empty() && fs::exists(agent_folder / "agent.toml")) {
    TRY_ASSIGN(files["agent.toml"], read_file(agent_folder / "agent.toml", kMaxFileBytes));
  }
  auto library = from_files(std::move(files));
  constexpr std::string_view kAgent = "agent/";
  if (!library && library.error().message.starts_with(kAgent))
    library.error().message = (agent_folder / library.error().message.substr(kAgent.size())).string();
  else if (!library)
    library.error().message = (home / library.error().message).string();
  return library;
}

Result<PromptLibrary> PromptLibrary::from_files(Files files) {
  PromptLibrary library;
  library.files_ = std::move(files);
  for (const auto& [name, file] : markdown(library.files_, "")) {
    if (name == "plan_language") {
      library.plan_language_ = file.text;
      continue;
    }
    if (name == "emphasis") {
      TRY_ASSIGN(library.emphases_, read_emphases(file));
      continue;
    }
    TRY_ASSIGN(Template one, read_template(name, file));
    library.templates_.emplace(name, std::move(one));
  }
  for (const std::string& name : shipped_templates())
    if (!library.templates_.contains(name))
      return usage_error(fmt::format("prompts/{}.md: the template is missing", name));
  if (library.plan_language_.empty()) return usage_error("prompts/plan_language.md: it is missing or empty");
  for (const auto& [name, file] : markdown(library.files_, "knowledge/")) {
    TRY_ASSIGN(Note note, read_note(name, file));
    library.notes_.push_back(std::move(note));
  }
  for (const auto& [name, file] : markdown(library.files_, "definitions/"))
    library.definitions_[name] = file.text;
  for (const auto& [name, file] : markdown(library.files_, "devices/")) library.devices_[name] = file.text;
  if (const auto toml = library.files_.find("agent.toml"); toml != library.files_.end())
    library.agent_toml_ = toml->second;
  return library;
}

const Template* PromptLibrary::find_operator(std::string_view op) const {
  if (op == "system" || op == "mismatch") return nullptr;
  const auto it = templates_.find(op);
  return it == templates_.end() ? nullptr : &it->second;
}

std::vector<std::string> PromptLibrary::operators() const {
  std::vector<std::string> names;
  for (const auto& [name, ignored] : templates_)
    if (find_operator(name) != nullptr) names.push_back(name);
  return names;
}

std::string PromptLibrary::definition(const std::string& name) const {
  const auto it = definitions_.find(name);
  return it == definitions_.end() ? "" : it->second;
}

std::string PromptLibrary::device(const std::string& name) const {
  const auto it = devices_.find(name);
  return it == devices_.end() ? "" : it->second;
}

std::string follow_up(const PromptLibrary& library, const ReplyProblem& problem) {
  constexpr size_t kMaxProblemBytes = 6000;
  return library.mismatch().render(
      {{"problem", fenced(cut_middle(problem.reason, kMaxProblemBytes).text, "text")}});
}

}  // namespace warpwright::prompt
