#include "src/cli/commands.h"

int main(int argc, char** argv) {
  return warpwright::cli::main_with(argc, argv);
}
