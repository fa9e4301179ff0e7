#include <gtest/gtest.h>

#include <algorithm>

#include "evaluator/ptx/module.h"
#include "src/base/files.h"
#include "src/base/rng.h"

namespace warpwright::ptx {
namespace {

std::string testdata(const std::string& name) {
  auto text = read_file("evaluator/ptx/testdata/" + name);
  EXPECT_TRUE(text.has_value()) << name;
  return text.value_or("");
}

Module parse_ok(const std::string& text) {
  auto module = parse(text);
  EXPECT_TRUE(module.has_value()) << module.error().message;
  return module.value_or(Module{});
}

constexpr char kHeader[] = ".version 9.0\n.target sm_100a\n.address_size 64\n";

Function parse_body(const std::string& body) {
  Module module = parse_ok(std::string(kHeader) + ".visible .entry k(.param .u64 p){\n" + body + "\n}\n");
  return module.functions.empty() ? Function{} : module.functions.front();
}

std::string error_of(const std::string& text) {
  auto module = parse(text);
  EXPECT_FALSE(module.has_value());
  return module ? "" : module.error().message;
}

TEST(PtxParser, ReadsHeaderVariablesAndInitialisers) {
  const Module module = parse_ok(testdata("features.ptx"));
  EXPECT_EQ(module.version, "9.0");
  EXPECT_EQ(module.target, "sm_100a");
  const Variable* table = module.find_variable("table");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->space, Space::kConst);
  EXPECT_EQ(table->size, 16u);
  EXPECT_EQ(table->bytes.substr(0, 4), std::string("\0\0\x80\x3f", 4));
  const Variable* pairs = module.find_variable("pairs");
  ASSERT_NE(pairs, nullptr);
  ASSERT_EQ(pairs->pointers.size(), 2u);
  EXPECT_EQ(pairs->pointers[1].at, 40u);
  EXPECT_EQ(pairs->pointers[1].symbol, "table");
  EXPECT_EQ(pairs->pointers[1].offset, 8);
  EXPECT_TRUE(module.find_variable("managed_cell")->is_managed);
  const Variable* dynamic = module.find_variable("dynamic");
  EXPECT_TRUE(dynamic->is_extern);
  EXPECT_EQ(dynamic->size, 0u);
  EXPECT_EQ(module.files.at(1), "features.cu");
}

TEST(PtxParser, ReadsParametersAndPerformanceDirectives) {
  const Module module = parse_ok(testdata("features.ptx"));
  const Function* calls = module.find_function("_Z5callsPKfPf3Bigi");
  ASSERT_NE(calls, nullptr);
  EXPECT_TRUE(calls->is_entry);
  ASSERT_EQ(calls->parameters.size(), 4u);
  EXPECT_EQ(calls->parameters[2].offset, 16u);
  EXPECT_EQ(calls->parameters[2].size, 40u);
  EXPECT_EQ(calls->parameters[3].offset, 56u);
  EXPECT_EQ(calls->parameter_size, 60u);
  EXPECT_EQ(calls->max_threads[0], 256);
  EXPECT_EQ(calls->max_threads[1], 1);
  EXPECT_EQ(calls->min_blocks_per_sm, 2);
  const Function* helper = module.find_function("_Z9sum_tablePKfi");
  ASSERT_NE(helper, nullptr);
  EXPECT_FALSE(helper->is_entry);
  EXPECT_EQ(helper->results.size(), 1u);
}

TEST(PtxParser, GivesEveryCallFrameItsOwnParameterVariables) {
  const Module module = parse_ok(testdata("features.ptx"));
  const Function* calls = module.find_function("_Z5callsPKfPf3Bigi");
  std::vector<std::string> names;
  for (const Variable& variable : calls->variables) names.push_back(variable.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  int tuples = 0;
  for (const Instruction& instruction : calls->code) {
    if (instruction.base() != "call") continue;
    ASSERT_EQ(instruction.operands.size(), 3u);
    EXPECT_EQ(instruction.operands[0].kind, Operand::Kind::kTuple);
    EXPECT_EQ(instruction.operands[1].kind, Operand::Kind::kSymbol);
    EXPECT_TRUE(std::binary_search(names.begin(), names.end(), instruction.operands[2].elements[0].name));
    ++tuples;
  }
  EXPECT_EQ(tuples, 2);
}

TEST(PtxParser, KeepsReusedInlineAssemblyNamesApart) {
  const Module module = parse_ok(testdata("features.ptx"));
  const Function& shuffles =
      *std::find_if(module.functions.begin(), module.functions.end(),
                    [](const Function& f) { return f.name.find("shuffles") != std::string::npos; });
  std::vector<std::string> targets;
  for (const Instruction& instruction : shuffles.code) {
    if (instruction.base() == "bra") targets.push_back(instruction.operands[0].name);
  }
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_NE(targets[0], targets[1]);
  EXPECT_LT(shuffles.labels.at(targets[0]), shuffles.labels.at(targets[1]));
}

TEST(PtxParser, ReadsMemoryOperandsWithOffsetsAndCoordinates) {
  const Function f = parse_body(
      ".reg .b64 %rd<3>; .reg .b32 %r<4>; .shared .align 16 .b8 tile[64];\n"
      "ld.global.u32 %r1, [%rd1+-8]; ld.shared.u32 %r1, [tile+4*2+1]; ld.global.u32 %r1, [%rd1 - 4];\n"
      "cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes [%r1], [%rd1, {%r2, "
      "%r3}], [%r2];\n"
      "ld.param.u64 %rd2, [p+4]; ld.shared.b32 %r2, [16];");
  ASSERT_EQ(f.code.size(), 6u);
  EXPECT_EQ(f.code[0].operands[1].offset, -8);
  EXPECT_EQ(f.code[1].operands[1].offset, 9);
  EXPECT_EQ(f.code[1].operands[1].elements[0].name, "tile");
  EXPECT_EQ(f.code[2].operands[1].offset, -4);
  EXPECT_EQ(f.code[3].operands[1].elements[1].elements.size(), 2u);
  EXPECT_EQ(f.code[3].parts[5], "shared::cta");
  EXPECT_EQ(f.code[4].operands[1].elements[0].kind, Operand::Kind::kSymbol);
  EXPECT_EQ(f.code[5].operands[1].elements[0].bits, 16u);
}

TEST(PtxParser, ReadsEveryFormOfLiteral) {
  const Function f = parse_body(
      ".reg .b32 %r<2>; .reg .b64 %rd<2>; .reg .f32 %f<2>; .reg .f64 %d<2>;\n"
      "mov.u32 %r1, -3; mov.u32 %r1, 0xFFU; mov.u32 %r1, 017; mov.u32 %r1, 0b101; mov.u32 %r1, 7U;\n"
      "mov.f32 %f1, 0f3F800000; mov.f64 %d1, 0d3FF0000000000000; mov.f32 %f1, 1.5; mov.u32 %r1, WARP_SZ;\n"
      "mov.u64 %rd1, (1 << 4) | 3; mov.f32 %f1, -0f3F800000; mov.f64 %d1, 0f3F800000;");
  ASSERT_EQ(f.code.size(), 12u);
  const uint64_t expected[] = {static_cast<uint64_t>(-3), 255,        15, 5,  7,          0x3F800000,
                               0x3FF0000000000000,        0x3FC00000, 32, 19, 0xBF800000, 0x3FF0000000000000};
  for (std::size_t i = 0; i < f.code.size(); ++i) EXPECT_EQ(f.code[i].operands[1].bits, expected[i]) << i;
  EXPECT_TRUE(f.code[5].operands[1].float_literal);
  EXPECT_FALSE(f.code[0].operands[1].float_literal);
}

TEST(PtxParser, ReadsPredicatesSinksPairsAndSelectors) {
  const Function f = parse_body(
      ".reg .pred %p<300>; .reg.b32 %r<4>;\n"
      "@!%p1 mov.u32 %r1, %tid.x; setp.lt.and.s32 %p1|%p299, %r1, 2, !%p3; shfl.sync.up.b32 _|%p2, %r1, 1, "
      "0, -1;\n"
      "mov.b32 {%r1, _}, %r2; vadd.u32.u32.u32 %r1, %r2.h1, %r3.b0;");
  EXPECT_TRUE(f.code[0].predicate_negated);
  EXPECT_EQ(f.code[0].operands[1].name, "%tid.x");
  EXPECT_EQ(f.registers[static_cast<std::size_t>(f.code[1].operands[0].second)].name, "%p299");
  EXPECT_TRUE(f.code[1].operands[3].negated);
  EXPECT_EQ(f.code[2].operands[0].kind, Operand::Kind::kSink);
  EXPECT_GE(f.code[2].operands[0].second, 0);
  EXPECT_EQ(f.code[3].operands[0].elements[1].kind, Operand::Kind::kSink);
  EXPECT_EQ(f.code[4].operands[1].name, "h1");
}

TEST(PtxParser, ResolvesBranchTablesAndPrototypes) {
  const Function f = parse_body(
      ".reg .b32 %r<2>; .reg .b64 %rd<2>;\n"
      "{ table: .branchtargets A, B; brx.idx %r1, table; A: ret; B: ret; }\n"
      "{ .param .b32 r; proto : .callprototype (.param .b32 _) _ (.param .b32 _); call (r), %rd1, (r), "
      "proto; }");
  ASSERT_EQ(f.branch_targets.size(), 1u);
  const std::vector<std::string>& targets = f.branch_targets.begin()->second;
  EXPECT_EQ(f.code[0].operands[1].name, f.branch_targets.begin()->first);
  EXPECT_EQ(f.labels.at(targets[0]), 1);
  EXPECT_EQ(f.labels.at(targets[1]), 2);
  EXPECT_EQ(f.code[3].operands[1].kind, Operand::Kind::kRegister);
}

TEST(PtxParser, ReadsPointersSplitIntoBytes) {
  const Module module =
      parse_ok(std::string(kHeader) +
               ".global .u32 cell;\n.const .align 1 .b8 packed[9] = {5, 0xFF(generic(cell)+4), "
               "0xFF00(generic(cell)+4), 0xFF0000(generic(cell)+4)};\n");
  const Variable* packed = module.find_variable("packed");
  ASSERT_NE(packed, nullptr);
  ASSERT_EQ(packed->pointers.size(), 1u);
  EXPECT_EQ(packed->pointers[0].at, 1u);
  EXPECT_EQ(packed->pointers[0].symbol, "cell");
  EXPECT_EQ(packed->pointers[0].offset, 4);
}

TEST(PtxParser, MapsInstructionsToSourceLines) {
  const Module module = parse_ok(testdata("features.ptx"));
  bool found = false;
  for (const Instruction& instruction : module.find_function("_Z8indirectPiiPFiiE")->code) {
    found |= instruction.base() == "atom" && instruction.source.line > 0;
  }
  EXPECT_TRUE(found);
}

TEST(PtxParser, ReadsMatrixAndAsynchronousInstructions) {
  const Module module = parse_ok(testdata("tensor.ptx"));
  const Function& f = module.functions.front();
  const auto mma =
      std::find_if(f.code.begin(), f.code.end(), [](const Instruction& i) { return i.base() == "mma"; });
  ASSERT_NE(mma, f.code.end());
  ASSERT_EQ(mma->operands.size(), 4u);
  EXPECT_EQ(mma->operands[1].elements.size(), 4u);
  EXPECT_TRUE(mma->has("m16n8k16"));
}

TEST(PtxParser, ErrorsNameLineAndFinding) {
  EXPECT_EQ(error_of(std::string(kHeader) + ".entry k(){\n mov.u32 %r1, 0; }"),
            "ptx line 5: unknown name, found '%r1'");
  EXPECT_EQ(error_of(std::string(kHeader) + ".entry k(){\n bra NOWHERE; }"),
            "ptx line 5: no label 'NOWHERE'");
  EXPECT_NE(
      error_of(std::string(kHeader) + ".entry k(){ .reg .b32 %r<99999999>; }").find("too many registers"),
      std::string::npos);
  EXPECT_NE(error_of("").find("no .version"), std::string::npos);
  EXPECT_NE(error_of(std::string(kHeader) + ".entry k(){ ret;").find("does not end"), std::string::npos);
}

TEST(PtxParser, RefusesBadDeclarations) {
  const char* const kBad[] = {".global .align 3 .b8 x[4];",
                              ".global .b8 x[99999999][99999999];",
                              ".global .b8 x[2] = {1, 2, 3};",
                              ".global .b8 x[2][2] = {{1}, {2}};",
                              ".global .b8 x[-1];",
                              ".global .u32 x = generic(;",
                              ".visible .entry k(.param .b32 a .param .b32 b){}",
                              ".global .texref t;",
                              ".entry k(){ L: L: ret; }",
                              ".entry k(){} .entry k(){}",
                              ".entry k(){ .reg .v2 .f32 v; }",
                              ".entry k(){ @%p bra L; }",
                              ".const .u64 x = 0x1FFFFFFFFFFFFFFFF;",
                              "\"open",
                              ".file 1",
                              ".section .debug {"};
  for (const char* text : kBad)
    EXPECT_EQ(error_of(kHeader + std::string(text)).rfind("ptx line ", 0), 0u) << text;
}

TEST(PtxParser, BoundsNesting) {
  const std::string many(100000, '{');
  EXPECT_NE(error_of(std::string(kHeader) + ".entry k()" + many).find("nested"), std::string::npos);
  const std::string operand = ".entry k(){ .reg .b32 %r; mov.u32 %r, ";
  EXPECT_NE(error_of(kHeader + operand + many).find("nested"), std::string::npos);
  EXPECT_NE(error_of(kHeader + operand + std::string(100000, '-')).find("nested"), std::string::npos);
  EXPECT_NE(error_of(kHeader + (".global .b8 x[4] = " + many)).find("nested"), std::string::npos);
}

// Any prefix is either a whole module (cut between functions) or an error with a line.
TEST(PtxParser, SurvivesTruncationAnywhere) {
  for (const char* name : {"features.ptx", "tensor.ptx"}) {
    const std::string text = testdata(name);
    for (std::size_t length = 0; length < text.size(); length += 1 + length / 500) {
      const auto module = parse(std::string_view(text).substr(0, length));
      if (module) continue;
      EXPECT_EQ(module.error().message.rfind("ptx line ", 0), 0u) << module.error().message;
    }
  }
}

TEST(PtxParser, SurvivesRandomDamage) {
  Rng rng(7);
  const std::string text = testdata("features.ptx").substr(0, 12000) + testdata("tensor.ptx");
  int failures = 0;
  for (int round = 0; round < 600; ++round) {
    std::string damaged = text;
    for (int flips = 0; flips < 1 + round % 8; ++flips) {
      damaged[rng.below(damaged.size())] = static_cast<char>(rng.below(256));
    }
    const std::size_t from = rng.below(damaged.size());
    if (round % 3 == 0) damaged.erase(from, rng.below(40));
    failures += !parse(damaged).has_value();
  }
  EXPECT_GT(failures, 0);
}

}  // namespace
}  // namespace warpwright::ptx
