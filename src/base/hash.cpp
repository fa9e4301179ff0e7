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
  std::string text(2 * digest.size(), '0');
  for (size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = kDigits[digest[i] >> 4];
    text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return text;
}

// EVP_sha256() is looked up among the providers at every use; this is looked up once.
const EVP_MD* sha256() {
  static const EVP_MD* const kFetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(kFetched != nullptr);
  return kFetched;
}
}  // namespace

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, sha256(), nullptr) == 1);
  return to_hex({digest.data(), size});
}

FieldHasher::FieldHasher() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), sha256(), nullptr) == 1);
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
