// Content addresses: SHA-256 in lower-case hexadecimal (64 characters). Cryptographic, because cache keys
// are computed over what a model wrote, and a collision it could make would let it borrow another's verdict.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace warpwright {

std::string sha256_hex(std::string_view bytes);

// Hashes a sequence of fields unambiguously: each is preceded by its length.
class FieldHasher {
 public:
  FieldHasher();
  ~FieldHasher();
  FieldHasher(const FieldHasher&) = delete;
  FieldHasher& operator=(const FieldHasher&) = delete;

  FieldHasher& add(std::string_view field);
  std::string hex();  // ends the hash; call once

 private:
  void* context_;
};

}  // namespace warpwright
