// The lessons of a run (lessons.h), kept as it grows: a prompt costs what is new since the last one, and a
// look at one number for each idea that was tried.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/prompt/lessons.h"

namespace warpwright::prompt {

class LessonMemory {
 public:
  // As the function of this name. REQUIRES: of one run, whose state only grows between the calls; `research`
  // too.
  std::vector<events::Lesson> lessons_of(const events::RunView& view,
                                         const std::vector<events::Lesson>& research, size_t limit);

 private:
  struct Trial {
    events::CandidateId candidate = 0;
    double telling = 0;      // without what recency adds
    double best_before = 0;  // the highest score of those before it
    bool is_told = false;    // the latest of its idea that was not repaired
    const std::string* key = nullptr;
  };
  struct Ranked {
    double telling = 0;
    std::optional<events::CandidateId> candidate;
    const std::string* key = nullptr;
    const Trial* trial = nullptr;                // or ...
    const events::Lesson* conclusion = nullptr;  // ... what a researcher concluded
  };

  void take(const events::RunView& view, const events::Candidate& candidate);
  void leave_out(events::CandidateId repaired);
  bool is_tried(const std::string& key) const;
  std::vector<Ranked> rank(const events::RunView& view, size_t limit, std::vector<Ranked> conclusions) const;

  int64_t taken_ = 0;  // applied tickets
  double best_ = 0;
  std::vector<Trial> trials_;                           // in the order of their candidates
  std::map<events::CandidateId, size_t> place_;         // in trials_
  std::map<std::string, std::vector<size_t>> by_idea_;  // places, those that may be told; the last one is
  std::set<int64_t> followed_;                          // numbers of directions
  std::vector<std::string> research_keys_;
};

}  // namespace warpwright::prompt
