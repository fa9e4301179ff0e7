// The test program is its own worker: started with `compile-child` it is the compile child.
#include <gtest/gtest.h>

#include <cstring>

#include "evaluator/compile/child.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "compile-child") == 0)
    return warpwright::compile::compile_child_main();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
