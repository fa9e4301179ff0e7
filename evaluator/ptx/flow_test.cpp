#include "evaluator/ptx/flow.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "evaluator/ptx/operands.h"
#include "src/base/files.h"
#include "src/base/rng.h"

namespace warpwright::ptx {
namespace {

Function parse_body(const std::string& body) {
  auto module = parse(".version 9.0\n.target sm_100a\n.address_size 64\n.entry k(){" + body + "}");
  EXPECT_TRUE(module.has_value()) << module.error().message;
  return module ? module->functions.front() : Function{};
}

int register_named(const Function& function, const std::string& name) {
  for (std::size_t i = 0; i < function.registers.size(); ++i) {
    if (function.registers[i].name == name) return static_cast<int>(i);
  }
  ADD_FAILURE() << name;
  return 0;
}

constexpr char kLoop[] =
    ".reg .pred %p<3>; .reg .b32 %r<8>; .reg .b64 %rd<3>;\n"
    "mov.u32 %r1, 0; mov.u32 %r2, 5;\n"
    "LOOP: add.u32 %r3, %r1, 1; add.u32 %r1, %r3, %r2; setp.lt.u32 %p1, %r1, 9; @%p1 bra LOOP;\n"
    "@%p1 mov.u32 %r4, 1; bar.sync 0; mov.u32 %r5, %r1; st.shared.u32 [%r5], %r4; ret;";

TEST(Flow, SplitsAtLabelsBranchesAndWaits) {
  const Function f = parse_body(kLoop);
  const FlowGraph flow = build_flow(f);
  ASSERT_EQ(flow.blocks.size(), 5u);
  EXPECT_EQ(flow.blocks[1].begin, 2);
  EXPECT_EQ(flow.blocks[1].successors, (std::vector<int>{1, 2}));
  EXPECT_EQ(flow.blocks[3].end - flow.blocks[3].begin, 1);  // the barrier alone
  EXPECT_TRUE(flow.blocks[4].successors.empty());
  EXPECT_TRUE(flow.is_leader(2));
  EXPECT_FALSE(flow.is_leader(3));
}

TEST(Flow, FollowsBranchTables) {
  const Function f =
      parse_body(".reg .b32 %r<2>; t: .branchtargets A, B, A; brx.idx %r1, t; A: ret; B: ret;");
  EXPECT_EQ(build_flow(f).blocks[0].successors, (std::vector<int>{1, 2}));
}

TEST(Flow, AGuardedFirstDefinitionIsNotBlockLocal) {
  const Function f = parse_body(kLoop);
  const std::vector<char> local = find_block_local(f, build_flow(f));
  const auto is_local = [&](const char* name) {
    return local[static_cast<std::size_t>(register_named(f, name))];
  };
  EXPECT_TRUE(is_local("%r3"));
  EXPECT_TRUE(is_local("%r5"));
  EXPECT_FALSE(is_local("%r1"));
  EXPECT_FALSE(is_local("%r4"));
  EXPECT_FALSE(is_local("%p1"));
}

TEST(Operands, KnowsWhatIsWritten) {
  const Function f = parse_body(
      ".reg .b32 %r<9>; .reg .b64 %rd<3>; .reg .pred %p<3>;\n"
      "st.global.u32 [%rd1], %r1; atom.global.add.u32 %r2, [%rd1], %r1; red.global.add.u32 [%rd1], %r1;\n"
      "ld.global.v2.u32 {%r3, %r4}, [%rd1]; bar.red.popc.u32 %r5, 0, %p1; bar.sync 0, %r1;\n"
      "mbarrier.arrive.shared.b64 %rd2, [%r1]; shfl.sync.up.b32 %r6|%p2, %r1, 1, 0, -1; cp.async.wait_group "
      "0;");
  const std::vector<std::set<std::string>> expected = {
      {}, {"%r2"}, {}, {"%r3", "%r4"}, {"%r5"}, {}, {"%rd2"}, {"%r6", "%p2"}, {}};
  for (std::size_t i = 0; i < f.code.size(); ++i) {
    std::set<std::string> written;
    visit_registers(f.code[i], [&](int reg, Access access) {
      if (access != Access::kRead) written.insert(f.registers[static_cast<std::size_t>(reg)].name);
    });
    EXPECT_EQ(written, expected[i]) << f.code[i].opcode;
  }
  EXPECT_TRUE(may_write_memory(f.code[0]));
  EXPECT_TRUE(may_write_memory(f.code[1]));
  EXPECT_FALSE(may_write_memory(f.code[3]));
}

TEST(Rows, KeepLoopCarriedValuesApart) {
  const Function f = parse_body(kLoop);
  const FlowGraph flow = build_flow(f);
  const RowAssignment rows = assign_rows(f, flow, find_block_local(f, flow));
  const auto row = [&](const char* name) {
    return rows.row[static_cast<std::size_t>(register_named(f, name))];
  };
  EXPECT_NE(row("%r1"), row("%r2"));
  EXPECT_NE(row("%r1"), row("%r3"));
  EXPECT_NE(row("%r2"), row("%r3"));
  EXPECT_EQ(row("%r7"), -1);
  EXPECT_LE(rows.rows[RowAssignment::k32Bit], 4);
}

// Runs random values through a straight-line model of each block: wherever a register is read, its row must
// hold what the register holds. Walks every block path a few steps, so values carried round loops are
// covered.
class RowChecker {
 public:
  RowChecker(const Function& function, const FlowGraph& flow, const RowAssignment& rows)
      : function_(function), flow_(flow), rows_(rows) {}

