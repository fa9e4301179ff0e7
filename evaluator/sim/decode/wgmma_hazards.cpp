#include "evaluator/sim/decode/wgmma_hazards.h"

#include <algorithm>
#include <deque>
#include <functional>

#include "evaluator/ptx/operands.h"

namespace warpwright::sim {
namespace {

constexpr std::size_t kMostCells = 1u << 24;  // registers times blocks: beyond, hostile text, no analysis
constexpr int kMostGroups = 14;               // told apart; older ones count as one
constexpr int kManyShapes = -1;

// Products in flight, by their group: bit 0 not committed, bit 1 the newest group, and so on.
using Groups = uint16_t;

struct Value {
  Groups result = 0, factor = 0;  // of which this register is an accumulator, or a part of A
  bool is_unfenced = false;
  int line = 0;   // of the unfenced write
  int shape = 0;  // of the product that wrote it since the last fence: n and type

  bool merge(const Value& other) {
    const Value before = *this;
    result |= other.result;
    factor |= other.factor;
    is_unfenced |= other.is_unfenced;
    if (line == 0) line = other.line;
    if (other.shape != 0) shape = shape == 0 || shape == other.shape ? other.shape : kManyShapes;
    return result != before.result || factor != before.factor || is_unfenced != before.is_unfenced ||
           line != before.line || shape != before.shape;
  }
};

struct State {
  bool is_reached = false;
  bool is_unfenced = false;  // no fence yet, on some way
  std::vector<Value> values;
};

bool is_product(const ptx::Instruction& i) {
  return i.base() == "wgmma" && i.has("mma_async") && i.operands.size() >= 4;
}
bool is_copy(const ptx::Instruction& i) {
  return i.base() == "mov" && i.predicate < 0 && i.operands.size() == 2 &&
         i.operands[0].kind == ptx::Operand::Kind::kRegister &&
         i.operands[1].kind == ptx::Operand::Kind::kRegister && i.operands[0].reg >= 0 &&
         i.operands[1].reg >= 0;
}
bool is_constant(const ptx::Instruction& i) {
  return i.base() == "mov" && i.predicate < 0 && i.operands.size() == 2 &&
         i.operands[1].kind == ptx::Operand::Kind::kImmediate;
}

void visit_elements(const ptx::Operand& operand, const std::function<void(int)>& visit) {
  if (operand.kind != ptx::Operand::Kind::kVector) return;
  for (const ptx::Operand& element : operand.elements) {
    if (element.reg >= 0) visit(element.reg);
  }
}

class Analysis {
 public:
  Analysis(const ptx::Function& function, const ptx::FlowGraph& flow) : function_(function), flow_(flow) {}

  WgmmaHazards run() {
    track_registers();
    if (count_ == 0 || flow_.edges_left_out || count_ * flow_.blocks.size() > kMostCells) return {};
    states_.resize(flow_.blocks.size());
    State& entry = states_[0];
    entry.is_reached = true;
    entry.values.resize(count_);
    // A function that is called may find the fence in its caller.
    entry.is_unfenced = function_.is_entry;
    for (Value& value : entry.values) value.is_unfenced = function_.is_entry;
    solve();
    notes_ = &hazards_;
    for (std::size_t block = 0; block < states_.size(); ++block) {
      if (states_[block].is_reached) run_block(block);
    }
    return std::move(hazards_);
  }

 private:
  // The registers of products, and those that moves connect with them.
  void track_registers() {
    index_.assign(function_.registers.size(), -1);
    const auto add = [&](int reg) {
      int& index = index_[static_cast<std::size_t>(reg)];
      const bool is_new = index < 0;
      if (is_new) index = static_cast<int>(count_++);
      return is_new;
    };
    for (const ptx::Instruction& i : function_.code) {
      if (!is_product(i)) continue;
      visit_elements(i.operands[0], add);
      visit_elements(i.operands[1], add);
    }
    constexpr int kMostPasses = 16;
    bool changed = count_ != 0;
    for (int pass = 0; changed && pass < kMostPasses; ++pass) {
      changed = false;
      for (const ptx::Instruction& i : function_.code) {
        if (!is_copy(i)) continue;
        const int to = i.operands[0].reg, from = i.operands[1].reg;
        if (is_tracked(to) || is_tracked(from)) changed |= add(to) | add(from);
      }
    }
  }
  bool is_tracked(int reg) const { return index_[static_cast<std::size_t>(reg)] >= 0; }
  Value& value_of(int reg) {
    return now_.values[static_cast<std::size_t>(index_[static_cast<std::size_t>(reg)])];
  }

  void solve() {
    std::deque<std::size_t> work = {0};
    std::vector<bool> is_waiting(states_.size());
    while (!work.empty()) {
      const std::size_t block = work.front();
      work.pop_front();
      is_waiting[block] = false;
      run_block(block);
      for (const int successor : flow_.blocks[block].successors) {
        const auto to = static_cast<std::size_t>(successor);
        if (merge(states_[to]) && !is_waiting[to]) {
          is_waiting[to] = true;
          work.push_back(to);
        }
      }
    }
  }

  bool merge(State& to) const {
    bool changed = !to.is_reached || (now_.is_unfenced && !to.is_unfenced);
    to.is_reached = true;
    to.is_unfenced |= now_.is_unfenced;
    if (to.values.empty()) to.values.resize(count_);
    for (std::size_t k = 0; k < count_; ++k) changed |= to.values[k].merge(now_.values[k]);
    return changed;
  }

