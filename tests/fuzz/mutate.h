// Makes texts for a parser to choke on: lines, words and bytes of a corpus changed at random.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warpwright::sim::fuzz {

class Mutator {
 public:
  // REQUIRES: the corpus is not empty and outlives this.
  Mutator(const std::vector<std::string>& corpus, uint64_t seed);
  std::string next();
  uint64_t draw();  // uniform; splitmix64

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(draw() % limit); }
  void change_line(std::string& text);
  void change_word(std::string& text);
  void change_bytes(std::string& text);
  std::string_view some_word();

  const std::vector<std::string>& corpus_;
  std::vector<std::string_view> words_;  // each once
  uint64_t state_;
};

}  // namespace warpwright::sim::fuzz
