#include "src/trace/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>

#include "src/base/files.h"
#include "src/base/rng.h"
#include "src/trace/captured_input.h"
#include "src/trace/dataset.h"
#include "src/trace/testing.h"

namespace warpwright::trace {
namespace {

namespace fs = std::filesystem;

const std::string kTwo =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"I32","shape":[2,1],"data_offsets":[0,8]},)"
    R"("b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}  )";
const std::string kData("\1\0\0\0\2\0\0\0\x80\x3f", 10);

std::string header_error(const std::string& file) {
  const auto parsed = parse_safetensors_header(file, file.size(), "x.safetensors");
  return parsed ? "accepted" : parsed.error().message;
}
// Of a file with one tensor of 8 bytes whose entry is `entry`.
std::string entry_error(const std::string& entry) {
  return header_error(safetensors_file("{\"a\":" + entry + "}", std::string(8, 'x')));
}

TEST(Safetensors, TensorsAreFoundWhereTheHeaderSays) {
  const auto folder = TempDirectory::create().value();
  const fs::path path = folder.path() / "x.safetensors";
  ASSERT_TRUE(write_file_atomic(path, safetensors_file(kTwo, kData)));
  const auto file = SafetensorsFile::open(path).value();
  ASSERT_EQ(file.tensors().size(), 2u);
  const StoredTensor& a = file.tensors().at("a");
  EXPECT_EQ(a.dtype, DType::kInt32);
  EXPECT_EQ(a.shape, (std::vector<int64_t>{2, 1}));
  int32_t values[2];
  ASSERT_EQ(file.bytes_of(a).size(), sizeof values);
  std::memcpy(values, file.bytes_of(a).data(), sizeof values);
  EXPECT_EQ(values[1], 2);
  EXPECT_TRUE(file.tensors().at("b").shape.empty());
  EXPECT_EQ(file.bytes_of(file.tensors().at("b"))[1], std::byte{0x3f});
}

TEST(Safetensors, EveryDefectIsNamed) {
  EXPECT_EQ(header_error("abc"), "x.safetensors: 3 bytes are no safetensors file; fetch the file again");
  EXPECT_EQ(
      header_error(std::string(16, 'x')),
      "x.safetensors: not a safetensors file: its header would have 8680820740569200760 bytes, the most is "
      "100000000");
  EXPECT_EQ(header_error(safetensors_file(kTwo, kData).substr(0, 40)),
            "x.safetensors: the header has " + std::to_string(kTwo.size()) +
                " bytes, the file only 32 behind its length: it is truncated; fetch the file again");
  EXPECT_EQ(
      header_error(safetensors_file(kTwo, kData.substr(0, 7))),
      "x.safetensors: tensor 'a' ends at byte 8 of the data, the file has 7: it is truncated; fetch the file "
      "again");
  EXPECT_EQ(header_error(safetensors_file(kTwo, kData + "x")),
            "x.safetensors: 1 bytes of the data belong to no tensor; fetch the file again");
  EXPECT_EQ(header_error(safetensors_file("[]", "")), "x.safetensors: the header must be a JSON object");
  EXPECT_TRUE(
      header_error(safetensors_file("{\"a\":", "")).starts_with("x.safetensors: header: not valid JSON"));
  EXPECT_EQ(header_error("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"),
            "x.safetensors: is a Git LFS pointer, its data were not fetched");
  const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_EQ(entry_error(good), "accepted");
  EXPECT_EQ(entry_error(good + ",\"a\":" + good),
            "x.safetensors: header: key 'a' is given twice in one object");
  EXPECT_EQ(entry_error(good + ",\"b\":" + good),
            "x.safetensors: tensor 'b' begins at byte 0 of the data, where 8 was due: it overlaps another; "
            "fetch the "
            "file again");
  EXPECT_EQ(
      entry_error(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
      "x.safetensors: tensor 'a' begins at byte 4 of the data, where 0 was due: it leaves a hole; fetch the "
      "file again");
  EXPECT_EQ(entry_error(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
            "x.safetensors: tensor 'a': F32 of shape [3] does not have 8 bytes");
  EXPECT_EQ(entry_error(R"({"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]})"),
            "x.safetensors: tensor 'a': F32 of shape [9223372036854775807, 4] does not have 8 bytes");
  EXPECT_EQ(entry_error(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
            "x.safetensors: tensor 'a': 'shape' must hold whole numbers, not negative");
  EXPECT_EQ(entry_error(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
            "x.safetensors: tensor 'a': 'data_offsets' must be [begin, end], begin not behind end");
  EXPECT_EQ(entry_error(R"({"dtype":"F8_E8M0","shape":[8],"data_offsets":[0,8]})"),
            "accepted");  // not ours to judge
}

// Damage of any kind gives an error or tensors inside the file, never a crash, a hang or a place outside.
TEST(Safetensors, DamagedFilesNeverCrash) {
  const std::string good = safetensors_file(kTwo, kData);
  Rng rng(7);
  int rejected = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string file = good;
    for (uint64_t edits = 1 + rng.below(3); edits > 0 && !file.empty(); --edits) {
      const size_t at = rng.below(file.size());
      const uint64_t kind = rng.below(4);
      if (kind == 0)
        file.resize(at);
      else if (kind == 1)
        file[at] = static_cast<char>(rng.below(256));
      else if (kind == 2)
        file.insert(at, file.substr(rng.below(file.size()), rng.below(20)));
      else
        file.erase(at, rng.below(8));
    }
    const auto parsed = parse_safetensors_header(file, file.size(), "x");
    rejected += parsed ? 0 : 1;
    if (!parsed) continue;
    for (const auto& [name, tensor] : *parsed) {
      ASSERT_GE(tensor.begin, 8);
      ASSERT_LE(tensor.begin, tensor.end);
      ASSERT_LE(tensor.end, static_cast<int64_t>(file.size()));
    }
  }
  EXPECT_GT(rejected, 10000);
  EXPECT_FALSE(parse_safetensors_header(safetensors_file(std::string(100000, '['), ""), 100008, "x"));
}

// A dataset of one definition whose input `a` lies in blob/x.safetensors.
class CapturedInputs : public testing::Test {
 protected:
  CapturedInputs() {
    fs::create_directories(root() / "definitions" / "test");
    fs::create_directories(root() / "workloads" / "test");
    fs::create_directories(root() / "blob");
    EXPECT_TRUE(write_file_atomic(root() / "definitions" / "test" / "tiny.json",
                                  R"({"name":"tiny","op_type":"test","axes":{"n":{"type":"var"}},
      "inputs":{"a":{"shape":["n",1],"dtype":"int32"}},"outputs":{"y":{"shape":["n"],"dtype":"float32"}}})"));
    write_workload("./blob/x.safetensors", "a");
    write_blob(safetensors_file(kTwo, kData));
  }
  fs::path root() const { return folder_.path() / "dataset"; }
  fs::path blob() const { return root() / "blob" / "x.safetensors"; }
  void write_blob(const std::string& file) { ASSERT_TRUE(write_file_atomic(blob(), file)); }
  void write_workload(const std::string& path, const std::string& key) {
    ASSERT_TRUE(write_file_atomic(
        root() / "workloads" / "test" / "tiny.jsonl",
        R"({"definition":"tiny","workload":{"uuid":"u0","axes":{"n":2},"inputs":{"a":{"type":"safetensors","path":")" +
            path + R"(","tensor_key":")" + key + "\"}}}}\n"));
  }
  LoadedDefinition load() const { return DatasetPath::open({root()}).value().load("tiny").value(); }
  std::string error() const {
    const auto loaded = load();
    const auto checked = check_captured_inputs(loaded.definition, loaded.workloads[0]);
    const auto read =
        read_captured_input(loaded.definition, loaded.workloads[0], loaded.definition.inputs[0]);
    EXPECT_EQ(checked.has_value(), read.has_value());
    return checked ? "accepted" : checked.error().message;
  }
  TempDirectory folder_ = TempDirectory::create().value();
};

