// Moves between register widths, vector and 128-bit accesses, and atomics of every type.
#include <numeric>

#include "evaluator/sim/float_reference.h"
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

TEST(Moves, PiecesOfRegisters) {
  check_body("mov.b32 $0, {$1, $2};\n", "whh", [](const Sources& s) { return s[0] | s[1] << 16; });
  check_body("mov.b64 $0, {$1, $2};\n", "dww", [](const Sources& s) { return s[0] | s[1] << 32; });
  check_body("mov.b64 $0, {$1, $2, $3, $4};\n", "dhhhh",
             [](const Sources& s) { return s[0] | s[1] << 16 | s[2] << 32 | s[3] << 48; });
  check_body("{ .reg .b8 %x<2>; mov.b16 {%x0, %x1}, $1; mov.b16 $0, {%x1, %x0}; }\n", "hh",
             [](const Sources& s) { return s[0] << 8 | s[0] >> 8; });
  check_body(
      "{ .reg .b8 %x<4>; mov.b32 {%x0, %x1, %x2, %x3}, $1; mov.b32 $0, {%x3, %x2, %x1, %x0}; }\n", "ww",
      [](const Sources& s) { return static_cast<uint64_t>(__builtin_bswap32(static_cast<uint32_t>(s[0]))); });
  // A piece may go to the register that is taken apart.
  check_body("mov.b64 {$2, %w7}, $1;\nmov.b64 {%w7, $2}, $1;\nmov.b32 $0, $2;\n", "wdw",
             [](const Sources& s) { return s[0] >> 32; });
  check_body("{ .reg .b16 %y; mov.b32 {_, %y}, $1; cvt.u32.u16 $0, %y; }\n", "ww",
             [](const Sources& s) { return s[0] >> 16; });
  check_body(
      "mov.b128 %q0, {$1, $2};\nmov.b128 %q1, %q0;\nmov.b128 {%d7, %d8}, %q1;\nxor.b64 %d7, %d7, 1;\nsub.u64 "
      "$0, %d7, %d8;\n",
      "ddd", [](const Sources& s) { return (s[0] ^ 1) - s[1]; });
  check_body("mov.b128 %q0, {$1, $2, $3, $4};\nmov.b128 {%d7, %d8}, %q0;\nsub.u64 $0, %d7, %d8;\n", "dwwww",
             [](const Sources& s) { return (s[0] | s[1] << 32) - (s[2] | s[3] << 32); });
}

// Accesses through a lane's own part of the output, so that what is stored can be loaded again.
TEST(Accesses, VectorsAndSignsOfEveryWidth) {
  const std::string prepare =
      "{ .shared .align 32 .b8 room[8192]; .reg .b32 %at; .reg .b64 %there;\n"
      "mov.u32 %at, %tid.x; shl.b32 %at, %at, 5; mov.u32 %w7, room; add.u32 %at, %at, %w7;\n";
  check_body(
      prepare +
          "st.shared.v2.b64 [%at], {$1, $2};\nld.shared.b128 %q0, [%at];\nst.shared.b128 [%at+16], %q0;\n"
          "ld.shared.v2.b64 {%d7, %d8}, [%at+16];\nsub.u64 $0, %d7, %d8; }\n",
      "ddd", [](const Sources& s) { return s[0] - s[1]; });
  check_body(
      prepare +
          "st.shared.b64 [%at], $1;\nld.shared.v4.s8 {%w4, %w5, %w6, %w7}, [%at+4];\nadd.s32 %w4, %w4, %w5;\n"
          "add.s32 %w6, %w6, %w7;\nadd.s32 $0, %w4, %w6; }\n",
      "wd", [](const Sources& s) {
        int sum = 0;
        for (int k = 4; k < 8; ++k) sum += static_cast<int8_t>(s[0] >> (8 * k));
        return static_cast<uint64_t>(sum);
      });
  check_body(prepare + "st.shared.v4.b16 [%at], {$1, $2, $3, $4};\nld.shared.s16 $0, [%at+6]; }\n", "whhhh",
             [](const Sources& s) { return static_cast<uint64_t>(int{s16(s[3])}); });
  check_body(prepare +
                 "st.shared.v2.b8 [%at], {$1, $2};\ncvta.shared.u64 %there, 0;\ncvt.u64.u32 %d8, "
                 "%at;\nadd.s64 %there, %there, %d8;\n"
                 "ld.u16 $0, [%there]; }\n",
             "whh", [](const Sources& s) { return (s[0] & 255) | (s[1] & 255) << 8; });
  check_body(
      "{ .local .align 16 .b8 room[32]; st.local.v4.b32 [room], {$1, $2, $3, $4};\nld.local.v2.u64 {%d7, "
      "%d8}, [room];\n"
      "sub.u64 $0, %d7, %d8; }\n",
      "dwwww", [](const Sources& s) { return (s[0] | s[1] << 32) - (s[2] | s[3] << 32); });
}

