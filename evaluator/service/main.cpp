// warpwright-worker: evaluates candidates for warpwright. Started by it, behind any launch prefix; never by
// hand, but
//   warpwright-worker [--dataset DIR]...     speaks JSON lines on stdin and stdout
//   warpwright-worker compile-child          one compilation, for the worker itself
//   warpwright-worker device-process         the process that holds the CUDA context, for the worker itself
//   warpwright-worker measure-device         rates and launch costs of the GPU, as JSON (doctor --calibrate)
//   warpwright-worker precompile-microbenchmarks TARGET   its kernels, into $WARPWRIGHT_WRITE_PRECOMPILED
//   warpwright-worker check-oracles [--dataset DIR]... [--definition NAME] [--seed N]   against Python
//   references warpwright-worker python-reference       whether Python references can run here
//   warpwright-worker instructions           which PTX instructions the simulator executes, as Markdown
#include <signal.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string_view>

#include "evaluator/compile/child.h"
#include "evaluator/exec/device_process.h"
#include "evaluator/reference/python_reference.h"
#include "evaluator/service/check_oracles.h"
#include "evaluator/service/measure_device.h"
#include "evaluator/service/worker_loop.h"
#include "evaluator/sim/instructions.h"
#include "src/base/files.h"
#include "src/base/log.h"

int main(int argc, char** argv) {
  using namespace warpwright;
  if (argc == 2 && std::string_view(argv[1]) == "compile-child") return compile::compile_child_main();
  if (argc == 2 && std::string_view(argv[1]) == "device-process") return exec::device_process_main();
  if (argc == 2 && std::string_view(argv[1]) == "instructions") {
    std::cout << sim::instructions_document();
    return 0;
  }
  if (argc == 2 && std::string_view(argv[1]) == "python-reference") {
    const auto versions = reference::python_versions();
    (versions ? std::cout : std::cerr) << (versions ? *versions : versions.error().message) << "\n";
    return versions ? 0 : 3;
  }
  service::EvaluatorOptions options;
  std::optional<service::OracleCheckOptions> oracle_check;
  if (argc >= 2 && std::string_view(argv[1]) == "check-oracles") oracle_check.emplace();
  bool measures = false;
  std::string precompile_target;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--dataset" && i + 1 < argc) {
      options.datasets.emplace_back(argv[++i]);
    } else if (argc == 2 && std::string_view(argv[i]) == "measure-device") {
      measures = true;
    } else if (argc == 3 && std::string_view(argv[i]) == "precompile-microbenchmarks") {
      precompile_target = argv[++i];
    } else if (oracle_check && i == 1) {
      continue;
    } else if (oracle_check && std::string_view(argv[i]) == "--definition" && i + 1 < argc) {
      oracle_check->definition = argv[++i];
    } else if (oracle_check && std::string_view(argv[i]) == "--seed" && i + 1 < argc) {
      oracle_check->seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      std::cerr << "usage: warpwright-worker [--dataset DIR]...\n"
                   "It evaluates kernels for warpwright, which starts it; JSON lines on stdin and stdout.\n";
      return 2;
    }
  }
  init_logging("worker");
  ::signal(SIGPIPE, SIG_IGN);
  auto home = find_home();
  if (!home) {
    std::cerr << home.error().message << "\n";
    return 2;
  }
  options.home = *home;
  if (measures) return service::measure_device_main(options);
  if (oracle_check) return service::check_oracles_main(options, *oracle_check);
  if (!precompile_target.empty()) return service::precompile_microbenchmarks_main(options, precompile_target);
  return service::run_worker(options);
}
