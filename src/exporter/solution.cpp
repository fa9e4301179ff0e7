#include "src/exporter/solution.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <system_error>

#include "src/base/files.h"

namespace warpwright::exporter {

namespace fs = std::filesystem;

namespace {

constexpr std::array kLanguages = {"python", "triton", "cpp", "cuda", "tilelang"};
constexpr std::array kBindings = {"tvm-ffi", "torch"};

template <size_t N>
bool is_one_of(const Json& value, const std::array<const char*, N>& choices) {
  return value.is_string() &&
         std::find(choices.begin(), choices.end(), value.get_ref<const std::string&>()) != choices.end();
}

class SchemaCheck {
 public:
  explicit SchemaCheck(const Json& solution) : solution_(solution) {}

  std::vector<std::string> run() {
    if (!solution_.is_object()) return {"the solution must be an object"};
    known_keys(solution_, "", {"name", "definition", "author", "description", "spec", "sources"});
    for (const char* key : {"name", "definition", "author"}) non_empty_string(solution_, "", key);
    if (solution_.contains("description") && !solution_["description"].is_null() &&
        !solution_["description"].is_string()) {
      add("description must be a string or null");
    }
    sources();
    spec();
    return std::move(violations_);
  }

 private:
  void add(std::string violation) { violations_.push_back(std::move(violation)); }

  // The schema ignores unknown keys; ours must not have any, since they are mistakes.
  void known_keys(const Json& object, const std::string& where, const std::set<std::string>& known) {
    for (const auto& [key, value] : object.items()) {
      if (known.count(key) == 0) add(fmt::format("unknown key '{}{}'", where, key));
    }
  }

  bool non_empty_string(const Json& object, const std::string& where, const char* key) {
    const bool good =
        object.contains(key) && object[key].is_string() && !object[key].get_ref<const std::string&>().empty();
    if (!good) add(fmt::format("{}{} must be a non-empty string", where, key));
    return good;
  }

  void sources() {
    if (!solution_.contains("sources") || !solution_["sources"].is_array() || solution_["sources"].empty()) {
      add("sources must be a non-empty list");
      return;
    }
    for (const Json& source : solution_["sources"]) {
      if (!source.is_object()) {
        add("a source must be an object");
        continue;
      }
      known_keys(source, "sources.", {"path", "content"});
      non_empty_string(source, "sources.", "content");
      if (non_empty_string(source, "sources.", "path")) path(source["path"].get<std::string>());
    }
  }

  void path(const std::string& text) {
    const fs::path path(text);
    if (path.is_absolute()) add(fmt::format("source path '{}' is absolute", text));
    if (std::find(path.begin(), path.end(), "..") != path.end())
      add(fmt::format("source path '{}' has '..'", text));
    if (!paths_.insert(text).second) add(fmt::format("source path '{}' is there twice", text));
  }

  void spec() {
    if (!solution_.contains("spec") || !solution_["spec"].is_object()) {
      add("spec must be an object");
      return;
    }
    const Json& spec = solution_["spec"];
    known_keys(spec, "spec.",
               {"language", "target_hardware", "entry_point", "dependencies", "destination_passing_style",
                "binding"});
    if (!spec.contains("language") || !is_one_of(spec["language"], kLanguages)) {
      add("spec.language must be python, triton, cpp, cuda or tilelang");
    }
    strings(spec, "target_hardware", /*required=*/true);
    strings(spec, "dependencies", /*required=*/false);
    if (spec.contains("destination_passing_style") && !spec["destination_passing_style"].is_boolean()) {
      add("spec.destination_passing_style must be true or false");
    }
    if (spec.contains("binding") && !spec["binding"].is_null() && !is_one_of(spec["binding"], kBindings)) {
      add("spec.binding must be tvm-ffi, torch or null");
    }
    if (non_empty_string(spec, "spec.", "entry_point")) entry_point(spec["entry_point"].get<std::string>());
  }

