// A worker without a compiler or a simulator, for tests of the pool and the engine.
//
// Its answers are a pure function of the request: identity from the source and those knobs the source names
// as knob::NAME, latencies from knob values. A source whose plan text holds "syntax_error" fails to compile,
// one with "wrong_values" is INCORRECT_NUMERICAL.
//
// What follows a line //@alike counts for the identity and not for the fingerprint.
//
// How it misbehaves is said by arguments (at start) and by `//@fake WORD [ARGUMENT]` lines of the source:
//   --protocol N   --hello-delay MS   --no-hello   --die-at-start   --bye-at-start   --banner
//   --bye-after-report
//   --work MS      each full evaluation takes this long
//   --ledger FILE  appends one line per full evaluation finished: id, identity
//   --measures     times count as measured; a duel is won by a fifth less cost, else it is the SAME
//   --bands        the larger batches want other knob values; P0_X counts for the small ones, P1_X for the
//   large
//   --random-death N   kills itself in one of N requests, at a place drawn from the clock
//   crash | crash_once FILE | exit0 | hang | silent | oversize | bad_json | banner | worker_lost | slow MS
//   | wrong_id | garbage | endless | endless_lines | flood_stderr | twice | no_workloads | other_workloads |
//   negative_time | no_key | not_a_number | environment NAME (message tells whether the variable is set) |
//   wait_for_cancel
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "src/base/hash.h"
#include "src/contract/messages.h"

namespace {
using namespace warpwright;

struct Options {
  int protocol = kProtocolVersion;
  int hello_delay_ms = 0, work_ms = 0, random_death = 0;
  bool no_hello = false, die_at_start = false, bye_at_start = false, banner = false, bye_after_report = false,
       measures = false, bands = false;
  std::string ledger;
} options;

LineBuffer input;

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written <= 0) std::_Exit(0);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}
void say(const Message& message) {
  write_all(encode_line(message));
}

// Reads what comes within `ms`; ends the process when the orchestrator is gone.
void wait_input(int ms) {
  pollfd descriptor{STDIN_FILENO, POLLIN, 0};
  if (::poll(&descriptor, 1, ms) <= 0) return;
  char buffer[65536];
  const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
  if (got <= 0) std::_Exit(0);
  input.append(std::string_view(buffer, static_cast<size_t>(got)));
}

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

void work(int ms) {
  const int64_t end_ms = now_ms() + ms;
  int64_t next_heartbeat_ms = now_ms() + 20;
  for (int64_t left_ms; (left_ms = end_ms - now_ms()) > 0;) {
    wait_input(static_cast<int>(std::min<int64_t>(left_ms, 5)));
    if (now_ms() < next_heartbeat_ms) continue;
    say(HeartbeatMessage{});
    next_heartbeat_ms = now_ms() + 20;
  }
}

std::string directive(const std::string& source, const std::string& word, bool& found) {
  const std::string marker = "//@fake " + word;
  const size_t at = source.find(marker);
  found = at != std::string::npos &&
          (at + marker.size() == source.size() || std::strchr(" \n", source[at + marker.size()]) != nullptr);
  if (!found || at + marker.size() == source.size() || source[at + marker.size()] == '\n') return {};
  const size_t begin = at + marker.size() + 1;
  return source.substr(begin, source.find('\n', begin) - begin);
}

[[noreturn]] void die() {
  ::raise(SIGKILL);
  std::_Exit(1);
}

// Knobs the source does not read as knob::NAME or in its plan change nothing, as with a real compiler.
std::string identity_of(const EvaluationRequest& request, const std::string& source) {
  FieldHasher hasher;
  hasher.add(request.definition).add(source);
  for (const auto& [name, value] : request.knobs)
    if (request.source.find("knob::" + name) != std::string::npos) hasher.add(name).add(value);
  return hasher.hex();
}

double cost_of(const std::string& source, const KnobValues& knobs, bool is_large = false) {
  double cost = 40;  // smaller knobs are faster down to 4, then slower: a valley to find
  const double best = options.bands && is_large ? 16 : 4;
  for (const auto& [name, value] : knobs) {
    const double x = std::atof(value.c_str());
    if (options.bands && name.starts_with(is_large ? "P0_" : "P1_")) continue;
    if (source.find("knob::" + name) != std::string::npos) cost += (x - best) * (x - best) / 8;
  }
  return cost;
}

DuelReport duel_of(const EvaluationRequest& request) {
  DuelReport duel;
  duel.method = "cupti";
  duel.ratio = duel.low = duel.high =
      cost_of(request.source, request.knobs) / cost_of(request.rival->source, request.rival->knobs);
  duel.verdict = duel.ratio < 0.8 ? "FASTER" : "SAME";
  duel.pairs = 10;
  return duel;
}

