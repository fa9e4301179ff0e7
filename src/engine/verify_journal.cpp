#include "src/engine/verify_journal.h"

#include "src/search/state.h"

namespace warpwright::engine {

Result<JournalVerdict> verify_journal(const std::filesystem::path& run_directory) {
  JournalVerdict verdict;
  TRY_ASSIGN(verdict.inspection, journal::inspect(run_directory));
  search::State state;
  for (const events::Record& record : verdict.inspection.records) {
    const auto applied = state.apply(record.event);
    if (!applied) {
      verdict.inspection.findings.push_back(
          {record.seq, "it contradicts those before it: " + applied.error().message});
      return verdict;  // the state is undefined now
    }
    ++verdict.folded;
  }
  if (state.started()) verdict.state_digest = state.digest();
  return verdict;
}

}  // namespace warpwright::engine
