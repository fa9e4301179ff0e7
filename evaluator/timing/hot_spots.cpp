// The findings of a profile: rules of thumb of the CUDA C++ best-practices guide, held against the counts.
#include <fmt/format.h>

#include <algorithm>

#include "evaluator/timing/profile.h"

namespace warpwright::timing {
namespace {

using rules::Resource;

constexpr size_t kMaxFindings = 8;
constexpr double kWorthSaying = 0.02;  // of the kernel's estimated time
constexpr double kClearlyWorse = 1.5;  // times the ideal
constexpr double kFewLanes = 24;       // of 32
constexpr double kLargeShare = 0.2;    // of a resource
constexpr double kUnevenBlocks = 0.8;  // balance
constexpr double kReadAgain = 4;       // times the footprint

// The kernel's estimated time and how much of it stands for what, over all its launches.
struct Times {
  double total = 0, waiting = 0, launch = 0;
  std::array<double, rules::kResourceCount> resources = {};
  double part(double us) const { return total > 0 ? us / total : 0; }
  double part(Resource resource) const { return part(resources[static_cast<size_t>(resource)]); }
};

Times times_of(const KernelProfile& kernel) {
  Times times;
  for (const estimate::LaunchEstimate& one : kernel.estimates) {
    times.total += one.latency_us;
    times.waiting += one.waiting_us;
    times.launch += one.launch_us;
    for (size_t k = 0; k < times.resources.size(); ++k) times.resources[k] += one.resource_us[k];
  }
  return times;
}

struct Sums {
  double slots = 0, waits = 0, sectors = 0, ideal_sectors = 0, wavefronts = 0;
};

class HotSpots {
 public:
  HotSpots(const KernelProfile& kernel, const std::vector<LineProfile>& lines)
      : kernel_(kernel), times_(times_of(kernel)) {
    for (const LineProfile& line : lines) {
      sums_.slots += line.issue_slots;
      sums_.waits += line.wait_cycles;
      sums_.sectors += line.sectors;
      sums_.ideal_sectors += line.ideal_sectors;
      sums_.wavefronts += line.wavefronts;
    }
    for (const LineProfile& line : lines) look_at(line);
    look_at_launches();
  }

  std::vector<ProfileFinding> take() {
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const ProfileFinding& a, const ProfileFinding& b) { return a.weight > b.weight; });
    if (findings_.size() > kMaxFindings) findings_.resize(kMaxFindings);
    return std::move(findings_);
  }

 private:
  void say(double weight, std::string message) {
    if (weight >= kWorthSaying) findings_.push_back({std::min(weight, 1.0), std::move(message)});
  }

  void look_at(const LineProfile& line) {
    scattered_access(line);
    bank_conflicts(line);
    divergence(line);
    waits(line);
    instructions(line);
  }

  void scattered_access(const LineProfile& line) {
    if (line.global_executions <= 0 || line.sectors < kClearlyWorse * line.ideal_sectors) return;
    const double each = line.sectors / line.global_executions;
    const double ideal = line.ideal_sectors / line.global_executions;
    const double weight = std::max(times_.part(Resource::kL2), times_.part(Resource::kDram)) *
                          (line.sectors - line.ideal_sectors) / sums_.sectors;
    const bool alone = each > 0.9 * line.lanes_per_execution() && each > 1.5;
    say(weight,
        fmt::format(
            "{}: each warp {} {:.3g} sectors of global memory where {:.3g} would do{}; give neighbouring "
            "lanes neighbouring addresses (lane i element i, or one vector of 16 bytes a lane), or go "
            "through shared memory",
            line.location, line.writes_global ? (line.reads_global ? "touches" : "writes") : "reads", each,
            std::max(ideal, 1.0), alone ? ": neighbouring lanes' addresses lie 32 bytes or more apart" : ""));
  }

  void bank_conflicts(const LineProfile& line) {
    if (line.shared_executions <= 0 || line.wavefronts < kClearlyWorse * line.ideal_wavefronts) return;
    const double ways = line.wavefronts / std::max(1.0, line.ideal_wavefronts);
    const double weight =
        times_.part(Resource::kShared) * (line.wavefronts - line.ideal_wavefronts) / sums_.wavefronts;
    say(weight,
        fmt::format("{}: shared memory conflicts, {:.2g} wavefronts where 1 would do: lanes meet in one "
                    "bank (address / 4 modulo 32); pad rows by one element (a vector for vector "
                    "accesses) or swizzle the column with the row",
                    line.location, ways));
  }

