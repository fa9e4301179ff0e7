#include "evaluator/compile/diagnostics.h"

#include <gtest/gtest.h>

#include "evaluator/compile/job.h"
#include "evaluator/compile/ptx_references.h"
#include "evaluator/compile/resources.h"

namespace warpwright::compile {
namespace {

TEST(GlobalFunctions, AreFoundPastAttributesCommentsAndLiterals) {
  const std::string source = R"cuda(
// __global__ void commented();
/* __global__ void block(); */
const char* text = "__global__ void quoted()";
template <int N>
__global__ void __launch_bounds__(256, 2) first(float* p) {}
extern "C" __global__ __cluster_dims__(2, 1, 1) void second() {}
__launch_bounds__(64) __global__ void third(int);
__global__ void third(int) {}
__global__)cuda";
  EXPECT_EQ(global_functions(source), (std::vector<std::string>{"first", "second", "third"}));
}

TEST(CleanLog, DropsStatisticsAndControlCharacters) {
  EXPECT_EQ(
      clean_log(
          "candidate.cu(1): warning: \x1b[31mred\n\n\nRemark: The warnings can be suppressed with "
          "\"-diag-suppress <warning-number>\"\n\nptxas info    : Used 8 registers\nptxas         .     0 "
          "bytes stack frame\n",
          1000),
      "candidate.cu(1): warning: [31mred");
}

TEST(FirstError, IsNeverEmptyAndTakesTheAssemblersToo) {
  EXPECT_EQ(first_error("", "k.cu", ""), "k.cu: error: the compiler failed and did not say why");
  EXPECT_EQ(first_error("At end of source: error: expected a \"}\"\n", "k.cu", ""),
            "At end of source: error: expected a \"}\"");
  EXPECT_EQ(first_error("ptxas error   : too much shared data\n", "k.cu", ""),
            "k.cu: error: ptxas error   : too much shared data");
}

TEST(KernelResources, TheAssemblersOwnLinesWinOverImitations) {
  // A candidate can print lines with #pragma message, but only before the assembler runs.
  const std::string_view log =
      "k.cu(1): remark: #pragma message: \"\nptxas info    : Function properties for f\n"
      "ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 1 registers\"\n"
      "ptxas info    : Compiling entry function 'f' for 'sm_100a'\n"
      "ptxas info    : Function properties for f\n"
      "ptxas         .     416 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n"
      "ptxas info    : Used 108 registers, used 1 barriers, 416 bytes cumulative stack size, 128 bytes "
      "smem\n";
  const auto kernels = kernel_resources(".visible .entry f(\n)\n{ }", "", log);
  ASSERT_TRUE(kernels);
  EXPECT_FALSE(kernels->at("f").has_resources) << "without a cubin nothing is claimed";
  EXPECT_EQ(ptx_entries("// .entry no(\n.visible .entry f(\n)\n{ }\n.entry g()\n{ }"),
            (std::vector<std::string>{"f", "g"}));
}

TEST(ReachableSymbols, FollowBodiesCallsAndInitialisers) {
  const std::string_view ptx = R"(
.version 9.0
.target sm_100a
.global .align 4 .u32 used = 8;
.global .align 4 .u32 unused = 9;
.const .align 8 .u64 pointer = generic(target);
.global .align 4 .b8 target[4] = {1, 2, 3, 4};
.func (.param .b32 r) helper(.param .b32 a)
{
	ld.global.u32 	%r1, [used];
	ret;
}
.visible .entry k(.param .u64 p)
{
	{ // unused
	call.uni (r), helper, (a);
	}
	ld.const.u64 	%rd1, [pointer];
}
.visible .entry other()
{
	ld.global.u32 	%r1, [unused];
}
)";
  const auto reached = reachable_symbols(ptx, {"k"});
  for (const char* name : {"k", "helper", "used", "pointer", "target"})
    EXPECT_TRUE(reached.contains(name)) << name;
  for (const char* name : {"unused", "other"}) EXPECT_FALSE(reached.contains(name)) << name;
}

TEST(CompileAnswer, SurvivesTheWireAndRefusesEveryCut) {
  CompileAnswer answer;
  answer.sandbox = "landlock";
  CompiledUnit unit;
  unit.cubin = std::string("\0\xff", 2);
  unit.lowered_names["f<1>"] = "_Z1f";
  unit.kernels["_Z1f"].registers = 12;
  answer.value = CompiledProgram{{unit}};
  const std::string bytes = encode(answer);
  const auto back = decode_answer(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), bytes);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_answer(bytes.substr(0, size))) << size;
  EXPECT_FALSE(decode_answer(bytes + "x"));
}

}  // namespace
}  // namespace warpwright::compile
