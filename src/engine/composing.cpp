#include "src/engine/composing.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"

namespace warpwright::engine {
namespace {

plan::Part part_of(const SourceStore& sources, const events::RunView& view,
                   const search::BandChampion& champion) {
  const events::Candidate* candidate = view.find(champion.candidate);
  CHECK(candidate != nullptr);
  const std::string* source = sources.find(candidate->source_hash);
  CHECK(source != nullptr);
  plan::Part part;
  part.name = fmt::format("{} ({})", events::format_candidate_id(champion.candidate), champion.band);
  for (const rules::Band& band : sources.rules().bands)
    if (band.name == champion.band) part.when = band.when;
  part.source = *source;
  part.knobs = candidate->knobs;
  return part;
}

}  // namespace

search::Composer make_composer(SourceStore& sources, const events::RunView& view, SourceLoader load) {
  search::Composer composer;
  for (const rules::Band& band : sources.rules().bands) composer.bands.push_back(band.name);
  composer.compose =
      [&sources, &view, load = std::move(load)](
          const std::vector<search::BandChampion>& champions) -> std::optional<search::ComposedSource> {
    std::vector<plan::Part> parts;
    for (const search::BandChampion& champion : champions) {
      if (!load(view.find(champion.candidate)->source_hash)) return std::nullopt;
      parts.push_back(part_of(sources, view, champion));
      if (parts.back().when.empty()) return std::nullopt;
    }
    const std::optional<std::string> hash = sources.compose(parts);
    if (!hash) return std::nullopt;
    return search::ComposedSource{*hash, sources.declared_knobs(*hash)};
  };
  return composer;
}

}  // namespace warpwright::engine
