// A run's journal held against everything that it promises: the file (journal/inspect.h), and that its events
// make a state one after another.
#pragma once

#include <filesystem>
#include <string>

#include "src/journal/inspect.h"

namespace warpwright::engine {

struct JournalVerdict {
  journal::Inspection inspection;  // findings of the fold among its own
  int64_t folded = 0;              // events that made the state: all of them in a sound journal
  std::string state_digest;        // of the state after these (search/state.h): equal runs have equal ones
};

// Error: the journal cannot be read at all.
Result<JournalVerdict> verify_journal(const std::filesystem::path& run_directory);

}  // namespace warpwright::engine
