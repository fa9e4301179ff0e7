// Reads a cubin: an ELF file whose sections are named after their kernels (.text.K, .nv.info.K, .nv.shared.K,
// .nv.constantN.K). The layout is not documented by NVIDIA; attribute numbers are those that cuobjdump -elf
// and the CUDA Binary Utilities print. Everything is bounds-checked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright::compile {

struct CubinSection {
  std::string name;
  uint32_t type = 0;
  uint32_t info = 0;      // of .rela.X: the index of X
  uint64_t size = 0;      // of .nv.shared too, which has no bytes
  std::string_view data;  // empty for NOBITS
};

struct CubinSymbol {
  std::string name;
  int type = 0;          // STT_OBJECT, STT_FUNC, STT_SECTION, ...
  uint32_t section = 0;  // index; 0: defined elsewhere
  uint64_t value = 0, size = 0;
};

struct CubinRelocation {
  uint64_t offset = 0;
  uint32_t type = 0;
  uint32_t symbol = 0;
  int64_t addend = 0;
};

// One entry of .nv.info or .nv.info.K.
struct CubinAttribute {
  uint8_t format = 0, id = 0;
  uint32_t value = 0;                 // formats without payload
  std::string_view payload;           // format kPayload
  uint32_t word(size_t index) const;  // of the payload; 0 beyond its end
};

inline constexpr uint8_t kPayload = 4;
// Attribute numbers (EIATTR_*).
inline constexpr uint8_t kMaxThreads = 0x05, kParamCbank = 0x0a, kExterns = 0x0f, kRequiredThreads = 0x10,
                         kFrameSize = 0x11, kMinStackSize = 0x12, kMaxStackSize = 0x23, kRegisterCount = 0x2f;

// Views into the bytes given to parse(): those must outlive it.
class Cubin {
 public:
  static Result<Cubin> parse(std::string_view bytes);

  const std::vector<CubinSection>& sections() const { return sections_; }
  const std::vector<CubinSymbol>& symbols() const { return symbols_; }
  uint32_t flags() const { return flags_; }  // holds the architecture

  const CubinSection* find(const std::string& name) const;
  std::vector<CubinRelocation> relocations(uint32_t section) const;  // sorted by offset
  std::vector<CubinAttribute> attributes(const std::string& section) const;

 private:
  std::vector<CubinSection> sections_;
  std::vector<CubinSymbol> symbols_;
  std::map<std::string, uint32_t> by_name_;
  uint32_t flags_ = 0;
};

}  // namespace warpwright::compile
