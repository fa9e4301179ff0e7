// Tensor memory: allocation, ld and st, and what is reported.
#include "evaluator/sim/tensor_memory.h"

#include <functional>

#include "evaluator/sim/tensor_test_support.h"

namespace warpwright::sim {
namespace {

// Every warp stores thread * 1000 + register to its quarter, in a shape, before the columns are written out.
std::string store_all(const std::string& shape, int registers, const std::string& split = "",
                      const std::string& lane = "and.b32 %r20, %r0, 96;\n") {
  std::string text =
                  lane + "shl.b32 %r20, %r20, 16;\nadd.u32 %r20, %r20, %r3;\nmul.lo.u32 %r21, %r0, 1000;\n",
              rows;
  for (int r = 0; r < registers; ++r) {
    text += "add.u32 %r" + std::to_string(30 + r) + ", %r21, " + std::to_string(r) + ";\n";
    rows += (r > 0 ? ",%r" : "%r") + std::to_string(30 + r);
  }
  return text + "tcgen05.st.sync.aligned." + shape + ".b32 [%r20], " + split + "{" + rows +
         "};\ntcgen05.wait::st.sync.aligned;\n";
}

TEST(TensorMemories, KeepWhatIsStoredInFullLanes) {
  TensorKernel k;
  k.out_columns = 8;
  k.rest = store_all("32x32b.x8", 8);
  const auto [report, out] = run_tensor(k);
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  for (uint32_t t = 0; t < 128; ++t) {
    for (uint32_t c = 0; c < 8; ++c) ASSERT_EQ(out[t * 8 + c], t * 1000 + c);
  }
}

// The fragments of the shapes of 16 lanes, from the manual's figures.
TEST(TensorMemories, LayOutEachShape) {
  struct Case {
    std::string shape, split;
    int registers, columns;
    std::function<std::pair<int, int>(int, int)> cell;  // thread of the warp, register -> lane, column
  };
  const std::vector<Case> cases = {
      {"16x64b.x2", "", 2, 4,
       [](int t, int r) { return std::pair(t / 4 + 8 * (t & 1), (t >> 1 & 1) + 2 * r); }},
      {"16x128b.x2", "", 4, 8,
       [](int t, int r) { return std::pair(t / 4 + 8 * (r & 1), t % 4 + 4 * (r >> 1)); }},
      {"16x256b.x2", "", 8, 16,
       [](int t, int r) {
         return std::pair(t / 4 + 8 * (r >> 1 & 1), 2 * (t % 4) + (r & 1) + 8 * (r >> 2));
       }},
      {"16x32bx2.x4", "8, ", 4, 16, [](int t, int r) { return std::pair(t % 16, r + (t < 16 ? 0 : 8)); }},
  };
  for (const Case& c : cases) {
    TensorKernel k;
    // All cells first, so that none is left unwritten; then the shape in the lower half of each quarter.
    k.out_columns = static_cast<uint32_t>(c.columns);
    k.rest = store_all("32x32b.x" + std::to_string(c.columns), c.columns) +
             store_all(c.shape, c.registers, c.split);
    const auto [report, out] = run_tensor(k);
    ASSERT_TRUE(report.completed) << c.shape << messages(report);
    EXPECT_TRUE(report.findings.empty()) << c.shape << messages(report);
    for (int t = 0; t < 128; ++t) {
      for (int r = 0; r < c.registers; ++r) {
        const auto [lane, column] = c.cell(t % 32, r);
        ASSERT_EQ(out[static_cast<std::size_t>((t / 32 * 32 + lane) * c.columns + column)],
                  static_cast<uint32_t>(t * 1000 + r))
            << c.shape << " thread " << t << " register " << r;
      }
    }
  }
}

TEST(TensorMemories, LoadWhatTheSameShapeStores) {
  for (const std::string shape :
       {"16x64b.x4", "16x128b.x4", "16x256b.x2", "32x32b.x8", "32x32b.x4.PACK16b"}) {
    const bool packed = shape.ends_with("PACK16b");
    const std::string form = packed ? shape.substr(0, shape.size() - 8) : shape;
    const int registers = shape[0] == '3' ? (packed ? 4 : 8) : shape.find("64b") != std::string::npos ? 4 : 8;
    std::string load, rows, check = "mov.u32 %r22, 0;\n";
    for (int r = 0; r < registers; ++r) {
      rows += (r > 0 ? ",%r" : "%r") + std::to_string(60 + r);
      check += "sub.u32 %r23, %r" + std::to_string(60 + r) + ", %r" + std::to_string(30 + r) +
               ";\nor.b32 %r22, %r22, %r23;\n";
    }
    TensorKernel k;
    k.out_columns = 1;
    k.rest = store_all(form + (packed ? ".unpack::16b" : ""), registers) + "tcgen05.ld.sync.aligned." + form +
             (packed ? ".pack::16b" : "") + ".b32 {" + rows + "}, [%r20];\ntcgen05.wait::ld.sync.aligned;\n" +
             check +
             "and.b32 %r20, %r0, 96;\nshl.b32 %r20, %r20, 16;\nadd.u32 %r20, %r20, %r3;\n"
             "tcgen05.st.sync.aligned.32x32b.x1.b32 [%r20], {%r22};\ntcgen05.wait::st.sync.aligned;\n";
    const auto [report, out] = run_tensor(k);
    ASSERT_TRUE(report.completed) << shape << messages(report);
    EXPECT_TRUE(report.findings.empty()) << shape << messages(report);
    for (const uint32_t difference : out) ASSERT_EQ(difference, 0u) << shape;
  }
}

// Compilers move uses of the registers before wait::ld; without one it is a finding.
TEST(TensorMemories, WantAWaitBehindEachLoad) {
  for (const bool waits : {true, false}) {
    TensorKernel k;
    k.rest = store_all("32x32b.x1", 1) +
             "tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r60}, [%r20];\nadd.u32 %r61, %r60, 1;\n"
             "mul.wide.u32 %rd9, %r0, 4;\nadd.s64 %rd9, %rd9, %rd1;\nst.global.u32 [%rd9], %r61;\n" +
             (waits ? "tcgen05.wait::ld.sync.aligned;\n" : "");
    k.extra_words = 128;
    const auto [report, out] = run_tensor(k);
    ASSERT_TRUE(report.completed) << messages(report);
    EXPECT_EQ(has_rule(report, "async-copy-read-before-wait"), !waits) << messages(report);
    for (uint32_t t = 0; t < 128; ++t) ASSERT_EQ(out[t], t * 1000 + 1);
  }
}

std::string load_one(const std::string& address) {
  return "tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r60}, [" + address + "];\ntcgen05.wait::ld.sync.aligned;\n";
}

TEST(TensorMemories, AreMisusedByName) {
  const std::string own = "and.b32 %r20, %r0, 96;\nshl.b32 %r20, %r20, 16;\nadd.u32 %r20, %r20, %r3;\n";
  struct Case {
    std::string rest, dealloc, rule, message;
  };
  const std::string free_32 = "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r3, 32;\n";
  const std::vector<Case> cases = {
      {load_one("%r3"), free_32, "tensor-memory", "reaches lanes 32 to 63 only"},
      {own + load_one("%r20+32"), free_32, "tensor-memory", "allocated are columns 0 to 31"},
      {own + load_one("%r20"), free_32, "uninitialised-read", "which nothing has written"},
      {"", "mov.u32 %r20, 0;\n", "tensor-memory", "has ended with tensor memory allocated"},
      {"", "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r3, 64;\n", "tensor-memory", "has not given"},
      {"", free_32 + free_32, "tensor-memory", "has not given"},
      {"", "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r3, 48;\n", "tensor-memory",
       "a power of two from 32"},
      {"@%p4 bra NONE;\ntcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r11], 32;\nNONE:\n",
       free_32, "tensor-memory", "after tcgen05.relinquish_alloc_permit"},
      {own + "tcgen05.st.sync.aligned.32x32b.x1.b32 [%r20], {%r0};\n" + load_one("%r20"), free_32,
       "async-copy-read-before-wait", "tcgen05.wait::st comes first"},
      {store_all("32x32b.x1", 1) +
           "tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r60}, [%r20];\n"
           "tcgen05.st.sync.aligned.32x32b.x1.b32 [%r20], {%r0};\ntcgen05.wait::ld.sync.aligned;\n"
           "tcgen05.wait::st.sync.aligned;\n",
       free_32, "async-copy-overwritten", "tcgen05.wait::ld comes first"},
  };
  for (const Case& c : cases) {
    TensorKernel k;
    k.rest = c.rest;
    k.dealloc = c.dealloc;
    const LaunchReport report = run_tensor(k).report;
    EXPECT_TRUE(has_rule(report, c.rule)) << c.message << "\n" << messages(report);
    EXPECT_NE(messages(report).find(c.message), std::string::npos) << c.message << "\n" << messages(report);
  }
}

TEST(TensorMemories, WaitForRoom) {
  // Warp 1 allocates 512 columns while warp 0 holds 32: it waits until warp 0 gives them back.
  const std::string text =
      ".version 9.0\n.target sm_100a\n.address_size 64\n.shared .align 16 .b8 place[16];\n"
      ".visible .entry k() {\n.reg .pred %p<4>;\n.reg .b32 %r<10>;\nmov.u32 %r0, %tid.x;\nmov.u32 %r1, "
      "place;\n"
      "setp.ge.u32 %p0, %r0, 32;\n@%p0 bra SECOND;\n"
      "tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r1], 32;\nbar.sync 0;\nld.shared.u32 %r2, "
      "[%r1];\n"
      "FREE\nret;\nSECOND:\nbar.sync 0;\n"
      "tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r1+4], 512;\nbar.warp.sync "
      "-1;\nld.shared.u32 %r2, [%r1+4];\n"
      "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r2, 512;\nret;\n}\n";
  for (const bool frees : {true, false}) {
    std::string whole = text;
    whole.replace(whole.find("FREE"), 4,
                  frees ? "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r2, 32;" : "");
    for (const bool reverse : {false, true}) {
      TestLaunch t(whole);
      t.options.reverse_order = reverse;
      const LaunchReport report = t.run({1, 1, 1}, {64, 1, 1});
      EXPECT_EQ(report.completed, frees) << messages(report);
      if (frees) {
        EXPECT_TRUE(report.findings.empty()) << messages(report);
        continue;
      }
      ASSERT_NE(report.fatal(), nullptr);
      EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock);
      EXPECT_NE(report.fatal()->message.find("waits for columns of tensor memory"), std::string::npos)
          << report.fatal()->message;
    }
  }
}

}  // namespace
}  // namespace warpwright::sim
