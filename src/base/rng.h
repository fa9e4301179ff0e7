// Random numbers, reproducible across machines, compilers and runs (std:: distributions are not).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace warpwright {

// xoshiro256** (Blackman and Vigna), seeded through splitmix64. Decisions of a search draw from named streams
// (`Rng::stream(seed, "proposal", ticket)`), so that adding a draw in one place does not move the others.
class Rng {
 public:
  explicit Rng(uint64_t seed);
  static Rng stream(uint64_t seed, std::string_view name, uint64_t index = 0);

  uint64_t next();
  uint64_t below(uint64_t bound);  // uniform in [0, bound), bound > 0, without modulo bias
  double uniform();                // in [0, 1)

 private:
  std::array<uint64_t, 4> state_;
};

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11): a pure function of
// key and counter, so that any element of a tensor can be produced alone, on the CPU or on a GPU.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

}  // namespace warpwright
