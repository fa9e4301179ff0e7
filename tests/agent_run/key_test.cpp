// A key reaches its endpoint and nothing else: searched for in all that a run writes and starts.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/agent_run/world.h"
#include "tests/llm_server/server.h"

namespace warpwright::agent_run {
namespace {

namespace fs = std::filesystem;
using llm_server::Server;
using llm_server::ServerOptions;

constexpr const char* kKey = "sk-sentinel-4f1d7c90e2ab";

std::string bytes_of(const fs::path& file) {
  return read_file(file).value_or("");
}

// Processes, other than `but`, whose environment holds the key.
std::vector<std::string> processes_with_key(pid_t but) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator("/proc", fs::directory_options::skip_permission_denied, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos || name == std::to_string(but)) continue;
    if (bytes_of(entry.path() / "environ").find(kKey) != std::string::npos) found.push_back(name);
  }
  return found;
}

TEST(Key, StandsInNothingThatARunWritesPrintsOrStarts) {
  ServerOptions options;
  options.script = {"none", "key-in-answer", "error-in-200", "400", "502-html", "redirect", "none", "401"};
  options.manner.delay_ms = 100;
  const auto server = Server::start(options).value();
  const World world;
  RunTexts texts;
  texts.operators = "scratch = 1.0";
  texts.window = 2;
  texts.models = fmt::format(
      "[models.fast]\nprovider = \"openai-chat\"\nbase_url = \"{}/v1\"\nmodel = \"mock\"\nkey_env = "
      "\"MOCK_KEY\"\n"
      "max_output_tokens = 60\nprice = \"free\"\n",
      server->address());
  const fs::path config = world.write_config("run.toml", texts), folder = world.path() / "run";
  Running program({"evolve", "--config", config, "--run-dir", folder, "--skip-red-team"},
                  world.path() / "log", {{"MOCK_KEY", kKey}, {"WARPWRIGHT_LOG", "debug"}});
  ASSERT_TRUE(wait_until(
      program, folder, [](const Records& records) { return !all<events::ModelAnswered>(records).empty(); }));
  EXPECT_TRUE(processes_with_key(program.pid()).empty());
  EXPECT_EQ(program.wait().code, 3) << program.stderr_text();  // the 401 pauses the run
  EXPECT_GE(server->counts().received, 8) << "the script was not played to its end";
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(world.path())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(bytes_of(entry.path()).find(kKey), std::string::npos) << entry.path();
  }
  EXPECT_GE(files, 4);
}

}  // namespace
}  // namespace warpwright::agent_run
