#include "src/events/lesson.h"

#include "src/base/check.h"

namespace warpwright::events {

std::string_view to_string(Lesson::Outcome outcome) {
  switch (outcome) {
    case Lesson::Outcome::kOpen:
      return "open";
    case Lesson::Outcome::kGain:
      return "gain";
    case Lesson::Outcome::kNoGain:
      return "no-gain";
    case Lesson::Outcome::kFailed:
      return "failed";
  }
  CHECK(false);
}

Json to_json(const Lesson& lesson) {
  Json json = {{"idea", lesson.idea},
               {"outcome", to_string(lesson.outcome)},
               {"evidence", lesson.evidence},
               {"structure", lesson.structure}};
  if (lesson.candidate) json["candidate"] = *lesson.candidate;
  return json;
}

Result<Lesson> lesson_from_json(const Json& json) {
  Lesson lesson;
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "lesson"));
  TRY_ASSIGN(lesson.idea, reader.string("idea"));
  TRY_ASSIGN(const std::string outcome, reader.string("outcome"));
  TRY_ASSIGN(lesson.evidence, reader.string_or("evidence", ""));
  TRY_ASSIGN(lesson.structure, reader.string_or("structure", ""));
  if (reader.has("candidate")) {
    TRY_ASSIGN(lesson.candidate, reader.integer("candidate"));
  }
  using Outcome = Lesson::Outcome;
  for (const Outcome known : {Outcome::kOpen, Outcome::kGain, Outcome::kNoGain, Outcome::kFailed}) {
    if (outcome != to_string(known)) continue;
    lesson.outcome = known;
    return lesson;
  }
  return usage_error("lesson: unknown outcome '" + outcome + "'");
}

}  // namespace warpwright::events
