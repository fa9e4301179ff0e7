#include "evaluator/exec/device_protocol.h"

#include <fmt/format.h>

#include <array>

#include "evaluator/exec/field_codec.h"

// In the namespaces of what they describe, and nowhere else to be seen: the codec finds them by their
// argument.
namespace warpwright::cuda {

using exec::codec::Same;

constexpr int count_of(BufferRole) {
  return static_cast<int>(BufferRole::kSelfClean) + 1;
}
constexpr int count_of(GuardKind) {
  return static_cast<int>(GuardKind::kUnmapped) + 1;
}
constexpr int count_of(Fill) {
  return static_cast<int>(Fill::kRandom) + 1;
}
constexpr int count_of(DeviceFault::Kind) {
  return static_cast<int>(DeviceFault::Kind::kTimeout) + 1;
}
constexpr int count_of(TimingProfile) {
  return static_cast<int>(TimingProfile::kStrict) + 1;
}

template <class V, Same<Dim3> T>
void fields(V& visit, T& d) {
  visit("x", d.x), visit("y", d.y), visit("z", d.z);
}
template <class V, Same<FunctionName> T>
void fields(V& visit, T& f) {
  visit("image", f.image), visit("symbol", f.symbol);
}
template <class V, Same<FunctionInfo> T>
void fields(V& visit, T& f) {
  visit("registers", f.registers), visit("static_shared_bytes", f.static_shared_bytes);
  visit("local_bytes", f.local_bytes), visit("max_threads_per_block", f.max_threads_per_block);
}
template <class V, Same<BufferSpec> T>
void fields(V& visit, T& b) {
  visit("name", b.name), visit("role", b.role), visit("bytes", b.bytes);
}
template <class V, Same<BufferRef> T>
void fields(V& visit, T& r) {
  visit("buffer", r.buffer), visit("offset", r.offset);
}
template <class V, Same<TensorMap> T>
void fields(V& visit, T& m) {
  visit("base", m.base), visit("data_type", m.data_type), visit("dims", m.dims);
  visit("strides_bytes", m.strides_bytes), visit("box", m.box), visit("element_strides", m.element_strides);
  visit("interleave", m.interleave), visit("swizzle", m.swizzle), visit("l2_promotion", m.l2_promotion);
  visit("oob_fill", m.oob_fill);
}
template <class V, Same<Launch::Pointer> T>
void fields(V& visit, T& p) {
  visit("offset", p.offset), visit("target", p.target);
}
template <class V, Same<Launch::Map> T>
void fields(V& visit, T& m) {
  visit("offset", m.offset), visit("tensor_map", m.tensor_map);
}
template <class V, Same<Launch> T>
void fields(V& visit, T& l) {
  visit("function", l.function), visit("label", l.label), visit("grid", l.grid), visit("block", l.block);
  visit("dynamic_shared_bytes", l.dynamic_shared_bytes), visit("cluster", l.cluster);
  visit("programmatic_dependent", l.programmatic_dependent), visit("cooperative", l.cooperative);
  visit("carveout_percent", l.carveout_percent), visit("parameters", l.parameters);
  visit("pointers", l.pointers), visit("maps", l.maps);
}
template <class V, Same<Memset> T>
void fields(V& visit, T& m) {
  visit("target", m.target), visit("value", m.value), visit("bytes", m.bytes);
}
template <class V, Same<Copy> T>
void fields(V& visit, T& c) {
  visit("target", c.target), visit("source", c.source), visit("bytes", c.bytes);
}
template <class V, Same<CallWork> T>
void fields(V& visit, T& w) {
  visit("tensor_maps", w.tensor_maps), visit("operations", w.operations);
}
template <class V, Same<CallPolicy> T>
void fields(V& visit, T& p) {
  visit("fill", p.fill), visit("check_guards", p.check_guards);
}
template <class V, Same<SamplerSpec::Contender> T>
void fields(V& visit, T& c) {
  visit("program", c.program), visit("work", c.work), visit("workspaces", c.workspaces);
}
template <class V, Same<SamplerSpec> T>
void fields(V& visit, T& s) {
  visit("contenders", s.contenders), visit("inputs_and_outputs", s.inputs_and_outputs);
  visit("versions", s.versions), visit("profile", s.profile), visit("secret_seed", s.secret_seed);
}
template <class V, Same<SamplerInfo> T>
void fields(V& visit, T& s) {
  visit("buffer_sets", s.buffer_sets), visit("bytes_per_set", s.bytes_per_set);
  visit("note", s.note);
}
template <class V, Same<DeviceFault> T>
void fields(V& visit, T& f) {
  visit("kind", f.kind), visit("cuda_error", f.cuda_error), visit("shot", f.shot),
      visit("message", f.message);
}
template <class V, Same<Shot> T>
void fields(V& visit, T& s) {
  visit("contender", s.contender), visit("version", s.version), visit("keep_outputs", s.keep_outputs);
}
template <class V, Same<Sample> T>
void fields(V& visit, T& s) {
  visit("span_us", s.span_us), visit("events_us", s.events_us), visit("sm_clock_mhz", s.sm_clock_mhz);
  visit("activities", s.activities), visit("output_hash", s.output_hash), visit("invalid", s.invalid);
}
template <class V, Same<DeviceFacts> T>
void fields(V& visit, T& f) {
  visit("name", f.name), visit("uuid", f.uuid), visit("arch", f.arch), visit("sm_count", f.sm_count);
  visit("l2_bytes", f.l2_bytes), visit("memory_bytes", f.memory_bytes);
  visit("max_sm_clock_mhz", f.max_sm_clock_mhz), visit("driver_version", f.driver_version);
  visit("timer", f.timer), visit("clocks", f.clocks), visit("has_unmapped_guards", f.has_unmapped_guards);
}

}  // namespace warpwright::cuda

