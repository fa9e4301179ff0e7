#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "src/base/files.h"
#include "src/base/rng.h"
#include "src/trace/dataset.h"

namespace warpwright::trace {
namespace {

constexpr const char* kDecode = "gdn_decode_qk4_v8_d128_k_last";

const char* kTiny = R"({"name":"tiny","op_type":"test","future_key":{"deep":[1]},
 "axes":{"n":{"type":"var"},"d":{"type":"const","value":4}},
 "inputs":{"z":{"shape":["n","d"],"dtype":"bfloat16"},
           "a":{"shape":["n",3],"dtype":"float8_e4m3fn","optional":true},
           "s":{"shape":null,"dtype":"float32"}},
 "outputs":{"y":{"shape":["n"],"dtype":"float32"}}})";

Definition tiny() {
  return parse_definition(kTiny, "tiny.json").value();
}
std::string definition_error(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  const auto parsed = parse_definition(text, "tiny.json");
  return parsed ? "accepted" : parsed.error().message;
}
std::string line(const std::string& uuid, const std::string& axes, const std::string& scale) {
  return R"({"definition":"tiny","solution":null,"workload":{"uuid":")" + uuid + R"(","axes":)" + axes +
         R"(,"inputs":{"z":{"type":"random"},"s":)" + scale + R"(}},"evaluation":null})" + "\n";
}
std::string workload_error(const std::string& text) {
  const auto parsed = parse_workloads(text, tiny(), "w.jsonl");
  return parsed ? "accepted" : parsed.error().message;
}
const std::string kOne = R"({"type":"scalar","value":1})";

TEST(Definition, KeepsTheOrderOfTheFileBecauseItIsTheOrderOfArguments) {
  const Definition definition = tiny();
  ASSERT_EQ(definition.inputs.size(), 3u);
  EXPECT_EQ(definition.inputs[0].name, "z");
  EXPECT_EQ(definition.inputs[1].name, "a");
  EXPECT_TRUE(definition.inputs[1].optional);
  EXPECT_TRUE(definition.inputs[2].is_scalar);
  EXPECT_EQ(definition.shape_of(definition.inputs[1], {{"n", 5}}).value(), (std::vector<int64_t>{5, 3}));
  EXPECT_EQ(definition.bytes_of(definition.inputs[0], {{"n", 5}}).value(), 40);
}

TEST(Definition, ErrorsNameFileAndPlace) {
  EXPECT_EQ(definition_error(kTiny, R"(["n","d"])", R"(["m","d"])"), "tiny.json: inputs.z: unknown axis 'm'");
  EXPECT_EQ(definition_error(kTiny, "bfloat16", "bf16"), "tiny.json: inputs.z: unknown dtype 'bf16'");
  EXPECT_EQ(definition_error(kTiny, "\"var\"", "\"dynamic\""),
            "tiny.json: axes.n: axis type must be 'const' or 'var', not 'dynamic'");
  EXPECT_EQ(definition_error(kTiny, ",\"value\":4", ""),
            "tiny.json: axes.d: a constant axis needs an integer 'value'");
  EXPECT_EQ(definition_error(kTiny, "\"y\"", "\"z\""),
            "tiny.json: outputs.z: the name 'z' is taken by another tensor or axis");
  EXPECT_EQ(definition_error(kTiny, "\"a\":", "\"z\":"), "tiny.json: key 'z' is given twice in one object");
  EXPECT_EQ(definition_error(kTiny, "\"op_type\":\"test\"", "\"op_type\":3"),
            "tiny.json: 'op_type' must be a string, not number");
}

TEST(Definition, SizesThatOverflowOrLackAnAxisAreErrors) {
  const Definition definition = tiny();
  EXPECT_FALSE(definition.bytes_of(definition.inputs[0], {{"n", INT64_MAX / 2}}));
  EXPECT_EQ(definition.shape_of(definition.inputs[0], {}).error().message,
            "tiny: tensor 'z' needs a value (not negative) for axis 'n'");
}

TEST(Definition, EveryDTypeHasANameASizeAndACudaType) {
  for (const char* name :
       {"float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float4_e2m1", "int64",
        "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"}) {
    const auto dtype = dtype_from_string(name);
    ASSERT_TRUE(dtype) << name;
    EXPECT_EQ(to_string(*dtype), name);
    EXPECT_FALSE(cuda_type(*dtype).empty());
    EXPECT_GE(size_bits(*dtype), 4);
  }
  EXPECT_FALSE(dtype_from_string("float"));
}

TEST(Workloads, ErrorsNameFileAndLine) {
  const std::string good = line("u0", R"({"n":2})", kOne);
  EXPECT_EQ(workload_error(good + "\r\n" + good), "w.jsonl:3: uuid 'u0' occurs twice");
  EXPECT_EQ(workload_error(good + "{oops"),
            "w.jsonl:2: not valid JSON at column 2: syntax error while parsing object key - "
            "invalid literal; last read: '{o'; expected string literal");
  EXPECT_EQ(workload_error(line("u", "{}", kOne)), "w.jsonl:1: axes: 'n' is missing");
  EXPECT_EQ(workload_error(line("u", R"({"n":-1})", kOne)),
            "w.jsonl:1: axes: 'n' must be an integer from 0 to 2147483647");
  EXPECT_EQ(workload_error(line("u", R"({"n":1,"d":5})", kOne)),
            "w.jsonl:1: axes: 'd' is constant (4), not 5");
  EXPECT_EQ(workload_error(line("u", R"({"n":1})", R"({"type":"blob"})")),
            "w.jsonl:1: inputs.s: type must be random, scalar or safetensors, not 'blob'");
  EXPECT_EQ(workload_error(line("u", R"({"n":1})", kOne + R"(,"x":{"type":"random"})")),
            "w.jsonl:1: inputs: 'x' is not an input of tiny");
}

