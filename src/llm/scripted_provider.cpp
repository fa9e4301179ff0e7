#include "src/llm/scripted_provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/files.h"

namespace warpwright::llm {
namespace {

constexpr size_t kMaxAnswerBytes = size_t{16} << 20;

// A fence longer than any run of backticks inside, so that the block ends where the file does.
std::string as_reply(const std::string& source) {
  size_t longest = 2, run = 0;
  for (char c : source) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}cuda\n{}{}{}\n", fence, source, source.ends_with('\n') ? "" : "\n", fence);
}

}  // namespace

Result<ScriptedProvider> ScriptedProvider::open(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    return usage_error(fmt::format("the folder of scripted answers {} does not exist", folder.string()));
  std::vector<std::filesystem::path> files;
  for (const char* suffix : {".md", ".txt", ".cu"})
    for (std::filesystem::path& file : list_files(folder, suffix)) files.push_back(std::move(file));
  if (files.empty())
    return usage_error(fmt::format("{} holds no answers (*.md, *.txt or *.cu files)", folder.string()));
  std::sort(files.begin(), files.end());
  return ScriptedProvider(std::move(files));
}

void ScriptedProvider::start(const Call& call) {
  const auto end = [&](auto outcome) {
    ready_.push_back({call.ticket, call.turn, call.attempt, std::move(outcome)});
  };
  const auto fail = [&](std::string reason) {
    Failure failure;
    failure.kind = FailureClass::kNoAnswer;
    failure.reason = std::move(reason);
    end(std::move(failure));
  };
  if (call.index < 0 || call.index >= answer_count())
    return fail(fmt::format("answer {} was asked for, there are {}", call.index + 1, answer_count()));
  const std::filesystem::path& file = files_[static_cast<size_t>(call.index)];
  auto text = read_file(file, kMaxAnswerBytes);
  if (!text) return fail(text.error().message);
  Reply reply;
  reply.text = file.extension() == ".cu" ? as_reply(*text) : std::move(*text);
  reply.model = file.filename().string();
  end(std::move(reply));
}

std::vector<Completion> ScriptedProvider::poll() {
  return std::exchange(ready_, {});
}

void ScriptedProvider::cancel(int64_t ticket) {
  std::erase_if(ready_, [ticket](const Completion& done) { return done.ticket == ticket; });
}

void ScriptedProvider::wait_on(WaitSet& waits) const {
  if (!ready_.empty()) waits.timeout_ms = 0;
}

}  // namespace warpwright::llm
