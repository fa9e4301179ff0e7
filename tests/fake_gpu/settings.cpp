#include "tests/fake_gpu/settings.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace warpwright::fake_gpu {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

[[noreturn]] void refuse(const char* name, const std::string& value) {
  fmt::print(stderr, "fake GPU: {}={} makes no sense (tests/fake_gpu/README.md)\n", name, value);
  std::_Exit(2);
}

std::string path_as_named() {
  Dl_info here;
  if (dladdr(reinterpret_cast<const void*>(&path_as_named), &here) == 0) return "";
  return here.dli_fname;
}

// Of the file fake_gpu.env beside the library, as it was named to dlopen: NAME=VALUE in lines. For processes
// whose parents pass on only what they know.
std::map<std::string, std::string> read_file_beside() {
  std::map<std::string, std::string> values;
  std::ifstream file(std::filesystem::path(path_as_named()).replace_filename("fake_gpu.env"));
  for (std::string line; std::getline(file, line);) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) values[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return values;
}

std::string text_of(const char* name) {
  static const auto beside = read_file_beside();
  const char* value = std::getenv(name);
  if (value != nullptr) return value;
  const auto found = beside.find(name);
  return found == beside.end() ? "" : found->second;
}

double number_of(const char* name, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0) refuse(name, text);
  return value;
}

template <class T>
void read(const char* name, T& value) {
  const std::string text = text_of(name);
  if (!text.empty()) value = static_cast<T>(number_of(name, text));
}

Target target_of(const std::string& text) {
  const std::size_t slash = text.find('/');
  return {text.substr(0, slash), slash == std::string::npos ? "" : text.substr(slash + 1)};
}

void read_injections(const char* name, Injection::Kind kind, std::vector<Injection>& into) {
  const std::string text = text_of(name);
  if (text.empty()) return;
  for (const std::string& entry : split(text, ',')) {
    const auto parts = split(entry, ':');
    if (parts.size() != (kind == Injection::Kind::kFail ? 3 : 2)) refuse(name, text);
    Injection injection{kind, target_of(parts[0]), 0, 0};
    if (parts[1] != "*") injection.call = static_cast<uint64_t>(number_of(name, parts[1]));
    if (parts.size() == 3) injection.code = static_cast<int>(number_of(name, parts[2]));
    into.push_back(injection);
  }
}

void read_once(std::vector<FailOnce>& into) {
  const char* name = "FAKE_GPU_FAIL_ONCE";
  const std::string text = text_of(name);
  if (text.empty()) return;
  for (const std::string& entry : split(text, ',')) {
    const auto parts = split(entry, ':');
    if (parts.size() != 3) refuse(name, text);
    into.push_back({parts[0], target_of(parts[1]), static_cast<int>(number_of(name, parts[2]))});
  }
}

void read_throttle(Settings& s) {
  const char* name = "FAKE_GPU_THROTTLE";
  const std::string text = text_of(name);
  if (text.empty()) return;
  const auto parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 3) refuse(name, text);
  s.throttle_from_ms = number_of(name, parts[0]);
  s.throttle_share = number_of(name, parts[1]);
  if (parts.size() == 3) s.throttle_ms = number_of(name, parts[2]);
  if (s.throttle_share <= 0) refuse(name, text);
}

void read_outliers(Settings& s) {
  const char* name = "FAKE_GPU_OUTLIERS";
  const std::string text = text_of(name);
  if (text.empty()) return;
  const auto parts = split(text, ':');
  if (parts.size() != 2) refuse(name, text);
  s.outlier_share = number_of(name, parts[0]);
  s.outlier_factor = number_of(name, parts[1]);
}

void read_cupti(Settings& s) {
  const char* name = "FAKE_GPU_CUPTI";
  const std::string text = text_of(name);
  if (text.empty() || text == "on") return;
  const auto parts = split(text, ':');
  if (parts[0] == "drop" && parts.size() == 2) {
    s.cupti = Cupti::kDrop;
    s.cupti_drop = static_cast<uint64_t>(number_of(name, parts[1]));
    if (s.cupti_drop == 0) refuse(name, text);
    return;
  }
  if (text != "off" && text != "denied" && text != "zero") refuse(name, text);
  s.cupti = text == "off" ? Cupti::kOff : text == "denied" ? Cupti::kDenied : Cupti::kZero;
}

Settings from_environment() {
  Settings s;
  read("FAKE_GPU_ARCH", s.arch);
  read("FAKE_GPU_SMS", s.sm_count);
  read("FAKE_GPU_DRIVER", s.driver_version);
  read("FAKE_GPU_L2", s.l2_bytes);
  read("FAKE_GPU_MEMORY", s.memory_bytes);
  read("FAKE_GPU_MHZ", s.sm_mhz);
  double bandwidth_gb_s = s.bytes_per_us / 1000;
  read("FAKE_GPU_BANDWIDTH", bandwidth_gb_s);
  s.bytes_per_us = bandwidth_gb_s * 1000;
  read("FAKE_GPU_BUDGET", s.budget);
  read("FAKE_GPU_NOISE", s.noise);
  read("FAKE_GPU_SEED", s.seed);
  read_outliers(s);
  read_throttle(s);
  read_cupti(s);
  read_injections("FAKE_GPU_FAIL", Injection::Kind::kFail, s.injections);
  read_injections("FAKE_GPU_HANG", Injection::Kind::kHang, s.injections);
  read_injections("FAKE_GPU_DIE", Injection::Kind::kDie, s.injections);
  read_once(s.once);
  s.sick_file = text_of("FAKE_GPU_SICK");
  s.log_file = text_of("FAKE_GPU_LOG");
  return s;
}

}  // namespace

std::string device_uuid() {
  return fmt::format("fake GPU{:08x}", std::hash<std::string>()(path_as_named()) & 0xffffffff);
}

const Settings& settings() {
  static const Settings the_settings = from_environment();
  return the_settings;
}

}  // namespace warpwright::fake_gpu