// 32 bytes a lane, in one access.
TEST(Accesses, EightWordsAtOnce) {
  TestLaunch t(
      ".version 9.0\n.target sm_100a\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 b) {\n"
      ".reg .b32 %r<9>;\n.reg .b64 %d<9>;\nld.param.u64 %d0, [a];\nld.param.u64 %d1, [b];\nmov.u32 %r0, "
      "%tid.x;\n"
      "mul.wide.u32 %d2, %r0, 32;\nadd.s64 %d0, %d0, %d2;\nadd.s64 %d1, %d1, %d2;\n"
      "ld.global.L2::evict_first.v8.b32 {%r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7}, [%d0];\nadd.u32 %r7, %r7, "
      "%r0;\n"
      "st.global.v8.b32 [%d1], {%r7, %r6, %r5, %r4, %r3, %r2, %r1, %r0};\n"
      "ld.global.v4.b64 {%d4, %d5, %d6, %d7}, [%d1];\nadd.u64 %d4, %d4, %d7;\nst.global.v4.b64 [%d1], {%d4, "
      "%d5, %d6, %d7};\nret;\n}\n");
  std::vector<uint32_t> in(32 * 8);
  std::iota(in.begin(), in.end(), 5u);
  t.input("in", in);
  const uint64_t out = t.output<uint32_t>("out", in.size());
  const LaunchReport report = t.run({1, 1, 1}, {32, 1, 1});
  ASSERT_TRUE(report.completed && report.findings.empty()) << messages(report);
  const auto got = t.read<uint32_t>(out);
  for (std::size_t lane = 0; lane < 32; ++lane) {
    const uint32_t* row = &in[8 * lane];
    EXPECT_EQ(got[8 * lane + 3], row[4]);
    EXPECT_EQ(got[8 * lane + 7], row[0]);
    EXPECT_EQ(got[8 * lane], row[7] + row[0] + row[1]);
  }
}

// An atomic on a word of shared memory that holds $1: gives the old value and the new one, mixed.
void check_atomic(const std::string& operation, char kind,
                  const std::function<uint64_t(uint64_t, uint64_t, uint64_t)>& f, bool compares = false,
                  const Same& same = std::equal_to<>()) {
  const std::string type = type_of(kind), k(1, kind);
  const std::string room =
      "{ .shared .align 16 .b8 room[8192]; .reg .b32 %at; mov.u32 %at, %tid.x; shl.b32 %at, %at, 5;\n"
      "mov.u32 %w7, room; add.u32 %at, %at, %w7; st.shared." +
      type + " [%at], $1;\n";
  const std::string operands = compares ? ", [%at], $2, $3;\n" : ", [%at], $2;\n";
  check_body(room + "atom.shared." + operation + " $0" + operands + "}\n", k + k + k + k,
             [](const Sources& s) { return s[0]; });
  check_body(
      room + "atom.shared." + operation + " $0" + operands + "ld.shared." + type + " $0, [%at]; }\n",
      k + k + k + k, [&](const Sources& s) { return f(s[0], s[1], s[2]); }, same);
}

TEST(Atomics, IntegersOfEveryType) {
  for (const bool wide : {false, true}) {
    const char kind = wide ? 'd' : 'w';
    const std::string b = wide ? ".b64" : ".b32", u = wide ? ".u64" : ".u32", s = wide ? ".s64" : ".s32";
    const auto less = [&](uint64_t a, uint64_t c) { return wide ? s64(a) < s64(c) : s32(a) < s32(c); };
    check_atomic("add" + u, kind, [](auto a, auto v, auto) { return a + v; });
    check_atomic("add" + s, kind, [](auto a, auto v, auto) { return a + v; });
    check_atomic("exch" + b, kind, [](auto, auto v, auto) { return v; });
    check_atomic("and" + b, kind, [](auto a, auto v, auto) { return a & v; });
    check_atomic("or" + b, kind, [](auto a, auto v, auto) { return a | v; });
    check_atomic("xor" + b, kind, [](auto a, auto v, auto) { return a ^ v; });
    check_atomic("min" + u, kind, [](auto a, auto v, auto) { return std::min(a, v); });
    check_atomic("max" + u, kind, [](auto a, auto v, auto) { return std::max(a, v); });
    check_atomic("min" + s, kind, [&](auto a, auto v, auto) { return less(a, v) ? a : v; });
    check_atomic("max" + s, kind, [&](auto a, auto v, auto) { return less(a, v) ? v : a; });
    check_atomic(
        "cas" + b, kind, [](auto a, auto v, auto n) { return a == v ? n : a; }, true);
  }
  check_atomic("inc.u32", 'w', [](auto a, auto v, auto) { return a >= v ? 0 : a + 1; });
  check_atomic("dec.u32", 'w', [](auto a, auto v, auto) { return a == 0 || a > v ? v : a - 1; });
  check_atomic(
      "cas.b16", 'h', [](auto a, auto v, auto n) { return a == v ? n : a; }, true);
}

