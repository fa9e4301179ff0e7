// The libraries of the driver's side are loaded by name when they are wanted, and stay loaded until the
// process ends.
#pragma once

#include <string>
#include <vector>

#include "src/base/result.h"

namespace warpwright::cuda {

// Error: the loader's words.
Result<void*> load_library(const std::string& path_or_name);
// Where the loader found what `symbol_address` lies in; empty if it does not know.
std::string path_of(const void* symbol_address);
void* find_symbol(void* library, const char* symbol);

// Symbols that a library lacks, gathered while a table of its functions is filled.
class Binder {
 public:
  explicit Binder(void* library) : library_(library) {}
  template <class Pointer>
  void require(const char* symbol, Pointer& pointer) {
    pointer = reinterpret_cast<Pointer>(find_symbol(library_, symbol));
    if (pointer == nullptr) missing_.emplace_back(symbol);
  }
  template <class Pointer>
  void allow(const char* symbol, Pointer& pointer) {
    pointer = reinterpret_cast<Pointer>(find_symbol(library_, symbol));
  }
  bool complete() const { return missing_.empty(); }
  std::string missing() const;  // "cuInit, cuDeviceGet and 40 more"

 private:
  void* library_;
  std::vector<std::string> missing_;
};

}  // namespace warpwright::cuda
