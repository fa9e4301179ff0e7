#include "src/trace/dataset.h"
#include "src/base/edit_distance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>

#include "src/base/files.h"
#include "src/trace/safetensors.h"

namespace warpwright::trace {
namespace {

namespace fs = std::filesystem;
constexpr size_t kMaxDatasetFileBytes = 64u << 20;
constexpr size_t kMaxSuggestions = 8;

// Regular files below `folder` with this extension, sorted, so that results do not depend on the file system.
std::vector<fs::path> files_below(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored) && it->path().extension() == extension) files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<fs::path> find_by_stem(const fs::path& folder, std::string_view stem,
                                     std::string_view extension) {
  for (const fs::path& file : files_below(folder, extension)) {
    if (file.stem() == stem) return file;
  }
  return std::nullopt;
}

Result<void> require_dataset(const fs::path& folder, std::string_view origin) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    return usage_error(fmt::format("{}: {} is not a folder", origin, folder.string()));
  if (!fs::is_directory(folder / "definitions", error))
    return usage_error(fmt::format("{}: {} holds no folder definitions/", origin, folder.string()));
  return {};
}

Error unknown_definition(std::string_view name, std::vector<std::string> known) {
  if (known.empty())
    return Error{ErrorKind::kUsage,
                 fmt::format("unknown definition '{}': no dataset has any definition", name)};
  std::stable_sort(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  const size_t more = known.size() > kMaxSuggestions ? known.size() - kMaxSuggestions : 0;
  known.resize(known.size() - more);
  return Error{ErrorKind::kUsage,
               fmt::format("unknown definition '{}'; there are: {}{}", name, fmt::join(known, ", "),
                           more > 0 ? fmt::format(", and {} more", more) : "")};
}

Result<std::string> read_text(const fs::path& file, const fs::path& folder) {
  TRY_ASSIGN(std::string text, read_file(file, kMaxDatasetFileBytes));
  if (is_lfs_pointer(text))
    return usage_error(
        fmt::format("{}: is a Git LFS pointer, its text was not fetched: cd {} && git lfs pull",
                    file.string(), folder.string()));
  return text;
}

Result<LoadedDefinition> load_from(const fs::path& folder, const fs::path& file, std::string_view name) {
  LoadedDefinition loaded;
  loaded.dataset = folder;
  TRY_ASSIGN(const std::string text, read_text(file, folder));
  TRY_ASSIGN(loaded.definition, parse_definition(text, file.string()));
  if (loaded.definition.name != name)
    return usage_error(
        fmt::format("{}: name '{}' does not match the file's name", file.string(), loaded.definition.name));
  if (const auto workloads = find_by_stem(folder / "workloads", name, ".jsonl")) {
    TRY_ASSIGN(const std::string lines, read_text(*workloads, folder));
    TRY_ASSIGN(loaded.workloads,
               parse_workloads(lines, loaded.definition, workloads->string(), folder.string()));
  }
  return loaded;
}

}  // namespace

Result<DatasetPath> DatasetPath::open(const std::vector<fs::path>& extra) {
  DatasetPath path;
  for (const fs::path& folder : extra) {
    TRY(require_dataset(folder, "dataset"));
    path.folders_.push_back(folder);
  }
  const char* from_environment = std::getenv("FIB_DATASET_PATH");
  if (from_environment != nullptr && *from_environment != '\0') {
    TRY(require_dataset(from_environment, "FIB_DATASET_PATH"));
    path.folders_.emplace_back(from_environment);
  }
  const Result<fs::path> home = find_home();
  if (home) path.folders_.push_back(*home / "configs" / "trace");
  if (path.folders_.empty()) return tl::unexpected(home.error());
  return path;
}

Result<LoadedDefinition> DatasetPath::load(std::string_view definition_name) const {
  for (const fs::path& folder : folders_) {
    if (const auto file = find_by_stem(folder / "definitions", definition_name, ".json"))
      return load_from(folder, *file, definition_name);
  }
  return tl::unexpected(unknown_definition(definition_name, definition_names()));
}

std::vector<std::string> DatasetPath::definition_names() const {
  std::set<std::string> names;
  for (const fs::path& folder : folders_) {
    for (const fs::path& file : files_below(folder / "definitions", ".json"))
      names.insert(file.stem().string());
  }
  return {names.begin(), names.end()};
}

}  // namespace warpwright::trace
