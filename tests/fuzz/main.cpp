// Feeds mutated PTX to the parser, the decoder and the interpreter: whatever the text, they must end with a
// value or an error. Deterministic: the same seed and corpus make the same texts. Build it in the asan
// preset.
//
//   ptx_fuzz [--seconds N] [--seed N] [--save FILE] [--replay FILE] [FILE or FOLDER of .ptx ...]
//
// A text that crashes, or that runs for more than 20 s, is written to FILE (default ptx-fuzz-crash.ptx).
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "evaluator/ptx/lexer.h"
#include "evaluator/ptx/module.h"
#include "tests/fuzz/mutate.h"
#include "evaluator/sim/simulator.h"

extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)());

namespace warpwright::sim {
namespace {

constexpr unsigned kSecondsPerText = 20;
constexpr std::size_t kMaxText = 200'000;

struct Settings {
  int seconds = 60;
  uint64_t seed = 1;
  std::string save = "ptx-fuzz-crash.ptx", replay;
  std::vector<std::string> corpus;
};

// What a dying process can still write.
std::string current_text;
std::string save_path;

void save_text() {
  const int file = ::open(save_path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (file < 0) return;
  [[maybe_unused]] const auto written = ::write(file, current_text.data(), current_text.size());
  ::close(file);
}
void on_signal(int number) {
  save_text();
  const char* text = number == SIGALRM ? "ptx_fuzz: a text takes too long\n" : "ptx_fuzz: a text crashes\n";
  [[maybe_unused]] const auto written = ::write(2, text, std::char_traits<char>::length(text));
  ::_exit(1);
}

struct Tally {
  uint64_t texts = 0, parsed = 0, launches = 0, completed = 0;
};

void launch(const Program& program, const std::string& name, uint64_t draw, Tally& tally) {
  const KernelInfo& info = *program.kernel(name);
  if (info.parameter_bytes > 4096) return;
  Memory memory;
  Launch launch;
  launch.kernel = name;
  launch.grid = {2, 1, 1};
  launch.block = info.required_block.x != 0 ? info.required_block : Dim3{draw % 2 ? 32u : 70u, 1, 1};
  launch.dynamic_shared_bytes = draw % 3 == 0 ? 4096 : 0;
  launch.cooperative = draw % 5 == 0;
  launch.parameters.resize(info.parameter_bytes);
  for (const ptx::Parameter& parameter : info.parameters) {
    if (parameter.size != 8 || parameter.offset + 8 > info.parameter_bytes) continue;
    const uint64_t address = memory.allocate(parameter.name, 1 << 14, Access::kReadWrite);
    std::copy_n(reinterpret_cast<const std::byte*>(&address), 8, launch.parameters.data() + parameter.offset);
  }
  Options options;
  options.warp_instruction_budget = 20'000;
  options.reverse_order = draw % 7 == 0;
  options.profile = draw % 11 == 0;
  ++tally.launches;
  tally.completed += run(program, launch, memory, options).completed;
}

void try_text(uint64_t draw, Tally& tally) {
  ++tally.texts;
  ::alarm(kSecondsPerText);
  auto module = ptx::parse(current_text);
  if (!module) {
    if (module.error().message.empty()) std::abort();
    return;
  }
  ++tally.parsed;
  auto program = Program::build(std::move(*module));
  if (!program) return;
  int left = 3;
  for (const std::string& name : (*program)->kernel_names()) {
    if (left-- == 0) break;
    launch(**program, name, draw, tally);
  }
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> read_corpus(const Settings& settings) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& place : settings.corpus) {
    if (!std::filesystem::is_directory(place)) {
      paths.emplace_back(place);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(place)) {
      if (entry.path().extension() == ".ptx") paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> texts;
  for (const auto& path : paths) {
    texts.push_back(read_file(path));
    if (texts.back().size() > kMaxText) texts.pop_back();
  }
  return texts;
}

bool parse_arguments(int count, char** words, Settings& settings) {
  for (int k = 1; k < count; ++k) {
    const std::string word = words[k];
    const bool has_value = k + 1 < count;
    if (word == "--seconds" && has_value) {
      settings.seconds = std::atoi(words[++k]);
    } else if (word == "--seed" && has_value) {
      settings.seed = std::strtoull(words[++k], nullptr, 10);
    } else if (word == "--save" && has_value) {
      settings.save = words[++k];
    } else if (word == "--replay" && has_value) {
      settings.replay = words[++k];
    } else if (word.starts_with("-")) {
      return false;
    } else {
      settings.corpus.push_back(word);
    }
  }
  if (settings.corpus.empty()) settings.corpus = {"evaluator/ptx/testdata", "evaluator/sim/testdata"};
  return true;
}

int run_fuzzer(const Settings& settings) {
  Tally tally;
  if (!settings.replay.empty()) {
    current_text = read_file(settings.replay);
    for (uint64_t draw = 0; draw < 12; ++draw) try_text(draw, tally);
    std::printf("ptx_fuzz: %s ends\n", settings.replay.c_str());
    return 0;
  }
  const std::vector<std::string> corpus = read_corpus(settings);
  if (corpus.empty()) {
    std::fprintf(stderr, "ptx_fuzz: no .ptx file to start from\n");
    return 2;
  }
  fuzz::Mutator mutator(corpus, settings.seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(settings.seconds);
  while (std::chrono::steady_clock::now() < end) {
    current_text = mutator.next();
    try_text(mutator.draw(), tally);
  }
  ::alarm(0);
  std::printf("ptx_fuzz: %llu texts, %llu parse, %llu launches, %llu of them run to their end; no crash\n",
              static_cast<unsigned long long>(tally.texts), static_cast<unsigned long long>(tally.parsed),
              static_cast<unsigned long long>(tally.launches),
              static_cast<unsigned long long>(tally.completed));
  return 0;
}

}  // namespace
}  // namespace warpwright::sim

int main(int count, char** words) {
  warpwright::sim::Settings settings;
  if (!warpwright::sim::parse_arguments(count, words, settings)) {
    std::fprintf(stderr,
                 "usage: ptx_fuzz [--seconds N] [--seed N] [--save FILE] [--replay FILE] [FILE|FOLDER...]\n");
    return 2;
  }
  warpwright::sim::save_path = settings.save;
  for (const int number : {SIGALRM, SIGABRT}) std::signal(number, warpwright::sim::on_signal);
  if (&__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(warpwright::sim::save_text);
  } else {
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(number, warpwright::sim::on_signal);
  }
  return warpwright::sim::run_fuzzer(settings);
}
