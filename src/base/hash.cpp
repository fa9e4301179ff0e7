#include "src/base/hash.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "src/base/check.h"

namespace warpwright {
namespace {
std::string to_hex(std::span<const unsigned char> digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}
}  // namespace

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return to_hex({digest.data(), size});
}

FieldHasher::FieldHasher() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr) == 1);
}

FieldHasher::~FieldHasher() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

FieldHasher& FieldHasher::add(std::string_view field) {
  auto* context = static_cast<EVP_MD_CTX*>(context_);
  const uint64_t size = field.size();
  CHECK(EVP_DigestUpdate(context, &size, sizeof size) == 1);
  CHECK(EVP_DigestUpdate(context, field.data(), field.size()) == 1);
  return *this;
}

std::string FieldHasher::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), &size) == 1);
  return to_hex({digest.data(), size});
}

}  // namespace warpwright