void add_workloads(const EvaluationRequest& request, EvaluationReport& report) {
  int64_t batch = 1;
  for (const char* band : {"small", "large"}) {
    WorkloadReport workload;
    workload.uuids = {std::string("uuid-") + band};
    workload.axes = {{"batch_size", batch}};
    workload.band = band;
    workload.weight = batch == 1 ? 2 : 1;
    workload.latency_us = cost_of(request.source, request.knobs, batch > 8) * static_cast<double>(batch);
    workload.samples = 1;
    if (request.source.find("wrong_values") != std::string::npos) {
      workload.status = Status::kIncorrectNumerical;
      workload.latency_us = 0;
    }
    report.workloads.push_back(workload);
    batch *= 16;
  }
}

// The workloads in the race's order, until it is lost.
void run_race(const Race& race, EvaluationReport& report) {
  std::vector<WorkloadReport> done;
  std::vector<double> latencies_us;
  for (const RaceWorkload& next : race.workloads) {
    for (const WorkloadReport& workload : report.workloads)
      if (workload.uuids.front() == next.uuid) done.push_back(workload);
    latencies_us.push_back(done.back().latency_us);
    const RaceStanding standing = race_standing(race, latencies_us);
    if (!standing.is_lost) continue;
    report.lost_race = true;
    report.race_bound = standing.bound;
    report.workloads = done;
    return;
  }
}

EvaluationReport evaluate(const EvaluationRequest& request) {
  EvaluationReport report;
  report.id = request.id;
  report.versions = {{"evaluator", "fake"}};
  report.stage = Stage::kCompile;
  if (request.source.find("syntax_error") != std::string::npos) {
    report.status = Status::kCompileError;
    report.message = "candidate.cu:1:1: error: syntax_error";
    return report;
  }
  report.status = Status::kPassed;
  report.identity = identity_of(request, request.source);
  report.fingerprint = identity_of(request, request.source.substr(0, request.source.find("//@alike")));
  report.result_key = sha256_hex(report.identity + "/" + request.selection + "/" + request.device +
                                 (request.race ? dump_json(to_json(*request.race)) : ""));
  report.kernels = {{"kernel", 32, 0, 0, 0, 128}};
  report.launches = 1;
  if (request.last_stage == Stage::kCompile) return report;
  report.stage = request.last_stage;
  add_workloads(request, report);
  if (request.source.find("wrong_values") != std::string::npos) {
    report.status = Status::kIncorrectNumerical;
    report.stage = Stage::kValidate;
    report.message = "output[0, 0]: expected 1, got 2";
  } else {
    report.timing.method = options.measures ? "cupti" : "sim-estimate";
    report.timing.profile = request.timing_profile;
    report.timing.device = request.device;
    if (request.rival) report.duel = duel_of(request);
    if (request.race) run_race(*request.race, report);
    for (WorkloadReport& workload : report.workloads) workload.samples = std::max(1, request.min_samples);
  }
  return report;
}

void misbehave(const EvaluationRequest& request) {
  bool found = false;
  const std::string& source = request.source;
  if (directive(source, "crash", found); found) die();
  if (const std::string file = directive(source, "crash_once", found);
      found && ::access(file.c_str(), F_OK) != 0) {
    ::close(::open(file.c_str(), O_CREAT | O_WRONLY, 0644));
    die();
  }
  if (directive(source, "exit0", found); found) std::_Exit(0);
  if (directive(source, "hang", found); found) work(1'000'000);
  if (directive(source, "silent", found); found) ::pause();
  if (directive(source, "oversize", found); found)
    write_all("{" + std::string(kMaxLineBytes + 10, 'x') + "\n");
  if (directive(source, "bad_json", found); found) write_all("{\"kind\": \"report\", \"rep\n");
  if (directive(source, "banner", found); found) write_all("Welcome to the cluster!\n\x01\xff\n");
  if (const std::string ms = directive(source, "slow", found); found) work(std::atoi(ms.c_str()));
  if (directive(source, "garbage", found); found)
    for (int i = 0; i < 300; ++i) {
      const auto byte = static_cast<char>(i * 37);
      write_all(std::string(static_cast<size_t>(1 + i % 7), byte == '{' ? '?' : byte) + "\n");
    }
  if (directive(source, "endless_lines", found); found)
    for (;;) write_all("somebody else's log line\n");
  if (directive(source, "endless", found); found)
    for (;;) write_all(std::string(1 << 20, 'x'));
  if (directive(source, "flood_stderr", found); found)
    for (int i = 0; i < 20'000; ++i)
      std::fputs("fake: something is wrong with this device, very wrong indeed\n", stderr);
  if (directive(source, "not_a_number", found); found)
    write_all(R"({"kind": "report", "report": {"status": "PASSED", "stage": "time", "id": ")" + request.id +
              R"(", "workloads": [{"latency_us": NaN}]}})"
              "\n");
  if (directive(source, "wrong_id", found); found) {
    EvaluationReport other = evaluate(request);
    other.id = "somebody-else";
    say(ReportMessage{other});
  }
}

