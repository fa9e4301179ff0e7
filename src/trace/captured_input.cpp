#include "src/trace/captured_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "src/base/check.h"
#include "src/base/unique_fd.h"
#include "src/trace/safetensors.h"

namespace warpwright::trace {
namespace {

namespace fs = std::filesystem;

// The file behind the path, below the dataset's folder whatever links are on the way.
Result<fs::path> locate(const WorkloadInput& input) {
  const fs::path named = fs::path(input.dataset) / input.path;
  std::error_code error;
  const fs::path root = fs::canonical(input.dataset, error);
  if (error) return usage_error(fmt::format("{}: {}", input.dataset, error.message()));
  const fs::path file = fs::canonical(named, error);
  if (error)
    return usage_error(fmt::format("{}: {}; is the dataset complete? (a workload takes '{}' from it)",
                                   named.string(), error.message(), input.tensor_key));
  const fs::path inside = file.lexically_relative(root);
  if (inside.empty() || *inside.begin() == "..")
    return usage_error(
        fmt::format("{}: leads out of the dataset, to {}; copy the file into the dataset's folder",
                    named.string(), file.string()));
  return file;
}

bool holds_lfs_pointer(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 64> begin{};
  const ssize_t got = fd ? ::read(fd.get(), begin.data(), begin.size()) : 0;
  return got > 0 && is_lfs_pointer({begin.data(), static_cast<size_t>(got)});
}

Result<SafetensorsFile> open_file(const WorkloadInput& input) {
  TRY_ASSIGN(const fs::path path, locate(input));
  if (holds_lfs_pointer(path))
    return usage_error(
        fmt::format("{}: is a Git LFS pointer, its data were not fetched: cd {} && git lfs pull "
                    "--include \"{}\"",
                    path.string(), input.dataset, fs::path(input.path).lexically_normal().generic_string()));
  return SafetensorsFile::open(path);
}

std::string names_of(const StoredTensors& tensors) {
  constexpr size_t kMaxNames = 8;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    if (names.size() < kMaxNames) names.push_back(name);
  }
  return fmt::format("{}{}", fmt::join(names, ", "), tensors.size() > kMaxNames ? ", ..." : "");
}

struct Found {
  SafetensorsFile file;
  StoredTensor stored;
};

Result<Found> find(const Definition& definition, const Workload& workload, const Tensor& tensor,
                   const WorkloadInput& input) {
  TRY_ASSIGN(SafetensorsFile file, open_file(input));
  const std::string where =
      fmt::format("{}: '{}'", (fs::path(input.dataset) / input.path).string(), input.tensor_key);
  const auto stored = file.tensors().find(input.tensor_key);
  if (stored == file.tensors().end())
    return usage_error(fmt::format("{} is not in the file; it holds: {}", where, names_of(file.tensors())));
  if (stored->second.dtype != tensor.dtype)
    return usage_error(fmt::format("{} is {}, the definition's input '{}' is {}", where,
                                   stored->second.dtype_name, tensor.name, to_string(tensor.dtype)));
  TRY_ASSIGN(const std::vector<int64_t> shape, definition.shape_of(tensor, workload.axes));
  if (stored->second.shape != shape)
    return usage_error(fmt::format("{} has shape [{}], input '{}' of workload {} has [{}]", where,
                                   fmt::join(stored->second.shape, ", "), tensor.name, workload.uuid,
                                   fmt::join(shape, ", ")));
  StoredTensor facts = stored->second;
  return Found{std::move(file), std::move(facts)};
}

}  // namespace

Result<CapturedTensor> read_captured_input(const Definition& definition, const Workload& workload,
                                           const Tensor& tensor) {
  const auto input = workload.inputs.find(tensor.name);
  CHECK(input != workload.inputs.end() && input->second.kind == WorkloadInput::Kind::kSafetensors);
  TRY_ASSIGN(const Found found, find(definition, workload, tensor, input->second));
  const auto bytes = found.file.bytes_of(found.stored);
  return CapturedTensor{found.stored.shape, {bytes.begin(), bytes.end()}};
}

Result<void> check_captured_inputs(const Definition& definition, const Workload& workload) {
  for (const auto& [name, input] : workload.inputs) {
    if (input.kind != WorkloadInput::Kind::kSafetensors) continue;
    const Tensor* tensor = definition.find_input(name);
    CHECK(tensor != nullptr);
    TRY(find(definition, workload, *tensor, input));
  }
  return {};
}

bool has_captured_inputs(const Workload& workload) {
  for (const auto& [name, input] : workload.inputs) {
    if (input.kind == WorkloadInput::Kind::kSafetensors) return true;
  }
  return false;
}

std::string captured_identity(const Workload& workload) {
  std::string identity;
  for (const auto& [name, input] : workload.inputs) {
    if (input.kind != WorkloadInput::Kind::kSafetensors) continue;
    const fs::path path = fs::path(input.dataset) / input.path;
    struct stat facts {};
    ::stat(path.c_str(), &facts);
    identity += fmt::format("{}={}:{}:{}:{}.{};", name, path.string(), input.tensor_key, facts.st_size,
                            facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
  }
  return identity;
}

}  // namespace warpwright::trace
