// warpwright journal: is a run's record sound, what is it made of, and its events as lines of JSON.
#include <fmt/format.h>

#include <fstream>
#include <iostream>

#include "src/cli/commands.h"
#include "src/engine/verify_journal.h"
#include "src/journal/inspect.h"

namespace warpwright::cli {
namespace {

Result<int> verify(const JournalOptions& options) {
  TRY_ASSIGN(const engine::JournalVerdict verdict, engine::verify_journal(options.run_dir));
  const journal::Inspection& found = verdict.inspection;
  const bool is_sound = found.findings.empty();
  if (options.form == OutputForm::kJson) {
    Json findings = Json::array();
    for (const journal::Finding& finding : found.findings)
      findings.push_back({{"seq", finding.seq}, {"what", finding.what}});
    std::cout << dump_json({{"sound", is_sound},
                            {"format", found.format},
                            {"events", found.events},
                            {"blobs", found.blobs},
                            {"results", found.results},
                            {"findings", findings},
                            {"folded", verdict.folded},
                            {"state_digest", verdict.state_digest}},
                           2)
              << "\n";
    return is_sound ? 0 : 1;
  }
  for (const journal::Finding& finding : found.findings) std::cout << journal::to_string(finding) << "\n";
  std::cout << fmt::format("{}: format {}, {} events, {} blobs, {} results\n",
                           is_sound ? "sound" : fmt::format("{} findings", found.findings.size()),
                           found.format, found.events, found.blobs, found.results);
  if (!verdict.state_digest.empty())
    std::cout << fmt::format("state after event {}: {}\n", verdict.folded, verdict.state_digest);
  return is_sound ? 0 : 1;
}

std::string amounts_text(std::string_view title, const std::map<std::string, journal::Amount>& amounts,
                         const journal::Amount& all) {
  std::string text = fmt::format("\n{:<26}{:>10}{:>14}{:>12}\n", title, "count", "bytes", "mean");
  const auto row = [&](const std::string& name, const journal::Amount& amount) {
    text += fmt::format("  {:<24}{:>10}{:>14}{:>12}\n", name, amount.count, amount.bytes,
                        amount.count == 0 ? 0 : amount.bytes / amount.count);
  };
  for (const auto& [name, amount] : amounts) row(name, amount);
  row("all", all);
  return text;
}

Result<int> stats(const JournalOptions& options) {
  TRY_ASSIGN(const journal::JournalStats stats, journal::journal_stats(options.run_dir));
  if (options.form == OutputForm::kJson) {
    std::cout << dump_json(journal::to_json(stats), 2) << "\n";
    return 0;
  }
  std::cout << fmt::format("format        {}\nfiles         {} bytes, {} more in the log\n", stats.format,
                           stats.database_bytes, stats.log_bytes);
  std::cout << fmt::format("from, to      {}, {}\n", journal::iso_time(stats.first_ms),
                           journal::iso_time(stats.last_ms));
  std::cout << fmt::format("evaluations   {}, {:.0f} bytes of events and blobs for each\n", stats.evaluations,
                           stats.bytes_per_evaluation());
  std::cout << fmt::format("calls         {}, {} failed; {} tokens read, {} written, {:.4f} dollars\n",
                           stats.calls, stats.failed_calls, stats.input_tokens, stats.output_tokens,
                           static_cast<double>(stats.microdollars) / 1e6);
  std::cout << amounts_text("events by kind", stats.events, stats.all_events());
  std::cout << amounts_text("blobs by who names them", stats.blobs, stats.all_blobs());
  return 0;
}

Result<int> export_lines(const JournalOptions& options) {
  std::ofstream file;
  if (!options.out.empty()) {
    file.open(options.out, std::ios::binary);
    if (!file) return infrastructure_error(fmt::format("cannot write {}", options.out.string()));
  }
  std::ostream& out = options.out.empty() ? std::cout : file;
  TRY(journal::export_events(options.run_dir, [&](const std::string& line) -> Result<void> {
    out << line << "\n";
    if (!out) return infrastructure_error("cannot write the events: is the disk full, or the pipe closed?");
    return {};
  }));
  out.flush();
  if (!out) return infrastructure_error("cannot write the events: is the disk full?");
  if (options.blobs.empty()) return 0;
  TRY_ASSIGN(const int64_t count, journal::export_blobs(options.run_dir, options.blobs));
  std::cerr << fmt::format("{} blobs are in {}\n", count, options.blobs.string());
  return 0;
}

}  // namespace

int run_journal(const JournalOptions& options) {
  const auto code = options.what == "verify"  ? verify(options)
                    : options.what == "stats" ? stats(options)
                                              : export_lines(options);
  return code ? *code : report_error(code.error());
}

}  // namespace warpwright::cli
