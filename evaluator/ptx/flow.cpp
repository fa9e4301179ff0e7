#include "evaluator/ptx/flow.h"

#include <algorithm>
#include <bit>
#include <queue>

#include "evaluator/ptx/operands.h"

namespace warpwright::ptx {
namespace {

constexpr std::size_t kMaxEdges = std::size_t{1} << 20;

std::size_t index(int value) {
  return static_cast<std::size_t>(value);
}

void mark_leaders(const Function& function, bool (*isolate)(const Instruction&), std::vector<char>& leader) {
  const std::size_t count = function.code.size();
  if (count == 0) return;
  leader[0] = 1;
  for (const auto& [name, position] : function.labels) {
    if (index(position) < count) leader[index(position)] = 1;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bool alone = isolate(function.code[i]);
    if (alone) leader[i] = 1;
    if (i + 1 < count && (alone || is_branch_or_exit(function.code[i]))) leader[i + 1] = 1;
  }
}

void add_label(const Function& function, const FlowGraph& flow, const std::string& name,
               std::vector<int>& targets) {
  const auto found = function.labels.find(name);
  if (found == function.labels.end() || index(found->second) >= function.code.size())
    return;  // at the end: an exit
  targets.push_back(flow.block_of[index(found->second)]);
}

// False if the targets are more than `limit`; then some are missing.
bool add_branch_targets(const Function& function, const FlowGraph& flow, const Instruction& last,
                        std::size_t limit, std::vector<int>& targets) {
  for (const Operand& operand : last.operands) {
    if (operand.kind != Operand::Kind::kLabel) continue;
    if (last.base() == "bra") add_label(function, flow, operand.name, targets);
    if (last.base() != "brx") continue;
    const auto table = function.branch_targets.find(operand.name);
    if (table == function.branch_targets.end()) continue;
    if (table->second.size() > limit) return false;
    for (const std::string& name : table->second) add_label(function, flow, name, targets);
  }
  return true;
}

// Live cross-block registers per block, one bit each.
class Liveness {
 public:
  Liveness(const Function& function, const FlowGraph& flow, const std::vector<char>& block_local)
      : function_(function), flow_(flow) {
    column_.assign(function.registers.size(), -1);
    for (std::size_t i = 0; i < column_.size(); ++i) {
      if (!block_local[i]) column_[i] = columns_++;
    }
    words_ = (index(columns_) + 63) / 64;
  }

  // Past this the analysis would cost more than it gains; every cross-block register then lives everywhere.
  bool too_large() const {
    std::size_t edges = 0;
    for (const Block& block : flow_.blocks) edges += std::max<std::size_t>(1, block.successors.size());
    return flow_.edges_left_out || words_ * edges > (std::size_t{1} << 21);
  }

  // False if it does not settle within a number of passes that structured code never needs (its loop depth +
  // 2).
  bool solve() {
    const std::size_t cells = words_ * flow_.blocks.size();
    in_.assign(cells, 0);
    out_.assign(cells, 0);
    used_.assign(cells, 0);
    defined_.assign(cells, 0);
    for (std::size_t block = 0; block < flow_.blocks.size(); ++block) scan_block(block);
    for (int pass = 0; pass < kMaxPasses; ++pass) {
      bool changed = false;
      for (std::size_t block = flow_.blocks.size(); block-- > 0;) changed |= update(block);
      if (!changed) return true;
    }
    return false;
  }

  // Calls extend(register, instruction) so that each register's first and last live place are among the
  // calls: first forwards, then backwards, each time only where a register is live that was not before.
  template <class Extend>
  void visit_ends(Extend extend) const {
    std::vector<int> reg_of(index(columns_));
    for (std::size_t reg = 0; reg < column_.size(); ++reg) {
      if (column_[reg] >= 0) reg_of[index(column_[reg])] = static_cast<int>(reg);
    }
    std::vector<uint64_t> seen(words_);
    const auto visit = [&](const std::vector<uint64_t>& set, std::size_t block, int instruction) {
      for (std::size_t word = 0; word < words_; ++word) {
        uint64_t fresh = set[block * words_ + word] & ~seen[word];
        seen[word] |= fresh;
        for (; fresh != 0; fresh &= fresh - 1)
          extend(reg_of[64 * word + static_cast<std::size_t>(std::countr_zero(fresh))], instruction);
      }
    };
    for (std::size_t block = 0; block < flow_.blocks.size(); ++block) {
      visit(in_, block, flow_.blocks[block].begin);
      visit(out_, block, flow_.blocks[block].end - 1);
    }
    std::fill(seen.begin(), seen.end(), 0);
    for (std::size_t block = flow_.blocks.size(); block-- > 0;) {
      visit(out_, block, flow_.blocks[block].end - 1);
      visit(in_, block, flow_.blocks[block].begin);
    }
  }

