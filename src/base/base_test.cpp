#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/rng.h"
#include "src/base/subprocess.h"

namespace warpwright {
namespace {

TEST(Hash, MatchesThePublishedVectorOfSha256) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, FieldBoundariesMatter) {
  FieldHasher a, b;
  EXPECT_NE(a.add("ab").add("c").hex(), b.add("a").add("bc").hex());
}

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10 rounds).
TEST(Philox, MatchesThePublishedVectors) {
  using A4 = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (A4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (A4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (A4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, StreamsAreReproducibleAndDistinct) {
  EXPECT_EQ(Rng::stream(1, "proposal", 3).next(), Rng::stream(1, "proposal", 3).next());
  EXPECT_NE(Rng::stream(1, "proposal", 3).next(), Rng::stream(1, "proposal", 4).next());
  EXPECT_NE(Rng::stream(1, "proposal", 3).next(), Rng::stream(1, "island", 3).next());
  EXPECT_NE(Rng::stream(1, "proposal", 3).next(), Rng::stream(2, "proposal", 3).next());
}

TEST(Json, SyntaxErrorsNameLineAndColumn) {
  auto result = parse_json("{\n  \"a\": 1,\n  oops\n}", "x.json");
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().message.starts_with("x.json:3:3")) << result.error().message;
}

TEST(Json, ReaderNamesMissingWrongAndUnknownKeys) {
  const Json value = {{"a", 1}, {"b", "text"}};
  auto reader = JsonObjectReader::open(value, "x.json").value();
  EXPECT_EQ(reader.integer("a").value(), 1);
  EXPECT_EQ(reader.string("c").error().message, "x.json: key 'c' is missing (expected a string)");
  EXPECT_EQ(reader.integer("b").error().message, "x.json: key 'b' must be an integer, not string");
  auto partial = JsonObjectReader::open(value, "x.json").value();
  (void)partial.find("a");
  EXPECT_EQ(partial.reject_unknown_keys().error().message, "x.json: unknown key 'b'");
}

TEST(Files, AnAtomicWriteLeavesNoPart) {
  auto folder = TempDirectory::create().value();
  const auto path = folder.path() / "x";
  ASSERT_TRUE(write_file_atomic(path, "one"));
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_FALSE(write_file_atomic(folder.path() / "missing" / "x", "text"));
  EXPECT_EQ(list_files(folder.path(), "").size(), 1u);
}

TEST(Subprocess, FeedsInputAndCollectsOutput) {
  SubprocessOptions options;
  options.argv = {"cat"};
  const std::string text(300000, 'x');
  auto done = run_to_completion(options, text, 10000, 1 << 20).value();
  EXPECT_TRUE(done.status.success());
  EXPECT_EQ(done.stdout_text, text);
}

TEST(Subprocess, AHungChildIsKilledWithItsWholeGroup) {
  SubprocessOptions options;
  options.argv = {"sh", "-c", "sleep 100 & sleep 100"};
  auto done = run_to_completion(options, "", 100, 1000).value();
  EXPECT_TRUE(done.timed_out);
  EXPECT_EQ(done.status.signal, SIGKILL);
}

TEST(Subprocess, AFloodOfOutputIsCutOff) {
  SubprocessOptions options;
  options.argv = {"yes"};
  auto done = run_to_completion(options, "", 10000, 100000).value();
  EXPECT_TRUE(done.output_overflow);
}

TEST(Subprocess, TheEnvironmentIsAnAllowList) {
  ::setenv("SOME_API_KEY", "secret", 1);
  SubprocessOptions options;
  options.argv = {"env"};
  auto done = run_to_completion(options, "", 10000, 100000).value();
  EXPECT_EQ(done.stdout_text.find("secret"), std::string::npos);
}

TEST(Subprocess, PassedDescriptorsArriveAsThreeAndUpAndNothingElseDoes) {
  auto folder = TempDirectory::create().value();
  std::vector<UniqueFd> files;
  SubprocessOptions options;
  for (const std::string name : {"first", "second"}) {
    ASSERT_TRUE(write_file_atomic(folder.path() / name, name + "\n"));
    files.emplace_back(::open((folder.path() / name).c_str(), O_RDONLY));
    options.pass_descriptors.insert(options.pass_descriptors.begin(), files.back().get());  // numbers descend
  }
  options.argv = {"sh", "-c", "cat <&3; cat <&4; ls /proc/$$/fd | tr '\\n' ' '"};
  const auto done = run_to_completion(options, "", 10'000, 1 << 20).value();
  EXPECT_EQ(done.stdout_text, "second\nfirst\n0 1 2 3 4 ") << done.stderr_text;
}

TEST(Subprocess, AMissingProgramIsNamed) {
  SubprocessOptions options;
  options.argv = {"/no/such/program"};
  auto result = Subprocess::start(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "cannot start /no/such/program: No such file or directory");
}

}  // namespace
}  // namespace warpwright
