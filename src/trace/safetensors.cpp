#include "src/trace/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "src/base/unique_fd.h"
#include "src/trace/json_reader.h"

namespace warpwright::trace {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are taken as they lie in the file");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr size_t kMaxDimensions = 16;
constexpr std::string_view kLfsBegin = "version https://git-lfs.github.com/spec/";
constexpr const char* kFetchAgain = "fetch the file again";

constexpr std::array<std::pair<std::string_view, DType>, 15> kDTypes = {{
    {"F64", DType::kFloat64},
    {"F32", DType::kFloat32},
    {"F16", DType::kFloat16},
    {"BF16", DType::kBfloat16},
    {"F8_E4M3", DType::kFloat8E4m3fn},
    {"F8_E5M2", DType::kFloat8E5m2},
    {"I64", DType::kInt64},
    {"I32", DType::kInt32},
    {"I16", DType::kInt16},
    {"I8", DType::kInt8},
    {"U64", DType::kUint64},
    {"U32", DType::kUint32},
    {"U16", DType::kUint16},
    {"U8", DType::kUint8},
    {"BOOL", DType::kBool},
}};

std::optional<DType> dtype_of(std::string_view name) {
  for (const auto& [known, dtype] : kDTypes) {
    if (known == name) return dtype;
  }
  return std::nullopt;
}

Result<std::vector<int64_t>> whole_numbers(const OrderedJson& entry, const char* key, size_t max_count,
                                           const std::string& where) {
  const auto it = entry.find(key);
  if (it == entry.end() || !it->is_array() || it->size() > max_count)
    return usage_error(fmt::format("{}: '{}' must be a list of at most {} numbers", where, key, max_count));
  std::vector<int64_t> numbers;
  for (const OrderedJson& value : *it) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX)
      return usage_error(fmt::format("{}: '{}' must hold whole numbers, not negative", where, key));
    numbers.push_back(value.get<int64_t>());
  }
  return numbers;
}

// Nothing on overflow.
std::optional<int64_t> size_of(DType dtype, const std::vector<int64_t>& shape) {
  int64_t bytes = size_bits(dtype) / 8;
  for (const int64_t extent : shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) return std::nullopt;
  }
  return bytes;
}

// Offsets as in the header: from the data's begin.
Result<StoredTensor> parse_entry(const OrderedJson& entry, const std::string& where) {
  if (!entry.is_object()) return usage_error(fmt::format("{}: must be an object", where));
  StoredTensor tensor;
  TRY_ASSIGN(tensor.dtype_name, require_string(entry, "dtype", where));
  tensor.dtype = dtype_of(tensor.dtype_name);
  TRY_ASSIGN(tensor.shape, whole_numbers(entry, "shape", kMaxDimensions, where));
  TRY_ASSIGN(const auto offsets, whole_numbers(entry, "data_offsets", 2, where));
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    return usage_error(fmt::format("{}: 'data_offsets' must be [begin, end], begin not behind end", where));
  tensor.begin = offsets[0];
  tensor.end = offsets[1];
  if (!tensor.dtype) return tensor;
  const auto bytes = size_of(*tensor.dtype, tensor.shape);
  if (!bytes || *bytes != tensor.end - tensor.begin)
    return usage_error(fmt::format("{}: {} of shape [{}] does not have {} bytes", where, tensor.dtype_name,
                                   fmt::join(tensor.shape, ", "), tensor.end - tensor.begin));
  return tensor;
}

