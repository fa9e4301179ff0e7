#include "src/llm/scripted_provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/files.h"
#include "src/llm/scripted_answer.h"

namespace warpwright::llm {
namespace {
namespace fs = std::filesystem;

constexpr size_t kMaxAnswerBytes = size_t{16} << 20;
constexpr const char* kSuffixes[] = {".md", ".txt", ".cu"};

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

bool is_follow_up(const fs::path& file) {
  return file.stem().extension().string().starts_with(".turn");
}

std::vector<fs::path> answers_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const char* suffix : kSuffixes)
    for (fs::path& file : list_files(folder, suffix))
      if (!is_follow_up(file)) files.push_back(std::move(file));
  std::sort(files.begin(), files.end());
  return files;
}

Failure failure_of(FailureClass kind, std::string reason) {
  Failure failure;
  failure.kind = kind;
  failure.reason = std::move(reason);
  return failure;
}

// 01.md, turn 1 -> 01.turn1.md (or .txt, .cu) beside it.
Result<fs::path> file_of_turn(const fs::path& file, int turn) {
  if (turn == 0) return file;
  const fs::path stem = file.parent_path() / fmt::format("{}.turn{}", file.stem().string(), turn);
  for (const char* suffix : kSuffixes) {
    const fs::path candidate = stem.string() + suffix;
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return candidate;
  }
  return usage_error(fmt::format("a follow-up to {} was asked for, there is no {}.md",
                                 file.filename().string(), stem.filename().string()));
}

}  // namespace

Result<ScriptedProvider> ScriptedProvider::open(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    return usage_error(fmt::format("the folder of scripted answers {} does not exist", folder.string()));
  std::map<std::string, Files> files;
  files[""] = answers_in(folder);
  bool is_empty = files[""].empty();
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code ignored;
    if (!entry.is_directory(ignored)) continue;
    Files& answers = files[entry.path().filename().string()] = answers_in(entry.path());
    is_empty = is_empty && answers.empty();
  }
  if (error) return usage_error(fmt::format("{} cannot be read: {}", folder.string(), error.message()));
  if (is_empty)
    return usage_error(fmt::format("{} holds no answers (*.md, *.txt or *.cu files)", folder.string()));
  return ScriptedProvider(folder, std::move(files));
}

const ScriptedProvider::Files& ScriptedProvider::files_of(const std::string& op) const {
  const auto found = files_.find(op);
  return found != files_.end() ? found->second : files_.at("");
}

int64_t ScriptedProvider::answer_count(const std::string& op) const {
  return static_cast<int64_t>(files_of(op).size());
}

std::variant<Reply, Failure> ScriptedProvider::answer(const Call& call) const {
  const Files& files = files_of(call.op);
  if (call.index < 0 || call.index >= static_cast<int64_t>(files.size()))
    return failure_of(FailureClass::kNoAnswer,
                      fmt::format("answer {} was asked for, there are {}", call.index + 1, files.size()));
  const auto file = file_of_turn(files[static_cast<size_t>(call.index)], call.turn);
  if (!file) return failure_of(FailureClass::kNoAnswer, file.error().message);
  const auto text = read_file(*file, kMaxAnswerBytes);
  if (!text) return failure_of(FailureClass::kNoAnswer, text.error().message);
  auto scripted = parse_scripted_answer(*text, file->string());
  if (!scripted) return failure_of(FailureClass::kInvalid, scripted.error().message);
  if (scripted->failure && call.attempt < scripted->failing_attempts) return *scripted->failure;
  Reply reply;
  reply.text = file->extension() == ".cu" ? as_reply(scripted->text) : std::move(scripted->text);
  reply.model = file->lexically_relative(folder_).generic_string();
  reply.usage = scripted->usage;
  reply.finish = scripted->finish;
  return reply;
}

void ScriptedProvider::start(const Call& call) {
  ready_.push_back({call.ticket, call.turn, call.attempt, answer(call)});
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
