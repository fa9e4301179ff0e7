// What correct and comparable mean for a definition: configs/rules/*.toml (format: src/rules/README.md).
//
// The rules of a definition are those of the file that lists it by name, else of the family file whose
// [family] matches its op_type, name prefix and tensor names, so that another member of a family needs no
// file of its own; else defaults: FlashInfer-Bench's tolerance, normal inputs, the Python reference.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/rules/generator.h"
#include "src/trace/dataset.h"

namespace warpwright::rules {

// FlashInfer-Bench's own: an element passes if abs error <= atol or rel error <= rtol; matched_ratio of them
// must.
struct OfficialTolerance {
  double atol = 1e-2;
  double rtol = 1e-2;
  double matched_ratio = 1.0;
};

// Ours, per output tensor, scaled by the reference so that tiny outputs are judged too. rms is taken over the
// whole tensor of one workload.
struct StrictTolerance {
  double scaled_max = 0;   // max of |error| / (|reference| + rms(reference))
  double scaled_rms = 0;   // rms(error) / rms(reference)
  double scaled_bias = 0;  // |mean(error)| / rms(reference)
  // Largest of any row (last axis): rms(error) / rms(reference), both of the row; 0: not asked for. Where
  // single values are uncertain, this tells a row that was lost.
  double scaled_row_rms = 0;
  // Of an output that names the best of each row, instead of the three: a candidate may be missed or wrongly
  // taken if its score is so near the border, as a share of the two scores' term sizes (root of the sum of
  // squares of a score's terms, which is what rounding errors are a share of).
  double score_margin = 0;
};

// How often the contest's timing profile repeats a call, per trial.
struct TimingCounts {
  int warm_up = 10;
  int iterations = 50;
  int trials = 3;
};

// What any right kernel must do at least: the ground of the physical floor (evaluator/timing/floor.h). Plan
// expressions over axes; empty: nothing is known, then only the outputs count, as written.
struct FloorRule {
  std::string bytes_read;  // of the inputs, from cold memory
  std::string bytes_written;
  std::string flops;
};

// One set of generators: the first profile stands for the contest's statistics; others are the strict rule's
// alternatives.
struct InputProfile {
  std::string name;
  // The right answer takes no work (no expert of a rank is asked for: all zeros), so no workload can tell it
  // from none: such a profile is for cases beside others, and exempt from the screen (validate/trivial.h).
  bool answer_is_trivial = false;
  std::map<std::string, Generator> generators = {};  // by tensor name; missing: those of the first profile
  std::vector<std::string> workloads = {};           // uuids of the dataset's workloads that draw from it
};

struct Band {
  std::string name;
  std::string when;  // plan expression over axes
};

struct SelectedWorkload {
  trace::WorkloadGroup group;  // its workload lacks the optional inputs that the profile leaves out
  std::string band;
  std::string profile;  // input profile's name
};

// What [selection.NAME] asks for: workloads of the dataset, or cases of its own.
struct Selection {
  enum class Take { kCases, kAll, kCheapestOfEachBand };
  struct Case {
    std::map<std::string, std::string> axes;  // variable axes as plan expressions over constant ones
    std::map<std::string, double> scalars;    // other than scalar_defaults
    std::vector<std::string> profiles;        // each gives one workload; empty: the first profile
    // Plan expression over axes: the dataset's workloads whose place this (smaller) case takes, with their
    // uuids and so their weight. Empty: none; such a case counts once.
    std::string stands_for;
  };
  Take take = Take::kCases;
  std::vector<Case> cases = {};  // kCases
  trace::Axes constants = {};  // replace the definition's own: the operator at another size (definition_for)
};

struct Rules {
  std::string oracle;  // family name, e.g. "gdn_decode"; empty: the Python reference
  OfficialTolerance official;
  std::map<std::string, StrictTolerance> strict;  // by output name; empty: only the official rule applies
  std::vector<InputProfile> profiles;             // never empty after load_rules
  std::vector<Band> bands;                        // empty: one band "all"
  TimingCounts timing;
  FloorRule floor;
  std::map<std::string, double> scalar_defaults;  // values of scalar inputs when the workload says `random`
  std::map<std::string, Selection> selections;
  std::string source_path;   // empty: defaults
  std::string content_hash;  // part of the result key

  // The definition that a selection's workloads are of: with the selection's constants in place of its own.
  // Everything that an evaluation does sees this one. Error: a name that is not a constant axis.
  Result<trace::Definition> definition_for(std::string_view selection, trace::Definition definition) const;

  // What `auto` means: every contest workload on a device, what the simulator can afford there. Other names are
  // left as they are.
  std::string settle_selection(const std::string& selection, bool is_simulator) const;
  // Expands a selection: "smoke", "all", "sim", "adversarial", or workload indices "0,3,17", with the
  // definition as it is given: definition_for the selection, or its own size.
  // Equal workloads are grouped. Every workload belongs to exactly one band, else an error names it.
  Result<std::vector<SelectedWorkload>> select(std::string_view selection,
                                               const trace::LoadedDefinition& loaded) const;
  Result<std::string> band_of(const trace::Definition& definition, const trace::Axes& axes) const;

  // Empty name: the first profile. Null: no such profile.
  const InputProfile* find_profile(std::string_view name) const;
  // The profile that lists the workload, else the first. REQUIRES: there is one.
  const InputProfile& profile_of(const trace::Workload& workload) const;
  // The generator of a tensor in a profile: the profile's, else the first profile's, else normal(0, 1) for
  // floating point and integers 0 or 1 for the rest.
  Generator generator_of(const trace::Tensor& tensor, std::string_view profile) const;
};

// Searches <dataset>/rules, then configs/rules below `home`. A malformed file in either is an error with its
// line, also if it belongs to another definition.
Result<Rules> load_rules(const trace::LoadedDefinition& loaded, const std::filesystem::path& home);

}  // namespace warpwright::rules
