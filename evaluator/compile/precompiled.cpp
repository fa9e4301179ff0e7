#include "evaluator/compile/precompiled.h"

#include <fmt/format.h>

#include <cstdlib>
#include <limits>
#include <utility>

#include "evaluator/compile/headers.h"
#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/base/json.h"

namespace warpwright::compile {
namespace fs = std::filesystem;
namespace {

// Raise it whenever what an entry says would come out differently.
constexpr const char* kFormat = "1";

std::string manifest_text(const std::string& nvrtc) {
  return dump_json(Json{{"format", kFormat}, {"nvrtc", nvrtc}}, 2) + "\n";
}

Result<std::string> read_manifest(const fs::path& folder) {
  const fs::path path = folder / "manifest.json";
  TRY_ASSIGN(const std::string text, read_file(path, 1 << 16));
  TRY_ASSIGN(const Json json, parse_json(text, path.string()));
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, path.string()));
  TRY_ASSIGN(const std::string format, reader.string("format"));
  TRY_ASSIGN(std::string nvrtc, reader.string("nvrtc"));
  if (format == kFormat) return nvrtc;
  return infrastructure_error(fmt::format("{}: results of format {}, this version reads {}; make them again",
                                          path.string(), format, kFormat));
}

// Options that only say where the headers lie or how NVRTC itself caches are the toolkit's, not the
// request's.
std::string key_of(const CompileJob& job) {
  FieldHasher hasher;
  hasher.add(kFormat).add(job.source_name).add(job.target);
  for (const std::string& option : compile_options(Toolkit(), job.target)) hasher.add(option);
  for (const MemoryHeader& header : memory_headers()) hasher.add(header.name).add(header.text);
  for (const CompileUnit& unit : job.units) {
    hasher.add(unit.name).add(unit.prelude).add(unit.text).add(std::to_string(unit.name_expressions.size()));
    for (const std::string& expression : unit.name_expressions) hasher.add(expression);
  }
  return hasher.hex();
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

PrecompiledResults::PrecompiledResults(fs::path folder, std::string nvrtc)
    : folder_(std::move(folder)),
      nvrtc_(std::move(nvrtc)),
      entries_(std::make_unique<CompileCache>(folder_, std::numeric_limits<uint64_t>::max())) {}

Result<PrecompiledResults> PrecompiledResults::open(const fs::path& folder) {
  auto nvrtc = read_manifest(folder);
  if (!nvrtc) return infrastructure_error(nvrtc.error().message);
  return PrecompiledResults(folder, std::move(*nvrtc));
}

Result<PrecompiledResults> PrecompiledResults::create(const fs::path& folder, const std::string& nvrtc) {
  TRY(warpwright::create_directories(folder));
  std::error_code ignored;
  if (!fs::exists(folder / "manifest.json", ignored)) {
    TRY(write_file_atomic(folder / "manifest.json", manifest_text(nvrtc)));
  }
  TRY_ASSIGN(PrecompiledResults results, open(folder));
  if (results.nvrtc() == nvrtc) return results;
  return infrastructure_error(fmt::format("{} holds results of NVRTC {}, this is {}: remove it first",
                                          folder.string(), results.nvrtc(), nvrtc));
}

std::optional<CompileAnswer> PrecompiledResults::get(const CompileJob& job) {
  const auto bytes = entries_->get(key_of(job));
  return bytes ? decode_answer(*bytes) : std::nullopt;
}

void PrecompiledResults::put(const CompileJob& job, const CompileAnswer& answer) {
  if (answer.machine_error.empty() && answer.usage_error.empty()) entries_->put(key_of(job), encode(answer));
}

std::optional<fs::path> find_precompiled() {
  if (const char* named = environment("WARPWRIGHT_PRECOMPILED")) return fs::path(named);
  std::vector<fs::path> places = {program_directory() / "precompiled"};
  if (const auto home = find_home()) places.push_back(*home / "precompiled");
  std::error_code ignored;
  for (const fs::path& place : places)
    if (fs::exists(place / "manifest.json", ignored)) return place;
  return std::nullopt;
}

}  // namespace warpwright::compile
