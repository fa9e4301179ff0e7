// A definition of FlashInfer Trace: an operator's interface (axes, inputs, outputs). Immutable data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright::trace {

enum class DType {
  kFloat64,
  kFloat32,
  kFloat16,
  kBfloat16,
  kFloat8E4m3fn,
  kFloat8E5m2,
  kFloat4E2m1,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUint64,
  kUint32,
  kUint16,
  kUint8,
  kBool,
};
std::string_view to_string(DType dtype);  // the dataset's names: "bfloat16", "float8_e4m3fn", "int32", ...
std::optional<DType> dtype_from_string(std::string_view text);
int size_bits(DType dtype);  // 4 for the packed fp4
bool is_floating(DType dtype);
std::string_view cuda_type(DType dtype);  // "__nv_bfloat16", "__nv_fp8_e4m3", "int8_t", "float", ...

// Axis values by name.
using Axes = std::map<std::string, int64_t>;

struct Axis {
  std::string name;
  bool is_constant = false;
  int64_t value = 0;  // of a constant axis
  std::string description;
};

struct Tensor {
  std::string name;
  bool is_scalar = false;          // shape null in the file
  std::vector<std::string> shape;  // axis names or integer literals; empty for a scalar
  DType dtype = DType::kFloat32;
  bool optional = false;
  std::string description;
};

struct Definition {
  std::string name;
  std::string op_type;
  std::string description;
  std::vector<Axis> axes;      // in file order
  std::vector<Tensor> inputs;  // in file order, which is the argument order
  std::vector<Tensor> outputs;
  std::vector<std::string> constraints;
  std::vector<std::string> tags;
  std::string reference;    // Python source with run(...); may be empty for ours
  std::string source_path;  // the file it was read from

  const Axis* find_axis(std::string_view axis_name) const;
  const Tensor* find_input(std::string_view tensor_name) const;
  const Tensor* find_output(std::string_view tensor_name) const;
  const Tensor* find_tensor(std::string_view tensor_name) const;  // input or output
  Axes constant_axes() const;

  // Shape in elements with the constant and the given variable axes. Error: an axis without a value.
  Result<std::vector<int64_t>> shape_of(const Tensor& tensor, const Axes& variable_axes) const;
  Result<int64_t> bytes_of(const Tensor& tensor, const Axes& variable_axes) const;  // overflow is an error
};

// `path` is for messages. Errors read "<path>: inputs.q: unknown axis 'batchsize'".
Result<Definition> parse_definition(std::string_view json_text, const std::string& path);

}  // namespace warpwright::trace
