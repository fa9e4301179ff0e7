#include "src/events/event_text.h"

#include <bit>

#include "src/base/json_scanner.h"
#include "src/base/json_writer.h"
#include "src/events/summary_fields.h"

namespace warpwright::events {
namespace {

template <class Value>
bool is_same(const Value& a, const Value& b) {
  return a == b;
}
bool is_same(double a, double b) {  // -0.0 is not 0.0, and is read back as it is
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

class TextWriter {
 public:
  explicit TextWriter(JsonWriter& writer) : writer_(writer) {}

  template <class Value>
  void field(std::string_view name, const Value& value, const Value& fallback = {}) {
    if (!is_same(value, fallback)) writer_.field(name, value);
  }
  template <class Item>
  void field(std::string_view name, const std::vector<Item>& items) {
    if (items.empty()) return;
    writer_.key(name).begin_array();
    for (const Item& item : items) object(item);
    writer_.end_array();
  }
  template <class Value>
  void always(std::string_view name, const Value& value) {
    if constexpr (std::is_enum_v<Value>)
      writer_.field(name, to_string(value));
    else
      writer_.field(name, value);
  }
  template <class Structure>
  void structure(std::string_view name, const Structure& value) {
    writer_.key(name);
    object(value);
  }
  void first_of_list(std::string_view name, const std::string& text) {
    writer_.key(name).begin_array().value(text).end_array();
  }
  void value_if(std::string_view name, bool is_there, double number) {
    if (is_there) writer_.field(name, number);
  }

  template <class Structure>
  void object(const Structure& value) {
    writer_.begin_object();
    describe(*this, value);
    writer_.end_object();
  }

 private:
  JsonWriter& writer_;
};

class TextScanner {
 public:
  explicit TextScanner(JsonScanner& scanner) : scanner_(scanner) {}

  template <class Value>
  void field(std::string_view name, Value& value, const Value& = {}) {
    if (scanner_.key(name)) scanner_.read(value);
  }
  template <class Item>
  void field(std::string_view name, std::vector<Item>& items) {
    if (!scanner_.key(name)) return;
    scanner_.open('[');
    while (scanner_.item(']')) object(items.emplace_back());
    scanner_.close(']');
  }
  template <class Value>
  void always(std::string_view name, Value& value) {
    if (!scanner_.key(name)) return scanner_.fail();
    if constexpr (std::is_same_v<Value, Status>)
      read_enum(value, status_from_string);
    else if constexpr (std::is_same_v<Value, Stage>)
      read_enum(value, stage_from_string);
    else
      scanner_.read(value);
  }
  template <class Structure>
  void structure(std::string_view name, Structure& value) {
    if (scanner_.key(name)) object(value);
  }
  void first_of_list(std::string_view name, std::string& text) {
    if (!scanner_.key(name)) return;
    scanner_.open('[');
    scanner_.read(text);
    scanner_.close(']');
  }
  void value_if(std::string_view name, bool& is_there, double& number) {
    if (!scanner_.key(name)) return;
    is_there = true;
    scanner_.read(number);
  }

  template <class Structure>
  void object(Structure& value) {
    scanner_.open('{');
    describe(*this, value);
    scanner_.close('}');  // what is left is unknown here, or not in order
  }

 private:
  template <class Enum>
  void read_enum(Enum& value, std::optional<Enum> (*from_string)(std::string_view)) {
    const auto known = from_string(scanner_.string());
    if (!known) return scanner_.fail();
    value = *known;
  }

  JsonScanner& scanner_;
};

// What is described here has no other way to text.
template <class Archive>
void describe(Archive& archive, Either<EvaluationFinished> auto& event) {
  auto& [ticket, result_key, report_hash, summary] = event;
  archive.always("report", report_hash);
  archive.always("result_key", result_key);
  archive.structure("summary", summary);
  archive.always("ticket", ticket);
}

}  // namespace

std::string to_json_text(const ResultSummary& summary) {
  JsonWriter writer;
  TextWriter(writer).object(summary);
  return writer.take();
}

std::string to_json_text(const Event& event) {
  const auto* finished = std::get_if<EvaluationFinished>(&event);
  if (finished == nullptr) return dump_json(to_json(event));
  JsonWriter writer;
  TextWriter(writer).object(*finished);
  return writer.take();
}

std::optional<Event> scan_event(std::string_view kind, std::string_view text) {
  std::optional<Event> event;
  if (kind != "evaluation-finished/1") return event;
  JsonScanner scanner(text);
  event.emplace(EvaluationFinished());
  TextScanner(scanner).object(std::get<EvaluationFinished>(*event));
  if (!scanner.done()) event.reset();
  return event;
}

}  // namespace warpwright::events
