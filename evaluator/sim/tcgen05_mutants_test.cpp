// What is wrong with a kernel of tcgen05 is reported, or gives a wrong result.
#include "evaluator/sim/tensor_product_testing.h"

namespace warpwright::sim {
namespace {

using namespace tensor_test;

const Shape kShape = {"f16", ElementType::kBf16,       ElementType::kBf16, 128, 32, 16, 2,
                      1,     1 << 4 | 1 << 7 | 1 << 10};

void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

// Other bits in the instruction descriptor.
void flip(TensorKernel& k, uint32_t bits) {
  replace(k.work, "tcgen05.mma", "xor.b32 %r17, %r17, " + std::to_string(bits) + ";\ntcgen05.mma");
}

TEST(Tcgen05Mutants, OriginalIsRight) {
  const Gemm g = make_gemm(kShape);
  const TensorOutcome outcome = run_tensor(g.kernel, g.image);
  EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
  expect_product(g, outcome, [&](int r, int c) { return expected(g, r, c); });
}

TEST(Tcgen05Mutants, AreReported) {
  struct Mutant {
    std::string name, rule;
    std::function<void(TensorKernel&)> change;
  };
  const std::string kCommit = commit();
  const std::vector<Mutant> mutants = {
      {"no wait", "async-copy-read-before-wait", [](TensorKernel& k) { k.rest = "bar.sync 0;\n" + k.after; }},
      {"wrong phase", "async-copy-read-before-wait",
       [](TensorKernel& k) { k.rest = wait_at("DONE", "%r1", 1) + k.after; }},
      {"no commit", "deadlock", [&](TensorKernel& k) { replace(k.work, kCommit, ""); }},
      {"commit too early", "async-copy-read-before-wait",
       [&](TensorKernel& k) {
         replace(k.work, kCommit, "");
         const std::size_t second = k.work.rfind("tcgen05.mma");
         k.work.insert(second, kCommit);
       }},
      {"nobody waits for the last commit", "async-copy-read-before-wait",
       [&](TensorKernel& k) {
         k.work = k.work + k.work.substr(0, k.work.find(kCommit)) + commit(1, "%r1+8");
       }},
      {"no fence between the proxies", "missing-fence", [](TensorKernel& k) { k.fence = ""; }},
      {"no fence behind the barrier", "missing-fence",
       [](TensorKernel& k) {
         k.rest = "@%p5 bra WAITED;\n" + wait_at("DONE") + "WAITED:\nbar.sync 0;\n";
         replace(k.rest, "@%p5", "@%p4");
       }},
      {"no fence behind the wait for the product's mbarrier", "missing-fence",
       [](TensorKernel& k) { k.rest = wait_at("DONE"); }},
      {"the fence comes before the wait", "missing-fence",
       [](TensorKernel& k) { k.rest = k.after + wait_at("DONE"); }},
      {"no fence behind it in the warp that issued", "missing-fence",
       [](TensorKernel& k) { k.rest = wait_at("DONE") + "@!%p4 bra ISSUER;\n" + k.after + "ISSUER:\n"; }},
      {"operands overwritten too early", "async-copy-overwritten",
       [](TensorKernel& k) { k.rest = "@%p5 bra NOT;\nst.shared.u32 [%r2], 77;\nNOT:\n" + k.rest; }},
      {"early dealloc", "tensor-memory",
       [](TensorKernel& k) {
         const std::string free = "@%p4 bra KEEP;\n" +
                                  std::string("tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r3, 32;\n") +
                                  "KEEP:\n";
         k.dealloc = "mov.u32 %r20, 0;\n";
         k.rest = free + k.rest;
       }},
      {"wrong quarter", "tensor-memory", [](TensorKernel& k) { k.rest += "xor.b32 %r0, %r0, 32;\n"; }},
      {"columns beyond the allocation", "tensor-memory", [](TensorKernel& k) { k.out_first = 32; }},
      {"wrong type of D", "bad-descriptor", [](TensorKernel& k) { flip(k, 1 << 5); }},
      {"wrong type of A", "bad-descriptor", [](TensorKernel& k) { flip(k, 1 << 9); }},
      {"sparse", "bad-descriptor", [](TensorKernel& k) { flip(k, 1 << 2); }},
      {"M of 160", "bad-descriptor", [](TensorKernel& k) { flip(k, 1 << 25); }},
      {"reserved bit", "bad-descriptor", [](TensorKernel& k) { flip(k, 1 << 29); }},
      {"no constant in a matrix descriptor", "bad-descriptor",
       [](TensorKernel& k) {
         replace(k.work, "tcgen05.mma", "xor.b64 %rd5, %rd5, 0x400000000000;\ntcgen05.mma");
       }},
      {"unknown swizzle", "bad-descriptor",
       [](TensorKernel& k) {
         replace(k.work, "tcgen05.mma", "or.b64 %rd6, %rd6, 0x6000000000000000;\ntcgen05.mma");
       }},
      {"stride beyond the block's memory", "out-of-bounds-read",
       [](TensorKernel& k) {
         replace(k.work, "tcgen05.mma", "or.b64 %rd6, %rd6, 0x100000000000;\ntcgen05.mma");
       }},
  };
  for (const Mutant& mutant : mutants) {
    Gemm g = make_gemm(kShape);
    mutant.change(g.kernel);
    const TensorOutcome outcome = run_tensor(g.kernel, g.image);
    EXPECT_TRUE(has_rule(outcome.report, mutant.rule)) << mutant.name << "\n" << messages(outcome.report);
  }
}

// A comes from registers: every warp stores its quarter of it to tensor memory, then thread 0 multiplies.
Gemm make_stored(const std::string& stored, const std::string& fence, const std::string& barrier,
                 const std::string& after) {
  Shape s = kShape;
  s.steps = 1;
  Gemm g = make_gemm(s);
  g.kernel.columns = 64;
  // The thread's row of A: two chunks of 16 bytes.
  const std::string load =
      "shr.u32 %r20, %r0, 3;\nshl.b32 %r20, %r20, 8;\nand.b32 %r21, %r0, 7;\nshl.b32 %r21, %r21, 4;\n"
      "add.u32 %r20, %r20, %r21;\nadd.u32 %r20, %r20, %r2;\nld.shared.v4.u32 {%r30,%r31,%r32,%r33}, [%r20];\n"
      "ld.shared.v4.u32 {%r34,%r35,%r36,%r37}, [%r20+128];\nand.b32 %r22, %r0, 96;\nshl.b32 %r22, %r22, 16;\n"
      "add.u32 %r22, %r22, %r3;\ntcgen05.st.sync.aligned.32x32b.x8.b32 [%r22+32], "
      "{%r30,%r31,%r32,%r33,%r34,%r35,%r36,%r37};\n";
  std::string work = g.kernel.work;
  replace(work, "[%r3], %rd5", "[%r3], [%r3+32]");
  g.kernel.work = "";
  g.kernel.rest = load + stored + fence + barrier + after + "@%p5 bra ISSUED;\n" + work + "ISSUED:\n" +
                  wait_at("DONE") + g.kernel.after;
  return g;
}

TEST(Tcgen05Mutants, OfOperandsInTensorMemory) {
  const std::string stored = "tcgen05.wait::st.sync.aligned;\n",
                    fence = "tcgen05.fence::before_thread_sync;\n", barrier = "bar.sync 0;\n",
                    after = "tcgen05.fence::after_thread_sync;\n";
  const Gemm g = make_stored(stored, fence, barrier, after);
  const TensorOutcome outcome = run_tensor(g.kernel, g.image);
  EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
  expect_product(g, outcome, [&](int r, int c) { return expected(g, r, c); });
  const std::vector<std::pair<Gemm, std::string>> mutants = {
      {make_stored("", fence, barrier, after), "async-copy-read-before-wait"},
      {make_stored(stored, "", barrier, after), "missing-fence"},
      {make_stored(stored, fence, barrier, ""), "missing-fence"},
      {make_stored(stored, fence, "", after), "shared-race"},
  };
  for (const auto& [mutant, rule] : mutants) {
    TensorKernel kernel = mutant.kernel;
    const LaunchReport report = run_tensor(kernel, mutant.image).report;
    // Without a barrier the other warps may not have written at all when thread 0 comes.
    EXPECT_TRUE(has_rule(report, rule) || (rule == "shared-race" && has_rule(report, "uninitialised-read")))
        << rule << "\n"
        << messages(report);
  }
}

// Triton and CUTLASS emit no fences: barriers and mbarriers order as they do elsewhere.
TEST(Tcgen05Mutants, WithoutAnyFenceAreNotReported) {
  for (const bool multiplies_again : {false, true}) {
    Gemm g = make_gemm(kShape);
    g.kernel.before = g.kernel.after = "";
    g.kernel.rest = wait_at("DONE");
    if (multiplies_again)
      g.kernel.work += wait_at("AGAIN") + g.kernel.work.substr(0, g.kernel.work.find("tcgen05.commit"));
    if (multiplies_again) g.kernel.work += commit(1, "%r1+8"), g.kernel.rest = wait_at("DONE", "%r1+8");
    const LaunchReport report = run_tensor(g.kernel, g.image).report;
    EXPECT_TRUE(report.findings.empty()) << messages(report);
  }
}

// After a product every warp loads its quarter of D and arrives at a second mbarrier; thread 0 waits there
// and multiplies into D once more.
Gemm make_handed_over(const std::string& before, const std::string& after, bool relaxed = false) {
  Gemm g = make_gemm(kShape);
  const std::string handed = "%r2+" + std::to_string(g.kernel.shared_bytes);  // behind the operands
  g.kernel.shared_bytes += 16;
  std::string again = g.kernel.work;
  replace(again, commit(), commit(1, "%r1+8"));
  g.kernel.work = "mbarrier.init.shared::cta.b64 [" + handed + "], 4;\n" + g.kernel.work;
  const std::string load =
      "and.b32 %r20, %r0, 96;\nshl.b32 %r20, %r20, 16;\nadd.u32 %r20, %r20, %r3;\n"
      "tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r21}, [%r20];\ntcgen05.wait::ld.sync.aligned;\n";
  g.kernel.rest = "bar.sync 0;\n" + wait_at("LOAD") + g.kernel.after + load + before +
                  "and.b32 %r22, %r0, 31;\nsetp.ne.u32 %p6, %r22, 0;\n"
                  "@!%p6 mbarrier.arrive.shared::cta.b64 _, [" +
                  handed + "];\n@%p5 bra AGAIN;\n" + wait_at("HANDED", handed) + after + again + "AGAIN:\n" +
                  wait_at("DONE", "%r1+8") + g.kernel.after;
  if (relaxed) {
    std::string& text = g.kernel.rest;
    for (const char* plain : {"try_wait.parity", "arrive"}) {
      const std::string from = std::string("mbarrier.") + plain + ".shared::cta";
      for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + 1))
        text.replace(at, from.size(), std::string("mbarrier.") + plain + ".relaxed.cluster.shared::cta");
    }
  }
  return g;
}

