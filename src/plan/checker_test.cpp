// Names and types.
#include "src/plan/checker.h"

#include <gtest/gtest.h>

#include "src/plan/testing.h"

namespace warpwright::plan {
namespace {

std::string errors_in(const CandidateSource& source) {
  const Checked<Plan> plan = parse_plan(source, gdn_decode_definition());
  return plan ? "" : text_of(plan.error());
}
std::string errors_of(const std::string& text) {
  return errors_in(source_of(text));
}
std::string with_launch(std::string_view text) {
  return std::string(text) + "\n" + std::string(kLaunch);
}

TEST(CheckerTest, NamesAreKnownNearOrListed) {
  const char* cases[][2] = {
      {"const int n = batchsize;", "1:15: unknown name 'batchsize'; did you mean 'batch_size'?"},
      {"const int n = Head_Size;", "1:15: unknown name 'Head_Size'; did you mean 'head_size'?"},
      {"const int n = zzzzzzzz;",
       "1:15: unknown name 'zzzzzzzz'; known here: batch_size head_size num_k_heads num_q_heads "},
      {"memset(outptu, 0, 4);", "1:8: unknown name 'outptu'; did you mean 'output'?"},
      {"memset(zzzzzzzz, 0, 4);",
       "1:8: unknown name 'zzzzzzzz'; "
       "known here: A_log a b dt_bias k new_state output q state v"},
      {"const int n = later;\nconst int later = 2;",
       "1:15: 'later' is used before its declaration on line 2"},
      {"if (true) { const int inner = 2; }\nconst int n = inner;",
       "2:15: 'inner' of line 1 ended with its block: declare it before the block"},
      {"const int n = n;", "1:15: 'n' is used before its declaration on line 1"},
      {"const int n = 1;\nconst int n = 2;", "2:1: 'n' is declared already, on line 1"},
      {"const int n = 1;\nif (true) { const int n = 2; }", "2:13: 'n' is declared already, on line 1"},
      {"const int batch_size = 1;", "1:1: 'batch_size' is an axis of the definition: choose another name"},
      {"workspace float q[4];", "1:1: 'q' is a tensor or scalar of the definition: choose another name"},
      {"const int min = 1;", "1:1: 'min' is a word of the plan language: choose another name"},
      {"tune while = 1 in {1};", "1:6: 'while' is a word of C++ and cannot become knob::while"},
      {"if (true) { tune N = 1 in {1}; }",
       "1:13: knob 'N' is declared inside a block: tune belongs to the top level"},
      {"require has(stat);", "1:9: has(stat): there is no such input; did you mean 'state'?"},
      {"require has(output);",
       "1:9: has(output): there is no such input; "
       "inputs are q k v state A_log a dt_bias b scale"},
      {"gdn<bf16><<<1, 32>>>();", "1:5: unknown name or type 'bf16'; write __nv_bfloat16"},
      {"unit::gdn<<<1, 32>>>();", "1:1: 'unit::gdn': the file has no //@unit lines; write gdn"},
  };
  for (const auto& [text, error] : cases) {
    const std::string errors = errors_of(with_launch(text));
    EXPECT_EQ(errors.substr(0, std::string(error).size()), error) << text;
  }
}

TEST(CheckerTest, TypesAreStrictWithAMend) {
  const char* cases[][2] = {
      {"const int n = 1.5;", "1:15: const n must be int, not float; write i64(...), or ceil_div for a count"},
      {"const int n = batch_size > 1;", "1:26: const n must be int, not bool; write condition ? 1 : 0"},
      {"const bool n = batch_size;", "1:16: const n must be bool, not int; write != 0"},
      {"if (batch_size % 4) {}", "1:16: the condition of if must be bool, not int; write != 0"},
      {"require 1 < batch_size < 4;", "1:24: < takes two numbers, not bool; write a < b && b < c"},
      {"require batch_size && true;", "1:20: && takes two bools, not int; write != 0"},
      {"require !batch_size;", "1:9: ! takes a bool, not int; write x == 0"},
      {"require true == 1;", "1:14: == compares bool with int"},
      {"const int n = -true;", "1:15: - takes a number, not bool"},
      {"const int n = 1 + true;", "1:17: + takes two numbers, not bool; write b ? 1 : 0"},
      {"const float x = 1.5 % 2;", "1:21: % takes two ints, not float; write i64(...)"},
      {"const int n = true ? 1 : false;", "1:20: the two values of ?: are int and bool: they need one type"},
      {"const int n = ceil_div(1.5, 2);", "1:24: ceil_div takes two ints, not float"},
      {"const float x = f32(true);", "1:17: f32 takes a number, not bool; write condition ? 1 : 0"},
      {"workspace float w[1.5];",
       "1:19: the size of workspace 'w' must be int, not float; write i64(...), or ceil_div for a count"},
      {"gdn<1.5><<<1, 32>>>();", "1:5: a template argument is an int, a bool or a type, not float"},
      {"gdn<<<dim3(1, 1.5), 32>>>();",
       "1:15: the grid's y must be int, not float; write i64(...), or ceil_div for a count"},
      {"const int n = q;",
       "1:15: 'q' is a tensor, not a number: expressions use axes, consts, knobs and scalar inputs"},
      {"gdn<<<1, 32>>>(q - 1);",
       "1:16: 'q' is a tensor, not a number: expressions use axes, consts, knobs and scalar inputs"},
      {"gdn<<<1, 32>>>(q + 1.5);",
       "1:20: the offset into 'q' must be int, not float; write i64(...), or ceil_div for a count"},
      {"memset(scale, 0, 4);", "1:8: 'scale' is a value: here a tensor or workspace is needed"},
      {"memset(q, 0, 4);", "1:8: memset cannot write to 'q': inputs must stay unchanged"},
      {"copy(q + 1, output, 4);", "1:6: copy cannot write to 'q': inputs must stay unchanged"},
      {"tensormap m = tiled<float4>(output, dims = {4}, box = {4});",
       "1:1: a tensor map cannot have elements of type float4: write tiled<uint8_t>(...) or such"},
      {"tensormap m = tiled(output, dims = {4, 4}, box = {4});",
       "1:1: tensor map 'm' has 2 dims, so box needs 2 values, got 1"},
      {"tensormap m = tiled(output, dims = {1,1,1,1,1,1}, box = {1,1,1,1,1,1});",
       "1:1: tensor map 'm' has 6 dims: 1 to 5 are possible"},
      {"tensormap m = tiled<int>(output, dims = {4}, box = {4}, oob_nan);",
       "1:1: oob_nan needs elements of a floating type"},
  };
  for (const auto& [text, error] : cases) {
    const std::string errors = errors_of(with_launch(text));
    EXPECT_EQ(errors.substr(0, std::string(error).size()), error) << text;
  }
}

TEST(CheckerTest, OneMistakeIsOneError) {
  EXPECT_EQ(
      errors_of(with_launch("const int n = nothing;\nconst int m = n + 1;\nworkspace float w[m];")),
      "1:15: unknown name 'nothing'; known here: batch_size head_size num_k_heads num_q_heads num_v_heads "
      "scale seq_len");
}

TEST(CheckerTest, IntegersBecomeFloatsWhereOneIsWanted) {
  EXPECT_EQ(errors_of(with_launch("const float x = batch_size;\nconst float y = true ? 1 : scale;\n"
                                  "const bool below = 1 < scale;\nconst float z = min(1, scale);")),
            "");
}

TEST(CheckerTest, PdlNeedsAKernelDirectlyBeforeOnEveryPath) {
  const std::string error =
      "[[pdl]] needs a kernel directly before this launch on every path: leave it out here";
  const std::pair<const char*, bool> cases[] = {
      {"[[pdl]] k<<<1, 32>>>();", false},
      {"k<<<1, 32>>>(); [[pdl]] k<<<1, 32>>>();", true},
      {"k<<<1, 32>>>(); const int n = 1; workspace float w[n]; [[pdl]] k<<<1, 32>>>();", true},
      {"k<<<1, 32>>>(); memset(output, 0, 4); [[pdl]] k<<<1, 32>>>();", false},
      {"k<<<1, 32>>>(); copy(output, q, 4); [[pdl]] k<<<1, 32>>>();", false},
      {"if (true) { k<<<1, 32>>>(); } [[pdl]] k<<<1, 32>>>();", false},
      {"if (true) { k<<<1, 32>>>(); } else { } [[pdl]] k<<<1, 32>>>();", false},
      {"if (true) { k<<<1, 32>>>(); } else { j<<<1, 32>>>(); } [[pdl]] k<<<1, 32>>>();", true},
      {"k<<<1, 32>>>(); if (true) { } [[pdl]] k<<<1, 32>>>();", true},
      {"k<<<1, 32>>>(); if (true) { memset(output, 0, 4); } [[pdl]] k<<<1, 32>>>();", false},
      {"k<<<1, 32>>>(); if (true) { [[pdl]] k<<<1, 32>>>(); } else { [[pdl]] k<<<1, 32>>>(); }", true},
      {"k<<<1, 32>>>(); if (true) { memset(output, 0, 4); } else if (false) { } else { [[pdl]] k<<<1, "
       "32>>>(); }",
       true},
  };
  for (const auto& [text, good] : cases) {
    const std::string errors = errors_of(with_launch(text));
    EXPECT_EQ(errors.empty(), good) << text << "\n" << errors;
    EXPECT_EQ(errors.find(error) != std::string::npos, !good) << errors;
  }
}

TEST(CheckerTest, EveryOutputMustBeWritten) {
  EXPECT_EQ(errors_of("gdn<<<1, 32>>>(output);"),
            "1:1: output 'new_state' is never written: pass it to a kernel");
  EXPECT_EQ(errors_of("memset(output, 0, 4);"),
            "1:1: the plan launches no kernel: add kernel<<<grid, block>>>(...);\n"
            "1:1: output 'new_state' is never written: pass it to a kernel");
  EXPECT_EQ(errors_of("copy(new_state, state, 4); gdn<<<1, 32>>>(output);"), "");
}

TEST(CheckerTest, KernelsOfNamedUnitsNameTheirUnit) {
  CandidateSource source = source_of("gdn<<<1, 32>>>(output, new_state);");
  source.units = {{"large", ""}, {"small", ""}};
  EXPECT_EQ(errors_in(source), "1:1: which unit has 'gdn'? write UNIT::gdn; units are large small");
  source.plan_text = "smal::gdn<<<1, 32>>>(output, new_state);";
  EXPECT_EQ(errors_in(source), "1:1: there is no unit 'smal'; did you mean 'small'?");
  source.plan_text = "small::gdn<<<1, 32>>>(output); large::gdn<<<1, 32>>>(new_state);";
  EXPECT_EQ(errors_in(source), "");
}

TEST(CheckerTest, AScalarWithoutAnAbiNeedsACast) {
  trace::Definition definition = gdn_decode_definition();
  definition.inputs.back().dtype = trace::DType::kBfloat16;
  const auto errors = [&](const char* text) {
    const auto plan = parse_plan(source_of(text), definition);
    return plan ? "" : text_of(plan.error());
  };
  EXPECT_EQ(errors("gdn<<<1, 32>>>(scale, output, new_state);"),
            "1:16: scalar 'scale' of type bfloat16 cannot be passed as it is: write f32(scale)");
  EXPECT_EQ(errors("gdn<<<1, 32>>>(f32(scale), output, new_state);"), "");
}

}  // namespace
}  // namespace warpwright::plan
