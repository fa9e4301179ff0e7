// ldmatrix, stmatrix, movmatrix, wmma.load and wmma.store: which bytes go where, checks, counters.
#include "evaluator/sim/matrix_test_support.h"

namespace warpwright::sim {
namespace {

constexpr int kShared = 4096;

// The kernel fills shared memory from `in` (4096 bytes), runs `body` with %a = the lane's shared address
// (from `addresses`), stores registers %r0..%r3 and the shared memory.
std::string shared_kernel(const std::string& body, const std::string& before = "") {
  return ".version 9.0\n.target sm_100a\n.address_size 64\n"
         ".visible .entry k(.param .u64 in, .param .u64 addresses, .param .u64 out, .param .u64 shared_out) "
         "{\n"
         ".shared .align 128 .b8 memory[4096];\n.reg .b32 %t, %a, %s, %x, %r<8>;\n.reg .pred %p<4>;\n"
         ".reg .b64 %in, %addresses, %out, %so, %o, %g, %w;\n.reg .b64 %o4;\n"
         "ld.param.u64 %in, [in];\nld.param.u64 %addresses, [addresses];\nld.param.u64 %out, [out];\n"
         "ld.param.u64 %so, [shared_out];\nmov.u32 %t, %tid.x;\nmul.wide.u32 %o4, %t, 4;\n"
         "add.s64 %addresses, %addresses, %o4;\nadd.s64 %out, %out, %o4;\nadd.s64 %in, %in, %o4;\n"
         "add.s64 %so, %so, %o4;\nmov.u32 %s, memory;\nld.global.b32 %a, [%addresses];\n"
         "mad.lo.u32 %s, %t, 4, %s;\n" +
         [] {
           std::string copy;
           for (int i = 0; i < kShared / 128; ++i) {
             const std::string at = std::to_string(128 * i);
             copy += "ld.global.b32 %x, [%in+" + at + "];\nst.shared.b32 [%s+" + at + "], %x;\n";
           }
           return copy;
         }() +
         "bar.sync 0;\nmov.u32 %x, memory;\nadd.u32 %a, %a, %x;\ncvt.u64.u32 %w, %a;\ncvta.shared.u64 %g, "
         "%w;\n"
         "mov.b32 %r0, %t;\nmov.b32 %r1, %t;\nmov.b32 %r2, %t;\nmov.b32 %r3, %t;\n" +
         before + body +
         [] {
           std::string store;
           for (int r = 0; r < 4; ++r)
             store += "st.global.b32 [%out+" + std::to_string(128 * r) + "], %r" + std::to_string(r) + ";\n";
           store += "bar.sync 0;\n";
           for (int i = 0; i < kShared / 128; ++i) {
             const std::string at = std::to_string(128 * i);
             store += "ld.shared.b32 %x, [%s+" + at + "];\nst.global.b32 [%so+" + at + "], %x;\n";
           }
           return store;
         }() +
         "ret;\n}\n";
}

std::vector<uint8_t> random_bytes(std::size_t count) {
  std::mt19937 random(3);
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

struct SharedRun {
  LaunchReport report;
  std::vector<uint8_t> before, after;
  std::vector<uint32_t> registers;  // [register][lane]
  uint32_t at(int r, int lane) const { return registers[static_cast<std::size_t>(32 * r + lane)]; }
};

// Rows 144 bytes apart: no two on the same banks.
std::vector<uint32_t> spread_rows(int rows) {
  std::vector<uint32_t> addresses(32, 0);
  for (int lane = 0; lane < rows; ++lane)
    addresses[static_cast<std::size_t>(lane)] =
        static_cast<uint32_t>((lane * 7 % rows) * 112 % 3584 / 16 * 16);
  for (int lane = 0; lane < rows; ++lane)
    addresses[static_cast<std::size_t>(lane)] = static_cast<uint32_t>((lane * 5 % 32) * 112);
  return addresses;
}

SharedRun run_shared(const std::string& body, const std::vector<uint32_t>& addresses, uint32_t lanes = 32,
                     const std::string& before = "") {
  TestLaunch test(shared_kernel(body, before));
  SharedRun run;
  run.before = random_bytes(kShared);
  test.input("in", run.before);
  test.input("addresses", addresses);
  const uint64_t out = test.output<uint32_t>("out", 128), shared = test.output<uint8_t>("shared", kShared);
  run.report = test.run({1, 1, 1}, {lanes, 1, 1});
  run.registers = test.read<uint32_t>(out);
  run.after = test.read<uint8_t>(shared);
  return run;
}

uint32_t half_at(const std::vector<uint8_t>& memory, uint32_t address) {
  return memory[address] | static_cast<uint32_t>(memory[address + 1]) << 8;
}

TEST(Ldmatrix, Loads8x8MatricesOfHalves) {
  const auto addresses = spread_rows(32);
  for (const bool transposed : {false, true}) {
    for (const std::string address : {"shared", "shared::cta", "generic"}) {
      for (const int count : {1, 2, 4}) {
        const std::string registers = count == 1   ? "{%r0}"
                                      : count == 2 ? "{%r0, %r1}"
                                                   : "{%r0, %r1, %r2, %r3}";
        const SharedRun run =
            run_shared("ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) + (transposed ? ".trans" : "") +
                           (address == "generic" ? "" : "." + address) + ".b16 " + registers + ", [" +
                           (address == "generic" ? "%g" : "%a") + "];\n",
                       addresses);
        ASSERT_TRUE(run.report.completed) << messages(run.report);
        EXPECT_TRUE(run.report.findings.empty()) << messages(run.report);
        for (int j = 0; j < count; ++j) {
          for (int lane = 0; lane < 32; ++lane) {
            uint32_t expected = 0;
            for (int e = 0; e < 2; ++e) {
              const int row = transposed ? 2 * (lane % 4) + e : lane / 4;
              const int column = transposed ? lane / 4 : 2 * (lane % 4) + e;
              const uint32_t start = addresses[static_cast<std::size_t>(8 * j + row)];
              expected |= half_at(run.before, start + 2 * static_cast<uint32_t>(column)) << (16 * e);
            }
            ASSERT_EQ(run.at(j, lane), expected)
                << count << transposed << " matrix " << j << " lane " << lane;
          }
        }
      }
    }
  }
}

// One element of 16 in a row of 16 bytes: packed as 4 or 6 bits, or a byte.
uint32_t unpacked(const std::vector<uint8_t>& memory, uint32_t row, int e, int bits) {
  uint32_t value = 0;
  for (int b = 0; b < bits; ++b) {
    const int at = e * bits + b;
    value |= static_cast<uint32_t>(memory[row + static_cast<uint32_t>(at / 8)] >> (at % 8) & 1) << b;
  }
  return value;
}

TEST(Ldmatrix, LoadsAndUnpacksNarrowElements) {
  const auto addresses = spread_rows(32);
  const struct {
    const char* type;
    int bits;
  } sources[] = {{"b8", 8}, {"b8x16.b6x16_p32", 6}, {"b8x16.b4x16_p64", 4}};
  for (const auto& source : sources) {
    for (const int count : {1, 2}) {
      const SharedRun run =
          run_shared("ldmatrix.sync.aligned.m16n16.x" + std::to_string(count) + ".trans.shared." +
                         source.type + (count == 1 ? " {%r0, %r1}" : " {%r0, %r1, %r2, %r3}") + ", [%a];\n",
                     addresses);
      ASSERT_TRUE(run.report.completed) << messages(run.report);
      for (int r = 0; r < 2 * count; ++r) {
        for (int lane = 0; lane < 32; ++lane) {
          uint32_t expected = 0;
          for (int b = 0; b < 4; ++b) {
            const uint32_t row = addresses[static_cast<std::size_t>(16 * (r / 2) + 4 * (lane % 4) + b)];
            expected |= unpacked(run.before, row, lane / 4 + 8 * (r % 2), source.bits) << (8 * b);
          }
          ASSERT_EQ(run.at(r, lane), expected) << source.type << " register " << r << " lane " << lane;
        }
      }
    }
    if (source.bits == 8) continue;
    const SharedRun run = run_shared(std::string("ldmatrix.sync.aligned.m8n16.x4.shared.") + source.type +
                                         " {%r0, %r1, %r2, %r3}, [%a];\n",
                                     addresses);
    ASSERT_TRUE(run.report.completed) << messages(run.report);
    for (int r = 0; r < 4; ++r) {
      for (int lane = 0; lane < 32; ++lane) {
        uint32_t expected = 0;
        for (int b = 0; b < 4; ++b)
          expected |= unpacked(run.before, addresses[static_cast<std::size_t>(8 * r + lane / 4)],
                               4 * (lane % 4) + b, source.bits)
                      << (8 * b);
        ASSERT_EQ(run.at(r, lane), expected) << source.type << " register " << r << " lane " << lane;
      }
    }
  }
}

const char* const kFillRegisters =
    "mul.lo.u32 %r0, %t, 0x9e3779b1;\nmul.lo.u32 %r1, %t, 0x85ebca6b;\nadd.u32 %r1, %r1, 77;\n"
    "mul.lo.u32 %r2, %t, 0xc2b2ae35;\nadd.u32 %r2, %r2, 99;\nmul.lo.u32 %r3, %t, 0x27d4eb2f;\nadd.u32 %r3, "
    "%r3, 1234567;\n";

TEST(Stmatrix, StoresMatricesAndNothingElse) {
  const auto addresses = spread_rows(32);
  for (const std::string form :
       {"m8n8.x4.shared.b16", "m8n8.x4.trans.shared.b16", "m8n8.x1.shared.b16", "m8n8.x2.trans.shared.b16",
        "m16n8.x1.trans.shared.b8", "m16n8.x4.trans.shared.b8"}) {
    const int count = form.find("x4") != std::string::npos ? 4 : form.find("x2") != std::string::npos ? 2 : 1;
    const bool transposed = form.find("trans") != std::string::npos, bytes = form.ends_with("b8");
    const std::string registers = count == 1 ? "{%r0}" : count == 2 ? "{%r0, %r1}" : "{%r0, %r1, %r2, %r3}";
    const SharedRun run = run_shared("stmatrix.sync.aligned." + form + " [%a], " + registers + ";\n",
                                     addresses, 32, kFillRegisters);
    ASSERT_TRUE(run.report.completed) << messages(run.report);
    EXPECT_TRUE(run.report.findings.empty()) << messages(run.report);
    std::vector<uint8_t> expected = run.before;
    for (int j = 0; j < count; ++j) {
      for (int lane = 0; lane < 32; ++lane) {
        for (int b = 0; b < 4; ++b) {
          const int g = lane / 4, t = lane % 4;
          int row, byte;  // of memory
          if (bytes) {
            row = 2 * t + b % 2;
            byte = g + 8 * (b / 2);
          } else {
            const int column = 2 * t + b / 2;
            row = transposed ? column : g;
            byte = 2 * (transposed ? g : column) + b % 2;
          }
          expected[addresses[static_cast<std::size_t>(8 * j + row)] + static_cast<uint32_t>(byte)] =
              static_cast<uint8_t>(run.at(j, lane) >> (8 * b));
        }
      }
    }
    EXPECT_EQ(run.after, expected) << form;
  }
}

TEST(Movmatrix, Transposes) {
  const SharedRun run =
      run_shared("movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r0;\n", spread_rows(32), 32, kFillRegisters);
  ASSERT_TRUE(run.report.completed) << messages(run.report);
  for (int lane = 0; lane < 32; ++lane) {
    for (int e = 0; e < 2; ++e) {
      const int row = lane / 4, column = 2 * (lane % 4) + e;  // of the result: (column, row) of the source
      const uint32_t source = run.at(0, 4 * column + row / 2) >> (16 * (row % 2)) & 0xffff;
      EXPECT_EQ(run.at(1, lane) >> (16 * e) & 0xffff, source) << lane;
    }
  }
}

TEST(Ldmatrix, CountsBankConflicts) {
  std::vector<uint32_t> apart(32), together(32);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    apart[lane] = 16 * lane;
    together[lane] = 128 * (lane % 32);
  }
  const std::string body = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%a];\n";
  const SharedRun none = run_shared("", apart), best = run_shared(body, apart),
                  worst = run_shared(body, together);
  EXPECT_EQ(best.report.counters.shared_wavefronts - none.report.counters.shared_wavefronts, 4u);
  EXPECT_EQ(worst.report.counters.shared_wavefronts - none.report.counters.shared_wavefronts, 32u);
}

TEST(Ldmatrix, FaultsOnRowsThatAreMisalignedOrOutside) {
  const std::string load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%a];\n";
  const std::string store = "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%a], {%r0, %r1, %r2, %r3};\n";
  const struct {
    std::string body;
    uint32_t address;
    Finding::Kind kind;
  } cases[] = {{load, 8, Finding::Kind::kMisaligned},
               {store, 24, Finding::Kind::kMisaligned},
               {load, kShared, Finding::Kind::kOutOfBoundsRead},
               {store, kShared, Finding::Kind::kOutOfBoundsWrite}};
  for (const auto& bad : cases) {
    auto addresses = spread_rows(32);
    addresses[13] = bad.address;
    const SharedRun run = run_shared(bad.body, addresses);
    ASSERT_NE(run.report.fatal(), nullptr);
    EXPECT_EQ(run.report.fatal()->kind, bad.kind);
    EXPECT_NE(run.report.fatal()->message.find("thread (13, 0, 0)"), std::string::npos)
        << messages(run.report);
  }
  auto addresses = spread_rows(32);
  addresses[13] = 8;  // x1 takes the first 8 lanes only
  EXPECT_TRUE(
      run_shared("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%a];\n", addresses).report.completed);
}

