// llm_bench: many streamed calls on one thread, as the engine's loop makes them, beside processes that
// compute as evaluators do. Prints how long the loop was ever held up, what a call costs in memory and time,
// and whether every answer was right.
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <set>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/llm/endpoint_provider.h"
#include "src/llm/http_client.h"
#include "tests/llm_server/wire.h"

namespace {
using namespace warpwright;

struct Settings {
  size_t calls = 500, prompt_bytes = 20'000, answer_bytes = 8000, pieces = 40;
  int64_t delay_ms = 50;
  size_t beside = 2;
  std::string wire = "openai-chat", beside_command = "while :; do :; done";
};

double now_ms(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double resident_kib() {
  size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

// What each turn of the loop took: by the wall clock, which other processes stretch, and of the processor.
struct Turns {
  std::vector<double> wall_ms, cpu_ms;
  void print(const char* name, std::vector<double>& times) const {
    std::sort(times.begin(), times.end());
    const auto at = [&times](double share) {
      return times[static_cast<size_t>(share * double(times.size() - 1))];
    };
    fmt::print("  {:<28} p50 {:.3f} ms, p99 {:.3f} ms, longest {:.3f} ms\n", name, at(0.5), at(0.99),
               times.back());
  }
};

Result<Subprocess> start_server(const Settings& settings) {
  SubprocessOptions options;
  options.argv = {
      program_directory() / "llm_server", "--answer-bytes", std::to_string(settings.answer_bytes), "--pieces",
      std::to_string(settings.pieces),    "--delay-ms",     std::to_string(settings.delay_ms)};
  options.inherit_stderr = true;
  return Subprocess::start(options);
}

std::string read_line(int fd) {
  std::string line;
  for (char c = 0; line.find('\n') == std::string::npos;) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, 10'000) <= 0 || ::read(fd, &c, 1) != 1) return "";
    line += c;
  }
  return line.substr(0, line.size() - 1);
}

llm::Call call_of(int64_t ticket, const Settings& settings) {
  llm::Call call;
  call.ticket = ticket;
  call.conversation.system = std::string(settings.prompt_bytes, 's');
  call.conversation.messages = {{llm::Message::Role::kUser, fmt::format("call {}", ticket)}};
  return call;
}

Result<void> run(const Settings& settings) {
  TRY_ASSIGN(Subprocess server, start_server(settings));
  llm::ModelConfig config;
  config.name = "bench";
  const auto kind = llm::provider_kind_from_string(settings.wire);
  if (!kind || !llm::is_http(*kind)) return usage_error("--wire names no wire format: " + settings.wire);
  config.provider = *kind;
  config.base_url = read_line(server.stdout_fd());
  config.model = "mock";
  config.max_output_tokens = 1000;
  std::vector<Subprocess> beside;
  for (size_t i = 0; i < settings.beside; ++i) {
    SubprocessOptions options;
    options.argv = {"sh", "-c", settings.beside_command};
    TRY_ASSIGN(Subprocess child, Subprocess::start(options));
    beside.push_back(std::move(child));
  }

  SystemClock clock;
  TRY_ASSIGN(const auto http, llm::HttpClient::create(clock));
  llm::EndpointProvider provider(config, llm::make_codec(config.provider), "", *http);
  const double memory_before = resident_kib(), start = now_ms(CLOCK_MONOTONIC),
               cpu_start = now_ms(CLOCK_THREAD_CPUTIME_ID);
  double memory_most = memory_before, start_longest = 0;
  for (size_t i = 0; i < settings.calls; ++i) {
    const llm::Call call = call_of(static_cast<int64_t>(i), settings);
    const double before = now_ms(CLOCK_THREAD_CPUTIME_ID);
    provider.start(call);
    start_longest = std::max(start_longest, now_ms(CLOCK_THREAD_CPUTIME_ID) - before);
  }
  Turns turns;
  std::set<int64_t> right;
  size_t done = 0, wrong = 0, at_once = 0;
  int64_t slowest_ms = 0;
  while (done < settings.calls) {
    llm::WaitSet waits;
    provider.wait_on(waits);
    ::poll(waits.descriptors.data(), waits.descriptors.size(), static_cast<int>(waits.timeout_ms));
    const double wall = now_ms(CLOCK_MONOTONIC), cpu = now_ms(CLOCK_THREAD_CPUTIME_ID);
    const std::vector<llm::Completion> completions = provider.poll();
    turns.cpu_ms.push_back(now_ms(CLOCK_THREAD_CPUTIME_ID) - cpu);
    turns.wall_ms.push_back(now_ms(CLOCK_MONOTONIC) - wall);
    if (turns.wall_ms.size() % 100 == 0) memory_most = std::max(memory_most, resident_kib());
    at_once = std::max(at_once, http->active());
    done += completions.size();
    for (const llm::Completion& completion : completions) {
      const auto* reply = std::get_if<llm::Reply>(&completion.outcome);
      const std::string expected =
          llm_server::answer_text(fmt::format("call {}", completion.ticket), settings.answer_bytes);
      const bool is_right =
          reply != nullptr && reply->text == expected && reply->usage.output == llm_server::kOutputTokens;
      if (is_right) right.insert(completion.ticket);
      if (is_right) slowest_ms = std::max(slowest_ms, reply->total_ms);
      if (!is_right && wrong++ == 0)
        fmt::print("wrong: {}\n",
                   reply != nullptr ? "text or usage" : std::get<llm::Failure>(completion.outcome).reason);
    }
  }
  const double wall = now_ms(CLOCK_MONOTONIC) - start, cpu = now_ms(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
  fmt::print("{} calls ({}), up to {} at once, {} events of {} ms each, beside {} busy processes\n",
             settings.calls, settings.wire, at_once, settings.pieces, settings.delay_ms, settings.beside);
  fmt::print("  right answers                {} of {}\n", right.size(), settings.calls);
  turns.print("a turn of the loop, wall", turns.wall_ms);
  turns.print("a turn of the loop, CPU", turns.cpu_ms);
  fmt::print("  longest start of a call, CPU {:.3f} ms\n", start_longest);
  fmt::print("  calls a second               {:.0f} ({:.2f} s in all, slowest call {} ms, {} turns)\n",
             double(settings.calls) / wall * 1e3, wall / 1e3, slowest_ms, turns.wall_ms.size());
  fmt::print("  processor of the loop        {:.2f} ms a call, {:.1f} % of one core\n",
             cpu / double(settings.calls), 100 * cpu / wall);
  fmt::print("  memory                       {:.0f} KiB a call (prompt {} KiB of it)\n",
             (memory_most - memory_before) / double(settings.calls), settings.prompt_bytes / 1024);
  if (right.size() != settings.calls) return infrastructure_error("not every answer was right");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Many streamed calls on one thread beside busy processes");
  app.add_option("--calls", settings.calls, "all started at once");
  app.add_option("--wire", settings.wire, "openai-chat, openai-responses, anthropic-messages, gemini");
  app.add_option("--prompt-bytes", settings.prompt_bytes, "of each call");
  app.add_option("--answer-bytes", settings.answer_bytes, "of each answer");
  app.add_option("--pieces", settings.pieces, "events of each answer");
  app.add_option("--delay-ms", settings.delay_ms, "between its events");
  app.add_option("--beside", settings.beside, "processes that compute meanwhile");
  app.add_option("--beside-command", settings.beside_command, "what they run");
  CLI11_PARSE(app, argc, argv);
  if (const auto done = run(settings); !done)
    return fmt::print(stderr, "llm_bench: {}\n", done.error().message), 1;
  return 0;
}