  void walk(int block, int steps) {
    const Block& range = flow_.blocks[static_cast<std::size_t>(block)];
    for (int i = range.begin; i < range.end; ++i) step(function_.code[static_cast<std::size_t>(i)]);
    if (steps == 0 || range.successors.empty()) return;
    walk(range.successors[static_cast<std::size_t>(steps * 7) % range.successors.size()], steps - 1);
  }
  int mismatches() const { return mismatches_; }
  int reads() const { return reads_; }

 private:
  void step(const Instruction& instruction) {
    visit_registers(instruction, [&](int reg, Access access) {
      const auto pool = RowAssignment::pool_of(function_.registers[static_cast<std::size_t>(reg)].cls);
      int& cell = cells_[{pool, rows_.row[static_cast<std::size_t>(reg)]}];
      const bool known = values_.contains(reg);
      if (access != Access::kWrite && known) {
        ++reads_;
        mismatches_ += cell != values_[reg];
      }
      if (access != Access::kRead) values_[reg] = cell = ++stamp_;
    });
  }

  const Function& function_;
  const FlowGraph& flow_;
  const RowAssignment& rows_;
  std::map<int, int> values_;
  std::map<std::pair<int, int>, int> cells_;
  int stamp_ = 0;
  int mismatches_ = 0;
  int reads_ = 0;
};

TEST(Rows, HoldEveryReadValueInRealKernels) {
  for (const char* name : {"features.ptx", "tensor.ptx"}) {
    const auto module = parse(read_file(std::string("evaluator/ptx/testdata/") + name).value_or(""));
    ASSERT_TRUE(module.has_value());
    for (const Function& function : module->functions) {
      const FlowGraph flow = build_flow(function);
      const RowAssignment rows = assign_rows(function, flow, find_block_local(function, flow));
      RowChecker checker(function, flow, rows);
      checker.walk(0, 200);
      EXPECT_EQ(checker.mismatches(), 0) << function.name;
      EXPECT_GT(checker.reads(), 0) << function.name;
    }
  }
}

TEST(Rows, SurviveDamagedModules) {
  Rng rng(11);
  const std::string text = read_file("evaluator/ptx/testdata/tensor.ptx").value_or("");
  int parsed = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = text;
    damaged[rng.below(damaged.size())] = text[rng.below(text.size())];
    const auto module = parse(damaged);
    if (!module) continue;
    ++parsed;
    for (const Function& function : module->functions) {
      const FlowGraph flow = build_flow(function);
      const RowAssignment rows = assign_rows(function, flow, find_block_local(function, flow));
      EXPECT_EQ(rows.row.size(), function.registers.size());
    }
  }
  EXPECT_GT(parsed, 0);
}

TEST(Flow, AnEmptyFunctionHasNoBlocks) {
  const Function f = parse_body("");
  EXPECT_TRUE(build_flow(f).blocks.empty());
  EXPECT_TRUE(assign_rows(f, build_flow(f), {}).row.empty());
}

}  // namespace
}  // namespace warpwright::ptx
