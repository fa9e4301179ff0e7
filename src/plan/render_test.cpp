// The forms of a bound plan: canonical, for people, JSON; and the prelude.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "src/plan/testing.h"

namespace warpwright::plan {
namespace {

BoundPlan example() {
  BoundPlan plan;
  plan.knobs = {{"N", "16"}};
  plan.workspaces = {{"part", "float", 128 * 1024, false}, {"counter", "uint32_t", 4, true}};
  plan.tensor_maps = {{"map",
                       "uint16_t",
                       {"q", 0, "__nv_bfloat16", false},
                       {128, 16},
                       {256},
                       {64, 4},
                       {1, 1},
                       {"swizzle_128b"},
                       {5, 1}}};
  BoundLaunch launch;
  launch.unit = "u";
  launch.kernel = "split";
  launch.name_expression = "split<16>";
  launch.grid = {8, 2, 1};
  launch.block = {256, 1, 1};
  launch.dynamic_shared_bytes = 96 * 1024;
  launch.attributes.cluster = Dim3{2, 1, 1};
  launch.attributes.pdl = true;
  launch.attributes.carveout_percent = 50;
  using Type = ScalarArgument::Type;
  launch.arguments = {BufferView{"part", 32, "float", false}, BufferView{"state", 0, "float", true},
                      ScalarArgument{Type::kI32, -4, 0},      ScalarArgument{Type::kF32, 0, 0.5},
                      ScalarArgument{Type::kBool, 1, 0},      TensorMapArgument{"map"}};
  launch.at = {9, 3};
  plan.operations = {BoundMemset{{"part", 0, "float", false}, 255, 64, {7, 1}}, launch,
                     BoundCopy{{"output", 0, "float", false}, {"part", 16, "float", false}, 2048, {12, 1}}};
  return plan;
}

BoundLaunch& launch_of(BoundPlan& plan) {
  return std::get<BoundLaunch>(plan.operations[1]);
}

using Change = std::function<void(BoundPlan&)>;

TEST(CanonicalTextTest, EveryFieldCounts) {
  using Type = ScalarArgument::Type;
  const auto scalar = [](BoundPlan& p, size_t i) -> ScalarArgument& {
    return std::get<ScalarArgument>(launch_of(p).arguments[i]);
  };
  const auto view = [](BoundPlan& p) -> BufferView& {
    return std::get<BufferView>(launch_of(p).arguments[0]);
  };
  const std::vector<Change> changes = {
      [](BoundPlan& p) { p.knobs["N"] = "8"; },
      [](BoundPlan& p) { p.knobs["M"] = "8"; },
      [](BoundPlan& p) { p.workspaces[0].name = "parts"; },
      [](BoundPlan& p) { p.workspaces[0].bytes = 4; },
      [](BoundPlan& p) { p.workspaces[0].element_type = "int"; },
      [](BoundPlan& p) { p.workspaces[0].self_clean = true; },
      [](BoundPlan& p) { std::swap(p.workspaces[0], p.workspaces[1]); },
      [](BoundPlan& p) { p.tensor_maps[0].dims[0] = 64; },
      [](BoundPlan& p) { p.tensor_maps[0].strides_bytes[0] = 512; },
      [](BoundPlan& p) { p.tensor_maps[0].box[0] = 32; },
      [](BoundPlan& p) { p.tensor_maps[0].elem_strides[0] = 2; },
      [](BoundPlan& p) { p.tensor_maps[0].flags.clear(); },
      [](BoundPlan& p) { p.tensor_maps[0].base.byte_offset = 16; },
      [](BoundPlan& p) { p.tensor_maps[0].element_type = "__half"; },
      [](BoundPlan& p) { launch_of(p).unit = ""; },
      [](BoundPlan& p) { launch_of(p).kernel = "other"; },
      [](BoundPlan& p) { launch_of(p).name_expression = "split<8>"; },
      [](BoundPlan& p) { launch_of(p).grid.z = 2; },
      [](BoundPlan& p) { launch_of(p).block.y = 2; },
      [](BoundPlan& p) { launch_of(p).dynamic_shared_bytes = 0; },
      [](BoundPlan& p) { launch_of(p).attributes.cluster.reset(); },
      [](BoundPlan& p) {
        launch_of(p).attributes.cluster = Dim3{1, 2, 1};
      },
      [](BoundPlan& p) { launch_of(p).attributes.pdl = false; },
      [](BoundPlan& p) { launch_of(p).attributes.cooperative = true; },
      [](BoundPlan& p) { launch_of(p).attributes.carveout_percent = 0; },
      [](BoundPlan& p) { launch_of(p).attributes.carveout_percent.reset(); },
      [](BoundPlan& p) { launch_of(p).arguments.pop_back(); },
      [](BoundPlan& p) { std::swap(launch_of(p).arguments[2], launch_of(p).arguments[3]); },
      [&](BoundPlan& p) { view(p).buffer = "q"; },
      [&](BoundPlan& p) { view(p).byte_offset = 36; },
      [&](BoundPlan& p) { view(p).element_type = "int"; },
      [&](BoundPlan& p) { view(p).is_null = true; },
      [&](BoundPlan& p) { scalar(p, 2).integer = 4; },
      [&](BoundPlan& p) { scalar(p, 2).type = Type::kI64; },
      [&](BoundPlan& p) { scalar(p, 3).number = std::nextafter(0.5, 1.0); },
      [&](BoundPlan& p) { scalar(p, 3).number = -0.5; },
      [&](BoundPlan& p) { scalar(p, 3).number = std::numeric_limits<double>::infinity(); },
      [&](BoundPlan& p) { scalar(p, 3).number = std::numeric_limits<double>::quiet_NaN(); },
      [&](BoundPlan& p) { scalar(p, 4).integer = 0; },
      [](BoundPlan& p) { std::get<BoundMemset>(p.operations[0]).value = 0; },
      [](BoundPlan& p) { std::get<BoundMemset>(p.operations[0]).bytes = 4; },
      [](BoundPlan& p) { std::get<BoundCopy>(p.operations[2]).bytes = 4; },
      [](BoundPlan& p) { std::get<BoundCopy>(p.operations[2]).source.byte_offset = 0; },
      [](BoundPlan& p) { std::swap(p.operations[0], p.operations[2]); },
      [](BoundPlan& p) { p.operations.pop_back(); },
  };
  std::set<std::string> texts = {canonical_text(example())};
  for (size_t i = 0; i < changes.size(); ++i) {
    BoundPlan changed = example();
    changes[i](changed);
    EXPECT_TRUE(texts.insert(canonical_text(changed)).second)
        << "change " << i << " leaves the text as it was";
  }
}

TEST(CanonicalTextTest, PositionsAndLayoutOfThePlanDoNotCount) {
  BoundPlan moved = example();
  moved.tensor_maps[0].at = {99, 9};
  launch_of(moved).at = {99, 9};
  EXPECT_EQ(canonical_text(moved), canonical_text(example()));

  const auto text = [](std::string_view plan_text) {
    const auto plan = parse_plan(source_of(plan_text), gdn_decode_definition());
    return canonical_text(*bind(*plan, gdn_decode_definition(), inputs_for_batch(4)));
  };
  EXPECT_EQ(text("gdn<<<batch_size, 128>>>(output + 128, new_state, 1.0 + 1);"),
            text("// a comment\nconst int n = 2 * 2;\n"
                 "if (n == 4) {\n  gdn<<<dim3(n, 1), 64 * 2, 0>>>(output + n * 32, new_state, f32(2)); }"));
}

TEST(DescribeTest, ShowsEverythingInColumns) {
  EXPECT_EQ(describe(example()), R"(knobs
     N  16
workspaces, 128.00 KiB in all
     part     float     128 KiB
     counter  uint32_t  4 B      self_clean
tensor map map  (line 5)
     elements        uint16_t
     base            q
     dims            {128, 16}
     strides, bytes  {256}
     box             {64, 4}
     elem strides    {1, 1}
     flags           swizzle_128b
  1. memset part, byte 255, 64 B  (line 7)
  2. launch u::split<16>  (line 9)
     grid            (8, 2, 1)    16 blocks
     block           (256, 1, 1)  256 threads
     dynamic shared  96 KiB
     attributes      cluster(2, 1, 1) pdl carveout(50 %)
     arguments
       0  float*       part + 32 bytes
       1  float*       state (absent: null)
       2  int          -4
       3  float        0.5
       4  bool         true
       5  CUtensorMap  map
  3. copy part + 16 bytes to output, 2 KiB  (line 12)
)");
}

TEST(JsonTest, IsComplete) {
  const Json json = to_json(example());
  EXPECT_EQ(json["knobs"]["N"], "16");
  EXPECT_EQ(json["workspaces"][1]["self_clean"], true);
  EXPECT_EQ(json["tensor_maps"][0]["at"]["line"], 5);
  const Json& launch = json["operations"][1];
  EXPECT_EQ(launch["kind"], "launch");
  EXPECT_EQ(launch["grid"], Json::array({8, 2, 1}));
  EXPECT_EQ(launch["cluster"], Json::array({2, 1, 1}));
  EXPECT_EQ(launch["arguments"][3]["value"], 0.5);
  EXPECT_EQ(launch["arguments"][4]["value"], true);
  EXPECT_EQ(launch["arguments"][1]["null"], true);
  EXPECT_EQ(json["operations"][2]["kind"], "copy");
}

TEST(PreludeTest, DefinesConstantAxesAndDeclaredKnobValues) {
  const auto plan = parse_plan(source_of("tune N = 16 in {8, 16};\ntune X = 0.5 in {0.5, 1};\n"
                                         "tune B = true in {true, false};\n" +
                                         std::string(kLaunch)),
                               gdn_decode_definition());
  ASSERT_TRUE(plan);
  const std::string text =
      make_prelude(gdn_decode_definition(), plan->knobs(), {{"N", "8"}, {"X", "0.5; evil"}, {"B", "0"}});
  EXPECT_NE(text.find("constexpr int head_size = 128;"), std::string::npos);
  EXPECT_EQ(text.find("batch_size"), std::string::npos);
  EXPECT_NE(text.find("constexpr int N = 8;"), std::string::npos);
  EXPECT_NE(text.find("constexpr float X = 0.5f;"), std::string::npos);
  EXPECT_NE(text.find("constexpr bool B = false;"), std::string::npos);
  EXPECT_EQ(text.find("evil"), std::string::npos);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Every seed and documented example is a plan that binds for every batch size of the contest.
void expect_binds(const std::string& file, const std::string& name) {
  const trace::Definition definition = gdn_decode_definition();
  const auto source = split_source(file);
  ASSERT_TRUE(source) << name << ": " << text_of(source.error());
  const auto plan = parse_plan(*source, definition);
  ASSERT_TRUE(plan) << name << ": " << text_of(plan.error());
  for (const int64_t batch_size : {1, 4, 8, 16, 32, 48, 64, 128, 256}) {
    const auto bound = bind(*plan, definition, inputs_for_batch(batch_size));
    ASSERT_TRUE(bound) << name << ": " << text_of(bound.error());
  }
}

TEST(SeedsTest, GdnDecodeSeedsBind) {
  for (const auto& entry : std::filesystem::directory_iterator("seeds/gdn_decode_qk4_v8_d128_k_last")) {
    if (entry.path().extension() == ".cu") expect_binds(read_file(entry.path()), entry.path());
  }
}

TEST(ReadmeTest, TheWorkedExampleBinds) {
  const std::string readme = read_file("src/plan/README.md");
  const size_t begin = readme.find("```cuda\n/*@plan");
  ASSERT_NE(begin, std::string::npos);
  const size_t start = begin + 8;
  expect_binds(readme.substr(start, readme.find("```", start) - start), "README.md");
}

}  // namespace
}  // namespace warpwright::plan
