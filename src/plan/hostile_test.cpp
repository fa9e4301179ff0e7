// Whatever stands in a file, the answer is a plan or a diagnostic: no crash, no hang.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "src/base/rng.h"
#include "src/plan/testing.h"

namespace warpwright::plan {
namespace {

constexpr std::string_view kFile = R"(// a candidate
/*@plan
tune SPLITS = 16 in {8, 16, 32};
tune RATIO = 0.5 in {0.25, 0.5};
require SPLITS % 8 == 0 else "a multiple of 8";
const int splits = batch_size <= 2 ? 32 : SPLITS;
workspace float part[batch_size * splits * 0x40];
workspace uint32_t counter[1] = self_clean;
tensormap map = tiled<uint16_t>(q + 0, dims = {128, 4 * batch_size}, box = {64, 4}, swizzle_128b);
if (has(state) && !(RATIO > 1e3)) {
  memset(part, 0xff, 4 * splits);
  [[cluster(2, 1)]] split<SPLITS, (3 > 2)><<<dim3(batch_size * 2, 8), 256, 96 * 1024>>>(q, map, part + 8, f32(scale));
} else {
  copy(part, bytes<float>(k, 16), 64);
  split<0><<<min(batch_size, sm_count), dim3(32, 4)>>>(q, k, part, counter);
}
[[cooperative]] merge<<<ceil_div(batch_size, 2), 128>>>(part, i64(batch_size << 2), output, new_state);
*/
const char* s = "text"; // code
)";

// Every stage that the text reaches; diagnostics must have a place and a message.
void run_all(std::string_view file) {
  const auto expect_usable = [&](const std::vector<Diagnostic>& diagnostics) {
    EXPECT_FALSE(diagnostics.empty()) << file;
    EXPECT_LE(diagnostics.size(), 10u) << file;
    for (const Diagnostic& diagnostic : diagnostics) {
      EXPECT_GE(diagnostic.at.line, 1);
      EXPECT_GE(diagnostic.at.column, 1);
      EXPECT_FALSE(diagnostic.message.empty());
      EXPECT_FALSE(diagnostic.render("x.cu", file).empty());
    }
  };
  const trace::Definition definition = gdn_decode_definition();
  const auto source = split_source(file);
  if (!source) return expect_usable(source.error());
  const auto plan = parse_plan(*source, definition);
  if (!plan) return expect_usable(plan.error());
  const auto bound = bind(*plan, definition, inputs_for_batch(4));
  if (!bound) return expect_usable(bound.error());
  EXPECT_FALSE(describe(*bound).empty());
  EXPECT_FALSE(canonical_text(*bound).empty());
}

std::string plan_file(const std::string& plan) {
  return "/*@plan " + plan + " */";
}

std::string errors_of(const std::string& plan_text) {
  const Checked<Plan> plan = parse_plan(source_of(plan_text), gdn_decode_definition());
  return plan ? "" : text_of(plan.error());
}

TEST(HostilePlanTest, TheWholeFileIsAGoodPlan) {
  const auto source = split_source(kFile);
  ASSERT_TRUE(source);
  const auto plan = parse_plan(*source, gdn_decode_definition());
  ASSERT_TRUE(plan) << text_of(plan.error());
  const auto bound = bind(*plan, gdn_decode_definition(), inputs_for_batch(4));
  ASSERT_TRUE(bound) << text_of(bound.error());
  EXPECT_EQ(bound->operations.size(), 3u);
}

TEST(HostilePlanTest, EveryPrefix) {
  for (size_t size = 0; size <= kFile.size(); ++size) {
    run_all(kFile.substr(0, size));
    run_all(std::string(kFile.substr(0, size)) + "\n*/");
  }
}

TEST(HostilePlanTest, RandomBytes) {
  Rng rng(7);
  for (int round = 0; round < 3000; ++round) {
    std::string file(kFile);
    const uint64_t changes = 1 + rng.below(4);
    for (uint64_t i = 0; i < changes; ++i) {
      const size_t at = rng.below(file.size());
      switch (rng.below(4)) {
        case 0:
          file[at] = static_cast<char>(rng.below(256));
          break;
        case 1:
          file.erase(at, 1 + rng.below(8));
          break;
        case 2:
          file.insert(at, file.substr(rng.below(file.size()), rng.below(12)));
          break;
        default:
          file[at] = kFile[rng.below(kFile.size())];
          break;
      }
    }
    run_all(file);
  }
}

TEST(HostilePlanTest, DeepNestingIsADiagnostic) {
  const size_t mega = 1 << 20;
  run_all(plan_file(std::string(mega, '(')));
  const std::string deep(60'000, '(');
  EXPECT_EQ(errors_of("const int n = " + deep),
            "1:215: the expression is nested more than 200 deep: name parts of it with const");
  for (const char* unit : {"-", "!", "min(1,", "1?", "1?1:", "if(true){", "if(true){}else ", "has(", "f32(",
                           "[[", "k<", "resident_blocks(k<", "{", "}", "1+(", "<<<", "dim3(", "bytes<"}) {
    for (const char* head : {"", "const int n = ", "gdn<<<", "gdn<<<1, 1>>>("}) {
      std::string text = head;
      while (text.size() < 60'000) text += unit;
      EXPECT_NE(errors_of(text), "") << head << unit;
    }
  }
}

TEST(HostilePlanTest, LongChainsAreDeepTrees) {
  std::string text = "const int n = 1";
  for (int i = 0; i < 190; ++i) text += " + 1";
  EXPECT_EQ(errors_of(text + ";\n" + std::string(kLaunch)), "");
  for (int i = 0; i < 10'000; ++i) text += " + 1";
  EXPECT_NE(errors_of(text + ";").find("nested more than 200 deep"), std::string::npos);
}

TEST(HostilePlanTest, ManyDeclarationsAndBlocks) {
  std::string text;
  for (int i = 0; text.size() < 30'000; ++i) text += fmt::format("const int c{}=1;", i);
  while (text.size() < 60'000) text += "if(true){const int x=1;}";
  EXPECT_EQ(errors_of(text + std::string(kLaunch)), "");
}

TEST(HostilePlanTest, HugeNumbers) {
  for (const char* number :
       {"99999999999999999999999", "0xffffffffffffffffffff", "1e99999", "1e-99999", "0x", "0b2", "1.2.3",
        "1e", "1'", "9223372036854775807", "0b11111111111111111111111111111111111"}) {
    run_all(plan_file(fmt::format("const float x = {}; {}", number, kLaunch)));
    run_all(plan_file(fmt::format("workspace float w[{}]; {}", number, kLaunch)));
    run_all(plan_file(fmt::format("gdn<<<{0}, {0}, {0}>>>({0}, output + {0}, new_state);", number)));
  }
}

TEST(HostilePlanTest, QuotesAndCommentsWithoutEnd) {
  for (const char* unit :
       {"R\"", "R\"(", "\"", "'", "/*", "//", "\\\n", "/*@plan", "//@unit\n", "1'", "u8R\"x("}) {
    std::string text;
    while (text.size() < (1 << 20)) text += unit;
    run_all(text);
  }
}

}  // namespace
}  // namespace warpwright::plan
