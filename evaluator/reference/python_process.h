// The helper process in which Python references run: a Python with PyTorch, started when first needed and
// kept, since importing PyTorch takes seconds. It has no network, writes no files and dies with its owner; a
// job that takes too long ends it. Private to reference (python_reference.h is for users).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/base/subprocess.h"
#include "src/base/unique_fd.h"

namespace warpwright::reference {

// Memory that both processes see.
class SharedMemory {
 public:
  static Result<SharedMemory> create();
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();
  Result<void> resize(size_t bytes);  // contents are zeros; 0 gives the memory back
  std::span<std::byte> bytes() const { return {data_, bytes_}; }
  int descriptor() const { return fd_.get(); }

 private:
  SharedMemory() = default;
  void unmap();
  UniqueFd fd_;
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

class PythonProcess {
 public:
  // $WARPWRIGHT_PYTHON, else python3. Error (the machine's): cannot be started, or has no PyTorch; says what
  // to do.
  static Result<std::unique_ptr<PythonProcess>> start();

  SharedMemory& memory() { return memory_; }
  const std::string& versions() const {
    return versions_;
  }  // "Python 3.11.2, PyTorch 2.9.0 (landlock,seccomp)"
  // One line each way. Error: the process died, answered nonsense or not within the deadline; it is then
  // gone.
  Result<Json> ask(const Json& job, int64_t deadline_ms);
  bool alive() const { return process_ != nullptr; }

 private:
  explicit PythonProcess(SharedMemory memory) : memory_(std::move(memory)) {}
  Result<std::string> exchange(const std::string& line, int64_t deadline_ms);
  std::string end();  // kills; how it ended

  SharedMemory memory_;
  std::unique_ptr<Subprocess> process_;
  std::string received_, versions_;
};

}  // namespace warpwright::reference
