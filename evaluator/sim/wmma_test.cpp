// wmma.load, wmma.mma and wmma.store together: d = a b + c over matrices in memory.
#include "evaluator/sim/matrix_test_support.h"

namespace warpwright::sim {
namespace {

struct Wmma {
  int m, n, k;
  std::string a, b, c, d;
  bool a_column = false, b_column = false, c_column = false, d_column = false;
  std::string extra = {};  // behind the shape: ".rz"
};

int bits_of_type(const std::string& type) {
  if (type == "b1") return 1;
  if (type == "s4" || type == "u4") return 4;
  if (type == "s8" || type == "u8") return 8;
  if (type == "f16" || type == "bf16") return 16;
  return type == "f64" ? 64 : 32;
}

// Small whole numbers: every format holds them, and sums do not depend on their order.
uint64_t encode(const std::string& type, int value) {
  const auto single = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &single, 4);
  if (type == "f32" || type == "tf32") return bits;
  if (type == "bf16") return bits >> 16;
  if (type == "f64") {
    const auto wide = static_cast<double>(value);
    uint64_t w;
    std::memcpy(&w, &wide, 8);
    return w;
  }
  if (type == "f16") {
    if (value == 0) return 0;
    const int exponent = std::ilogb(std::abs(value));
    return (value < 0 ? 0x8000u : 0u) | static_cast<uint64_t>(exponent + 15) << 10 |
           (static_cast<uint64_t>(std::abs(value)) << (10 - exponent) & 0x3ff);
  }
  return static_cast<uint64_t>(static_cast<int64_t>(value)) & ((uint64_t{1} << bits_of_type(type)) - 1);
}

int random_value(const std::string& type, std::mt19937& random) {
  if (type == "b1") return static_cast<int>(random() % 2);
  if (type[0] == 'u') return static_cast<int>(random() % 8);
  return static_cast<int>(random() % 8) - 4;
}

struct Stored {  // a matrix in memory, with room between its rows
  std::vector<uint8_t> bytes;
  std::vector<std::vector<int>> values = {};
  int stride = 0;
};
void put(Stored& s, const std::string& type, bool column_major, int row, int column, uint64_t bits) {
  const int width = bits_of_type(type),
            at = (column_major ? column * s.stride + row : row * s.stride + column) * width;
  if (width < 8) {
    s.bytes[static_cast<std::size_t>(at / 8)] |= static_cast<uint8_t>(bits << (at % 8));
  } else {
    std::memcpy(s.bytes.data() + at / 8, &bits, static_cast<std::size_t>(width / 8));
  }
}
Stored store(const std::string& type, int rows, int columns, bool column_major, int padding,
             std::mt19937& random) {
  Stored s;
  s.stride = (column_major ? rows : columns) + padding;
  s.bytes.resize(
      static_cast<std::size_t>(s.stride * (column_major ? columns : rows) * bits_of_type(type) / 8));
  s.values.assign(static_cast<std::size_t>(rows), std::vector<int>(static_cast<std::size_t>(columns)));
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      const int value = random_value(type, random);
      s.values[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = value;
      put(s, type, column_major, i, j, encode(type, value));
    }
  }
  return s;
}

// Registers of a fragment; manual, "Matrix Fragments for WMMA".
int registers(const Wmma& t, char operand, const std::string& type) {
  if (operand == 'c') return type == "f64" || t.m * t.n == 64 ? 2 : type == "f16" ? 4 : 8;
  if (type == "f16") return 8;
  if (type == "f64" || bits_of_type(type) < 8) return 1;
  const int elements = operand == 'a' ? t.m * t.k : t.n * t.k;
  return elements * bits_of_type(type) / 32 / 32;
}
std::string list(const std::string& prefix, int count) {
  return fragment_text(prefix, static_cast<std::size_t>(count), false);
}

