// TVM_FFI_THROW(Kind) << message; throws std::runtime_error("Kind: message").
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace tvm::ffi {

class ErrorBuilder {
 public:
  explicit ErrorBuilder(const char* kind) { stream_ << kind << ": "; }
  [[noreturn]] ~ErrorBuilder() noexcept(false) { throw std::runtime_error(stream_.str()); }
  std::ostringstream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

}  // namespace tvm::ffi

#define TVM_FFI_THROW(Kind) ::tvm::ffi::ErrorBuilder(#Kind).stream()
