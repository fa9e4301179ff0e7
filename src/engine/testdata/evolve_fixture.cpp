// `evolve` in a process of its own, for tests that kill it: evolve_fixture CONFIG RUN_DIR new|resume
#include <cstdio>
#include <string_view>

#include "src/engine/evolve.h"

using namespace warpwright;

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const bool resume = std::string_view(argv[3]) == "resume";
  auto config = resume ? engine::resumed_config(argv[2]) : engine::load_run_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return 2;
  }
  report::SilentView live;
  SystemClock clock;
  const auto outcome =
      engine::evolve(*config, argv[2], resume ? engine::Resume::kYes : engine::Resume::kNo, live, clock);
  if (!outcome) {
    std::fprintf(stderr, "%s\n", outcome.error().message.c_str());
    return outcome.error().kind == ErrorKind::kInterrupted ? 130 : 3;
  }
  return outcome->stop == engine::Stop::kInterrupted ? 130 : 0;
}
