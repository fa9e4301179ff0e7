#include "evaluator/compile/wire.h"

namespace warpwright::compile {

WireWriter& WireWriter::u64(uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<char>(value >> shift));
  return *this;
}

WireWriter& WireWriter::text(std::string_view value) {
  u64(value.size());
  bytes_.append(value);
  return *this;
}

uint64_t WireReader::u64() {
  if (!ok_ || rest_.size() < 8) {
    ok_ = false;
    return 0;
  }
  uint64_t value = 0;
  for (int index = 7; index >= 0; --index)
    value = value << 8 | static_cast<unsigned char>(rest_[static_cast<size_t>(index)]);
  rest_.remove_prefix(8);
  return value;
}

std::string WireReader::text() {
  const uint64_t size = u64();
  if (!ok_ || size > rest_.size()) {
    ok_ = false;
    return "";
  }
  std::string value(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return value;
}

uint64_t WireReader::count() {
  const uint64_t value = u64();
  if (value > rest_.size() / 8) ok_ = false;
  return ok_ ? value : 0;
}

}  // namespace warpwright::compile
