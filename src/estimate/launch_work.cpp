#include "src/estimate/launch_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace warpwright::estimate {
namespace {

constexpr int kCopyThreads = 512;
constexpr double kCopyCycles = 1500;  // a load, a store and the way there

using Field = std::pair<const char*, double LaunchWork::*>;
constexpr std::array<Field, 15> kFields = {{{"issue_slots", &LaunchWork::issue_slots},
                                            {"fma_slots", &LaunchWork::fma_slots},
                                            {"alu_slots", &LaunchWork::alu_slots},
                                            {"xu_slots", &LaunchWork::xu_slots},
                                            {"lsu_slots", &LaunchWork::lsu_slots},
                                            {"fp64_slots", &LaunchWork::fp64_slots},
                                            {"tensor_flops", &LaunchWork::tensor_flops},
                                            {"shared_wavefronts", &LaunchWork::shared_wavefronts},
                                            {"sectors_read", &LaunchWork::sectors_read},
                                            {"sectors_written", &LaunchWork::sectors_written},
                                            {"unique_sectors_read", &LaunchWork::unique_sectors_read},
                                            {"unique_sectors_written", &LaunchWork::unique_sectors_written},
                                            {"atomic_lanes", &LaunchWork::atomic_lanes},
                                            {"critical_path_cycles", &LaunchWork::critical_path_cycles},
                                            {"total_block_cycles", &LaunchWork::total_block_cycles}}};

Result<double> count_in(JsonObjectReader& reader, std::string_view key) {
  TRY_ASSIGN(const double value, reader.number_or(key, 0));
  if (std::isfinite(value) && value >= 0) return value;
  return usage_error(fmt::format("{}: '{}' must be a number from 0", reader.where(), key));
}

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

Json to_json(const LaunchWork& work) {
  Json json = {{"label", work.label},
               {"blocks", work.blocks},
               {"threads_per_block", work.block.threads},
               {"registers_per_thread", work.block.registers_per_thread},
               {"shared_bytes_per_block", work.block.shared_bytes},
               {"programmatic_dependent", work.programmatic_dependent}};
  for (const auto& [name, field] : kFields) json[name] = work.*field;
  return json;
}

Result<LaunchWork> launch_work_from_json(const Json& json, const std::string& where) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, where));
  LaunchWork work;
  TRY_ASSIGN(work.label, reader.string_or("label", ""));
  TRY_ASSIGN(work.blocks, reader.integer("blocks"));
  TRY_ASSIGN(const int64_t threads, reader.integer("threads_per_block"));
  TRY_ASSIGN(const int64_t registers, reader.integer_or("registers_per_thread", 0));
  TRY_ASSIGN(work.block.shared_bytes, reader.integer_or("shared_bytes_per_block", 0));
  if (work.blocks < 0 || threads < 1 || threads > 1024 || registers < 0 || registers > 255)
    return usage_error(
        fmt::format("{}: a launch has no negative number of blocks, 1 to 1024 threads a block "
                    "and at most 255 registers a thread",
                    where));
  work.block.threads = static_cast<int>(threads);
  work.block.registers_per_thread = static_cast<int>(registers);
  TRY_ASSIGN(work.programmatic_dependent, reader.boolean_or("programmatic_dependent", false));
  for (const auto& [name, field] : kFields) {
    TRY_ASSIGN(work.*field, count_in(reader, name));
  }
  return work;
}

LaunchWork copy_work(std::string label, int64_t bytes_read, int64_t bytes_written) {
  LaunchWork work;
  work.label = std::move(label);
  work.block.threads = kCopyThreads;
  const int64_t sectors_read = ceil_div(bytes_read, 32);
  const int64_t sectors_written = ceil_div(bytes_written, 32);
  work.blocks = std::max<int64_t>(1, ceil_div(std::max(sectors_read, sectors_written), 2 * kCopyThreads));
  work.sectors_read = work.unique_sectors_read = static_cast<double>(sectors_read);
  work.sectors_written = work.unique_sectors_written = static_cast<double>(sectors_written);
  work.critical_path_cycles = kCopyCycles;
  return work;
}

}  // namespace warpwright::estimate
