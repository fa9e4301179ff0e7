#include "tests/fake_gpu/cubin.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace warpwright::fake_gpu {

std::optional<Cubin> read_cubin(const char* image) {
  constexpr std::string_view kText = ".text.";
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shstrndx >= header.e_shnum)
    return std::nullopt;
  const auto section_at = [&](size_t index) {
    Elf64_Shdr section;
    std::memcpy(&section, image + header.e_shoff + index * sizeof section, sizeof section);
    return section;
  };
  const char* names = image + section_at(header.e_shstrndx).sh_offset;
  Cubin cubin;
  for (size_t k = 0; k < header.e_shnum; ++k) {
    const Elf64_Shdr section = section_at(k);
    const std::string_view name = names + section.sh_name;
    if (name == ".nv_debug_ptx_txt") {
      cubin.ptx.assign(image + section.sh_offset, section.sh_size);
      std::replace(cubin.ptx.begin(), cubin.ptx.end(), '\0', '\n');  // a line is a string
    } else if (name.starts_with(kText)) {
      cubin.registers[std::string(name.substr(kText.size()))] = static_cast<int>(section.sh_info >> 24);
    }
  }
  return cubin;
}

}  // namespace warpwright::fake_gpu
