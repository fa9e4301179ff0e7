// The process that holds NVRTC: `warpwright-worker compile-child` reads one compile job on stdin, shuts
// itself into its sandbox, compiles, writes one answer on stdout and ends.
#pragma once

namespace warpwright::compile {

int compile_child_main();

}  // namespace warpwright::compile
