// The composer of a run: champions of bands to one source (search/compose.h decides when, plan/compose.h
// makes the text).
#pragma once

#include <functional>
#include <string>

#include "src/engine/sources.h"
#include "src/events/run_view.h"
#include "src/search/compose.h"

namespace warpwright::engine {

// Makes a source known to the store; false: it cannot be read, and whoever asked for a decision says so.
using SourceLoader = std::function<bool(const std::string& hash)>;

// Borrows the store and the view.
search::Composer make_composer(SourceStore& sources, const events::RunView& view, SourceLoader load);

}  // namespace warpwright::engine
