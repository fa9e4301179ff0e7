#include "evaluator/reference/python_reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "evaluator/reference/numeric.h"
#include "evaluator/reference/python_process.h"

namespace warpwright::reference {
namespace {

trace::Definition definition_of(const std::string& reference) {
  auto definition =
      trace::parse_definition(
          R"({"name":"scaled_sum","op_type":"test","axes":{"n":{"type":"var"},"two":{"type":"const","value":2}},
      "inputs":{"x":{"shape":["n","two"],"dtype":"bfloat16"},"bias":{"shape":["n"],"dtype":"int64","optional":true},
                "factor":{"shape":null,"dtype":"float32"},"count":{"shape":null,"dtype":"int32"}},
      "outputs":{"y":{"shape":["n"],"dtype":"float32"},"most":{"shape":["n"],"dtype":"int64"}}})",
          "scaled_sum.json")
          .value();
  definition.reference = reference;
  return definition;
}

// Rows (1, 2), (3, 4), (5, 6).
Inputs inputs_of() {
  Inputs inputs;
  HostTensor x{trace::DType::kBfloat16, {3, 2}, std::vector<std::byte>(12)};
  for (size_t i = 0; i < 6; ++i) store_element(x.dtype, x.data, i, static_cast<double>(i + 1));
  inputs.tensors["x"] = std::move(x);
  inputs.scalars = {{"factor", 0.5}, {"count", 7}};
  return inputs;
}

Result<OracleOutputs> run(const std::string& reference, const Inputs& inputs = inputs_of()) {
  return python_oracle().run(definition_of(reference), {{"n", 3}}, inputs);
}

std::string error(const std::string& reference) {
  const auto outputs = run(reference);
  return outputs ? "accepted" : outputs.error().message;
}

constexpr const char* kGood =
    "import torch\n"
    "def run(x, bias, factor, count):\n"
    "    assert isinstance(count, int) and isinstance(factor, float) and x.dtype == torch.bfloat16\n"
    "    y = x.float().sum(dim=1) * factor\n"
    "    if bias is not None: y = y + bias\n"
    "    return y, torch.full((x.shape[0],), 2**40 + count, dtype=torch.int64)\n";

class PythonReference : public testing::Test {
 protected:
  void SetUp() override {
    const auto versions = python_versions();
    if (!versions) GTEST_SKIP() << versions.error().message;
  }
};

TEST_F(PythonReference, GetsItsArgumentsAndItsOutputsAreTaken) {
  const auto outputs = run(kGood).value();
  EXPECT_EQ(outputs.values.at("y"), (std::vector<double>{1.5, 3.5, 5.5}));
  EXPECT_EQ(outputs.values.at("most"), (std::vector<double>(3, std::pow(2.0, 40) + 7)));
  Inputs with_bias = inputs_of();
  HostTensor bias{trace::DType::kInt64, {3}, std::vector<std::byte>(24)};
  store_element(bias.dtype, bias.data, 2, -4);
  with_bias.tensors["bias"] = std::move(bias);
  EXPECT_EQ(run(kGood, with_bias).value().values.at("y"), (std::vector<double>{1.5, 3.5, 1.5}));
}

TEST_F(PythonReference, OutputsMayBeADictionaryAndMinusInfinity) {
  const auto outputs =
      run("import torch\n"
          "def run(x, bias, factor, count):\n"
          "    return {'most': torch.zeros(3), 'y': torch.full((3,), float('-inf'))}\n");
  EXPECT_EQ(outputs->values.at("y")[1], -INFINITY);
  EXPECT_EQ(outputs->values.at("most")[2], 0);
}

TEST_F(PythonReference, WhatIsWrongWithItIsSaidInOneLine) {
  const std::string where = "scaled_sum.json: Python reference: ";
  EXPECT_TRUE(error("def run(x, bias, factor, count:\n").starts_with(where + "SyntaxError:"));
  EXPECT_EQ(error("x = 1\n"), where + "ValueError: the reference has no function run(...)");
  EXPECT_EQ(error("def run(x, bias, factor, count):\n    return x.nonsense\n"),
            where + "line 2: AttributeError: 'Tensor' object has no attribute 'nonsense'");
  EXPECT_EQ(error("def run(x, bias, factor, count):\n    return x\n"),
            where + "ValueError: the reference returned 1 outputs, the definition has 2");
  EXPECT_EQ(error("def run(x, bias, factor, count):\n    return x, x\n"),
            where + "ValueError: the reference returned y of shape [3, 2], not [3]");
  EXPECT_EQ(error("import sys\nprint('hello')\ndef run(*a):\n    sys.exit(3)\n"),
            where + "line 4: SystemExit: 3");
  EXPECT_EQ(run(kGood).value().values.at("y")[0], 1.5);  // none of this hurt the helper
  EXPECT_TRUE(error("").ends_with("belongs to no family of oracles and has no Python reference"));
}

TEST_F(PythonReference, ADeadHelperIsReplaced) {
  EXPECT_EQ(error("import os\ndef run(*a):\n    os._exit(4)\n"),
            "scaled_sum.json: Python reference: the process exited with code 4");
  EXPECT_EQ(run(kGood).value().values.at("y")[0], 1.5);
}

TEST_F(PythonReference, HasNoNetworkNoFilesToWriteAndNoOtherPrograms) {
  const auto versions = python_versions().value();
  if (versions.find("seccomp") != std::string::npos) {
    EXPECT_NE(error("import socket\ndef run(*a):\n    socket.socket()\n").find("PermissionError"),
              std::string::npos);
    EXPECT_NE(error("import os\ndef run(*a):\n    os.execv('/bin/true', ['true'])\n").find("PermissionError"),
              std::string::npos);
  }
  if (versions.find("landlock") != std::string::npos) {
    EXPECT_NE(error("def run(*a):\n    open('/tmp/warpwright-written', 'w')\n").find("PermissionError"),
              std::string::npos);
  }
}

TEST_F(PythonReference, TakesTooLongAndIsEnded) {
  auto process = PythonProcess::start().value();
  const Json job = {{"code", "def run():\n    while True: pass\n"},
                    {"inputs", Json::array()},
                    {"outputs", Json::array()},
                    {"arena_bytes", 4096}};
  ASSERT_TRUE(process->memory().resize(4096));
  const auto answer = process->ask(job, 300);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "no answer within 0 s");
  EXPECT_FALSE(process->alive());
}

TEST(PythonMissing, IsSaidWithTheMend) {
  const char* before = std::getenv("WARPWRIGHT_PYTHON");
  const std::optional<std::string> saved =
      before == nullptr ? std::nullopt : std::optional<std::string>(before);
  ::setenv("WARPWRIGHT_PYTHON", "/nonexistent/python3", 1);
  const auto missing = PythonProcess::start();
  ::setenv("WARPWRIGHT_PYTHON", "false", 1);
  const auto broken = PythonProcess::start();
  if (saved) ::setenv("WARPWRIGHT_PYTHON", saved->c_str(), 1);
  if (!saved) ::unsetenv("WARPWRIGHT_PYTHON");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(missing.error().message.find("/nonexistent/python3"), std::string::npos)
      << missing.error().message;
  EXPECT_NE(missing.error().message.find("pip install torch"), std::string::npos) << missing.error().message;
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("exited with code 1"), std::string::npos) << broken.error().message;
}

}  // namespace
}  // namespace warpwright::reference
