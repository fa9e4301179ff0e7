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

// The archives (summary_fields.h) of text.
class TextWriter {
 public:
  explicit TextWriter(JsonWriter& writer) : writer_(writer) {}

  template <class Value>
  void field(std::string_view name, const Value& value, const Value& fallback = {}) {
    if (!is_same(value, fallback)) always(name, value);
  }
  template <class Item>
  void field(std::string_view name, const std::vector<Item>& items) {
    if (!items.empty()) always(name, items);
  }
  template <class Value>
  void always(std::string_view name, const Value& value) {
    writer_.key(name);
    put(value);
  }
  template <class Structure>
  void structure(std::string_view name, const Structure& value) {
    always(name, value);
  }
  void first_of_list(std::string_view name, const std::string& text) {
    writer_.key(name).begin_array().value(text).end_array();
  }
  template <class Value>
  void value_if(std::string_view name, bool is_there, const Value& value) {
    if (is_there) always(name, value);
  }
  void require(bool) {}

  template <class Value>
  void put(const Value& value) {
    if constexpr (std::is_enum_v<Value>) {
      writer_.value(to_string(value));
    } else if constexpr (requires { writer_.value(value); }) {
      writer_.value(value);
    } else {
      writer_.begin_object();
      describe(*this, value);
      writer_.end_object();
    }
  }
  template <class Item>
  void put(const std::vector<Item>& items) {
    writer_.begin_array();
    for (const Item& item : items) put(item);
    writer_.end_array();
  }
  template <class Value>
  void put(const std::optional<Value>& value) {
    put(*value);
  }

 private:
  JsonWriter& writer_;
};

class TextScanner {
 public:
  explicit TextScanner(JsonScanner& scanner) : scanner_(scanner) {}

  template <class Value>
  void field(std::string_view name, Value& value) {
    if (scanner_.key(name)) get(value);
  }
  template <class Value>
  void field(std::string_view name, Value& value, const Value&) {
    field(name, value);
  }
  template <class Value>
  void always(std::string_view name, Value& value) {
    if (!scanner_.key(name)) return scanner_.fail();
    get(value);
  }
  template <class Structure>
  void structure(std::string_view name, Structure& value) {
    field(name, value);
  }
  void first_of_list(std::string_view name, std::string& text) {
    if (!scanner_.key(name)) return;
    scanner_.open('[');
    scanner_.read(text);
    scanner_.close(']');
  }
  template <class Value>
  void value_if(std::string_view name, bool& is_there, Value& value) {
    is_there = scanner_.key(name);
    if (is_there) get(value);
  }
  void require(bool holds) {
    if (!holds) scanner_.fail();
  }

  template <class Value>
  void get(Value& value) {
    if constexpr (std::is_same_v<Value, Status>) {
      get_enum(value, status_from_string);
    } else if constexpr (std::is_same_v<Value, Stage>) {
      get_enum(value, stage_from_string);
    } else if constexpr (requires { scanner_.read(value); }) {
      scanner_.read(value);
    } else {
      scanner_.open('{');
      describe(*this, value);
      scanner_.close('}');  // what is left is unknown here, or not in order
    }
  }
  template <class Item>
  void get(std::vector<Item>& items) {
    scanner_.open('[');
    while (scanner_.item(']')) get(items.emplace_back());
    scanner_.close(']');
  }
  template <class Value>
  void get(std::optional<Value>& value) {
    get(value.emplace());
  }

 private:
  template <class Enum>
  void get_enum(Enum& value, std::optional<Enum> (*from_string)(std::string_view)) {
    const auto known = from_string(scanner_.string());
    if (!known) return scanner_.fail();
    value = *known;
  }

  JsonScanner& scanner_;
};

template <class Archive>
void describe(Archive& archive, Either<DeclaredKnob> auto& knob) {
  auto& [name, values, default_value] = knob;
  archive.always("default", default_value);
  archive.always("name", name);
  archive.always("values", values);
}

template <class Archive>
void describe(Archive& archive, Either<Origin> auto& origin) {
  auto& [op, island, parent, inspirations] = origin;
  archive.always("inspirations", inspirations);
  archive.always("island", island);
  archive.always("op", op);
  archive.field("parent", parent);
}

template <class Archive>
void describe(Archive& archive, Either<Proposed> auto& event) {
  auto& [ticket, origin, source_hash, knobs, declared_knobs, note] = event;
  archive.always("declared_knobs", declared_knobs);
  archive.always("knobs", knobs);
  archive.always("note", note);
  archive.always("origin", origin);
  archive.always("source", source_hash);
  archive.always("ticket", ticket);
}

template <class Archive>
void describe(Archive& archive, Either<Compiled> auto& event) {
  auto& [ticket, identity, result_key, fingerprint, sketch, near_duplicate_of] = event;
  archive.field("fingerprint", fingerprint);
  archive.always("identity", identity);
  archive.field("near_duplicate_of", near_duplicate_of);
  archive.always("result_key", result_key);
  archive.field("sketch", sketch);
  archive.always("ticket", ticket);
}

template <class Archive>
void describe(Archive& archive, Either<EvaluationFinished> auto& event) {
  auto& [ticket, result_key, report_hash, summary] = event;
  archive.always("report", report_hash);
  archive.always("result_key", result_key);
  archive.always("summary", summary);
  archive.always("ticket", ticket);
}

// Key and score stand exactly with a status.
template <class Archive>
void describe(Archive& archive, Either<Applied> auto& event) {
  auto& [ticket, result_key, duplicate_of, status, score, lost_race] = event;
  bool has_key = status.has_value(), has_score = has_key;
  archive.field("duplicate_of", duplicate_of);
  archive.field("lost_race", lost_race);
  archive.value_if("result_key", has_key, result_key);
  archive.value_if("score", has_score, score);
  archive.field("status", status);
  archive.always("ticket", ticket);
  archive.require(has_key == status.has_value() && has_score == has_key && (has_key || !lost_race));
}

template <class Structure>
std::string write(const Structure& value) {
  JsonWriter writer;
  TextWriter(writer).put(value);
  return writer.take();
}

template <class Kind>
std::optional<Event> scan(std::string_view text) {
  std::optional<Event> event(std::in_place, std::in_place_type<Kind>);
  JsonScanner scanner(text);
  TextScanner(scanner).get(std::get<Kind>(*event));
  if (!scanner.done()) event.reset();
  return event;
}

template <class Kind>
constexpr bool kIsDescribed = std::is_same_v<Kind, Proposed> || std::is_same_v<Kind, Compiled> ||
                              std::is_same_v<Kind, EvaluationFinished> || std::is_same_v<Kind, Applied>;

}  // namespace

std::string to_json_text(const ResultSummary& summary) {
  return write(summary);
}

std::string to_json_text(const Event& event) {
  return std::visit(
      [&](const auto& e) {
        if constexpr (kIsDescribed<std::decay_t<decltype(e)>>)
          return write(e);
        else
          return dump_json(to_json(event));
      },
      event);
}

std::optional<Event> scan_event(std::string_view kind, std::string_view text) {
  if (kind == "proposed/1") return scan<Proposed>(text);
  if (kind == "compiled/1") return scan<Compiled>(text);
  if (kind == "evaluation-finished/1") return scan<EvaluationFinished>(text);
  if (kind == "applied/1") return scan<Applied>(text);
  return std::nullopt;
}

}  // namespace warpwright::events
