#include "src/estimate/measurements.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "src/base/files.h"

namespace warpwright::estimate {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxComplaints = 10;
constexpr size_t kMaxFileBytes = size_t{256} << 20;

Result<std::map<std::string, int64_t>> axes_of(const Json& json, const std::string& at) {
  std::map<std::string, int64_t> axes;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_number_integer())
      return usage_error(fmt::format("{}: axis '{}' must be an integer", at, name));
    axes[name] = value.get<int64_t>();
  }
  return axes;
}

Result<KnobValues> knobs_of(const Json& json, const std::string& at) {
  KnobValues knobs;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string() && !value.is_number() && !value.is_boolean())
      return usage_error(fmt::format("{}: knob '{}' must be a string or a number", at, name));
    knobs[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return knobs;
}

Result<void> read_work(JsonObjectReader& reader, const fs::path& folder, Measurement& record) {
  TRY_ASSIGN(const std::string source, reader.string_or("source", ""));
  if (!source.empty()) record.source = fs::path(source).is_absolute() ? fs::path(source) : folder / source;
  if (reader.has("launches")) {
    TRY_ASSIGN(const Json* launches, reader.array("launches"));
    for (const Json& launch : *launches) {
      const bool is_wrapped = launch.is_object() && launch.contains("counters");  // as in a report
      TRY_ASSIGN(LaunchWork work, launch_work_from_json(is_wrapped ? launch.at("counters") : launch,
                                                        record.at + ": launches"));
      record.launches.push_back(std::move(work));
    }
  }
  if (record.launches.empty() && record.source.empty())
    return usage_error(
        fmt::format("{}: needs 'source' (the kernel's file) or 'launches' (its counters)", record.at));
  return {};
}

Result<Measurement> record_of(const Json& json, const std::string& at, const fs::path& folder) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, at));
  Measurement record;
  record.at = at;
  TRY_ASSIGN(record.definition, reader.string("definition"));
  TRY_ASSIGN(record.device, reader.string("device"));
  TRY_ASSIGN(record.method, reader.string_or("method", ""));
  TRY_ASSIGN(record.latency_us, reader.number("latency_us"));
  if (!std::isfinite(record.latency_us) || record.latency_us <= 0)
    return usage_error(fmt::format("{}: 'latency_us' must be above zero", at));
  TRY_ASSIGN(const Json* axes, reader.object("axes"));
  TRY_ASSIGN(record.axes, axes_of(*axes, at));
  if (reader.has("knobs")) {
    TRY_ASSIGN(const Json* knobs, reader.object("knobs"));
    TRY_ASSIGN(record.knobs, knobs_of(*knobs, at));
  }
  TRY(read_work(reader, folder, record));
  return record;
}

class Collector {
 public:
  explicit Collector(const fs::path& path) : path_(path) {}

  void add(const Result<Json>& json, const std::string& at) {
    if (!json) return complain(json.error().message);
    auto record = record_of(*json, at, path_.parent_path());
    if (!record) return complain(record.error().message);
    records_.push_back(std::move(*record));
  }
  void complain(const std::string& message) {
    if (++count_ <= kMaxComplaints) complaints_ += (complaints_.empty() ? "" : "\n") + message;
  }
  Result<std::vector<Measurement>> take() {
    if (count_ > kMaxComplaints) complaints_ += fmt::format("\n... and {} more", count_ - kMaxComplaints);
    if (count_ > 0) return usage_error(complaints_);
    if (records_.empty()) return usage_error(fmt::format("{}: no records", path_.string()));
    return std::move(records_);
  }

 private:
  const fs::path& path_;
  std::vector<Measurement> records_;
  std::string complaints_;
  size_t count_ = 0;
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

Json number_or_text(std::string_view text) {
  int64_t integer = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (error == std::errc() && end == text.data() + text.size()) return integer;
  return std::string(text);
}

// "batch_size=64;x=3"
Result<Json> assignments(std::string_view text, const std::string& at) {
  Json object = Json::object();
  for (const std::string_view part : split(text, ';')) {
    if (trim(part).empty()) continue;
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos)
      return usage_error(fmt::format("{}: '{}' must be NAME=VALUE", at, trim(part)));
    object[std::string(trim(part.substr(0, equals)))] = number_or_text(trim(part.substr(equals + 1)));
  }
  return object;
}

Result<Json> row_of(const std::vector<std::string_view>& header, std::string_view line,
                    const std::string& at) {
  const auto cells = split(line, ',');
  if (cells.size() != header.size())
    return usage_error(fmt::format("{}: {} cells, but the header has {}", at, cells.size(), header.size()));
  Json row = Json::object();
  for (size_t k = 0; k < cells.size(); ++k) {
    const std::string name(trim(header[k]));
    const std::string_view cell = trim(cells[k]);
    if (name == "axes" || name == "knobs") {
      TRY_ASSIGN(row[name], assignments(cell, at));
    } else if (name == "latency_us") {
      double value = 0;
      const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      if (error != std::errc() || end != cell.data() + cell.size())
        return usage_error(fmt::format("{}: latency_us '{}' is not a number", at, cell));
      row[name] = value;
    } else if (!cell.empty()) {
      row[name] = std::string(cell);
    }
  }
  return row;
}

void parse_lines(std::string_view text, const fs::path& path, Collector& collector) {
  const bool is_table = path.extension() == ".csv";
  std::vector<std::string_view> header;
  int number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string at = fmt::format("{}:{}", path.string(), number);
    if (is_table && header.empty())
      header = split(line, ',');
    else
      collector.add(is_table ? row_of(header, line, at) : parse_json(line, at), at);
  }
}

}  // namespace

Result<std::vector<Measurement>> parse_measurements(std::string_view text, const fs::path& path) {
  Collector collector(path);
  if (path.extension() != ".json") {
    parse_lines(text, path, collector);
    return collector.take();
  }
  TRY_ASSIGN(const Json json, parse_json(text, path.string()));
  if (!json.is_array()) return usage_error(fmt::format("{}: must be an array of records", path.string()));
  for (size_t k = 0; k < json.size(); ++k)
    collector.add(json[k], fmt::format("{}: record {}", path.string(), k + 1));
  return collector.take();
}

Result<std::vector<Measurement>> read_measurements(const fs::path& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kMaxFileBytes));
  return parse_measurements(text, path);
}

}  // namespace warpwright::estimate
