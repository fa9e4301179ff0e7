#include "evaluator/compile/cubin.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace warpwright::compile {
namespace {

template <class T>
std::optional<T> read_at(std::string_view bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::optional<std::string_view> slice(std::string_view bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) return std::nullopt;
  return bytes.substr(offset, size);
}

std::string name_at(std::string_view table, uint64_t offset) {
  if (offset >= table.size()) return "";
  const std::string_view rest = table.substr(offset);
  return std::string(rest.substr(0, rest.find('\0')));
}

tl::unexpected<Error> malformed() {
  return infrastructure_error("the compiler's cubin is not an ELF file of the expected form");
}

}  // namespace

uint32_t CubinAttribute::word(size_t index) const {
  return read_at<uint32_t>(payload, index * 4).value_or(0);
}

Result<Cubin> Cubin::parse(std::string_view bytes) {
  const auto header = read_at<Elf64_Ehdr>(bytes, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_shentsize != sizeof(Elf64_Shdr))
    return malformed();
  Cubin cubin;
  cubin.flags_ = header->e_flags;
  std::vector<Elf64_Shdr> raw;
  for (uint64_t index = 0; index < header->e_shnum; ++index) {
    const auto section = read_at<Elf64_Shdr>(bytes, header->e_shoff + index * sizeof(Elf64_Shdr));
    if (!section) return malformed();
    raw.push_back(*section);
  }
  if (header->e_shstrndx >= raw.size()) return malformed();
  const auto names = slice(bytes, raw[header->e_shstrndx].sh_offset, raw[header->e_shstrndx].sh_size);
  if (!names) return malformed();
  for (uint32_t index = 0; index < raw.size(); ++index) {
    const Elf64_Shdr& section = raw[index];
    std::optional<std::string_view> data = std::string_view{};
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL)
      data = slice(bytes, section.sh_offset, section.sh_size);
    if (!data) return malformed();
    cubin.sections_.push_back(
        {name_at(*names, section.sh_name), section.sh_type, section.sh_info, section.sh_size, *data});
    cubin.by_name_.emplace(cubin.sections_.back().name, index);
  }
  for (const Elf64_Shdr& section : raw) {
    if (section.sh_type != SHT_SYMTAB) continue;
    if (section.sh_link >= raw.size()) return malformed();
    const std::string_view strings = cubin.sections_[section.sh_link].data;
    for (uint64_t offset = 0; offset + sizeof(Elf64_Sym) <= section.sh_size; offset += sizeof(Elf64_Sym)) {
      const auto symbol = read_at<Elf64_Sym>(bytes, section.sh_offset + offset);
      if (!symbol) return malformed();
      const uint32_t where = symbol->st_shndx < raw.size() ? symbol->st_shndx : 0;
      cubin.symbols_.push_back({name_at(strings, symbol->st_name), ELF64_ST_TYPE(symbol->st_info), where,
                                symbol->st_value, symbol->st_size});
    }
    break;
  }
  return cubin;
}

const CubinSection* Cubin::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &sections_[found->second];
}

std::vector<CubinRelocation> Cubin::relocations(uint32_t section) const {
  std::vector<CubinRelocation> found;
  for (const CubinSection& table : sections_) {
    if (table.info != section) continue;
    if (table.type == SHT_RELA) {
      for (uint64_t at = 0; const auto entry = read_at<Elf64_Rela>(table.data, at); at += sizeof *entry)
        found.push_back({entry->r_offset, static_cast<uint32_t>(ELF64_R_TYPE(entry->r_info)),
                         static_cast<uint32_t>(ELF64_R_SYM(entry->r_info)), entry->r_addend});
    } else if (table.type == SHT_REL) {
      for (uint64_t at = 0; const auto entry = read_at<Elf64_Rel>(table.data, at); at += sizeof *entry)
        found.push_back({entry->r_offset, static_cast<uint32_t>(ELF64_R_TYPE(entry->r_info)),
                         static_cast<uint32_t>(ELF64_R_SYM(entry->r_info)), 0});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.offset < b.offset; });
  return found;
}

std::vector<CubinAttribute> Cubin::attributes(const std::string& section) const {
  std::vector<CubinAttribute> found;
  const CubinSection* info = find(section);
  std::string_view rest = info != nullptr ? info->data : "";
  while (rest.size() >= 4) {
    CubinAttribute attribute;
    attribute.format = static_cast<uint8_t>(rest[0]);
    attribute.id = static_cast<uint8_t>(rest[1]);
    const uint16_t value = *read_at<uint16_t>(rest, 2);
    rest.remove_prefix(4);
    if (attribute.format == kPayload) {
      attribute.payload = rest.substr(0, value);
      rest.remove_prefix(attribute.payload.size());
    } else {
      attribute.value = value;
    }
    found.push_back(attribute);
  }
  return found;
}

}  // namespace warpwright::compile