TEST(Atomics, FloatsOfEveryType) {
  const auto sum = [](const Format& f, uint64_t a, uint64_t b) {
    return round(f, add(unpack(f, a), unpack(f, b), Round::kNearest), Round::kNearest);
  };
  check_atomic(
      "add.f32", 'w', [&](auto a, auto v, auto) { return sum(kF32, a, v); }, false, same_f32);
  check_atomic(
      "add.f64", 'd', [&](auto a, auto v, auto) { return sum(kF64, a, v); }, false, same_f64);
  check_atomic(
      "add.noftz.f16", 'h', [&](auto a, auto v, auto) { return sum(kF16, a, v); }, false,
      same_narrow(false, 1));
  check_atomic(
      "add.noftz.bf16", 'h', [&](auto a, auto v, auto) { return sum(kBf16, a, v); }, false,
      same_narrow(true, 1));
  for (const bool bfloat : {false, true}) {
    const Format f = bfloat ? kBf16 : kF16;
    check_atomic(
        bfloat ? "add.noftz.bf16x2" : "add.noftz.f16x2", 'w',
        [&](auto a, auto v, auto) { return sum(f, a & 0xffff, v & 0xffff) | sum(f, a >> 16, v >> 16) << 16; },
        false, same_narrow(bfloat, 2));
  }
}

// On global memory add.f32 takes denormals for zeros.
TEST(Atomics, VectorsAndGlobalFlushing) {
  const std::string header =
      ".version 9.0\n.target sm_100a\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 b) "
      "{\n.reg .b32 %r<9>;\n"
      ".reg .b16 %h<9>;\n.reg .b64 %d<9>;\n.reg .b128 %q<3>;\nld.param.u64 %d0, [a];\nld.param.u64 %d1, "
      "[b];\n";
  const auto run = [&](const std::string& body, const std::vector<uint32_t>& start) {
    TestLaunch t(header + body + "ret;\n}\n");
    t.input("in", start);
    const uint64_t out = t.output<uint32_t>("out", start.size());
    std::memcpy(t.memory.bytes(out).data(), start.data(), 4 * start.size());
    t.memory.mark_initialised(out, true);
    const LaunchReport report = t.run({1, 1, 1}, {1, 1, 1});
    EXPECT_TRUE(report.completed) << messages(report);
    return t.read<uint32_t>(out);
  };
  const auto word = [](float x) { return static_cast<uint32_t>(bits(x)); };
  using Words = std::vector<uint32_t>;
  EXPECT_EQ(run("mov.b32 %r1, 0f3f800000;\nmov.b32 %r2, 0f40000000;\n"
                "atom.global.add.v4.f32 {%r5, %r6, %r7, %r8}, [%d1], {%r1, %r2, %r1, %r2};\nst.global.f32 "
                "[%d1+16], %r8;\n",
                {word(1), word(2), word(3), word(4), 0}),
            (Words{word(2), word(4), word(4), word(6), word(4)}));
  EXPECT_EQ(run("mov.b32 %r1, 1;\nred.global.add.f32 [%d1], %r1;\natom.global.add.f32 %r2, [%d1+4], %r1;\n",
                {word(1), 5}),
            (Words{word(1), 0}));
  EXPECT_EQ(run("mov.b32 %r1, 0x3c004000;\nred.global.max.noftz.v2.f16x2 [%d1], {%r1, %r1};\n",
                {0x40003c00, 0x3c003c00}),
            (Words{0x40004000, 0x3c004000}));
  EXPECT_EQ(run("mov.b16 %h1, 0x3c00;\nred.global.add.noftz.v8.f16 [%d1], {%h1, %h1, %h1, %h1, %h1, %h1, "
                "%h1, %h1};\n",
                {0x3c003c00, 0, 0x40003c00, 0}),
            (Words{0x40004000, 0x3c003c00, 0x42004000, 0x3c003c00}));
  EXPECT_EQ(run("ld.global.b128 %q0, [%d0];\nld.global.b128 %q1, [%d0+16];\natom.global.cas.b128 %q2, [%d1], "
                "%q0, %q1;\n"
                "st.global.b128 [%d1+16], %q2;\n",
                {1, 2, 3, 4, 5, 6, 7, 8}),
            (Words{5, 6, 7, 8, 1, 2, 3, 4}));
  EXPECT_EQ(run("ld.global.b128 %q0, [%d0+16];\natom.global.cas.b128 %q2, [%d1], %q0, "
                "%q0;\natom.global.exch.b128 %q1, [%d1+16], %q2;\n",
                {1, 2, 3, 4, 5, 6, 7, 8}),
            (Words{1, 2, 3, 4, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace warpwright::sim::testing
