// Turns PTX functions into operations for the machine (machine.h).
//
// A kernel and all functions it may call become one array of operations. Every register has a fixed row,
// every function its own rows (recursion is not supported) and a part of each lane's local frame for its
// .local and .param variables. An instruction that cannot be decoded becomes an operation that reports it
// when it is reached.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "evaluator/ptx/flow.h"
#include "evaluator/ptx/module.h"
#include "evaluator/sim/machine.h"
#include "evaluator/sim/mbarrier.h"
#include "evaluator/sim/op_table.h"
#include "evaluator/sim/ops/calls.h"

namespace warpwright::sim {

struct BulkForm;
struct WgmmaForm;
struct WgmmaHazards;

// Thrown by nothing: decoding failures are values that stop one instruction.
struct Undecodable {
  std::string note;
};

class Decoder {
 public:
  Decoder(const ptx::Module& module, const ptx::Function& entry);
  std::unique_ptr<Kernel> run();

 private:
  struct FunctionPlan {
    const ptx::Function* function = nullptr;
    ptx::FlowGraph flow;
    std::vector<char> block_local;
    ptx::RowAssignment rows;
    uint32_t base[ptx::RowAssignment::kPools] = {};  // offset of each pool's first row
    uint32_t return_row = kNoRow;
    std::unordered_map<std::string_view, const ptx::Parameter*> parameters;
    std::unordered_set<std::string_view> variables;
    std::map<std::string, uint64_t, std::less<>>
        frame;  // .local and .param variables: offset in the lane's frame
    std::map<std::string, uint64_t, std::less<>> frame_sizes;
    std::map<std::string, uint64_t, std::less<>> shared;  // offset in shared memory
    std::vector<int32_t> block_code;                      // block -> index of its leader operation
  };
  // A target to fill in once every block has its place.
  struct Fixup {
    std::size_t op;
    int function;
    int block;
  };

  // decoder.cpp
  void collect(const ptx::Function& function, int depth);
  void lay_out_shared();
  void lay_out_frame(FunctionPlan& plan);
  void lay_out_rows(FunctionPlan& plan);
  void decode_function(std::size_t index);
  void decode_block(const ptx::Block& block, int number);
  void decode_instruction(int index);
  void emit_guarded(std::vector<Op> ops);
  void note_instruction(const ptx::Instruction& instruction);
  int find_plan(std::string_view name) const;
  void resolve_targets();

  // operands.cpp: rows of operands. On failure they call fail() and return a row that is safe to name.
  uint32_t fail(std::string note);
  uint32_t register_row(int reg) const;
  ptx::RegisterClass register_class(int reg) const;
  uint32_t new_row(RowKind kind);
  uint32_t literal(uint64_t bits, RowKind kind);
  uint32_t constant(ConstantRow row, RowKind kind);
  uint32_t special(const std::string& name, RowKind kind);
  uint32_t shared_address(uint64_t offset, RowKind kind);
  uint32_t symbol_address(const std::string& name, int64_t offset, RowKind kind);
  uint32_t source(const ptx::Operand& operand, RowKind kind);
  struct Destination {
    uint32_t row = kNoRow;
    bool whole = false;
    uint32_t widen_to = kNoRow;  // a 64-bit register that takes the 32-bit row
  };
  Destination destination(const ptx::Operand& operand, RowKind kind);
  void finish_destination(const Destination& destination, bool is_signed);
  static RowKind kind_of_bytes(int bytes);
  // Address operand into op: base row, offset, kAddress32.
  void set_address(Op& op, const ptx::Operand& operand);

