// Length-prefixed fields: what parent and compile child say to one another, and the cache's file format.
// Little-endian; a string is its length (u64) and its bytes. Cubins are not UTF-8, so this is not JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace warpwright::compile {

class WireWriter {
 public:
  WireWriter& u64(uint64_t value);
  WireWriter& text(std::string_view value);
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// After the first field that does not fit every getter returns zero or empty and ok() is false.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  uint64_t u64();
  std::string text();
  uint64_t count();  // of elements that follow; each needs at least eight bytes, which bounds it
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace warpwright::compile
