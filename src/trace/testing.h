// Safetensors files for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace warpwright::trace {

// The file of this header and these data.
inline std::string safetensors_file(std::string_view header, std::string_view data) {
  std::string file(8, '\0');
  for (int i = 0; i < 8; ++i)
    file[static_cast<size_t>(i)] = static_cast<char>(uint64_t{header.size()} >> (8 * i));
  return file.append(header).append(data);
}

}  // namespace warpwright::trace