  // arithmetic.cpp: operations by table
  bool decode_table_op(const std::string& name);
  bool emit_entry(std::string_view name, const ptx::Operand& d,
                  const std::vector<const ptx::Operand*>& sources);
  void emit_raw(std::string_view name, uint32_t d, std::vector<uint32_t> sources, bool whole);
  void decode_plain();
  // moves.cpp
  void decode_mov();
  void decode_pack(const ptx::Operand& d, const ptx::Operand& s, int bytes);
  void decode_unpack(const ptx::Operand& d, const ptx::Operand& s, int bytes);
  std::vector<uint32_t> split(std::vector<uint32_t> rows, int bytes, int piece);
  std::vector<uint32_t> join(std::vector<uint32_t> rows, int piece, int bytes);
  std::vector<uint32_t> wide_rows(const ptx::Operand& operand);  // of a 128-bit register: two 64-bit ones
  void write_wide(const ptx::Operand& d, const std::vector<uint32_t>& rows);
  void decode_cvta();
  void decode_isspacep();
  void decode_cluster_address();
  void decode_policy();
  // compare.cpp
  void decode_setp();
  void decode_set();
  uint32_t comparison(int half);
  uint32_t combined(uint32_t row);
  void decode_selp();
  void decode_slct();
  void decode_lop3();
  // conversion.cpp, video.cpp
  void decode_cvt();
  void emit_conversion(const Conversion& conversion);
  void decode_video();

  // memory.cpp
  void decode_load_store(bool is_load);
  void decode_parameter_load();
  std::vector<Destination> data_destinations(const ptx::Operand& data, int bytes);
  std::vector<uint32_t> data_sources(const ptx::Operand& data, int bytes);
  void decode_atomic(bool has_result);
  void decode_cp();
  // mbarrier.cpp
  void set_shared_address(Op& op, const ptx::Operand& operand);  // kGenericAddress where no space is named
  void decode_mbarrier();
  bool decode_mbarrier_counts(Op& op, MbarrierAction action, std::size_t at);
  void decode_pending_count();
  void decode_copies_arrive();
  void decode_cluster_barrier();
  void decode_proxy_fence();
  void decode_set_registers();  // registers.cpp
  // bulk.cpp: bulk and tensor copies, st.async, red.async, tensormap.replace
  uint32_t address_row(const ptx::Operand& operand);
  void decode_bulk();
  void decode_bulk_group();
  bool decode_bulk_reduction(BulkForm& form);
  bool decode_bulk_operands(BulkForm& form);
  bool decode_tensor_operands(BulkForm& form);
  void decode_store_async();
  void decode_tensormap();
  // wgmma.cpp, tcgen05.cpp
  void decode_wgmma();
  void decode_wgmma_product();
  bool decode_wgmma_immediates(WgmmaForm& form, std::size_t at);
  void start_wgmma_hazards();         // of the function
  void emit_wgmma_checks(int index);  // before an instruction
  void decode_tcgen05();
  void set_tensor_address(Op& op, const ptx::Operand& operand);
  void decode_tensor_columns();
  void decode_tensor_access(bool is_load);
  void decode_tensor_commit();
  void decode_tensor_copy();
  void decode_tensor_mma();
  std::vector<const ptx::Operand*> elements(const ptx::Operand& operand) const;
  uint32_t add_list(const std::vector<uint32_t>& rows);
  bool is_frame_symbol(const ptx::Operand& memory) const;

  // matrix.cpp
  bool add_rows(const ptx::Operand& operand, RowKind kind, int count, bool is_result,
                std::vector<uint32_t>& rows);
  int32_t add_sites(bool shared, bool is_load, int count);  // of this instruction; returns the first
  void decode_matrix_access();
  void decode_movmatrix();
  void push_product(const MatrixProduct& product, const std::vector<uint32_t>& rows);
  void decode_mma();
  void decode_wmma();
  void decode_wmma_access(const WmmaForm& form);
  void decode_wmma_product(const WmmaForm& form);
  // calls.cpp
  int function_number(std::string_view name) const;  // in the module; -1: none
  void collect_by_name(const std::string& name);
  void collect_indirect();
  void lay_out_stack();
  void find_callees();
  FrameSlot fit_slot(uint64_t offset, uint64_t size) const;
  std::vector<FrameSlot> parameter_slots(const FunctionPlan& plan,
                                         const std::vector<ptx::Parameter>& parameters) const;
  bool tuple_slots(const ptx::Operand& tuple, std::vector<FrameSlot>& slots);
  void decode_printf();
  void decode_call();
  void decode_call_indirect(std::size_t callee_at);
  void decode_alloca();

