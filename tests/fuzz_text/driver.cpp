// Feeds a fuzzer's corpus and mutations of it to the fuzzer's function, without libFuzzer: as a test, so that
// the harness cannot rot, and to run one input again. The same files make the same inputs.
//
//   NAME_fuzz [--runs N] [--dictionary FILE] FILE or FOLDER ...
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "tests/fuzz_text/harness.h"

namespace warpwright::fuzz {
namespace {
namespace fs = std::filesystem;

std::string current_input;

void on_abort(int) {
  std::ofstream("text-fuzz-crash", std::ios::binary) << current_input;
  std::fputs("the input is in text-fuzz-crash\n", stderr);
  std::_Exit(1);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> read_corpus(const fs::path& path) {
  if (!fs::is_directory(path)) return {read_file(path)};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> texts;
  for (const fs::path& file : files) texts.push_back(read_file(file));
  return texts;
}

// libFuzzer's dictionaries: "text", with \xNN, \\ and \".
std::vector<std::string> read_dictionary(const fs::path& path) {
  std::vector<std::string> words;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t begin = line.find('"'), end = line.rfind('"');
    if (line.starts_with('#') || end == begin) continue;
    std::string word;
    for (size_t i = begin + 1; i < end; ++i) {
      if (line[i] == '\\' && line[i + 1] == 'x') {
        word.push_back(static_cast<char>(std::stoi(line.substr(i + 2, 2), nullptr, 16)));
        i += 3;
      } else {
        word.push_back(line[i] == '\\' ? line[++i] : line[i]);
      }
    }
    words.push_back(std::move(word));
  }
  return words;
}

class Mutator {
 public:
  Mutator(std::vector<std::string> corpus, std::vector<std::string> words)
      : corpus_(std::move(corpus)), words_(std::move(words)) {}

  std::string next() {
    std::string text = pick(corpus_);
    for (uint64_t i = 1 + rng_.below(6); i > 0; --i) mutate(text);
    constexpr size_t kMaxText = 20'000;
    return text.substr(0, kMaxText);
  }

 private:
  const std::string& pick(const std::vector<std::string>& from) { return from[rng_.below(from.size())]; }
  size_t place_in(const std::string& text) { return rng_.below(text.size() + 1); }

  void mutate(std::string& text) {
    const size_t at = place_in(text), length = rng_.below(40);
    switch (rng_.below(words_.empty() ? 5 : 7)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, 1, static_cast<char>(rng_.below(256)));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << rng_.below(8)));
        break;
      case 3:
        text.insert(at, text.substr(place_in(text), length));
        break;
      case 4:
        text = text.substr(0, at) + pick(corpus_).substr(0, 4096);
        break;
      default:
        text.insert(at, (rng_.below(2) == 0 ? "\n" : "") + pick(words_));
    }
  }

  Rng rng_{1};
  std::vector<std::string> corpus_, words_;
};

void run(const std::string& text) {
  current_input = text;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

int run_all(const std::vector<std::string>& arguments) {
  uint64_t runs = 3000;
  std::vector<std::string> corpus, words;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--runs" && i + 1 < arguments.size())
      runs = std::stoull(arguments[++i]);
    else if (arguments[i] == "--dictionary" && i + 1 < arguments.size())
      words = read_dictionary(arguments[++i]);
    else
      for (std::string& text : read_corpus(arguments[i])) corpus.push_back(std::move(text));
  }
  if (corpus.empty()) {
    std::fputs("usage: [--runs N] [--dictionary FILE] FILE or FOLDER ...\n", stderr);
    return 2;
  }
  for (const std::string& text : corpus) run(text);
  run("");
  Mutator mutator(corpus, words);
  for (uint64_t i = 0; i < runs; ++i) run(mutator.next());
  std::printf("%zu inputs of the corpus and %llu mutations\n", corpus.size(),
              static_cast<unsigned long long>(runs));
  return 0;
}

}  // namespace
}  // namespace warpwright::fuzz

int main(int argc, char** argv) {
  std::signal(SIGABRT, warpwright::fuzz::on_abort);
  std::signal(SIGSEGV, warpwright::fuzz::on_abort);
  return warpwright::fuzz::run_all({argv + 1, argv + argc});
}
