// Scalar and SIMD video instructions after the manual's pseudo code.
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

__extension__ using Int128 = __int128;

int64_t part(uint64_t x, const std::string& selector, bool is_signed) {
  int width = 32, shift = 0;
  if (!selector.empty()) {
    width = selector[0] == 'b' ? 8 : 16;
    shift = (selector[1] - '0') * width;
  }
  const auto field = static_cast<int64_t>(x >> shift & ((uint64_t{1} << width) - 1));
  return is_signed && field >> (width - 1) != 0 ? field - (int64_t{1} << width) : field;
}
int64_t clamp(int64_t x, int width, bool is_signed) {
  const int64_t low = is_signed ? -(int64_t{1} << (width - 1)) : 0;
  const int64_t high = (int64_t{1} << (is_signed ? width - 1 : width)) - 1;
  return std::min(std::max(x, low), high);
}
std::string sign_of(bool is_signed) {
  return is_signed ? ".s32" : ".u32";
}
std::string dotted(const std::string& selector) {
  return selector.empty() ? "" : "." + selector;
}
int64_t merged(int64_t value, const std::string& destination, uint64_t c) {
  if (destination.empty()) return value;
  const int width = destination[0] == 'b' ? 8 : 16, shift = (destination[1] - '0') * width;
  const uint64_t mask = ((uint64_t{1} << width) - 1) << shift;
  return static_cast<int64_t>((c & ~mask) | (static_cast<uint64_t>(value) << shift & mask));
}

using Binary = int64_t (*)(int64_t, int64_t);
struct Operation {
  const char* name;
  Binary compute;
};
constexpr Operation kScalar[] = {{"vadd", [](int64_t a, int64_t b) { return a + b; }},
                                 {"vsub", [](int64_t a, int64_t b) { return a - b; }},
                                 {"vabsdiff", [](int64_t a, int64_t b) { return a > b ? a - b : b - a; }},
                                 {"vmin", [](int64_t a, int64_t b) { return std::min(a, b); }},
                                 {"vmax", [](int64_t a, int64_t b) { return std::max(a, b); }}};

TEST(VideoOps, ScalarOperations) {
  const std::string selectors[][3] = {{"", "", ""}, {"b1", "b3", "h0"}, {"h1", "h1", "b2"}, {"b0", "", "b0"}};
  for (const Operation& op : kScalar) {
    for (int signs = 0; signs < 8; ++signs) {
      const bool d_signed = signs & 1, a_signed = signs & 2, b_signed = signs & 4;
      const std::string types = op.name + sign_of(d_signed) + sign_of(a_signed) + sign_of(b_signed);
      for (const auto& [d, a, b] : selectors) {
        for (const bool sat : {false, true}) {
          const auto value = [&](const Sources& s) {
            const int64_t x = op.compute(part(s[0], a, a_signed), part(s[1], b, b_signed));
            const int width = d.empty() ? 32 : d[0] == 'b' ? 8 : 16;
            return sat ? clamp(x, width, d_signed) : x;
          };
          const std::string sources = "$1" + dotted(a) + ", $2" + dotted(b);
          check_body(types + (sat ? ".sat" : "") + " $0" + dotted(d) + ", " + sources +
                         (d.empty() ? "" : ", $3") + ";\n",
                     "wwww",
                     [&](const Sources& s) { return static_cast<uint64_t>(merged(value(s), d, s[2])); });
          if (!d.empty()) continue;
          for (const char* second : {"add", "min", "max"}) {
            check_body(types + (sat ? ".sat." : ".") + second + " $0, " + sources + ", $3;\n", "wwww",
                       [&](const Sources& s) {
                         const auto word = static_cast<uint64_t>(value(s)) & 0xffffffff;
                         if (second[0] == 'a') return word + s[2];
                         const int64_t x = part(word, "", d_signed), c = part(s[2], "", d_signed);
                         return static_cast<uint64_t>(second[1] == 'i' ? std::min(x, c) : std::max(x, c));
                       });
          }
        }
      }
    }
  }
}