TEST(Stmatrix, RacesWithReadersOfAnotherWarp) {
  // Warp 0 stores the matrix that warp 1 loads, with and without a barrier in between.
  const auto kernel = [](const char* between) {
    return std::string(
               ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k() {\n"
               ".shared .align 128 .b8 memory[512];\n.reg .b32 %t, %l, %a, %r<4>;\n.reg .pred %p;\n"
               "mov.u32 %t, %tid.x;\nand.b32 %l, %t, 31;\nmov.u32 %a, memory;\nmad.lo.u32 %a, %l, 16, %a;\n"
               "mov.b32 %r0, %t;\nmov.b32 %r1, %t;\nmov.b32 %r2, %t;\nmov.b32 %r3, %t;\n"
               "setp.ge.u32 %p, %t, 32;\n@%p bra LOAD;\n"
               "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%a], {%r0, %r1, %r2, %r3};\nLOAD:\n") +
           between +
           "setp.lt.u32 %p, %t, 32;\n@%p bra END;\n"
           "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%a];\nEND:\nret;\n}\n";
  };
  TestLaunch with(kernel("bar.sync 0;\n")), without(kernel(""));
  EXPECT_TRUE(with.run({1, 1, 1}, {64, 1, 1}).findings.empty());
  const LaunchReport report = without.run({1, 1, 1}, {64, 1, 1});
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings.front().kind, Finding::Kind::kSharedRace) << messages(report);
}