// Reports that read well and are not true.
void lie(const EvaluationRequest& request, EvaluationReport& report) {
  bool found = false;
  if (directive(request.source, "no_key", found); found) report.result_key.clear();
  if (request.last_stage == Stage::kCompile) return;
  if (directive(request.source, "no_workloads", found); found) report.workloads.clear();
  if (directive(request.source, "other_workloads", found); found)
    report.workloads.front().uuids = {"elsewhere"};
  if (directive(request.source, "negative_time", found); found) report.workloads.back().latency_us = -1e-9;
}

void answer(const EvaluationRequest& request) {
  say(ProgressMessage{request.id, Stage::kCompile});
  misbehave(request);
  const bool dies = options.random_death > 0 && now_ms() % options.random_death == 0;
  EvaluationReport report = evaluate(request);
  bool found = false;
  if (directive(request.source, "worker_lost", found); found) {
    report.status = Status::kWorkerLost;
    report.message = "the device went away";
  }
  if (const std::string name = directive(request.source, "environment", found); found)
    report.message = std::getenv(name.c_str()) == nullptr ? "unset" : "set";
  if (request.last_stage > Stage::kCompile) {
    if (options.work_ms > 0) say(ProgressMessage{request.id, Stage::kTime});
    work(options.work_ms);
    if (dies) die();
    if (!options.ledger.empty()) {
      const int fd = ::open(options.ledger.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644);
      const std::string line = request.id + " " + report.identity + "\n";
      if (::write(fd, line.data(), line.size()) < 0) std::_Exit(3);
      ::close(fd);
    }
  }
  lie(request, report);
  say(ReportMessage{report});
  if (directive(request.source, "twice", found); found) say(ReportMessage{report});
  if (options.bye_after_report) {
    say(ByeMessage{"sticky error"});
    std::_Exit(0);
  }
}

void parse_arguments(int argc, char** argv) {
  const std::map<std::string, bool*> flags = {{"--no-hello", &options.no_hello},
                                              {"--die-at-start", &options.die_at_start},
                                              {"--bye-at-start", &options.bye_at_start},
                                              {"--banner", &options.banner},
                                              {"--measures", &options.measures},
                                              {"--bands", &options.bands},
                                              {"--bye-after-report", &options.bye_after_report}};
  const std::map<std::string, int*> numbers = {{"--protocol", &options.protocol},
                                               {"--hello-delay", &options.hello_delay_ms},
                                               {"--work", &options.work_ms},
                                               {"--random-death", &options.random_death}};
  for (int i = 1; i < argc; ++i) {
    if (const auto flag = flags.find(argv[i]); flag != flags.end()) {
      *flag->second = true;
    } else if (const auto number = numbers.find(argv[i]); number != numbers.end() && i + 1 < argc) {
      *number->second = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--ledger") == 0 && i + 1 < argc) {
      options.ledger = argv[++i];
    }
  }
}

void greet() {
  if (options.die_at_start) {
    std::fputs("fake: no compiler on this machine\n", stderr);
    std::_Exit(3);
  }
  if (options.bye_at_start) {
    say(ByeMessage{"NVRTC is missing: install a CUDA toolkit"});
    std::_Exit(3);
  }
  work(options.hello_delay_ms);
  if (options.banner) write_all("Last login: Monday\n");
  HelloMessage hello;
  hello.protocol = options.protocol;
  hello.executor = options.measures ? "cuda" : "sim";
  hello.device = hello.device_model = "b200";
  hello.target = "sm_100a";
  hello.versions = {{"evaluator", "fake"}};
  if (!options.no_hello) say(hello);
}

}  // namespace

int main(int argc, char** argv) {
  parse_arguments(argc, argv);
  greet();
  std::string line;
  for (;;) {
    while (!input.next(line)) {
      wait_input(1000);
      say(HeartbeatMessage{});
    }
    const auto message = decode_line(line);
    if (!message) std::_Exit(4);
    if (const auto* evaluate_message = std::get_if<EvaluateMessage>(&*message))
      answer(evaluate_message->request);
  }
}