  void strings(const Json& spec, const char* key, bool required) {
    if (!spec.contains(key) && !required) return;
    const bool is_list = spec.contains(key) && spec[key].is_array() && !(required && spec[key].empty());
    const bool good = is_list && std::all_of(spec[key].begin(), spec[key].end(), [](const Json& item) {
                        return item.is_string() && !item.get_ref<const std::string&>().empty();
                      });
    if (!good)
      add(fmt::format("spec.{} must be a {}list of non-empty strings", key, required ? "non-empty " : ""));
  }

  void entry_point(const std::string& text) {
    const size_t colons = text.find("::");
    size_t count = 0;
    for (size_t at = colons; at != std::string::npos; at = text.find("::", at + 2)) ++count;
    if (count != 1) {
      add(fmt::format("spec.entry_point '{}' must have exactly one '::'", text));
      return;
    }
    if (!paths_.empty() && paths_.count(text.substr(0, colons)) == 0) {
      add(fmt::format("spec.entry_point's file '{}' is not among the sources", text.substr(0, colons)));
    }
    if (colons + 2 == text.size()) add("spec.entry_point names no function");
  }

  const Json& solution_;
  std::set<std::string> paths_;
  std::vector<std::string> violations_;
};

constexpr const char* kManifest = "solution.json";

// One of our exports: its solution.json says so in the first line of the entry file.
bool is_own_export(const fs::path& folder) {
  const auto text = read_file(folder / kManifest, size_t{64} << 20);
  if (!text) return false;
  const auto json = parse_json(*text, kManifest);
  if (!json || !schema_violations(*json).empty()) return false;
  const std::string content = (*json)["sources"][0]["content"].get<std::string>();
  return content.substr(0, content.find('\n')).find("warpwright") != std::string::npos;
}

Result<void> write_files(const ExportedSolution& solution, const fs::path& folder) {
  for (const SourceFile& file : solution.files) {
    const fs::path path = folder / "sources" / file.path;
    TRY(warpwright::create_directories(path.parent_path()));
    TRY(write_file_atomic(path, file.content));
  }
  return write_file_atomic(folder / kManifest, dump_json(solution.solution_json, 2) + "\n");
}

Result<void> write_new_folder(const ExportedSolution& solution, const fs::path& folder) {
  const fs::path parent = fs::absolute(folder).parent_path();
  TRY(warpwright::create_directories(parent));
  const fs::path partial = parent / fmt::format(".{}.partial-{}", folder.filename().string(), ::getpid());
  std::error_code error;
  auto written = write_files(solution, partial);
  if (written) {
    fs::rename(partial, fs::absolute(folder), error);  // replaces an empty folder too
    if (error) written = infrastructure_error(fmt::format("{}: {}", folder.string(), error.message()));
  }
  std::error_code ignored;
  if (!written) fs::remove_all(partial, ignored);
  return written;
}

}  // namespace

std::vector<std::string> schema_violations(const Json& solution) {
  return SchemaCheck(solution).run();
}

Result<void> write_solution(const ExportedSolution& solution, const fs::path& folder_given,
                            Overwrite overwrite) {
  // "out/" names the same folder as "out".
  const fs::path folder = folder_given.has_filename() ? folder_given : folder_given.parent_path();
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) return write_new_folder(solution, folder);
  if (!fs::is_directory(status)) {
    return usage_error(fmt::format("{} is not a folder; name another with --out", folder.string()));
  }
  const bool empty = fs::is_empty(folder, error);
  if (error) return infrastructure_error(fmt::format("{}: {}", folder.string(), error.message()));
  if (empty) return write_new_folder(solution, folder);
  if (overwrite == Overwrite::kOwnExports && !is_own_export(folder)) {
    return usage_error(fmt::format(
        "{} is not empty and holds no export of warpwright; name another with --out, or pass --force",
        folder.string()));
  }
  return write_files(solution, folder);
}

}  // namespace warpwright::exporter