TEST(MatrixInstructions, WaitForDivergedLanes) {
  // The upper half takes a detour at a higher address and comes back.
  const std::string detour =
      "setp.ge.u32 %p0, %t, 16;\n@%p0 bra DETOUR;\nBACK:\n"
      "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%a];\nbra.uni END;\nDETOUR:\nbra.uni BACK;\nEND:\n";
  const SharedRun run = run_shared(detour, spread_rows(32));
  EXPECT_TRUE(run.report.completed && run.report.findings.empty()) << messages(run.report);
}

TEST(MatrixInstructions, FaultWhenLanesAreMissing) {
  const std::string half =
      "setp.ge.u32 %p0, %t, 16;\n@%p0 bra OVER;\n"
      "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%a];\nOVER:\n";
  const SharedRun run = run_shared(half, spread_rows(32));
  ASSERT_NE(run.report.fatal(), nullptr);
  EXPECT_EQ(run.report.fatal()->kind, Finding::Kind::kDivergentSync) << messages(run.report);
  const SharedRun predicated = run_shared(
      "setp.ge.u32 %p0, %t, 16;\n@%p0 movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r0;\n", spread_rows(32));
  ASSERT_NE(predicated.report.fatal(), nullptr);
  EXPECT_EQ(predicated.report.fatal()->kind, Finding::Kind::kDivergentSync);
  const SharedRun skipped = run_shared(
      "setp.ge.u32 %p0, %t, 100;\n@%p0 movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r0;\n", spread_rows(32));
  EXPECT_TRUE(skipped.report.completed && skipped.report.findings.empty()) << messages(skipped.report);
  for (int lane = 0; lane < 32; ++lane) EXPECT_EQ(skipped.at(1, lane), static_cast<uint32_t>(lane));
}

}  // namespace
}  // namespace warpwright::sim
