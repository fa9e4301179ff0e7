// How evaluator processes are started and when one counts as lost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace warpwright::workers {

struct WorkerSettings {
  // Started as: command_prefix..., worker_path, arguments... The prefix is where placement is decided:
  // {"srun", "-N1", "-n1", "--gres=gpu:1", "--unbuffered"}, {"ssh", "-oBatchMode=yes", "host"}, or empty.
  std::vector<std::string> command_prefix;
  std::string worker_path;
  std::vector<std::string> arguments;
  int count = 1;

  // The child's whole environment is the variables named here (and a few the loader needs), then
  // set_environment: API keys of this process never reach a worker, whatever the launch prefix exports.
  std::vector<std::string> keep_environment = {"WARPWRIGHT_HOME",
                                               "WARPWRIGHT_CACHE",
                                               "WARPWRIGHT_LOG",
                                               "XDG_CACHE_HOME",
                                               "CUDA_VISIBLE_DEVICES",
                                               "CUDA_DEVICE_ORDER",
                                               "CUDA_PATH",
                                               "VIRTUAL_ENV",
                                               "WARPWRIGHT_PYTHON",
                                               "WARPWRIGHT_LIBCUDA",
                                               "WARPWRIGHT_COMPUTE_SANITIZER",
                                               "WARPWRIGHT_LIBCUPTI",
                                               "WARPWRIGHT_LIBNVML",
                                               "WARPWRIGHT_TOOLKIT",
                                               "WARPWRIGHT_PRECOMPILED",
                                               "WARPWRIGHT_WRITE_PRECOMPILED",
                                               "WARPWRIGHT_LOCK_SM_MHZ",
                                               "FIB_DATASET_PATH",
                                               "USER",
                                               "LOGNAME"};
  std::map<std::string, std::string> set_environment;

  int64_t hello_deadline_ms = 120'000;   // behind a queue (srun, kubectl) a start may take minutes
  int64_t silence_deadline_ms = 30'000;  // no message with a request outstanding
  int64_t deadline_grace_ms = 30'000;    // over the request's own limits, which the worker keeps itself
  int64_t respawn_base_ms = 250;         // doubled per failure in a row, up to the cap
  int64_t respawn_cap_ms = 15'000;
  int max_attempts = 3;       // workers one request may lose in a row before it is quarantined
  int max_failed_starts = 4;  // in a row, before a slot is given up
};

}  // namespace warpwright::workers
