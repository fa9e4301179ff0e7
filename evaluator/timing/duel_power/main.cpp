// Prints how often duels decide rightly on synthetic noise, as the Markdown table of ../README.md.
// Usage: duel-power [duels per cell]
#include <fmt/format.h>

#include <cstdlib>

#include "evaluator/timing/noise_models.h"

namespace {

using namespace warpwright::timing;

struct Cell {
  double faster = 0, slower = 0, pairs = 0;
};

Cell run(const NoiseModel& model, double ratio, int duels) {
  Cell cell;
  const DuelOptions options;
  for (int k = 0; k < duels; ++k) {
    const auto duel = simulate_duel(model, ratio, options, static_cast<uint64_t>(k));
    if (!duel) std::abort();
    cell.faster += duel->verdict == Verdict::kFaster;
    cell.slower += duel->verdict == Verdict::kSlower;
    cell.pairs += duel->pairs();
  }
  return {cell.faster / duels, cell.slower / duels, cell.pairs / duels};
}

}  // namespace

int main(int argc, char** argv) {
  const int duels = argc > 1 ? std::atoi(argv[1]) : 2000;
  if (duels <= 0) {
    fmt::print(stderr, "usage: duel-power [duels per cell]\n");
    return 2;
  }
  const double ratios[] = {1, 0.995, 0.99, 0.98, 0.95, 0.9};
  fmt::print("| noise |");
  for (const double ratio : ratios) fmt::print(" {} |", ratio);
  fmt::print("\n|---|");
  for (size_t k = 0; k < std::size(ratios); ++k) fmt::print("---|");
  for (const NoiseModel& model : noise_models()) {
    fmt::print("\n| {} |", model.name);
    for (const double ratio : ratios) {
      const Cell cell = run(model, ratio, duels);
      fmt::print(" {:.{}f} % ({:.0f}) |", cell.faster * 100, ratio == 1 ? 2 : 1, cell.pairs);
      std::fflush(stdout);
    }
  }
  fmt::print("\n");
  return 0;
}