TEST(VideoOps, ScalarShiftsComparisonsAndProducts) {
  for (const bool a_signed : {false, true}) {
    for (const bool wrap : {false, true}) {
      for (const bool left : {false, true}) {
        check_body(std::string(left ? "vshl" : "vshr") + ".s32" + sign_of(a_signed) + ".u32.sat" +
                       (wrap ? ".wrap" : ".clamp") + " $0, $1, $2.b1;\n",
                   "www", [&](const Sources& s) {
                     const int64_t a = part(s[0], "", a_signed);
                     int64_t n = part(s[1], "b1", false);
                     n = wrap ? n & 31 : std::min<int64_t>(n, 32);
                     const Int128 x = left ? static_cast<Int128>(a) * (static_cast<Int128>(1) << n)
                                           : static_cast<Int128>(a) >> n;
                     return static_cast<uint64_t>(clamp(static_cast<int64_t>(x), 32, true));
                   });
      }
    }
    for (const bool b_signed : {false, true}) {
      const std::string types = sign_of(a_signed) + sign_of(b_signed);
      check_body("vset" + types + ".lt $0, $1.h1, $2;\n", "www", [&](const Sources& s) {
        return part(s[0], "h1", a_signed) < part(s[1], "", b_signed) ? uint64_t{1} : 0;
      });
      check_body("vset" + types + ".ge.add $0, $1, $2.b3, $3;\n", "wwww", [&](const Sources& s) {
        return (part(s[0], "", a_signed) >= part(s[1], "b3", b_signed) ? 1 : 0) + s[2];
      });
      for (const char* form : {"", "-a", "-c", "po"}) {
        for (const int scale : {0, 7, 15}) {
          for (const bool sat : {false, true}) {
            const std::string f = form;
            const std::string opcode = "vmad.s32" + types + (f == "po" ? ".po" : "") + (sat ? ".sat" : "") +
                                       (scale == 0 ? "" : ".shr" + std::to_string(scale));
            check_body(
                opcode + " $0, " + (f == "-a" ? "-" : "") + "$1.h0, $2, " + (f == "-c" ? "-" : "") + "$3;\n",
                "wwww", [&](const Sources& s) {
                  const bool final_signed = a_signed || b_signed || f[0] == '-';
                  Int128 x = static_cast<Int128>(part(s[0], "h0", a_signed)) * part(s[1], "", b_signed);
                  Int128 c = part(s[2], "", final_signed);
                  if (f == "-a") x = -x;
                  if (f == "-c") c = -c;
                  x = (x + c + (f == "po" ? 1 : 0)) >> scale;
                  if (!sat) return static_cast<uint64_t>(x);
                  const Int128 low = final_signed ? INT32_MIN : 0,
                               high = final_signed ? INT32_MAX : UINT32_MAX;
                  return static_cast<uint64_t>(std::min(std::max(x, low), high));
                });
          }
        }
      }
    }
  }
}

constexpr Operation kPacked[] = {
    {"vadd", kScalar[0].compute},
    {"vsub", kScalar[1].compute},
    {"vabsdiff", kScalar[2].compute},
    {"vmin", kScalar[3].compute},
    {"vmax", kScalar[4].compute},
    {"vavrg", [](int64_t a, int64_t b) { return a + b >= 0 ? (a + b + 1) >> 1 : (a + b) >> 1; }},
    {"vset", [](int64_t a, int64_t b) { return int64_t{a < b}; }}};

TEST(VideoOps, PackedOperations) {
  for (const int elements : {2, 4}) {
    const int width = 32 / elements;
    const char letter = elements == 2 ? 'h' : 'b';
    const std::string all = elements == 2 ? "h10" : "b3210", above = elements == 2 ? "h32" : "b7654";
    const std::string mixed = elements == 2 ? "h21" : "b7035", masks[] = {"", elements == 2 ? "h1" : "b20"};
    for (const Operation& op : kPacked) {
      const bool compares = std::string(op.name) == "vset";
      for (int signs = 0; signs < (compares ? 4 : 8); ++signs) {
        const bool a_signed = signs & 1, b_signed = signs & 2, d_signed = signs & 4;
        const std::string types = op.name + std::to_string(elements) + (compares ? "" : sign_of(d_signed)) +
                                  sign_of(a_signed) + sign_of(b_signed) + (compares ? ".lt" : "");
        for (const char* modifier : {"", ".sat", ".add"}) {
          if (compares && std::string(modifier) == ".sat") continue;
          for (const std::string& mask : masks) {
            for (const bool selects : {false, true}) {
              const std::string a = selects ? mixed : all, b = selects ? all : above;
              check_body(
                  types + modifier + " $0" + dotted(mask) + ", $1" + (selects ? dotted(a) : "") + ", $2" +
                      (selects ? dotted(b) : "") + ", $3;\n",
                  "wwww", [&](const Sources& s) {
                    const uint64_t pool = s[1] << 32 | s[0];
                    uint64_t sum = s[2], joined = 0;
                    for (int k = 0; k < elements; ++k) {
                      const auto element = [&](const std::string& selector, bool is_signed) {
                        const int index = selector[static_cast<std::size_t>(elements - k)] - '0';
                        return part(pool >> (width * index), std::string(1, letter) + "0", is_signed);
                      };
                      int64_t x = op.compute(element(a, a_signed), element(b, b_signed));
                      if (modifier[0] != 0 && modifier[1] == 's') x = clamp(x, width, d_signed);
                      const bool writes = mask.empty() || mask.find(static_cast<char>('0' + k)) != mask.npos;
                      if (writes) sum += static_cast<uint64_t>(x);
                      const uint64_t field = (uint64_t{1} << width) - 1;
                      joined |= (writes ? static_cast<uint64_t>(x) & field : s[2] >> (width * k) & field)
                                << (width * k);
                    }
                    return modifier[0] != 0 && modifier[1] == 'a' ? sum : joined;
                  });
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace warpwright::sim::testing
