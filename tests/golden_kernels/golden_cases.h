// Every golden kernel with a small workload: what the tests and the mutants run.
#pragma once

#include "tests/golden_kernels/workload.h"

namespace warpwright::golden {

struct GoldenCase {
  std::string name;
  std::function<Workload()> make;
};

const std::vector<GoldenCase>& golden_cases();

// By subject; golden_cases() is all of them.
std::vector<GoldenCase> task_cases();
std::vector<GoldenCase> synchronisation_cases();
std::vector<GoldenCase> matrix_cases();
std::vector<GoldenCase> cub_cases();
std::vector<GoldenCase> number_cases();
std::vector<GoldenCase> control_flow_cases();
std::vector<GoldenCase> async_cases();

}  // namespace warpwright::golden