// The data belong to tensors, each byte to one: no overlap, no hole, nothing behind.
Result<void> check_offsets(const StoredTensors& tensors, uint64_t data_bytes, const std::string& path) {
  std::vector<std::pair<const std::string*, const StoredTensor*>> by_place;
  for (const auto& [name, tensor] : tensors) by_place.emplace_back(&name, &tensor);
  std::sort(by_place.begin(), by_place.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  int64_t at = 0;
  for (const auto& [name, tensor] : by_place) {
    if (tensor->begin != at)
      return usage_error(fmt::format(
          "{}: tensor '{}' begins at byte {} of the data, where {} was due: it {}; {}", path, *name,
          tensor->begin, at, tensor->begin < at ? "overlaps another" : "leaves a hole", kFetchAgain));
    at = tensor->end;
    if (static_cast<uint64_t>(at) > data_bytes)
      return usage_error(
          fmt::format("{}: tensor '{}' ends at byte {} of the data, the file has {}: it is truncated; {}",
                      path, *name, at, data_bytes, kFetchAgain));
  }
  if (static_cast<uint64_t>(at) != data_bytes)
    return usage_error(fmt::format("{}: {} bytes of the data belong to no tensor; {}", path,
                                   data_bytes - static_cast<uint64_t>(at), kFetchAgain));
  return {};
}

Result<StoredTensors> parse_entries(std::string_view header, const std::string& path) {
  TRY_ASSIGN(const OrderedJson json, parse_ordered_json(header, path + ": header"));
  if (!json.is_object()) return usage_error(fmt::format("{}: the header must be a JSON object", path));
  StoredTensors tensors;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") continue;
    TRY_ASSIGN(tensors[name], parse_entry(entry, fmt::format("{}: tensor '{}'", path, name)));
  }
  return tensors;
}

}  // namespace

bool is_lfs_pointer(std::string_view text) {
  return text.starts_with(kLfsBegin);
}

Result<StoredTensors> parse_safetensors_header(std::string_view file, uint64_t file_bytes,
                                               const std::string& path) {
  if (is_lfs_pointer(file))
    return usage_error(fmt::format("{}: is a Git LFS pointer, its data were not fetched", path));
  if (file_bytes < kLengthBytes || file.size() < kLengthBytes)
    return usage_error(
        fmt::format("{}: {} bytes are no safetensors file; {}", path, file_bytes, kFetchAgain));
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes)
    return usage_error(
        fmt::format("{}: not a safetensors file: its header would have {} bytes, the most is {}", path,
                    header_bytes, kMaxHeaderBytes));
  if (header_bytes > std::min<uint64_t>(file_bytes, file.size()) - kLengthBytes)
    return usage_error(
        fmt::format("{}: the header has {} bytes, the file only {} behind its length: it is truncated; {}",
                    path, header_bytes, file_bytes - kLengthBytes, kFetchAgain));
  TRY_ASSIGN(StoredTensors tensors, parse_entries(file.substr(kLengthBytes, header_bytes), path));
  const uint64_t data_begin = kLengthBytes + header_bytes;
  TRY(check_offsets(tensors, file_bytes - data_begin, path));
  for (auto& [name, tensor] : tensors) {
    tensor.begin += static_cast<int64_t>(data_begin);
    tensor.end += static_cast<int64_t>(data_begin);
  }
  return tensors;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return usage_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return usage_error(fmt::format("{}: not a regular file", path.string()));
  SafetensorsFile file;
  const auto bytes = static_cast<size_t>(facts.st_size);
  if (bytes > 0) {
    void* mapping = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (mapping == MAP_FAILED)
      return infrastructure_error(
          fmt::format("{}: cannot be mapped: {}", path.string(), std::strerror(errno)));
    file.mapping_ = mapping;
    file.bytes_ = bytes;
  }
  const std::string_view text(static_cast<const char*>(file.mapping_), bytes);
  TRY_ASSIGN(file.tensors_, parse_safetensors_header(text, bytes, path.string()));
  return file;
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      tensors_(std::move(other.tensors_)) {}

SafetensorsFile::~SafetensorsFile() {
  if (mapping_ != nullptr) ::munmap(mapping_, bytes_);
}

std::span<const std::byte> SafetensorsFile::bytes_of(const StoredTensor& tensor) const {
  return {static_cast<const std::byte*>(mapping_) + tensor.begin,
          static_cast<size_t>(tensor.end - tensor.begin)};
}

}  // namespace warpwright::trace