 private:
  bool bit(const std::vector<uint64_t>& set, std::size_t block, int column) const {
    return (set[block * words_ + index(column) / 64] >> (index(column) % 64)) & 1;
  }
  void set_bit(std::vector<uint64_t>& set, std::size_t block, int column) const {
    set[block * words_ + index(column) / 64] |= uint64_t{1} << (index(column) % 64);
  }

  void scan_block(std::size_t block) {
    for (int i = flow_.blocks[block].begin; i < flow_.blocks[block].end; ++i) {
      const Instruction& instruction = function_.code[index(i)];
      visit_registers(instruction, [&](int reg, Access access) {
        const int column = column_[index(reg)];
        if (column < 0) return;
        // A guarded definition keeps the old value where the guard is false: it reads what it writes.
        const bool reads = access != Access::kWrite || instruction.predicate >= 0;
        if (reads && !bit(defined_, block, column)) set_bit(used_, block, column);
        if (access == Access::kWrite && instruction.predicate < 0) set_bit(defined_, block, column);
      });
    }
  }

  bool update(std::size_t block) {
    bool changed = false;
    for (std::size_t word = 0; word < words_; ++word) {
      uint64_t out = 0;
      for (const int successor : flow_.blocks[block].successors) out |= in_[index(successor) * words_ + word];
      const std::size_t cell = block * words_ + word;
      const uint64_t in = used_[cell] | (out & ~defined_[cell]);
      changed |= in != in_[cell];
      out_[cell] = out;
      in_[cell] = in;
    }
    return changed;
  }

  static constexpr int kMaxPasses = 64;

  const Function& function_;
  const FlowGraph& flow_;
  std::vector<int> column_;
  int columns_ = 0;
  std::size_t words_ = 0;
  std::vector<uint64_t> in_, out_, used_, defined_;
};

struct Interval {
  int reg = 0;
  int first = -1;  // instruction indices; a hole-free cover of where the register is live
  int last = -1;
  void extend(int from, int to) {
    first = first < 0 ? from : std::min(first, from);
    last = std::max(last, to);
  }
};

std::vector<Interval> occurrence_intervals(const Function& function) {
  std::vector<Interval> intervals(function.registers.size());
  for (std::size_t i = 0; i < intervals.size(); ++i) intervals[i].reg = static_cast<int>(i);
  for (std::size_t i = 0; i < function.code.size(); ++i) {
    visit_registers(function.code[i], [&](int reg, Access) {
      intervals[index(reg)].extend(static_cast<int>(i), static_cast<int>(i));
    });
  }
  return intervals;
}

void extend_across_blocks(const Function& function, const FlowGraph& flow,
                          const std::vector<char>& block_local, std::vector<Interval>& intervals) {
  Liveness liveness(function, flow, block_local);
  const bool everywhere = liveness.too_large() || !liveness.solve();
  const int end = static_cast<int>(function.code.size()) - 1;
  if (everywhere) {
    for (std::size_t reg = 0; reg < intervals.size(); ++reg) {
      if (!block_local[reg] && intervals[reg].first >= 0) intervals[reg].extend(0, end);
    }
    return;
  }
  liveness.visit_ends([&](int reg, int instruction) {
    if (intervals[index(reg)].first >= 0) intervals[index(reg)].extend(instruction, instruction);
  });
}

// Linear scan over one pool: a row is free again after the last instruction of its interval. An instruction's
// sources and destinations never share a row, so a handler may write before it has read everything.
int scan_pool(std::vector<Interval> intervals, int first_row, std::vector<int>& row) {
  std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) {
    return a.first != b.first ? a.first < b.first : a.reg < b.reg;
  });
  using Busy = std::pair<int, int>;  // last instruction, row
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy;
  std::vector<int> free_rows;
  int rows = first_row;
  for (const Interval& interval : intervals) {
    while (!busy.empty() && busy.top().first < interval.first) {
      free_rows.push_back(busy.top().second);
      busy.pop();
    }
    if (free_rows.empty()) free_rows.push_back(rows++);
    row[index(interval.reg)] = free_rows.back();
    free_rows.pop_back();
    busy.emplace(interval.last, row[index(interval.reg)]);
  }
  return rows;
}

}  // namespace

