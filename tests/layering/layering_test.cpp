// The house rules that can be checked by reading the sources: includes follow the arrows of the CMake
// targets, files and lines keep their size, and libraries that belong to one folder stay there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace warpwright {
namespace {
namespace fs = std::filesystem;

fs::path home() {
  return std::getenv("WARPWRIGHT_HOME");
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<fs::path> sources() {
  std::vector<fs::path> files;
  for (const char* top : {"src", "evaluator", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(home() / top)) {
      const std::string extension = entry.path().extension();
      const std::string path = entry.path();
      if ((extension == ".h" || extension == ".cpp") && path.find("/testdata/") == std::string::npos)
        files.push_back(fs::relative(entry.path(), home()));
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// "src/base/json.h" -> "src/base"
std::string folder_of(const fs::path& path) {
  auto part = path.begin();
  const std::string top = *part++;
  return part == path.end() ? top : top + "/" + part->string();
}

// What each folder's CMakeLists.txt links, closed transitively: the folders it may include.
std::map<std::string, std::set<std::string>> allowed_includes() {
  std::map<std::string, std::string> folder_of_target;
  std::map<std::string, std::vector<std::string>> links;
  const std::regex declaration(R"(warpwright_library\((\w+)(?: HOT)? LINK ([^)]*)\))");
  for (const char* top : {"src", "evaluator"}) {
    for (const auto& entry : fs::directory_iterator(home() / top)) {
      if (!fs::exists(entry.path() / "CMakeLists.txt")) continue;
      std::stringstream text;
      text << std::ifstream(entry.path() / "CMakeLists.txt").rdbuf();
      const std::string content = text.str();
      std::smatch match;
      if (!std::regex_search(content, match, declaration)) continue;
      const std::string folder = std::string(top) + "/" + entry.path().filename().string();
      folder_of_target[match[1]] = folder;
      std::stringstream names(match[2]);
      for (std::string name; names >> name;) links[folder].push_back(name);
    }
  }
  std::map<std::string, std::set<std::string>> allowed;
  for (const auto& [folder, names] : links) {
    std::vector<std::string> pending = names;
    while (!pending.empty()) {
      const std::string name = pending.back();
      pending.pop_back();
      auto target = folder_of_target.find(name);
      if (target == folder_of_target.end() || !allowed[folder].insert(target->second).second) continue;
      const auto& next = links[target->second];
      pending.insert(pending.end(), next.begin(), next.end());
    }
  }
  return allowed;
}

TEST(Layering, IncludesFollowTheArrowsOfTheTargets) {
  const auto allowed = allowed_includes();
  ASSERT_GT(allowed.size(), 10u);
  const std::regex include(R"(^\s*#\s*include\s+"((src|evaluator)/[^"]+)\")");
  for (const fs::path& path : sources()) {
    const std::string from = folder_of(path);
    if (from.starts_with("tests")) continue;
    for (const std::string& line : lines_of(home() / path)) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      const std::string to = folder_of(match[1].str());
      EXPECT_TRUE(to == from || allowed.at(from).contains(to))
          << path << " includes " << match[1] << ", but " << from << " does not link " << to;
    }
  }
}

TEST(Layering, TheOrchestratorNeverIncludesTheEvaluator) {
  for (const auto& [folder, targets] : allowed_includes()) {
    if (!folder.starts_with("src/")) continue;
    for (const std::string& target : targets)
      EXPECT_TRUE(target.starts_with("src/")) << folder << " links " << target;
  }
}

TEST(Layering, NoTwoFoldersIncludeEachOther) {
  const auto allowed = allowed_includes();
  for (const auto& [folder, targets] : allowed)
    EXPECT_FALSE(targets.contains(folder)) << folder << " reaches itself";
}

TEST(Layering, LibrariesAndSystemCallsStayInTheirFolder) {
  struct Rule {
    std::string pattern, home_folder;
  };
  const std::vector<Rule> rules = {{R"(include <sqlite3\.h>)", "src/journal"},
                                   {R"(include <curl/)", "src/llm"},
                                   {R"(include <yaml-cpp/)", "src/openevolve"},
                                   {R"(include <nvrtc\.h>|include <cuda\.h>|include <cupti)", "evaluator"},
                                   {R"(\b(fork|vfork|execvp|execve|execvpe|posix_spawn)\s*\()", "src/base"}};
  for (const fs::path& path : sources()) {
    if (path.string().find("_test.cpp") != std::string::npos || path.string().starts_with("tests")) continue;
    for (const std::string& line : lines_of(home() / path)) {
      if (line.find("//") != std::string::npos && line.find("//") < line.find_first_not_of(" /")) continue;
      for (const Rule& rule : rules) {
        if (path.string().starts_with(rule.home_folder)) continue;
        EXPECT_FALSE(std::regex_search(line, std::regex(rule.pattern))) << path << ": " << line;
      }
    }
  }
}

TEST(Tidy, FilesAndLinesKeepTheirSize) {
  for (const fs::path& path : sources()) {
    const auto lines = lines_of(home() / path);
    EXPECT_LE(lines.size(), 800u) << path << " wants to be split";
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find("R\"") != std::string::npos) continue;
      EXPECT_LE(lines[i].size(), 120u) << path << ":" << i + 1;
    }
  }
}

TEST(Tidy, HeadersSayPragmaOnceAndStartWithTheirPurpose) {
  for (const fs::path& path : sources()) {
    if (path.extension() != ".h" || path.string().starts_with("tests")) continue;
    const auto lines = lines_of(home() / path);
    ASSERT_FALSE(lines.empty()) << path;
    EXPECT_TRUE(lines[0].starts_with("//")) << path << " begins with a comment that says what it is for";
    EXPECT_NE(std::find(lines.begin(), lines.end(), "#pragma once"), lines.end()) << path;
  }
}

}  // namespace
}  // namespace warpwright