TEST_F(CapturedInputs, AreTheFilesBytes) {
  const auto loaded = load();
  EXPECT_TRUE(has_captured_inputs(loaded.workloads[0]));
  const auto read =
      read_captured_input(loaded.definition, loaded.workloads[0], loaded.definition.inputs[0]).value();
  EXPECT_EQ(read.shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(std::memcmp(read.data.data(), kData.data(), 8), 0);
  const std::string before = captured_identity(loaded.workloads[0]);
  write_blob(safetensors_file(kTwo + " ", kData));
  EXPECT_NE(captured_identity(loaded.workloads[0]), before);
}

TEST_F(CapturedInputs, MustBeWhatTheWorkloadSays) {
  const std::string file = (root() / "./blob/x.safetensors").string();
  write_workload("./blob/x.safetensors", "c");
  EXPECT_EQ(error(), file + ": 'c' is not in the file; it holds: a, b");
  write_workload("./blob/x.safetensors", "b");
  EXPECT_EQ(error(), file + ": 'b' is BF16, the definition's input 'a' is int32");
  write_workload("./blob/x.safetensors", "a");
  write_blob(safetensors_file(R"({"a":{"dtype":"I32","shape":[1,2],"data_offsets":[0,8]}})", "12345678"));
  EXPECT_EQ(error(), file + ": 'a' has shape [1, 2], input 'a' of workload u0 has [2, 1]");
}

TEST_F(CapturedInputs, AMissingFileOrALfsPointerIsNamedWithTheMend) {
  write_blob("version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1\n");
  EXPECT_EQ(error(), fs::canonical(blob()).string() +
                         ": is a Git LFS pointer, its data were not fetched: cd " + root().string() +
                         " && git lfs pull --include \"blob/x.safetensors\"");
  fs::remove(blob());
  EXPECT_EQ(error(),
            (root() / "./blob/x.safetensors").string() +
                ": No such file or directory; is the dataset complete? (a workload takes 'a' from it)");
  fs::create_directories(blob());
  EXPECT_EQ(error(), fs::canonical(blob()).string() + ": not a regular file");
}

TEST_F(CapturedInputs, NoLinkLeadsOutOfTheDataset) {
  const fs::path outside = folder_.path() / "outside.safetensors";
  ASSERT_TRUE(write_file_atomic(outside, safetensors_file(kTwo, kData)));
  fs::remove(blob());
  fs::create_symlink(outside, blob());
  EXPECT_EQ(error(), (root() / "./blob/x.safetensors").string() + ": leads out of the dataset, to " +
                         fs::canonical(outside).string() + "; copy the file into the dataset's folder");
  fs::remove(blob());
  fs::create_symlink("y.safetensors", blob());  // inside it may
  ASSERT_TRUE(write_file_atomic(root() / "blob" / "y.safetensors", safetensors_file(kTwo, kData)));
  EXPECT_EQ(error(), "accepted");
  fs::remove(blob());
  fs::create_symlink("x.safetensors", blob());
  EXPECT_NE(error().find("Too many levels of symbolic links"), std::string::npos) << error();
  fs::remove(blob());
  ::mkfifo(blob().c_str(), 0600);  // would hang whoever opens it
  EXPECT_EQ(error(), fs::canonical(blob()).string() + ": not a regular file");
}

}  // namespace
}  // namespace warpwright::trace
