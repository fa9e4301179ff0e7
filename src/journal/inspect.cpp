#include "src/journal/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/hash.h"
#include "src/journal/journal_file.h"

namespace warpwright::journal {
namespace {

using events::Event;
using events::Record;

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// One pass over everything, with what was seen of events to hold blobs and results against.
class Inspector {
 public:
  explicit Inspector(const OpenDb& open) : db_(open.db), format_(open.format) {
    inspection_.format = static_cast<int>(open.format);
  }

  // What cannot be read any further is a finding, too.
  Inspection run() {
    for (const auto step : {&Inspector::check_database, &Inspector::check_events, &Inspector::check_blobs,
                            &Inspector::check_results}) {
      const auto done = (this->*step)();
      if (!done) find(0, done.error().message);
    }
    std::stable_sort(inspection_.findings.begin(), inspection_.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.seq < b.seq; });
    return std::move(inspection_);
  }

 private:
  void find(int64_t seq, std::string what) {
    inspection_.findings.push_back({seq, one_line(std::move(what))});
  }

  Result<void> check_database() {
    TRY_ASSIGN(auto statement, Statement::prepare(db_, "PRAGMA integrity_check(20)"));
    auto row = statement.use(db_);
    for (;;) {
      TRY_ASSIGN(const bool found, row.step());
      if (!found) return {};
      if (row.text(0) != "ok") find(0, "SQLite: " + row.text(0));
    }
  }

  Result<void> check_events() {
    TRY_ASSIGN(auto statement, Statement::prepare(db_, select_events_sql(format_).c_str()));
    auto row = statement.use(db_);
    row.bind(int64_t{0});
    std::string link;
    for (int64_t expected = 1;; ++expected) {
      TRY_ASSIGN(const bool found, row.step());
      if (!found) return {};
      const int64_t seq = row.integer(0);
      if (seq != expected)
        spoil(seq, fmt::format("{} missing before it",
                               seq == expected + 1 ? fmt::format("event {} is", expected)
                                                   : fmt::format("events {} to {} are", expected, seq - 1)));
      expected = seq;
      ++inspection_.events;
      check_event(seq, row, link);
    }
  }

  void spoil(int64_t seq, std::string what) {
    is_whole_ = false;
    find(seq, std::move(what));
  }

  void check_event(int64_t seq, Statement::Use& row, std::string& link) {
    const int64_t unix_ms = row.integer(1);
    const std::string kind = row.text(2), text = row.text(3);
    if (is_chained(format_)) {
      if (chain_of(link, unix_ms, kind, text) != row.text(4))
        spoil(seq, "it is not what was written, or not in its place");
      link = row.text(4);  // goes on from here: the next one is held against what stands before it
    }
    const auto json = parse_json(text, "its text");
    if (!json) return spoil(seq, json.error().message);
    auto event = events::event_from_json(kind, *json);
    if (!event) return spoil(seq, event.error().message);
    for (const std::string& hash : events::blobs_of(*event)) named_.emplace(hash, seq);
    if (const auto* finished = std::get_if<events::EvaluationFinished>(&*event)) note_result(seq, *finished);
    if (is_whole_) inspection_.records.push_back({seq, unix_ms, std::move(*event)});
  }

  // Equal programs are evaluated once.
  void note_result(int64_t seq, const events::EvaluationFinished& finished) {
    ++inspection_.results;
    const auto [known, is_new] =
        results_.try_emplace(finished.result_key, StoredResult{seq, finished.ticket, finished.report_hash});
    if (!is_new)
      find(seq, fmt::format("event {} has the result {} already", known->second.seq, finished.result_key));
  }

  Result<void> check_blobs() {
    TRY_ASSIGN(auto statement, Statement::prepare(db_, "SELECT hash, bytes FROM blobs"));
    auto row = statement.use(db_);
    std::set<std::string> present;
    for (;;) {
      TRY_ASSIGN(const bool found, row.step());
      if (!found) break;
      ++inspection_.blobs;
      const std::string hash = row.text(0);
      const auto name = named_.find(hash);
      if (sha256_hex(row.text(1)) == hash) {
        present.insert(hash);
      } else {
        find(name == named_.end() ? 0 : name->second, fmt::format("blob {} is damaged", hash));
        present.insert(hash);  // said already
      }
    }
    for (const auto& [hash, seq] : named_)
      if (!present.contains(hash)) find(seq, fmt::format("blob {}, which it names, is missing", hash));
    return {};
  }

  // Of journals that have a table of them.
  Result<void> check_results() {
    if (!has_results(format_)) return {};
    TRY_ASSIGN(auto statement,
               Statement::prepare(db_, "SELECT result_key, ticket, report_hash FROM results"));
    auto row = statement.use(db_);
    for (;;) {
      TRY_ASSIGN(const bool found, row.step());
      if (!found) break;
      const auto expected = results_.find(row.text(0));
      if (expected == results_.end()) {
        find(0, fmt::format("result {} belongs to no event", row.text(0)));
        continue;
      }
      const StoredResult& result = expected->second;
      if (row.integer(1) != result.ticket || row.text(2) != result.report_hash)
        find(result.seq, fmt::format("result {} differs from it", row.text(0)));
      results_.erase(expected);
    }
    for (const auto& [key, result] : results_) find(result.seq, fmt::format("its result {} is missing", key));
    return {};
  }

  struct StoredResult {
    int64_t seq = 0, ticket = 0;
    std::string report_hash;
  };

  const Db& db_;
  Format format_;
  Inspection inspection_;
  bool is_whole_ = true;                  // no event so far is in doubt
  std::map<std::string, int64_t> named_;  // blob -> the first event that names it
  std::map<std::string, StoredResult> results_;
};

}  // namespace

std::string to_string(const Finding& finding) {
  return finding.seq == 0 ? finding.what : fmt::format("event {}: {}", finding.seq, finding.what);
}

Result<Inspection> inspect(const std::filesystem::path& run_directory) {
  TRY_ASSIGN(const OpenDb open, open_for_reading(run_directory));
  TRY(open.db.execute("BEGIN"));  // ends with the connection
  return Inspector(open).run();
}

}  // namespace warpwright::journal
