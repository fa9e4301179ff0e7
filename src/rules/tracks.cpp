#include "src/rules/tracks.h"

#include <fmt/format.h>

#include <set>

#include "src/base/files.h"
#include "src/rules/toml_reader.h"

namespace warpwright::rules {

Result<std::vector<Track>> load_tracks(const std::filesystem::path& home) {
  const std::filesystem::path path = home / "configs" / "tracks.toml";
  TRY_ASSIGN(const std::string text, read_file(path));
  TRY_ASSIGN(const toml::table table, parse_toml(text, path.string()));
  TomlReader reader(table, path.string());
  TRY_ASSIGN(auto tables, reader.named_tables_or_empty("track"));
  TRY(reader.reject_unknown_keys());
  std::vector<Track> tracks;
  std::set<std::string> taken;
  for (auto& [name, fields] : tables) {
    Track track;
    track.name = name;
    TRY_ASSIGN(track.title, fields.string("title"));
    TRY_ASSIGN(track.definitions, fields.strings_or_empty("definitions"));
    TRY(fields.reject_unknown_keys());
    if (track.definitions.empty()) return fields.error("a track needs definitions");
    for (const std::string& definition : track.definitions) {
      if (!taken.insert(definition).second)
        return fields.error_at_key("definitions", fmt::format("'{}' is in a track already", definition));
    }
    tracks.push_back(std::move(track));
  }
  return tracks;
}

}  // namespace warpwright::rules