  void run_block(std::size_t block) {
    now_ = states_[block];
    for (int index = flow_.blocks[block].begin; index < flow_.blocks[block].end; ++index)
      step(index, function_.code[static_cast<std::size_t>(index)]);
  }

  void step(int index, const ptx::Instruction& i) {
    if (i.base() == "wgmma") {
      if (is_product(i)) {
        multiply(index, i);
      } else if (i.has("fence")) {
        fence();
      } else if (i.has("commit_group")) {
        commit();
      } else if (i.has("wait_group") && !i.operands.empty()) {
        wait(i.operands[0].bits);
      }
      return;
    }
    if (i.base() == "call") return fence();  // the callee may
    if (is_copy(i) && is_tracked(i.operands[0].reg)) return copy(index, i);
    touch(index, i);
  }

  void note(int index, int reg, WgmmaTouch kind) {
    if (notes_ == nullptr) return;
    auto& list = notes_->touches[index];
    const auto same = [&](const WgmmaHazards::Touch& t) { return t.reg == reg && t.touch == kind; };
    if (std::none_of(list.begin(), list.end(), same)) list.push_back({reg, kind});
  }

  void note_write(int index, int reg) {
    const Value& value = value_of(reg);
    if (value.result != 0) note(index, reg, kWritesResult);
    if (value.factor != 0) note(index, reg, kWritesFactor);
  }

  void touch(int index, const ptx::Instruction& i) {
    ptx::visit_registers(i, [&](int reg, ptx::Access access) {
      if (!is_tracked(reg)) return;
      if (access != ptx::Access::kWrite && value_of(reg).result != 0) note(index, reg, kReadsResult);
      if (access != ptx::Access::kRead) note_write(index, reg);
    });
    ptx::visit_registers(i, [&](int reg, ptx::Access access) {
      if (access == ptx::Access::kRead || !is_tracked(reg)) return;
      Value written;
      written.is_unfenced = is_constant(i) ? now_.is_unfenced : true;
      written.line = now_.is_unfenced ? 0 : i.line;
      if (i.predicate >= 0) {
        value_of(reg).merge(written);
      } else {
        value_of(reg) = written;
      }
    });
  }

  void copy(int index, const ptx::Instruction& i) {
    const int to = i.operands[0].reg, from = i.operands[1].reg;
    const bool is_in_flight = value_of(from).result != 0;
    if (is_in_flight && notes_ != nullptr) notes_->copies[index] = from;
    if (!is_in_flight) note_write(index, to);
    Value value = value_of(from);
    value.factor = 0;
    value_of(to) = value;
  }

  void multiply(int index, const ptx::Instruction& i) {
    int shape = 1;  // of the accumulators: width and type
    const auto has = [&](const char* type) { return i.parts.size() > 5 && i.has(type); };
    shape += 3 * static_cast<int>(i.operands[0].elements.size()) + (has("f32") ? 1 : has("s32") ? 2 : 0);
    bool is_bad = false;
    int line = 0;
    const auto look = [&](const Value& value, bool other_shape) {
      if (!value.is_unfenced && !other_shape) return;
      is_bad = true;
      if (line == 0) line = value.line;
    };
    visit_elements(i.operands[1], [&](int reg) {
      look(value_of(reg), false);
      if (value_of(reg).result != 0) note(index, reg, kReadsResult);
      value_of(reg).factor |= 1;
    });
    visit_elements(i.operands[0], [&](int reg) {
      Value& value = value_of(reg);
      look(value, value.shape != 0 && value.shape != shape);
      if (value.factor != 0 && (value.factor & 1) == 0) note(index, reg, kWritesFactor);
      value.is_unfenced = false;
      value.shape = shape;
      value.result |= 1;
    });
    if (is_bad && notes_ != nullptr) notes_->unfenced[index] = line;
  }

  void fence() {
    now_.is_unfenced = false;
    for (Value& value : now_.values) {
      value.is_unfenced = false;
      value.line = value.shape = 0;
    }
  }

  static Groups shifted(Groups groups) {
    const auto oldest = static_cast<Groups>(groups & (1u << (kMostGroups + 1)));
    return static_cast<Groups>((groups << 1 & ((1u << (kMostGroups + 2)) - 1)) | oldest);
  }
  void commit() {
    for (Value& value : now_.values) {
      value.result = shifted(value.result);
      value.factor = shifted(value.factor);
    }
  }
  // The newest `left` groups may go on, and what is not committed does.
  void wait(uint64_t left) {
    const auto kept =
        left > kMostGroups ? static_cast<Groups>(~0u) : static_cast<Groups>((1u << (left + 1)) - 1);
    for (Value& value : now_.values) {
      value.result &= kept;
      value.factor &= kept;
    }
  }

  const ptx::Function& function_;
  const ptx::FlowGraph& flow_;
  std::vector<int> index_;  // register -> tracked one, or -1
  std::size_t count_ = 0;
  std::vector<State> states_;  // on entry of each block
  State now_;
  WgmmaHazards hazards_;
  WgmmaHazards* notes_ = nullptr;  // in the last pass
};

}  // namespace

WgmmaHazards find_wgmma_hazards(const ptx::Function& function, const ptx::FlowGraph& flow) {
  return Analysis(function, flow).run();
}

}  // namespace warpwright::sim