  void divergence(const LineProfile& line) {
    const double lanes = line.lanes_per_execution();
    const double part = line.issue_slots / std::max(1.0, sums_.slots);
    if (lanes >= kFewLanes || lanes <= 0) return;
    say(times_.part(Resource::kIssue) * part * (1 - lanes / 32),
        fmt::format("{}: {:.1f} of 32 lanes work on average, in {:.0f} % of the issue slots; let whole warps "
                    "take one path, or give idle lanes a share of the work",
                    line.location, lanes, 100 * part));
  }

  void waits(const LineProfile& line) {
    const double part = line.wait_cycles / std::max(1.0, sums_.waits);
    if (part < kLargeShare) return;
    say(times_.part(times_.waiting) * part,
        fmt::format("{}: {:.0f} % of a lone warp's waiting is here, {:.0f} cycles each time, for results of "
                    "loads or other slow operations; issue them earlier (several loads before the first use, "
                    "unrolled or double-buffered loops, cp.async) or keep more warps resident",
                    line.location, 100 * part, line.wait_cycles / std::max(1.0, line.warp_executions)));
  }

  void instructions(const LineProfile& line) {
    const double part = line.issue_slots / std::max(1.0, sums_.slots);
    if (part < kLargeShare) return;
    std::string opcodes;
    for (const std::string& opcode : line.opcodes) opcodes += (opcodes.empty() ? "" : ", ") + opcode;
    say(times_.part(Resource::kIssue) * part,
        fmt::format("{}: {:.0f} % of the issue slots, mostly {}", line.location, 100 * part, opcodes));
  }

  void look_at_launches() {
    if (kernel_.estimates.empty()) return;
    const estimate::LaunchEstimate& first = kernel_.estimates.front();
    if (times_.part(times_.launch) > 0.5)
      say(times_.part(times_.launch) - 0.5,
          fmt::format(
              "launching takes {:.0f} % of the estimated time: fewer launches or [[pdl]] help more than "
              "faster code",
              100 * times_.part(times_.launch)));
    if (first.balance < kUnevenBlocks) uneven_blocks(first);
    if (kernel_.spill_bytes > 0)
      say(0.05, fmt::format("registers spill {} bytes to local memory: smaller tiles per thread or a larger "
                            "register limit (__launch_bounds__)",
                            kernel_.spill_bytes));
    if (!kernel_.work.empty()) repeated_reads(kernel_.work.front());
  }

  void uneven_blocks(const estimate::LaunchEstimate& first) {
    const double busy = times_.part(times_.total - times_.launch);
    say(busy * (1 - first.balance),
        fmt::format(
            "{:.2f} waves of blocks, {} resident per SM (limited by {}): on average only {:.0f} % of the "
            "fullest SM's blocks; choose a grid that is a multiple of the SM count, or many small blocks",
            first.waves, first.occupancy.blocks_per_sm, first.occupancy.limiter, 100 * first.balance));
  }

  void repeated_reads(const estimate::LaunchWork& work) {
    // Scattered accesses read a sector many times too, but that is said where they are.
    const double gathered = sums_.sectors > 0 ? sums_.ideal_sectors / sums_.sectors : 1;
    const double times =
        work.unique_sectors_read > 0 ? gathered * work.sectors_read / work.unique_sectors_read : 0;
    if (times < kReadAgain) return;
    say(times_.part(Resource::kL2) * (1 - 1 / times),
        fmt::format(
            "each sector is read {:.1f} times on average: let a block share what it reads through shared "
            "memory, or let a warp do more with it in registers",
            times));
  }

  const KernelProfile& kernel_;
  Times times_;
  Sums sums_;
  std::vector<ProfileFinding> findings_;
};

}  // namespace

std::vector<ProfileFinding> find_hot_spots(const KernelProfile& kernel,
                                           const std::vector<LineProfile>& lines) {
  return HotSpots(kernel, lines).take();
}

}  // namespace warpwright::timing