std::string wmma_kernel(const Wmma& t, const int (&strides)[4], bool in_shared) {
  const std::string shape =
      ".m" + std::to_string(t.m) + "n" + std::to_string(t.n) + "k" + std::to_string(t.k);
  const auto declare = [](const std::string& type, const std::string& prefix, int count) {
    return ".reg ." + std::string(bits_of_type(type) == 64 ? "b64 " : "b32 ") + prefix + "<" +
           std::to_string(count) + ">;\n";
  };
  const auto layout = [](bool column) { return column ? std::string(".col") : std::string(".row"); };
  const int a = registers(t, 'a', t.a), b = registers(t, 'b', t.b), c = registers(t, 'c', t.c),
            d = registers(t, 'c', t.d);
  std::string text =
      ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 b, "
      ".param .u64 c, .param .u64 d) {\n.shared .align 128 .b8 room[16384];\n.reg .b64 %p<4>, %q;\n.reg .b32 "
      "%t, %s, %x;\n" +
      declare(t.a, "%a", a) + declare(t.b, "%b", b) + declare(t.c, "%c", c) + declare(t.d, "%d", d) +
      "ld.param.u64 %p0, [a];\nld.param.u64 %p1, [b];\nld.param.u64 %p2, [c];\nld.param.u64 %p3, [d];\n";
  std::string space = in_shared ? ".shared" : ".global", a_address = "%p0", d_address = "%p3";
  if (in_shared) {  // A and D go through shared memory
    text +=
        "mov.u32 %t, %tid.x;\nmul.wide.u32 %q, %t, 4;\nadd.s64 %q, %p0, %q;\nmov.u32 %s, room;\nmad.lo.u32 "
        "%s, %t, 4, %s;\n";
    const int bytes = strides[0] * (t.a_column ? t.k : t.m) * bits_of_type(t.a) / 8;
    for (int i = 0; i < bytes; i += 128) {
      const std::string at = std::to_string(i);
      text += "ld.global.b32 %x, [%q+" + at + "];\nst.shared.b32 [%s+" + at + "], %x;\n";
    }
    text += "bar.sync 0;\n";
    a_address = "room";
  }
  text += "wmma.load.a.sync.aligned" + layout(t.a_column) + shape + space + "." + t.a + " " + list("%a", a) +
          ", [" + a_address + "], " + std::to_string(strides[0]) + ";\n";
  text += "wmma.load.b.sync.aligned" + layout(t.b_column) + shape + "." + t.b + " " + list("%b", b) +
          ", [%p1], " + std::to_string(strides[1]) + ";\n";
  text += "wmma.load.c.sync.aligned" + layout(t.c_column) + shape + ".global." + t.c + " " + list("%c", c) +
          ", [%p2], " + std::to_string(strides[2]) + ";\n";
  const std::string types =
      t.a == "f16" ? "." + t.d + "." + t.c : "." + t.d + "." + t.a + "." + t.b + "." + t.c;
  const std::string operation = t.a == "b1" ? (t.extra + ".popc") : "";
  text += "wmma.mma" + operation + ".sync.aligned" + layout(t.a_column) + layout(t.b_column) + shape +
          (t.a == "b1" ? "" : t.extra) + types + " " + list("%d", d) + ", " + list("%a", a) + ", " +
          list("%b", b) + ", " + list("%c", c) + ";\n";
  text += "wmma.store.d.sync.aligned" + layout(t.d_column) + shape + ".global." + t.d + " [%p3], " +
          list("%d", d) + ", " + std::to_string(strides[3]) + ";\nret;\n}\n";
  return text;
}

void check(const Wmma& t, bool in_shared) {
  std::mt19937 random(static_cast<unsigned>(t.m + t.k + t.a_column));
  const auto padding = [](const std::string& type) { return 256 / bits_of_type(type); };
  const Stored a = store(t.a, t.m, t.k, t.a_column, padding(t.a), random),
               b = store(t.b, t.k, t.n, t.b_column, padding(t.b), random);
  const Stored c = store(t.c, t.m, t.n, t.c_column, padding(t.c), random);
  const int strides[4] = {a.stride, b.stride, c.stride, (t.d_column ? t.m : t.n) + padding(t.d)};
  TestLaunch test(wmma_kernel(t, strides, in_shared));
  test.input("a", a.bytes);
  test.input("b", b.bytes);
  test.input("c", c.bytes);
  const uint64_t d = test.output<uint8_t>(
      "d", static_cast<std::size_t>(strides[3] * (t.d_column ? t.n : t.m) * bits_of_type(t.d) / 8));
  const LaunchReport report = test.run({1, 1, 1}, {32, 1, 1});
  ASSERT_TRUE(report.completed && report.findings.empty())
      << test.program->kernel_names()[0] << messages(report) << wmma_kernel(t, strides, in_shared);
  const auto bytes = test.read<uint8_t>(d);
  for (int i = 0; i < t.m; ++i) {
    for (int j = 0; j < t.n; ++j) {
      int sum = c.values[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
      for (int k = 0; k < t.k; ++k) {
        const int x = a.values[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)],
                  y = b.values[static_cast<std::size_t>(k)][static_cast<std::size_t>(j)];
        sum += t.a != "b1" ? x * y : t.extra == ".and" ? (x & y) : (x ^ y);
      }
      uint64_t bits = 0;
      const int width = bits_of_type(t.d) / 8;
      std::memcpy(&bits, bytes.data() + (t.d_column ? j * strides[3] + i : i * strides[3] + j) * width,
                  static_cast<std::size_t>(width));
      if (t.d[0] == 'f' && bits == uint64_t{1} << (8 * width - 1)) bits = 0;  // -0: .rm makes it of 1 - 1
      ASSERT_EQ(bits, encode(t.d, sum))
          << t.a << " m" << t.m << "n" << t.n << "k" << t.k << " row " << i << " column " << j
          << " columns major " << t.a_column << t.b_column << t.c_column << t.d_column;
    }
  }
}

void check_layouts(Wmma t) {
  for (int layouts = 0; layouts < 16; ++layouts) {
    t.a_column = layouts & 1;
    t.b_column = layouts & 2;
    t.c_column = layouts & 4;
    t.d_column = layouts & 8;
    check(t, layouts % 3 == 0);
  }
}

