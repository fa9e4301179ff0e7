// For tests: runs something in a child process with a fake GPU (tests/fake_gpu/README.md), whose settings are
// read once per process.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace warpwright::cuda {

struct ChildResult {
  bool finished = false;           // neither crashed nor hung
  std::string text;                // what `work` returned
  std::vector<std::string> calls;  // functions of the libraries that were called, in order

  size_t count(const std::string& function) const;
};

ChildResult run_on_fake_gpu(const std::map<std::string, std::string>& environment,
                            const std::function<std::string()>& work);

}  // namespace warpwright::cuda
