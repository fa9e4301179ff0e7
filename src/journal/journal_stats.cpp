#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <system_error>

#include "src/base/files.h"
#include "src/journal/inspect.h"
#include "src/journal/journal.h"
#include "src/journal/journal_file.h"

namespace warpwright::journal {
namespace {

namespace fs = std::filesystem;

int64_t bytes_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : static_cast<int64_t>(size);
}

void count_call(const events::Event& event, JournalStats& stats) {
  if (std::holds_alternative<events::EvaluationFinished>(event)) ++stats.evaluations;
  if (std::holds_alternative<events::CallStarted>(event)) ++stats.calls;
  if (const auto* answered = std::get_if<events::ModelAnswered>(&event)) {
    stats.input_tokens += answered->input_tokens;
    stats.output_tokens += answered->output_tokens;
    stats.microdollars += answered->cost_microdollars;
  }
  if (const auto* failed = std::get_if<events::CallFailed>(&event)) {
    ++stats.failed_calls;
    stats.microdollars += failed->charged_microdollars;
  }
}

// Row by row: `visit` gets the columns of select_events_sql.
Result<void> for_each_event(const OpenDb& open,
                            const std::function<Result<void>(const events::Record&, int64_t bytes)>& visit) {
  TRY_ASSIGN(auto statement, Statement::prepare(open.db, select_events_sql(open.format).c_str()));
  auto row = statement.use(open.db);
  row.bind(int64_t{0});
  std::string link;
  for (int64_t expected = 1;; ++expected) {
    TRY_ASSIGN(const bool found, row.step());
    if (!found) return {};
    const std::string kind = row.text(2), text = row.text(3);
    const std::string where = fmt::format("{}, event {}", open.db.path().string(), expected);
    link = is_chained(open.format) ? chain_of(link, row.integer(1), kind, text) : std::string();
    if (row.integer(0) != expected || link != row.text(4))
      return infrastructure_error(where + " is damaged or missing; `warpwright journal verify` says more");
    TRY_ASSIGN(const Json json, parse_json(text, where));
    auto event = events::event_from_json(kind, json);
    if (!event) return add_context(event.error(), where);
    TRY(visit({expected, row.integer(1), std::move(*event)},
              static_cast<int64_t>(kind.size() + text.size())));
  }
}

Json amounts_json(const std::map<std::string, Amount>& amounts) {
  Json json = Json::object();
  for (const auto& [name, amount] : amounts) json[name] = {{"count", amount.count}, {"bytes", amount.bytes}};
  return json;
}

Amount sum(const std::map<std::string, Amount>& amounts) {
  Amount all;
  for (const auto& [name, amount] : amounts) all += amount;
  return all;
}

}  // namespace

Amount& Amount::operator+=(const Amount& other) {
  count += other.count;
  bytes += other.bytes;
  return *this;
}
Amount JournalStats::all_events() const {
  return sum(events);
}
Amount JournalStats::all_blobs() const {
  return sum(blobs);
}
double JournalStats::bytes_per_evaluation() const {
  const auto bytes = static_cast<double>(all_events().bytes + all_blobs().bytes);
  return evaluations == 0 ? 0 : bytes / static_cast<double>(evaluations);
}

std::string iso_time(int64_t unix_ms) {
  const int64_t ms = ((unix_ms % 1000) + 1000) % 1000;
  const auto seconds = static_cast<std::time_t>((unix_ms - ms) / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc, ms);
}

Result<JournalStats> journal_stats(const fs::path& run_directory) {
  TRY_ASSIGN(const OpenDb open, open_for_reading(run_directory));
  TRY(open.db.execute("BEGIN"));
  JournalStats stats;
  stats.format = static_cast<int>(open.format);
  stats.database_bytes = bytes_of(journal_path(run_directory));
  stats.log_bytes = bytes_of(journal_path(run_directory).string() + "-wal");
  std::map<std::string, std::string> named_by;
  TRY(for_each_event(open, [&](const events::Record& record, int64_t bytes) -> Result<void> {
    const std::string kind(events::kind_of(record.event));
    stats.events[kind] += {1, bytes};
    if (record.seq == 1) stats.first_ms = record.unix_ms;
    stats.last_ms = record.unix_ms;
    count_call(record.event, stats);
    for (const std::string& hash : events::blobs_of(record.event)) named_by.emplace(hash, kind);
    return {};
  }));
  TRY_ASSIGN(auto statement, Statement::prepare(open.db, "SELECT hash, length(bytes) FROM blobs"));
  auto row = statement.use(open.db);
  for (;;) {
    TRY_ASSIGN(const bool found, row.step());
    if (!found) return stats;
    const auto name = named_by.find(row.text(0));
    stats.blobs[name == named_by.end() ? "unnamed" : name->second] += {1, row.integer(1)};
  }
}

Json to_json(const JournalStats& stats) {
  return {{"format", stats.format},
          {"database_bytes", stats.database_bytes},
          {"log_bytes", stats.log_bytes},
          {"events", amounts_json(stats.events)},
          {"blobs", amounts_json(stats.blobs)},
          {"first", iso_time(stats.first_ms)},
          {"last", iso_time(stats.last_ms)},
          {"evaluations", stats.evaluations},
          {"calls", stats.calls},
          {"failed_calls", stats.failed_calls},
          {"input_tokens", stats.input_tokens},
          {"output_tokens", stats.output_tokens},
          {"dollars", static_cast<double>(stats.microdollars) / 1e6},
          {"bytes_per_evaluation", stats.bytes_per_evaluation()}};
}

Result<void> export_events(const fs::path& run_directory,
                           const std::function<Result<void>(const std::string&)>& line) {
  TRY_ASSIGN(const OpenDb open, open_for_reading(run_directory));
  TRY(open.db.execute("BEGIN"));
  return for_each_event(open, [&](const events::Record& record, int64_t) {
    // Not one object dumped: seq, time and kind come first for whoever reads it.
    return line(fmt::format(R"({{"seq":{},"time":"{}","kind":"{}","event":{}}})", record.seq,
                            iso_time(record.unix_ms), events::kind_of(record.event),
                            dump_json(events::to_json(record.event))));
  });
}

Result<int64_t> export_blobs(const fs::path& run_directory, const fs::path& folder) {
  TRY_ASSIGN(const Journal journal, Journal::open_read_only(run_directory));
  TRY_ASSIGN(const OpenDb open, open_for_reading(run_directory));
  TRY(warpwright::create_directories(folder));
  TRY_ASSIGN(auto statement, Statement::prepare(open.db, "SELECT hash FROM blobs"));
  auto row = statement.use(open.db);
  for (int64_t count = 0;; ++count) {
    TRY_ASSIGN(const bool found, row.step());
    if (!found) return count;
    const std::string hash = row.text(0);
    TRY_ASSIGN(const std::string bytes, journal.blob(hash));  // checks it: the name is then a hash
    TRY(write_file_atomic(folder / hash, bytes));
  }
}

}  // namespace warpwright::journal
