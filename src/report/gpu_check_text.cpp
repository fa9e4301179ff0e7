#include "src/report/gpu_check_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace warpwright::report {
namespace {

std::string_view word_for(PartResult::Outcome outcome) {
  switch (outcome) {
    case PartResult::Outcome::kPassed:
      return "passed";
    case PartResult::Outcome::kFailed:
      return "FAILED";
    case PartResult::Outcome::kSkipped:
      return "skipped";
  }
  return "";
}

std::string cell(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.replace(at, 1, "\\|");
  return text;
}

std::string row(const Json& cells) {
  std::string line = "|";
  for (const Json& one : cells) line += " " + cell(one.get<std::string>()) + " |";
  return line + "\n";
}

std::string table(const Json& table) {
  std::string text =
      fmt::format("\n**{}**\n\n", table["title"].get<std::string>()) + row(table["header"]) + "|";
  for (size_t k = 0; k < table["header"].size(); ++k) text += "---|";
  text += "\n";
  for (const Json& cells : table["rows"]) text += row(cells);
  return text;
}

std::vector<Json> in_order(const Json& parts) {
  std::vector<Json> list;
  for (const auto& [name, part] : parts.items()) list.push_back(part);
  std::sort(list.begin(), list.end(),
            [](const Json& a, const Json& b) { return a["order"].get<int>() < b["order"].get<int>(); });
  return list;
}

std::string section(const Json& part) {
  std::string text =
      fmt::format("\n## {}: {}\n", part["title"].get<std::string>(), part["outcome"].get<std::string>());
  if (!part["message"].get<std::string>().empty()) text += "\n" + part["message"].get<std::string>() + "\n";
  for (const Json& note : part["notes"]) text += "\n" + note.get<std::string>() + "\n";
  for (const Json& one : part["tables"]) text += table(one);
  return text + fmt::format("\n({:.1f} s)\n", part["seconds"].get<double>());
}

}  // namespace

void PartResult::fail(std::string why) {
  if (outcome != Outcome::kFailed) message = std::move(why);
  outcome = Outcome::kFailed;
}

Json to_json(const PartResult& result) {
  Json tables = Json::array();
  for (const Table& one : result.tables)
    tables.push_back({{"title", one.title}, {"header", one.header}, {"rows", one.rows}});
  return {{"outcome", word_for(result.outcome)},
          {"message", result.message},
          {"notes", result.notes},
          {"tables", std::move(tables)},
          {"seconds", result.seconds}};
}

bool has_failure(const Json& document) {
  const auto& parts = document["parts"];
  return std::any_of(parts.begin(), parts.end(),
                     [](const Json& part) { return part["outcome"] == "FAILED"; });
}

std::string verdict_of(const Json& document) {
  std::vector<std::string> failed, skipped;
  for (const auto& [name, part] : document["parts"].items()) {
    if (part["outcome"] == "FAILED") failed.push_back(name);
    if (part["outcome"] == "skipped") skipped.push_back(name);
  }
  const size_t ran = document["parts"].size() - skipped.size();
  std::string text =
      failed.empty() ? fmt::format("all {} parts that ran passed", ran)
                     : fmt::format("{} of {} parts FAILED: {}", failed.size(), ran, fmt::join(failed, ", "));
  if (!skipped.empty()) text += fmt::format("; skipped: {}", fmt::join(skipped, ", "));
  return text;
}

std::string to_markdown(const Json& document) {
  const auto field = [&](const char* name) { return document[name].get<std::string>(); };
  std::string text = fmt::format("# {}\n\n{}.\n\n", field("title"), verdict_of(document));
  text +=
      fmt::format("| | |\n|---|---|\n| date | {} |\n| executor | {} |\n| device | {} |\n| times are | {} |\n",
                  field("date"), field("executor"), cell(field("device")), field("times"));
  for (const auto& [name, version] : document["versions"].items())
    text += fmt::format("| {} | {} |\n", name, cell(version.get<std::string>()));
  for (const Json& part : in_order(document["parts"])) text += section(part);
  return text;
}

}  // namespace warpwright::report
