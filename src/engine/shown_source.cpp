#include "src/engine/shown_source.h"

#include "src/engine/sources.h"

namespace warpwright::engine {

std::string shown_source(const events::SearchSettings& settings, const events::Candidate& candidate,
                         const std::string& source, const std::string& op) {
  if (!settings.best_settings || settings.tuning_budget == 0 || op == "scripted") return source;
  return with_default_knobs(source, candidate.knobs);
}

}  // namespace warpwright::engine
