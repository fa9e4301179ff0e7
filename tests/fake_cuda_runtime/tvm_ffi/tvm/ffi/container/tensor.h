// tvm-ffi's TensorView over a shape of its own.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

enum DLDeviceType { kDLCPU = 1, kDLCUDA = 2 };
struct DLDevice {
  DLDeviceType device_type;
  int32_t device_id;
};
enum DLDataTypeCode {
  kDLInt = 0,
  kDLUInt = 1,
  kDLFloat = 2,
  kDLBfloat = 4,
  kDLBool = 6,
  kDLFloat8_e4m3fn = 10,
  kDLFloat8_e5m2 = 12,
};
struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

namespace tvm::ffi {

class TensorView {
 public:
  TensorView(void* data, std::vector<int64_t> shape, DLDataType type, DLDevice device, bool contiguous = true)
      : data_(data), shape_(std::move(shape)), type_(type), device_(device), contiguous_(contiguous) {}
  void* data_ptr() const { return data_; }
  DLDevice device() const { return device_; }
  int32_t ndim() const { return static_cast<int32_t>(shape_.size()); }
  DLDataType dtype() const { return type_; }
  int64_t size(int64_t dimension) const { return shape_[static_cast<size_t>(dimension)]; }
  uint64_t byte_offset() const { return 0; }
  bool IsContiguous() const { return contiguous_; }

 private:
  void* data_;
  std::vector<int64_t> shape_;
  DLDataType type_;
  DLDevice device_;
  bool contiguous_;
};

}  // namespace tvm::ffi