TEST(Tcgen05Mutants, OfHandingOverAtAnMbarrier) {
  const std::string before = "tcgen05.fence::before_thread_sync;\n",
                    after = "tcgen05.fence::after_thread_sync;\n";
  for (const bool relaxed : {false, true}) {
    const Gemm g = make_handed_over(before, after, relaxed);
    const TensorOutcome outcome = run_tensor(g.kernel, g.image);
    expect_product(g, outcome, [&](int r, int c) { return expected(g, r, c); });
    const LaunchReport report = run_tensor(make_handed_over("", "", relaxed).kernel, g.image).report;
    EXPECT_FALSE(report.findings.empty()) << relaxed;
  }
  for (const bool has_before : {true, false}) {
    const Gemm mutant = make_handed_over(has_before ? before : "", has_before ? "" : after);
    const LaunchReport report = run_tensor(mutant.kernel, mutant.image).report;
    EXPECT_TRUE(has_rule(report, "missing-fence")) << messages(report);
    EXPECT_NE(messages(report).find(has_before ? "after_thread_sync" : "before_thread_sync"),
              std::string::npos);
  }
}

TEST(Tcgen05Mutants, GiveWrongResults) {
  const std::vector<std::pair<std::string, std::function<void(TensorKernel&)>>> mutants = {
      {"negated A", [](TensorKernel& k) { flip(k, 1 << 13); }},
      {"transposed B", [](TensorKernel& k) { flip(k, 1 << 16); }},
      {"f16 for bf16", [](TensorKernel& k) { flip(k, 1 << 7); }},
      {"swizzle of 128 bytes",
       [](TensorKernel& k) {
         replace(k.work, "tcgen05.mma", "xor.b64 %rd5, %rd5, 0x4000000000000000;\ntcgen05.mma");
       }},
      {"first step adds",
       [](TensorKernel& k) {
         // to what an earlier product left there
         replace(k.work, "%p0", "%p1");
         k.work = k.work.substr(0, k.work.find("tcgen05.commit")) + k.work;
         replace(k.work, "%p1", "%p0");
       }},
  };
  for (const auto& [name, change] : mutants) {
    Gemm g = make_gemm(kShape);
    change(g.kernel);
    const TensorOutcome outcome = run_tensor(g.kernel, g.image);
    ASSERT_TRUE(outcome.report.completed) << name << messages(outcome.report);
    int wrong = 0;
    for (int r = 0; r < 128; ++r) {
      for (int c = 0; c < 32; ++c)
        wrong += std::abs(result(kShape, outcome.out[place_of(kShape, r, c)]) - expected(g, r, c)) > 1e-3;
    }
    EXPECT_GT(wrong, 1000) << name;
  }
}

}  // namespace
}  // namespace warpwright::sim
