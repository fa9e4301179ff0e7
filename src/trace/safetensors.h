// Reading safetensors files: 8 bytes (little-endian) with the header's length, the header (a JSON object
// {name: {"dtype", "shape", "data_offsets": [begin, end]}}, and "__metadata__"), then the data, row-major and
// little-endian; offsets count from the data's begin. Format: github.com/huggingface/safetensors.
//
// A file is mapped, not read: only what is looked at is fetched from the disk. Everything the header says is
// checked when the file is opened; nothing else is ever read through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/trace/definition.h"

namespace warpwright::trace {

struct StoredTensor {
  std::optional<DType> dtype;  // nothing: one that FlashInfer Trace has no word for
  std::string dtype_name;      // as the file has it: "BF16"
  std::vector<int64_t> shape;
  int64_t begin = 0, end = 0;  // of its bytes, from the file's begin
};
using StoredTensors = std::map<std::string, StoredTensor>;

// `file` is the whole file or its first part; `file_bytes` the size of the whole. Errors, each one line that
// names `path` and what to do: too short, a header of more than 100 MB or longer than the file, malformed or
// with a key given twice, a size that does not fit dtype and shape, tensors that overlap, leave a hole or end
// behind the file (it is truncated), bytes that belong to no tensor; a Git LFS pointer in place of the file.
Result<StoredTensors> parse_safetensors_header(std::string_view file, uint64_t file_bytes,
                                               const std::string& path);

// Text of the pointer that Git LFS leaves where a file was not fetched.
bool is_lfs_pointer(std::string_view text);

class SafetensorsFile {
 public:
  // Error: missing, not a regular file, or as above.
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;
  ~SafetensorsFile();

  const StoredTensors& tensors() const { return tensors_; }
  std::span<const std::byte> bytes_of(const StoredTensor& tensor) const;  // valid while the file is open

 private:
  SafetensorsFile() = default;
  void* mapping_ = nullptr;
  size_t bytes_ = 0;
  StoredTensors tensors_;
};

}  // namespace warpwright::trace
