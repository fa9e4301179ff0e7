#include "tests/fake_gpu/cubin.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "evaluator/compile/cubin.h"

namespace warpwright::fake_gpu {
namespace {

// The driver believes the header too.
size_t size_of_elf(const char* image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr))
    return sizeof header;
  size_t end = header.e_shoff + size_t{header.e_shnum} * sizeof(Elf64_Shdr);
  for (size_t k = 0; k < header.e_shnum; ++k) {
    Elf64_Shdr section;
    std::memcpy(&section, image + header.e_shoff + k * sizeof section, sizeof section);
    if (section.sh_type != SHT_NOBITS) end = std::max<size_t>(end, section.sh_offset + section.sh_size);
  }
  return end;
}

}  // namespace

std::optional<Cubin> read_cubin(const char* image) {
  const auto parsed = compile::Cubin::parse({image, size_of_elf(image)});
  if (!parsed) return std::nullopt;
  Cubin cubin;
  if (const auto* text = parsed->find(".nv_debug_ptx_txt")) {
    cubin.ptx = text->data;
    std::replace(cubin.ptx.begin(), cubin.ptx.end(), '\0', '\n');  // a line is a string
  }
  for (const compile::CubinAttribute& attribute : parsed->attributes(".nv.info")) {
    if (attribute.id == compile::kRegisterCount && attribute.word(0) < parsed->symbols().size())
      cubin.registers[parsed->symbols()[attribute.word(0)].name] = static_cast<int>(attribute.word(1));
  }
  return cubin;
}

}  // namespace warpwright::fake_gpu
