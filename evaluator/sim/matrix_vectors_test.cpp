// Number formats and products against numpy's and ml_dtypes' (testdata/matrix_vectors.txt, written by
// tools/matrix-vectors.py).
#include "evaluator/sim/matrix_test_support.h"
#include "evaluator/sim/ops/matrix.h"

namespace warpwright::sim {
namespace {

ElementType type_of(const std::string& name) {
  return parse_element_type(name).value();
}

std::vector<uint64_t> hex_words(std::istringstream& line) {
  std::vector<uint64_t> words;
  for (std::string word; line >> word;) words.push_back(std::stoull(word, nullptr, 16));
  return words;
}

TEST(MatrixVectors, DecodeEveryCodeAsMlDtypesDoes) {
  std::istringstream text(read_testdata("matrix_vectors.txt"));
  int types = 0;
  for (std::string row; std::getline(text, row);) {
    std::istringstream line(row);
    std::string kind, name;
    line >> kind >> name;
    if (kind != "values") continue;
    ++types;
    const auto values = hex_words(line);
    for (std::size_t code = 0; code < values.size(); ++code) {
      const auto decoded = [&](ElementType type, uint64_t bits) {
        const auto value = static_cast<float>(decode_element(type, bits));
        uint32_t result;
        std::memcpy(&result, &value, 4);
        return std::isnan(value) ? 0x7fffffffu : result;
      };
      // e2m1 lies in the middle of its byte.
      EXPECT_EQ(decoded(type_of(name), name == "e2m1" ? code << 2 : code), values[code])
          << name << " " << code;
      if (name == "e2m1") {
        EXPECT_EQ(decoded(ElementType::kE2m1Packed, code), values[code]) << code;
      }
      if (name == "e4m3" && code < 128) {
        EXPECT_EQ(decoded(ElementType::kUe4m3, code), values[code]) << code;
      }
    }
  }
  EXPECT_EQ(types, 6);
}

struct Product {
  std::string a, b;
  int k = 0;
  std::vector<uint64_t> a_codes, b_codes, sums, sizes;
};

std::vector<Product> read_products() {
  std::vector<Product> products;
  std::istringstream text(read_testdata("matrix_vectors.txt"));
  for (std::string row; std::getline(text, row);) {
    std::istringstream line(row);
    std::string kind;
    line >> kind;
    if (kind == "product") {
      Product& p = products.emplace_back();
      line >> p.a >> p.b >> p.k;
    } else if (kind != "values") {
      Product& p = products.back();
      (kind == "a"     ? p.a_codes
       : kind == "b"   ? p.b_codes
       : kind == "sum" ? p.sums
                       : p.sizes) = hex_words(line);
    }
  }
  return products;
}

// Registers of A (or of B, turned around): code(row, k) of 16 (or 8) rows.
template <class Code>
Fragment fill(int rows, int k, int bits, Code code) {
  const int per = 32 / bits;
  Fragment fragment(static_cast<std::size_t>(rows * k / per / 32));
  for (std::size_t r = 0; r < fragment.size(); ++r) {
    const int reg = static_cast<int>(r);
    for (int lane = 0; lane < 32; ++lane) {
      uint64_t word = 0;
      for (int e = 0; e < per; ++e) {
        const int row = lane / 4 + (rows == 16 ? 8 * (reg % 2) : 0);
        const int step = rows == 16 ? reg / 2 : reg;
        word |= code(row, per * (lane % 4) + e + 4 * per * step) << (e * bits);
      }
      fragment[r][static_cast<std::size_t>(lane)] = word;
    }
  }
  return fragment;
}

double as_double(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, 8);
  return value;
}

TEST(MatrixVectors, ProductsAreThoseOfNumpy) {
  const auto products = read_products();
  ASSERT_EQ(products.size(), 7u);
  for (const Product& p : products) {
    const bool packed = p.k == 64, halves = p.k == 16;
    const int bits = packed ? 4 : halves ? 16 : 8;
    const Fragment a = fill(
        16, p.k, bits, [&](int row, int k) { return p.a_codes[static_cast<std::size_t>(row * p.k + k)]; });
    const Fragment b = fill(
        8, p.k, bits, [&](int column, int k) { return p.b_codes[static_cast<std::size_t>(k * 8 + column)]; });
    const std::string shape = "mma.sync.aligned.m16n8k" + std::to_string(p.k) + ".row.col";
    const std::string types = ".f32." + p.a + "." + p.b + ".f32";
    std::vector<FragmentOperand> operands = {{a}, {b}, {Fragment(4, LaneValues{})}};
    Fragment ones(1);
    ones[0].fill(0x7f7f7f7f);  // scales of 1
    FragmentOperand selector;
    selector.text = "{0, 0}";
    if (packed) operands.insert(operands.end(), {{ones}, selector, {ones}, selector});
    const std::string kind = packed ? ".kind::mxf4.block_scale.scale_vec::2X" : halves ? "" : ".kind::f8f6f4";
    const Fragment d = run_matrix(shape + kind + types + (packed ? ".ue8m0" : ""), 4, 4, operands);
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < 4; ++i) {
        const auto at = static_cast<std::size_t>((lane / 4 + 8 * (i / 2)) * 8 + 2 * (lane % 4) + i % 2);
        float value;
        const auto word =
            static_cast<uint32_t>(d[static_cast<std::size_t>(i)][static_cast<std::size_t>(lane)]);
        std::memcpy(&value, &word, 4);
        EXPECT_NEAR(value, as_double(p.sums[at]), as_double(p.sizes[at]) * p.k * 0x1p-24)
            << types << " " << at;
      }
    }
  }
}

}  // namespace
}  // namespace warpwright::sim
