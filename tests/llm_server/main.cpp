// llm_server: the fault-injecting server as a program. Prints its address, serves until it is killed.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "tests/llm_server/server.h"

int main(int argc, char** argv) {
  using namespace warpwright::llm_server;
  ServerOptions options;
  std::string script;
  bool lists_faults = false;
  CLI::App app("Answers as a language model's endpoint would, on loopback");
  app.add_option("--port", options.port, "0: a free one, printed");
  app.add_option("--script", script, "file with the fault of each request in order, one a line");
  app.add_option("--answer-bytes", options.manner.answer_bytes, "length of an answer");
  app.add_option("--pieces", options.manner.pieces, "events of a streamed answer");
  app.add_option("--delay-ms", options.manner.delay_ms, "between the events of a stream");
  app.add_option("--pause-ms", options.manner.pause_ms, "of the faults that are slow");
  app.add_flag("--faults", lists_faults, "list the faults by name and end");
  CLI11_PARSE(app, argc, argv);
  if (lists_faults) {
    for (const std::string_view name : fault_names()) fmt::print("{}\n", name);
    return 0;
  }
  if (!script.empty()) {
    std::ifstream file(script);
    if (!file) return fmt::print(stderr, "llm_server: cannot read {}\n", script), 2;
    for (std::string line; std::getline(file, line);) options.script.push_back(line);
  }
  options.keeps_requests = false;
  sigset_t end;
  ::sigemptyset(&end);
  ::sigaddset(&end, SIGTERM);
  ::sigaddset(&end, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &end, nullptr);  // before the thread starts
  auto server = Server::start(options);
  if (!server) return fmt::print(stderr, "llm_server: {}\n", server.error().message), 3;
  fmt::print("{}\n", (*server)->address());
  std::fflush(stdout);
  int signal = 0;
  ::sigwait(&end, &signal);
  const Counts counts = (*server)->counts();
  fmt::print(R"({{"received":{},"answered":{},"connections":{}}})"
             "\n",
             counts.received, counts.answered, counts.connections);
  return 0;
}
