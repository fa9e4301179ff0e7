#include "evaluator/cuda/fake_gpu_child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace warpwright::cuda {
namespace fs = std::filesystem;
namespace {

constexpr unsigned kLongestSeconds = 60;  // then SIGALRM ends the child

std::string fake_gpu_library() {
  return fs::read_symlink("/proc/self/exe").parent_path() / "libfake_gpu.so";
}

void write_all(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  return text;
}

// Lines of the log are "<pid> <function> [arguments]".
std::vector<std::string> functions_of(const fs::path& log) {
  std::vector<std::string> functions;
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) {
    const size_t begin = line.find(' ') + 1;
    functions.push_back(line.substr(begin, line.find(' ', begin) - begin));
  }
  return functions;
}

}  // namespace

size_t ChildResult::count(const std::string& function) const {
  return static_cast<size_t>(std::count(calls.begin(), calls.end(), function));
}

ChildResult run_on_fake_gpu(const std::map<std::string, std::string>& environment,
                            const std::function<std::string()>& work) {
  std::string folder = (fs::temp_directory_path() / "fake_gpu_XXXXXX").string();
  ChildResult result;
  int ends[2];
  if (::mkdtemp(folder.data()) == nullptr || ::pipe(ends) != 0) return result;
  const fs::path log = fs::path(folder) / "log";
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(kLongestSeconds);
    for (const char* library : {"WARPWRIGHT_LIBCUDA", "WARPWRIGHT_LIBCUPTI", "WARPWRIGHT_LIBNVML"})
      ::setenv(library, fake_gpu_library().c_str(), 1);
    ::setenv("FAKE_GPU_LOG", log.c_str(), 1);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    write_all(ends[1], work());
    ::_exit(0);
  }
  ::close(ends[1]);
  result.text = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  result.finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  result.calls = functions_of(log);
  fs::remove_all(folder);
  return result;
}

}  // namespace warpwright::cuda
