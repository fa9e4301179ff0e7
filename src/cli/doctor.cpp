// warpwright doctor: what this machine has, what is missing, what to do about it.
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/cli/candidate.h"
#include "src/cli/commands.h"
#include "src/cli/measure.h"
#include "src/engine/evaluate_once.h"
#include "src/llm/endpoint_presets.h"
#include "src/trace/dataset.h"

namespace warpwright::cli {
namespace {

enum class Health { kGood, kNote, kBad };

struct Finding {
  Health health = Health::kGood;
  std::string what, detail, mend;
};

std::string_view to_string(Health health) {
  return health == Health::kGood ? "ok" : health == Health::kNote ? "note" : "MISSING";
}

// Starts a worker and lets it compile a kernel that does nothing: process, toolkit, headers, sandbox.
Finding check_worker(const DoctorOptions& options, std::vector<Finding>& details) {
  workers::WorkerSettings settings = engine::local_worker(options.datasets);
  EvaluationRequest request;
  request.id = "doctor";
  request.definition = "gdn_decode_qk4_v8_d128_k_last";
  request.selection = "smoke";
  request.last_stage = Stage::kCompile;
  request.source =
      "/*@plan\nprobe<<<1, 32>>>(output, new_state);\n*/\n#include <cuda_bf16.h>\n"
      "__global__ void probe(__nv_bfloat16* output, float* new_state) {}\n";
  auto done = engine::evaluate_once(settings, request, nullptr);
  if (!done)
    return {Health::kBad, "worker", done.error().message, "see the message; rebuild with `make build`"};
  for (const auto& [name, version] : done->hello.versions)
    details.push_back({Health::kGood, name, version, ""});
  details.push_back(
      {done->hello.executor == "sim" ? Health::kNote : Health::kGood, "executor",
       fmt::format("auto takes {} ({})", done->hello.executor, done->hello.device),
       done->hello.executor == "sim" ? "times are estimates (sim-estimate), correctness is proven" : ""});
  if (done->report.status != Status::kPassed)
    return {Health::kBad, "compile", done->report.message, "the worker's compiler does not work here"};
  return {Health::kGood, "worker", fmt::format("{} compiles for sm_100a", settings.worker_path), ""};
}

Finding check_gpu() {
  for (const char* device : {"/dev/nvidia0", "/dev/dxg"})
    if (::access(device, F_OK) == 0)
      return {Health::kGood, "GPU", std::string(device) + " is there; `executor` says whether it is used",
              ""};
  return {Health::kNote, "GPU", "none found; the simulator is used", ""};
}

// What was measured on this machine; a broken file is shown here before an evaluation trips over it.
void check_calibration(std::vector<Finding>& findings) {
  const auto files = list_files(cache_directory() / "devices", ".toml");
  if (files.empty())
    findings.push_back({Health::kNote, "calibration", "this machine's GPU was not measured",
                        "with a GPU: warpwright doctor --calibrate"});
  for (const auto& file : files) {
    const auto measured = rules::load_measured_device(file.stem().string());
    if (!measured || !*measured) {
      findings.push_back({Health::kBad, "calibration", measured ? "unreadable" : measured.error().message,
                          "remove the file, or measure again: warpwright doctor --calibrate"});
      continue;
    }
    std::string text;
    for (const auto& [what, value] : figures_text(**measured))
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, value);
    findings.push_back({Health::kGood, "calibration", text, ""});
  }
}

Finding check_datasets(const DoctorOptions& options) {
  auto datasets = trace::DatasetPath::open(options.datasets);
  if (!datasets)
    return {Health::kBad, "datasets", datasets.error().message, "check --dataset and FIB_DATASET_PATH"};
  std::string text;
  for (const auto& folder : datasets->folders()) text += (text.empty() ? "" : ", ") + folder.string();
  return {Health::kGood, "datasets",
          fmt::format("{} ({} definitions)", text, datasets->definition_names().size()), ""};
}

Finding check_cache() {
  const auto folder = cache_directory();
  if (auto made = warpwright::create_directories(folder); !made)
    return {Health::kNote, "cache", made.error().message, "set WARPWRIGHT_CACHE to a folder you can write"};
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) != 0) return {Health::kNote, "cache", folder.string(), ""};
  const double gib = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize) / (1 << 30);
  return {gib < 2 ? Health::kNote : Health::kGood, "cache",
          fmt::format("{} ({:.0f} GiB free)", folder.string(), gib), gib < 2 ? "a run wants 2 GiB" : ""};
}

// The worker starts the helper process that an evaluation would.
Finding check_python() {
  const auto versions = python_reference_versions();
  if (versions) return {Health::kGood, "Python", "references can run: " + *versions, ""};
  return {Health::kNote, "Python", "references cannot run: " + versions.error().message,
          "only definitions outside the built-in families, and --check-oracles, need them"};
}

// Which endpoints' keys are here; the keys themselves are not looked at.
Finding check_models() {
  const auto home = find_home();
  if (!home) return {Health::kBad, "models", home.error().message, "set WARPWRIGHT_HOME"};
  const auto presets = llm::EndpointPresets::load(*home / "configs/models/endpoints.toml");
  if (!presets) return {Health::kBad, "models", presets.error().message, "mend the file"};
  std::string with_key, without;
  for (const llm::EndpointPreset& preset : presets->all()) {
    const std::string variable = preset.table.value("key_env", "");
    if (variable.empty()) continue;
    const bool is_set = std::getenv(variable.c_str()) != nullptr;
    std::string& list = is_set ? with_key : without;
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", preset.name, variable);
  }
  if (with_key.empty())
    return {Health::kNote, "models", "no key is set: " + without,
            "export one, or use a server or program of your own: warpwright evolve --help, --model"};
  return {Health::kGood, "models", "keys are set for " + with_key, ""};
}

// The simulator is the worker's.
int print_instructions() {
  SubprocessOptions options;
  options.argv = {engine::default_worker_path(), "instructions"};
  auto done = run_to_completion(options, "", 60'000, 4 << 20);
  if (!done) return report_error(done.error());
  std::cout << done->stdout_text;
  return done->status.success() ? 0 : 3;
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
  if (options.instructions) return print_instructions();
  if (options.red_team) return run_red_team(options);
  if (options.check_oracles) return run_check_oracles(options);
  if (options.calibrate) return run_doctor_calibrate(options);
  std::vector<Finding> findings, details;
  findings.push_back(check_worker(options, details));
  findings.insert(findings.end(), details.begin(), details.end());
  findings.push_back(check_gpu());
  check_calibration(findings);
  findings.push_back(check_datasets(options));
  findings.push_back(check_cache());
  findings.push_back(check_python());
  findings.push_back(check_models());
  findings.push_back({Health::kGood, "cores", std::to_string(std::thread::hardware_concurrency()), ""});

  bool bad = false;
  Json json = Json::array();
  for (const Finding& finding : findings) {
    bad |= finding.health == Health::kBad;
    json.push_back({{"health", to_string(finding.health)},
                    {"what", finding.what},
                    {"detail", finding.detail},
                    {"mend", finding.mend}});
    if (options.form == OutputForm::kText)
      std::cout << fmt::format("{:<8} {:<12} {}{}\n", to_string(finding.health), finding.what, finding.detail,
                               finding.mend.empty() ? "" : "\n                      -> " + finding.mend);
  }
  if (options.form == OutputForm::kJson) std::cout << dump_json(json, 2) << "\n";
  return bad ? 3 : 0;
}

}  // namespace warpwright::cli