TEST(Wmma, MultipliesHalvesInEveryShapeAndLayout) {
  const int shapes[][3] = {{16, 16, 16}, {8, 32, 16}, {32, 8, 16}};
  for (const auto& [m, n, k] : shapes) {
    for (const char* c : {"f16", "f32"}) {
      for (const char* d : {"f16", "f32"}) check_layouts({m, n, k, "f16", "f16", c, d});
    }
    check_layouts({m, n, k, "bf16", "bf16", "f32", "f32"});
    check_layouts({m, n, k, "s8", "s8", "s32", "s32"});
    check_layouts({m, n, k, "u8", "u8", "s32", "s32", false, false, false, false, ".satfinite"});
  }
}

TEST(Wmma, MultipliesTf32AndDoubles) {
  check_layouts({16, 16, 8, "tf32", "tf32", "f32", "f32"});
  for (const char* rounding : {"", ".rn", ".rz", ".rm", ".rp"})
    check_layouts({8, 8, 4, "f64", "f64", "f64", "f64", false, false, false, false, rounding});
}

TEST(Wmma, MultipliesNarrowIntegersAndBits) {
  for (const char* type : {"s4", "u4"})
    check({8, 8, 32, type, type, "s32", "s32", false, true, true, false, ""}, true);
  for (const char* operation : {".xor", ".and"})
    check({8, 8, 128, "b1", "b1", "s32", "s32", false, true, false, true, operation}, false);
}

TEST(Wmma, ResultsMayTakeTheRegistersOfTheFactors) {
  const std::string text =
      ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 d) {\n"
      ".reg .b64 %p<2>;\n.reg .b32 %a<8>, %z<8>;\nld.param.u64 %p0, [a];\nld.param.u64 %p1, [d];\n"
      "wmma.load.a.sync.aligned.row.m16n16k16.f16 {%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7}, [%p0], 16;\n"
      "wmma.load.b.sync.aligned.col.m16n16k16.f16 {%z0, %z1, %z2, %z3, %z4, %z5, %z6, %z7}, [%p0], 16;\n"
      "wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32 {%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7}, "
      "{%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7}, {%z0, %z1, %z2, %z3, %z4, %z5, %z6, %z7}, {0f00000000, "
      "0f00000000, "
      "0f00000000, 0f00000000, 0f00000000, 0f00000000, 0f00000000, 0f00000000};\n"
      "wmma.store.d.sync.aligned.row.m16n16k16.f32 [%p1], {%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7}, "
      "16;\nret;\n}\n";
  TestLaunch test(text);
  std::vector<uint16_t> a(256);
  for (std::size_t i = 0; i < a.size(); ++i)
    a[i] = static_cast<uint16_t>(encode("f16", static_cast<int>(i * 7 % 9) - 4));
  test.input("a", a);
  const uint64_t d = test.output<float>("d", 256);
  const LaunchReport report = test.run({1, 1, 1}, {32, 1, 1});
  ASSERT_TRUE(report.completed) << messages(report);
  const auto result = test.read<float>(d);
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t j = 0; j < 16; ++j) {
      int sum = 0;
      for (std::size_t k = 0; k < 16; ++k)
        sum += (static_cast<int>((16 * i + k) * 7 % 9) - 4) * (static_cast<int>((16 * j + k) * 7 % 9) - 4);
      EXPECT_EQ(result[16 * i + j], static_cast<float>(sum)) << i << " " << j;
    }
  }
}

TEST(Wmma, FaultsOnMisalignedRows) {
  const int strides[4] = {17, 16, 16, 16};
  TestLaunch test(wmma_kernel({16, 16, 16, "f16", "f16", "f32", "f32"}, strides, false));
  for (const char* name : {"a", "b"}) test.input(name, std::vector<uint16_t>(512));
  test.input("c", std::vector<float>(256));
  test.output<float>("d", 256);
  const LaunchReport report = test.run({1, 1, 1}, {32, 1, 1});
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kMisaligned) << messages(report);
}

TEST(MatrixForms, UnknownOnesAreRefusedByName) {
  for (const std::string form :
       {"mma.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32", "mma.sync.aligned.m16n8k8.row.col.s32.s8.s8.s32",
        "mma.sync.aligned.m16n8k16.row.col.f16.bf16.bf16.f16"}) {
    TestLaunch test(
        ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k() {\n.reg .b32 %r<8>;\n" + form +
        " {%r0, %r1, %r2, %r3}, {%r0, %r1, %r2, %r3}, {%r0, %r1}, {%r0, %r1, %r2, %r3};\nret;\n}\n");
    const LaunchReport report = test.run({1, 1, 1}, {32, 1, 1});
    ASSERT_NE(report.fatal(), nullptr) << form;
    EXPECT_EQ(report.fatal()->kind, Finding::Kind::kUnsupported);
    EXPECT_NE(report.fatal()->message.find(form), std::string::npos) << messages(report);
  }
}

}  // namespace
}  // namespace warpwright::sim