namespace warpwright::exec::device {

using codec::Same;

template <class V, Same<Hello> T>
void fields(V&, T&) {}
template <class V, Same<OpenProgram> T>
void fields(V& visit, T& c) {
  visit("id", c.id), visit("image_bytes", c.image_bytes), visit("functions", c.functions);
}
template <class V, class T>
requires Same<T, ReloadProgram> || Same<T, CloseProgram> || Same<T, CloseBuffers> || Same<T, CloseSampler>
void fields(V& visit, T& c) {
  visit("id", c.id);
}
template <class V, Same<OpenBuffers> T>
void fields(V& visit, T& c) {
  visit("id", c.id), visit("buffers", c.buffers), visit("guards", c.guards), visit("seed", c.seed);
}
template <class V, class T>
requires Same<T, WriteBuffer> || Same<T, ReadBuffer>
void fields(V& visit, T& c) {
  visit("buffers", c.buffers), visit("index", c.index), visit("bytes", c.bytes);
}
template <class V, Same<Call> T>
void fields(V& visit, T& c) {
  visit("program", c.program), visit("buffers", c.buffers), visit("work", c.work), visit("policy", c.policy);
}
template <class V, Same<OpenSampler> T>
void fields(V& visit, T& c) {
  visit("id", c.id), visit("spec", c.spec);
}
template <class V, Same<WriteVersion> T>
void fields(V& visit, T& c) {
  visit("sampler", c.sampler), visit("version", c.version), visit("input", c.input), visit("bytes", c.bytes);
}
template <class V, Same<Take> T>
void fields(V& visit, T& c) {
  visit("sampler", c.sampler), visit("shots", c.shots);
}
template <class V, Same<ReadKept> T>
void fields(V& visit, T& c) {
  visit("sampler", c.sampler), visit("shot", c.shot), visit("index", c.index), visit("bytes", c.bytes);
}

template <class V, Same<Done> T>
void fields(V&, T&) {}
template <class V, Same<Greeting> T>
void fields(V& visit, T& r) {
  visit("protocol", r.protocol), visit("facts", r.facts);
}
template <class V, Same<ProgramOpened> T>
void fields(V& visit, T& r) {
  visit("fault", r.fault), visit("functions", r.functions);
}
template <class V, Same<CallDone> T>
void fields(V& visit, T& r) {
  visit("faults", r.faults);
}
template <class V, Same<SamplerOpened> T>
void fields(V& visit, T& r) {
  visit("info", r.info);
}
template <class V, Same<Taken> T>
void fields(V& visit, T& r) {
  visit("fault", r.fault), visit("samples", r.samples);
}
template <class V, Same<Refused> T>
void fields(V& visit, T& r) {
  visit("message", r.message);
}

namespace {

constexpr std::array<std::string_view, std::variant_size_v<Command>> kCommandNames = {
    "hello",         "open_program", "reload_program", "close_program", "open_buffers",
    "write",         "read",         "close_buffers",  "call",          "open_sampler",
    "write_version", "take",         "read_kept",      "close_sampler"};
constexpr std::array<std::string_view, std::variant_size_v<Reply>> kReplyNames = {
    "done", "greeting", "program_opened", "call_done", "sampler_opened", "taken", "refused"};

template <class Variant, size_t N>
Json write_named(const std::array<std::string_view, N>& names, const Variant& value) {
  Json named = Json::object();
  std::visit([&](const auto& body) { named[std::string(names[value.index()])] = codec::write_json(body); },
             value);
  return named;
}

// {"open_program": {...}}: the one key says what it is.
template <class Variant, size_t N>
bool read_named(const std::array<std::string_view, N>& names, const Json& json, Variant& value) {
  if (!json.is_object() || json.size() != 1) return false;
  for (size_t i = 0; i < N; ++i)
    if (json.begin().key() == names[i]) return codec::read_alternative(i, json.begin().value(), value);
  return false;
}

Result<Json> parse_line(std::string_view line, std::string_view what) {
  if (line.size() > kMaxLineBytes) return infrastructure_error(fmt::format("the {} is too long", what));
  auto json = parse_json(line, what);
  if (!json) return infrastructure_error(json.error().message);
  return json;
}

}  // namespace

std::string_view name_of(const Command& command) {
  return kCommandNames[command.index()];
}

std::string encode(const CommandLine& line) {
  const Json json = {{"number", line.number},
                     {"arena_bytes", line.arena_bytes},
                     {"command", write_named(kCommandNames, line.command)}};
  return dump_json(json) + "\n";
}

std::string encode(const ReplyLine& line) {
  const Json json = {{"number", line.number}, {"reply", write_named(kReplyNames, line.reply)}};
  return dump_json(json) + "\n";
}

Result<CommandLine> decode_command(std::string_view line) {
  TRY_ASSIGN(const Json json, parse_line(line, "device command"));
  CommandLine decoded;
  const bool whole = json.is_object() && json.size() == 3 && json.contains("number") &&
                     json.contains("arena_bytes") && json.contains("command");
  if (whole && codec::read_json(json["number"], decoded.number) &&
      codec::read_json(json["arena_bytes"], decoded.arena_bytes) &&
      read_named(kCommandNames, json["command"], decoded.command))
    return decoded;
  return infrastructure_error("not a device command: is the worker of another version?");
}

Result<ReplyLine> decode_reply(std::string_view line) {
  TRY_ASSIGN(const Json json, parse_line(line, "device reply"));
  ReplyLine decoded;
  const bool whole =
      json.is_object() && json.size() == 2 && json.contains("number") && json.contains("reply");
  if (whole && codec::read_json(json["number"], decoded.number) &&
      read_named(kReplyNames, json["reply"], decoded.reply))
    return decoded;
  return infrastructure_error("not a device reply");
}

std::string clean_text(std::string_view text) {
  constexpr size_t kMaxBytes = 600;
  std::string clean(text.substr(0, kMaxBytes));
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  if (text.size() > kMaxBytes) clean += " ...";
  return clean;
}

}  // namespace warpwright::exec::device

namespace warpwright::exec::codec {

std::string to_hex(const std::vector<std::byte>& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<int>(byte) >> 4];
    text += kDigits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

bool from_hex(const std::string& text, std::vector<std::byte>& bytes) {
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (text.size() % 2 != 0) return false;
  bytes.resize(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

}  // namespace warpwright::exec::codec
