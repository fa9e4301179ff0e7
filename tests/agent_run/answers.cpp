#include "tests/agent_run/answers.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "src/base/check.h"
#include "src/base/files.h"

namespace warpwright::agent_run {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUsage = "<!-- usage input=1000 output=200 -->\n";
constexpr const char* kPlan =
    "/*@plan\n"
    "tune ROWS = 4 in {2, 4, 8};\n"
    "tune WARPS = 4 in {2, 4};\n"
    "gdn_decode<<<dim3(head_size / (ROWS * WARPS), num_v_heads, batch_size), 32 * WARPS>>>(\n"
    "    q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);\n"
    "*/\n";
constexpr const char* kOtherPlan =
    "/*@plan\n"
    "tune ROWS = 16 in {1, 16};\n"
    "tune WARPS = 8 in {1, 8};\n"
    "gdn_decode<<<dim3(head_size / (ROWS * WARPS), num_v_heads, batch_size), 32 * WARPS>>>(\n"
    "    q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);\n"
    "*/\n";

void replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  CHECK(at != std::string::npos);
  text.replace(at, from.size(), to);
}

std::string edit(const std::string& search, const std::string& replacement) {
  return fmt::format(
      "IDEA: another border for the softplus\n\n<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n", search,
      replacement);
}

std::string edge(int number, const std::string& value) {
  return fmt::format("constexpr float kEdge{} = {};", number, value);
}

}  // namespace

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

std::string kernel(int variant) {
  const fs::path home = std::getenv("WARPWRIGHT_HOME");
  std::string source = read_file(home / "seeds/gdn_decode_qk4_v8_d128_k_last/warp_rows.cu").value();
  source = kPlan + source.substr(source.find("#include <cuda_bf16.h>"));
  const std::string edges = fmt::format("constexpr float kEdge0 = {}.0f / 64;\n{}\n{}\n{}\n", variant,
                                        edge(1, "0.0f"), edge(2, "0.0f"), edge(3, "0.0f"));
  replace(source, "constexpr int D =", edges + "constexpr int D =");
  replace(source, "x > 20.0f", "x > 20.0f + kEdge0 + kEdge1 + kEdge2 + kEdge3");
  return source;
}

std::string kernel_that_does_not_compile() {
  std::string source = kernel(50);
  replace(source, "scale = rsqrtf(float(D))", "scale = no_such_function(float(D))");
  return source;
}

std::string kernel_that_is_wrong() {
  std::string source = kernel(51);
  replace(source, "updated.x = decay * s[r].x", "updated.x = s[r].x");
  return source;
}

std::string reply_with(const std::string& source, const std::string& idea) {
  return fmt::format("IDEA: {}\n\n```cuda\n{}```\n", idea, source);
}

void write_seeds(const fs::path& folder) {
  write_file(folder / "plain.cu", kernel(0));
}

void write_answers(const fs::path& folder) {
  const auto answer = [&](const std::string& name, const std::string& text) {
    write_file(folder / name, kUsage + text);
  };
  answer("scratch/01.md", "<!-- fail rate-limited times=1 retry_after_ms=20 -->\n" +
                              reply_with(kernel(1), "a first candidate"));
  answer("scratch/02.md", reply_with(kernel_that_does_not_compile(), "a function from memory"));
  answer("scratch/03.md", reply_with(kernel_that_is_wrong(), "the decay is near one anyway"));
  answer("rewrite/01.md", reply_with(kernel(2), "the same with another border"));
  answer("rewrite/02.md", "<!-- finish refused -->\nI would rather not.\n");
  answer("rewrite/03.md", "<!-- finish truncated -->\n" + reply_with(kernel(52), "never compiled"));
  answer("diff/01.md", edit(edge(1, "0.0f"), edge(1, "0.125f")));
  answer("diff/02.md", edit("constexpr float kEgde2 = 0.0f;", edge(2, "0.125f")));
  answer("diff/02.turn1.md", edit(edge(2, "0.0f"), edge(2, "0.125f")));
  answer("diff/03.md", edit("constexpr float kEgde3 = 0.0f;", edge(3, "0.125f")));
  answer("diff/03.turn1.md", edit("constexpr float kEdge4 = 0.0f;", edge(3, "0.125f")));
  answer("crossover/01.md", reply_with(kernel(3), "the best of both"));
  answer("repair/01.md", reply_with(kernel(4), "the function that there is"));
  answer("repair/02.md", reply_with(kernel(5), "the decay where it belongs"));
  answer("plan/01.md", fmt::format("IDEA: more rows for each warp\n\n```cuda\n{}```\n", kOtherPlan));
  answer("research/01.md",
         "LESSON: the border of the softplus does not matter for speed\n"
         "DIRECTION: more rows for each warp\n");
}

}  // namespace warpwright::agent_run