bool may_wait(const Instruction& instruction) {
  const std::string& base = instruction.base();
  if (base == "bar" || base == "barrier" || base == "call" || base == "nanosleep") return true;
  if (base == "mbarrier") return instruction.has("try_wait") || instruction.has("test_wait");
  for (const std::string& part : instruction.parts) {
    if (part.starts_with("wait") && base != "mbarrier") return true;
  }
  return false;
}

FlowGraph build_flow(const Function& function, bool (*isolate)(const Instruction&),
                     bool (*gathers)(const Instruction&)) {
  const std::size_t count = function.code.size();
  FlowGraph flow;
  std::vector<char> leader(count, 0);
  mark_leaders(function, isolate, leader);
  for (std::size_t i = 0, gathered = 0; gathers != nullptr && i < count; ++i) {
    if (leader[i]) gathered = 0;
    if (gathered != 0 || !gathers(function.code[i])) continue;
    leader[i] = 1;
    gathered = 1;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (leader[i]) flow.blocks.push_back({static_cast<int>(i), static_cast<int>(i), {}});
    flow.blocks.back().end = static_cast<int>(i) + 1;
    flow.block_of.push_back(static_cast<int>(flow.blocks.size()) - 1);
  }
  std::size_t edges_left = kMaxEdges;
  for (std::size_t block = 0; block < flow.blocks.size(); ++block) {
    const Instruction& last = function.code[index(flow.blocks[block].end) - 1];
    std::vector<int>& successors = flow.blocks[block].successors;
    const bool falls_through = last.predicate >= 0 || !is_branch_or_exit(last);
    if (falls_through && block + 1 < flow.blocks.size()) successors.push_back(static_cast<int>(block) + 1);
    flow.edges_left_out |= !add_branch_targets(function, flow, last, edges_left, successors);
    edges_left -= std::min(edges_left, successors.size());
    std::sort(successors.begin(), successors.end());
    successors.erase(std::unique(successors.begin(), successors.end()), successors.end());
  }
  return flow;
}

std::vector<char> find_block_local(const Function& function, const FlowGraph& flow) {
  std::vector<char> local(function.registers.size(), 1);
  std::vector<int> home(function.registers.size(), -1);
  for (std::size_t i = 0; i < function.code.size(); ++i) {
    const Instruction& instruction = function.code[i];
    visit_registers(instruction, [&](int reg, Access access) {
      const std::size_t r = index(reg);
      const bool defines = access == Access::kWrite && instruction.predicate < 0;
      if (home[r] < 0 && !defines) local[r] = 0;
      if (home[r] < 0) home[r] = flow.block_of[i];
      if (home[r] != flow.block_of[i]) local[r] = 0;
    });
  }
  return local;
}

RowAssignment::Pool RowAssignment::pool_of(RegisterClass cls) {
  switch (cls) {
    case RegisterClass::kPred:
      return kPredicates;
    case RegisterClass::k16:
    case RegisterClass::k32:
      return k32Bit;
    case RegisterClass::k64:
      return k64Bit;
    case RegisterClass::k128:
      return k128Bit;
  }
  return k128Bit;
}

RowAssignment assign_rows(const Function& function, const FlowGraph& flow,
                          const std::vector<char>& block_local) {
  std::vector<Interval> intervals = occurrence_intervals(function);
  extend_across_blocks(function, flow, block_local, intervals);
  RowAssignment result;
  result.row.assign(function.registers.size(), -1);
  for (int pool = 0; pool < RowAssignment::kPools; ++pool) {
    for (const char local : {char{0}, char{1}}) {
      std::vector<Interval> members;
      for (const Interval& interval : intervals) {
        const std::size_t reg = index(interval.reg);
        const bool in_pool = RowAssignment::pool_of(function.registers[reg].cls) == pool;
        if (in_pool && interval.first >= 0 && block_local[reg] == local) members.push_back(interval);
      }
      result.rows[pool] = scan_pool(std::move(members), result.rows[pool], result.row);
    }
  }
  return result;
}

}  // namespace warpwright::ptx
