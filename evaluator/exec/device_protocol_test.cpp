#include "evaluator/exec/device_protocol.h"

#include <gtest/gtest.h>

#include <set>

#include "evaluator/exec/arena.h"
#include "evaluator/exec/recorded_executor.h"
#include "src/base/rng.h"

namespace warpwright::exec::device {
namespace {

cuda::CallWork full_work() {
  cuda::Launch launch;
  launch.function = 2;
  launch.label = "split<16>";
  launch.grid = {7, 8, 9};
  launch.dynamic_shared_bytes = 4096;
  launch.cluster = cuda::Dim3{2, 1, 1};
  launch.programmatic_dependent = true;
  launch.carveout_percent = 100;
  launch.parameters = {std::byte{0}, std::byte{0xff}, std::byte{0x1e}};
  launch.pointers = {{8, {3, -16}}};
  launch.maps = {{64, 0}};
  cuda::TensorMap map;
  map.base = {1, 32};
  map.data_type = 9;
  map.dims = {uint64_t{1} << 32, 4};
  map.strides_bytes = {64};
  map.box = {8, 1};
  map.element_strides = {1, 1};
  map.swizzle = 3;
  return {{map}, {launch, cuda::Memset{{0, 4}, 255, 12}, cuda::Copy{{1, 0}, {2, 8}, 40}}};
}

std::vector<Command> all_commands() {
  cuda::SamplerSpec spec;
  spec.contenders = {{5, full_work(), {{"part", cuda::BufferRole::kSelfClean, 64}}}, {6, {}, {}}};
  spec.inputs_and_outputs = {{"x", cuda::BufferRole::kInput, 128}, {"y", cuda::BufferRole::kOutput, 128}};
  spec.versions = 4;
  spec.profile = cuda::TimingProfile::kStrict;
  spec.secret_seed = ~uint64_t{0};
  return {Hello{},
          OpenProgram{1, {100, 0}, {{1, "_Z5splitPf"}}},
          ReloadProgram{1},
          CloseProgram{2},
          OpenBuffers{3, spec.inputs_and_outputs, cuda::GuardKind::kUnmapped, uint64_t{1} << 63},
          WriteBuffer{3, 1, 77},
          ReadBuffer{3, 0, 78},
          CloseBuffers{3},
          Call{1, 3, full_work(), {cuda::Fill::kRandom, false}},
          OpenSampler{4, spec},
          WriteVersion{4, 2, 1, 128},
          Take{4, {{1, 2, true}, {0, 0, false}}},
          ReadKept{4, 0, 1, 128},
          CloseSampler{4}};
}

std::vector<Reply> all_replies() {
  const cuda::DeviceFault fault{cuda::DeviceFault::Kind::kGuardBroken, 0, "y: byte 128 \"quoted\" \n", 3};
  cuda::Sample sample{12.5, 0.1 + 0.2, 1980, ~uint64_t{0}, 1, "dropped"};
  return {Done{},
          Greeting{kProtocolVersion, recorded_device()},
          ProgramOpened{std::nullopt, {{255, 1024, 0, 768}}},
          ProgramOpened{fault, {}},
          CallDone{{fault, fault}},
          SamplerOpened{{3, int64_t{1} << 40, "half the sets"}},
          Taken{std::nullopt, {sample, {}}},
          Refused{"out of memory"}};
}

// A second encoding is the same text only if nothing was lost on the way.
TEST(DeviceProtocol, CommandsSurviveTheWay) {
  uint64_t number = 0;
  std::set<std::string_view> names;
  for (const Command& command : all_commands()) {
    const std::string line = encode(CommandLine{++number, 1 << 20, command});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto decoded = decode_command(line);
    ASSERT_TRUE(decoded) << line;
    EXPECT_EQ(decoded->command.index(), command.index());
    EXPECT_EQ(encode(*decoded), line);
    names.insert(name_of(command));
  }
  EXPECT_EQ(names.size(), std::variant_size_v<Command>);
}

TEST(DeviceProtocol, AllOfACallsWorkArrives) {
  const auto decoded = decode_command(encode(CommandLine{1, 0, Call{1, 3, full_work(), {}}}));
  const auto& work = std::get<Call>(decoded.value().command).work;
  const auto& launch = std::get<cuda::Launch>(work.operations.at(0));
  EXPECT_EQ(launch.parameters, std::get<cuda::Launch>(full_work().operations[0]).parameters);
  EXPECT_EQ(launch.pointers.at(0).target.offset, -16);
  EXPECT_EQ(launch.cluster.value().x, 2u);
  EXPECT_FALSE(launch.cooperative);
  EXPECT_EQ(work.tensor_maps.at(0).dims.at(0), uint64_t{1} << 32);
  EXPECT_EQ(std::get<cuda::Copy>(work.operations.at(2)).bytes, 40u);
}

TEST(DeviceProtocol, RepliesSurviveTheWay) {
  uint64_t number = 0;
  for (const Reply& reply : all_replies()) {
    const std::string line = encode(ReplyLine{++number, reply});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto decoded = decode_reply(line);
    ASSERT_TRUE(decoded) << line;
    EXPECT_EQ(decoded->number, number);
    EXPECT_EQ(encode(*decoded), line);
  }
}

TEST(DeviceProtocol, SamplesArriveToTheLastBit) {
  const cuda::Sample sample{0.1 + 0.2, 1e-300, 1980.123, ~uint64_t{0}, uint64_t{1} << 63, ""};
  const auto decoded = decode_reply(encode(ReplyLine{1, Taken{std::nullopt, {sample}}}));
  const auto& got = std::get<Taken>(decoded.value().reply).samples.at(0);
  EXPECT_EQ(got.span_us, sample.span_us);
  EXPECT_EQ(got.events_us, sample.events_us);
  EXPECT_EQ(got.activities, sample.activities);
  EXPECT_EQ(got.output_hash, sample.output_hash);
}

TEST(DeviceProtocol, MalformedRepliesAreErrors) {
  const char* lines[] = {
      "",
      "hello",
      "[]",
      "null",
      "{}",
      R"({"number":1})",
      R"({"number":1,"reply":{}})",
      R"({"number":1,"reply":{"done":{}},"more":1})",
      R"({"number":-1,"reply":{"done":{}}})",
      R"({"number":1.5,"reply":{"done":{}}})",
      R"({"number":18446744073709551616,"reply":{"done":{}}})",
      R"({"number":1,"reply":{"done":{"x":1}}})",
      R"({"number":1,"reply":{"done":[]}})",
      R"({"number":1,"reply":{"gone":{}}})",
      R"({"number":1,"reply":{"done":{},"refused":{"message":""}}})",
      R"({"number":1,"reply":{"refused":{"message":7}}})",
      R"({"number":1,"reply":{"call_done":{"faults":[{"kind":6,"cuda_error":0,"shot":0,"message":""}]}}})",
      R"({"number":1,"reply":{"call_done":{"faults":[{"kind":-1,"cuda_error":0,"shot":0,"message":""}]}}})",
      R"({"number":1,"reply":{"call_done":{"faults":[{"kind":0,"cuda_error":0,"message":""}]}}})",
      R"({"number":1,"reply":{"call_done":{"faults":[{"kind":0,"cuda_error":4294967296,"shot":0,"message":""}]}}})",
      R"({"number":1,"reply":{"sampler_opened":{"info":{"buffer_sets":1,"bytes_per_set":"1","note":""}}}})",
      R"({"number":1,"reply":{"taken":{"fault":null,"samples":[null]}}})",
  };
  for (const char* line : lines) EXPECT_FALSE(decode_reply(line)) << line;
  EXPECT_FALSE(decode_reply(std::string(100'000, '[')));
}

// One changed byte of a good line is refused or still a line of the protocol, never a crash.
TEST(DeviceProtocol, DamagedLinesNeverCrash) {
  Rng rng(7);
  std::vector<std::string> lines;
  for (const Reply& reply : all_replies()) lines.push_back(encode(ReplyLine{1, reply}));
  for (const Command& command : all_commands()) lines.push_back(encode(CommandLine{1, 0, command}));
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string line = lines[rng.below(lines.size())];
    line[rng.below(line.size())] = static_cast<char>(rng.below(256));
    if (rng.below(4) == 0) line.resize(rng.below(line.size()));
    refused += !decode_reply(line) && !decode_command(line);
  }
  EXPECT_GT(refused, 2000);
}

TEST(DeviceProtocol, TextOfTheProcessIsOneBoundedPrintableLine) {
  EXPECT_EQ(clean_text("a\nb\tc\x1b[31m"), "a b c [31m");
  EXPECT_LT(clean_text(std::string(100'000, 'x')).size(), 700u);
}

TEST(Arena, BothSidesSeeTheSameBytesAsItGrows) {
  auto owner = Arena::create().value();
  auto other = Arena::adopt(UniqueFd(::dup(owner.fd())));
  ASSERT_TRUE(owner.grow(10));
  ASSERT_TRUE(other.map(owner.bytes().size()));
  owner.bytes()[9] = std::byte{42};
  EXPECT_EQ(other.bytes()[9], std::byte{42});
  ASSERT_TRUE(owner.grow(5 << 20));
  EXPECT_EQ(owner.bytes()[9], std::byte{42});
  ASSERT_TRUE(other.map(owner.bytes().size()));
  other.bytes()[(5 << 20) - 1] = std::byte{43};
  EXPECT_EQ(owner.bytes()[(5 << 20) - 1], std::byte{43});
}

TEST(Arena, NeitherSideCanShrinkItNorMapWhatIsNotThere) {
  auto owner = Arena::create().value();
  ASSERT_TRUE(owner.grow(1 << 20));
  EXPECT_NE(::ftruncate(owner.fd(), 0), 0);
  auto other = Arena::adopt(UniqueFd(::dup(owner.fd())));
  EXPECT_FALSE(other.map(uint64_t{1} << 30));
  EXPECT_FALSE(other.map(~uint64_t{0}));
}

}  // namespace
}  // namespace warpwright::exec::device