  // control.cpp
  void decode_branch();
  int branch_table(const std::string& name);
  void decode_brx();
  void decode_exit();
  void decode_barrier();
  void decode_bar_warp();
  void decode_shuffle();
  void fix_shuffle(Op& op, uint32_t b, uint32_t c);
  void decode_vote();
  void decode_match();
  void decode_redux();
  void decode_elect();
  void decode_simple(Handler handler);
  void branch_around();
  void add_fixup(int block);
  uint32_t member_mask(const ptx::Operand& operand) { return source(operand, RowKind::k32); }

  using Method = void (Decoder::*)();
  static const std::map<std::string_view, Method>& methods();

  Op& push(Op op);  // to the current instruction's operations

  const ptx::Module& module_;
  const ptx::Function& entry_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<FunctionPlan> plans_;
  std::map<std::string, int, std::less<>> plan_index_;
  std::vector<Fixup> fixups_;
  std::map<std::tuple<int, uint64_t, bool, bool, int, std::string>, uint32_t> constants_;
  uint32_t carry_row_ = kNoRow;
  uint32_t stack_row_ = kNoRow;                                     // of alloca
  std::unordered_set<std::string_view> variables_;                  // of the module
  std::map<std::string, uint64_t, std::less<>> module_shared_;      // its shared ones: offset
  std::map<std::pair<std::size_t, std::string>, uint32_t> tables_;  // function, label: Kernel::branch_tables
  std::map<std::string_view, int> functions_;                       // of the module, by name
  std::vector<std::size_t> table_functions_;  // which function's blocks Kernel::branch_tables name

  // The instruction at hand.
  std::size_t function_ = 0;
  std::vector<bool> slow_registers_, polling_heads_;
  std::shared_ptr<const WgmmaHazards> wgmma_hazards_;  // null: no wgmma in the function
  int block_ = 0;
  const ptx::Instruction* instruction_ = nullptr;
  bool falls_around_ = false;  // a predicated control operation: handled by a branch around it
  std::vector<Op> ops_;
  std::vector<std::pair<std::size_t, int>> op_targets_;    // operation of ops_ -> block of this function
  std::vector<std::pair<std::size_t, int>> call_targets_;  // operation of ops_ -> function
  bool failed_ = false;
  std::string failure_;
};

// costs.cpp: one block's static cost. `slow` tells of each register whether a slow operation writes it
// anywhere.
StretchCost cost_of_block(const ptx::Function& function, const ptx::Block& block,
                          const std::vector<bool>& slow);
// The same by instruction: issue slots, and how long each waits for operands of its own block, in the text's
// order.
struct InstructionCost {
  double issue_slots = 0, wait_cycles = 0;
};
std::vector<InstructionCost> costs_of_instructions(const ptx::Function& function, const ptx::Block& block);
std::vector<bool> find_slow_registers(const ptx::Function& function);

// loops.cpp: may it store to global or shared memory (atomic operations and calls apart)? Which blocks are
// heads of short loops that poll memory?
bool may_store(const ptx::Instruction& instruction);
std::vector<bool> find_polling_heads(const ptx::Function& function, const ptx::FlowGraph& flow);

// Instructions that form blocks of their own: those where lanes wait for each other.
bool waits_for_lanes(const ptx::Instruction& instruction);
// Those that need the whole warp together. Where one starts a block, the others behind it find the warp
// whole.
bool is_matrix_instruction(const ptx::Instruction& instruction);
// Those of tcgen05.
bool takes_whole_warp(const ptx::Instruction& instruction);

}  // namespace warpwright::sim
