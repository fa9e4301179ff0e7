// The contest's tracks and the definitions that each expects: configs/tracks.toml.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/base/result.h"

namespace warpwright::rules {

struct Track {
  std::string name;   // "A"
  std::string title;  // "fused MoE"
  std::vector<std::string> definitions;
};

// In the order of their names. Error: missing file, unknown key, a track without definitions or a definition
// in two tracks.
Result<std::vector<Track>> load_tracks(const std::filesystem::path& home);

}  // namespace warpwright::rules
