// What correct and comparable mean for a definition: configs/rules/*.toml (contracts: src/rules/README.md).
//
// The rules of a definition are those of the file that lists it by name, else of the family file whose
// [family] matches its op_type, name prefix and tensor names, so that another member of a family needs no
// file of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/trace/dataset.h"

namespace warpwright::rules {

// FlashInfer-Bench's own: an element passes if abs error <= atol or rel error <= rtol; matched_ratio of them
// must.
struct OfficialTolerance {
  double atol = 1e-2;
  double rtol = 1e-2;
  double matched_ratio = 1.0;
};

// Ours, per output tensor, scaled by the reference so that tiny outputs are judged too.
struct StrictTolerance {
  double scaled_max = 0;   // max |error| / rms(reference)
  double scaled_rms = 0;   // rms(error) / rms(reference)
  double scaled_bias = 0;  // |mean(error)| / rms(reference)
};

// How random values of an input are drawn; parameters by name (see reference/inputs).
struct Generator {
  std::string distribution;  // normal | uniform | unit_rows | constant | ...
  std::map<std::string, double> parameters;
};

// One set of generators: "contest" stands for the contest's statistics; others are the strict rule's
// alternatives.
struct InputProfile {
  std::string name;
  std::map<std::string, Generator> generators;  // by tensor name; missing: those of the first profile
};

struct Band {
  std::string name;
  std::string when;  // plan expression over axes
};

struct SelectedWorkload {
  trace::WorkloadGroup group;
  std::string band;
  std::string profile;  // input profile's name; empty: the first
};

struct Rules {
  std::string oracle;  // family name, e.g. "gdn_decode"; empty: the Python reference
  OfficialTolerance official;
  std::map<std::string, StrictTolerance> strict;  // by output name
  std::vector<InputProfile> profiles;
  std::vector<Band> bands;
  std::map<std::string, double> scalar_defaults;  // values of scalar inputs when the workload says `random`
  std::string source_path;
  std::string content_hash;  // part of the result key

  // Expands a selection: "smoke", "all", "sim", "adversarial", or workload indices "0,3,17".
  // Equal workloads are grouped. Every workload belongs to exactly one band, else an error names it.
  Result<std::vector<SelectedWorkload>> select(std::string_view selection,
                                               const trace::LoadedDefinition& loaded) const;
  Result<std::string> band_of(const trace::Definition& definition, const trace::Axes& axes) const;

  struct Selection {
    std::vector<trace::Axes> axes;  // extra shapes of [selection.adversarial] etc.
    std::vector<std::string> profiles;
  };
  std::map<std::string, Selection> selections;
};

// Searches <dataset>/rules, then configs/rules below `home`.
Result<Rules> load_rules(const trace::LoadedDefinition& loaded, const std::filesystem::path& home);

}  // namespace warpwright::rules