TEST(Workloads, ASafetensorsPathMustStayInsideTheDataset) {
  const auto with_path = [](const std::string& path) {
    return workload_error(line(
        "u", R"({"n":1})", kOne + R"(,"a":{"type":"safetensors","tensor_key":"k","path":")" + path + "\"}"));
  };
  EXPECT_EQ(with_path("./blob/x.safetensors"), "accepted");
  EXPECT_NE(with_path("/etc/passwd"), "accepted");
  EXPECT_NE(with_path("blob/../../x"), "accepted");
}

TEST(Workloads, EqualOnesAreGroupedAndThoseWithFilesStayAlone) {
  const std::string file = kOne + R"(,"a":{"type":"safetensors","tensor_key":"k","path":"x"})";
  const auto workloads = parse_workloads(line("u0", R"({"n":2})", kOne) + line("u1", R"({"n":3})", kOne) +
                                             line("u2", R"({"n":2})", kOne) +
                                             line("u3", R"({"n":2})", R"({"type":"scalar","value":2})") +
                                             line("u4", R"({"n":2})", file) + line("u5", R"({"n":2})", file),
                                         tiny(), "w.jsonl");
  const auto groups = group_workloads(workloads.value());
  ASSERT_EQ(groups.size(), 5u);
  EXPECT_EQ(groups[0].uuids, (std::vector<std::string>{"u0", "u2"}));
  EXPECT_EQ(groups[0].weight(), 2);
  EXPECT_FALSE(groups[0].workload.inputs.contains("a"));  // optional and not given: absent
}

// Without the user's own dataset in the way.
DatasetPath open_dataset(const std::vector<std::filesystem::path>& extra) {
  ::unsetenv("FIB_DATASET_PATH");
  return DatasetPath::open(extra).value();
}

TEST(Dataset, OurContestDecodeDefinitionHasItsInterfaceAndWorkloads) {
  const auto loaded = open_dataset({}).load(kDecode).value();
  std::string arguments;
  for (const Tensor& tensor : loaded.definition.inputs) arguments += tensor.name + " ";
  for (const Tensor& tensor : loaded.definition.outputs) arguments += tensor.name + " ";
  EXPECT_EQ(arguments, "q k v state A_log a dt_bias b scale output new_state ");
  EXPECT_NE(loaded.definition.reference.find("def run("), std::string::npos);
  std::map<int64_t, double> weight_of_batch;
  for (const WorkloadGroup& group : group_workloads(loaded.workloads))
    weight_of_batch[group.workload.axes.at("batch_size")] += group.weight();
  EXPECT_EQ(weight_of_batch,
            (std::map<int64_t, double>{{1, 10}, {4, 8}, {8, 7}, {16, 7}, {32, 7}, {48, 7}, {64, 8}}));
  EXPECT_EQ(loaded.workloads[0].uuid, "901e5104-dccb-4c3f-ae13-ef4d31a4d456");
}

TEST(Dataset, AnUnknownNameIsAnsweredWithTheNearest) {
  const auto loaded = open_dataset({}).load("gdn_decode_qk4_v8_d128");
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(loaded.error().message.starts_with("unknown definition 'gdn_decode_qk4_v8_d128'; there are: " +
                                                 std::string(kDecode)))
      << loaded.error().message;
}

TEST(Dataset, TheFirstFolderWinsAndWrongFoldersAreNamed) {
  const auto folder = TempDirectory::create().value();
  EXPECT_EQ(DatasetPath::open({folder.path()}).error().message,
            "dataset: " + folder.path().string() + " holds no folder definitions/");
  std::filesystem::create_directories(folder.path() / "definitions" / "test");
  const auto file = folder.path() / "definitions" / "test" / "tiny.json";
  ASSERT_TRUE(write_file_atomic(file, kTiny));
  const auto path = open_dataset({folder.path()});
  const auto loaded = path.load("tiny").value();
  EXPECT_EQ(loaded.dataset, folder.path());
  EXPECT_TRUE(loaded.workloads.empty());
  EXPECT_TRUE(path.load(kDecode));  // still found behind it
  ASSERT_TRUE(write_file_atomic(folder.path() / "definitions" / "test" / "other.json", kTiny));
  EXPECT_EQ(path.load("other").error().message,
            (folder.path() / "definitions" / "test" / "other.json").string() +
                ": name 'tiny' does not match the file's name");
}

// Damage of any kind gives an error or a definition, never a crash or a hang.
TEST(Trace, DamagedTextNeverCrashes) {
  const std::string workload = line("u0", R"({"n":2})", kOne);
  Rng rng(1);
  int rejected = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 == 0 ? kTiny : workload;
    for (uint64_t edits = 1 + rng.below(3); edits > 0 && !text.empty(); --edits) {
      const size_t at = rng.below(text.size());
      if (rng.below(3) == 0)
        text.resize(at);
      else if (rng.below(2) == 0)
        text[at] = static_cast<char>(rng.below(256));
      else
        text.insert(at, text.substr(rng.below(text.size()), rng.below(20)));
    }
    const bool accepted =
        i % 2 == 0 ? parse_definition(text, "x").has_value() : parse_workloads(text, tiny(), "x").has_value();
    rejected += accepted ? 0 : 1;
  }
  EXPECT_GT(rejected, 2000);
  EXPECT_FALSE(parse_definition(std::string(100000, '['), "x"));
  EXPECT_FALSE(parse_definition("", "x"));
}

}  // namespace
}  // namespace warpwright::trace
