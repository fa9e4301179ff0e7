// What the scripted models of these tests answer: real kernels for one decode step of the gated delta net,
// edits of them, and everything else that a model may send back.
#pragma once

#include <filesystem>
#include <string>

namespace warpwright::agent_run {

// A kernel that passes, made from the seed warp_rows.cu. `variant` changes a constant of it, so that no two
// variants are the same program. All variants share the lines that the edits below look for, and the plan's
// knobs.
std::string kernel(int variant);
std::string kernel_that_does_not_compile();
std::string kernel_that_is_wrong();

// A reply with one fenced block.
std::string reply_with(const std::string& source, const std::string& idea);

void write_file(const std::filesystem::path& path, const std::string& text);

// A folder of seeds: plain.cu alone, which is variant 0.
void write_seeds(const std::filesystem::path& folder);

// Answers by operator, one of each sort:
//   scratch/    a kernel (rate-limited once), one that does not compile, one that is wrong
//   rewrite/    a kernel, a refusal, a kernel cut at the token limit
//   diff/       one that applies, one that does only at the second turn, one that never does
//   crossover/, repair/, plan/, research/
// Every one costs 1000 tokens in and 200 out.
void write_answers(const std::filesystem::path& folder);

}  // namespace warpwright::agent_run
