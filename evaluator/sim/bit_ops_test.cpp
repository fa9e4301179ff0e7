// Shifts, bit fields, permutations and logic, bit by bit.
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

bool bit_of(uint64_t x, int64_t k) {
  return (x >> k & 1) != 0;
}
uint64_t build(int width, const std::function<bool(int)>& bit) {
  uint64_t result = 0;
  for (int k = 0; k < width; ++k) result |= static_cast<uint64_t>(bit(k)) << k;
  return result;
}

TEST(BitOps, ShiftsClampAtTheWidth) {
  for (const int width : {16, 32, 64}) {
    const char kind = width == 16 ? 'h' : width == 32 ? 'w' : 'd';
    const std::string kinds = {kind, kind, 'w'}, number = std::to_string(width);
    const auto left = [&](uint64_t a, uint64_t n, auto) {
      return build(width, [&](int k) {
        return n <= static_cast<uint64_t>(k) && bit_of(a, k - static_cast<int64_t>(n));
      });
    };
    const auto right = [&](bool is_signed) {
      return [&, is_signed](uint64_t a, uint64_t n, auto) {
        return build(width, [&](int k) {
          const uint64_t from = static_cast<uint64_t>(k) + n;
          return from < static_cast<uint64_t>(width) ? bit_of(a, static_cast<int64_t>(from))
                                                     : is_signed && bit_of(a, width - 1);
        });
      };
    };
    check("shl.b" + number, kinds, left);
    check("shr.u" + number, kinds, right(false));
    check("shr.b" + number, kinds, right(false));
    check("shr.s" + number, kinds, right(true));
  }
  for (const bool clamp : {false, true}) {
    const auto count = [=](uint64_t n) { return clamp ? std::min<uint64_t>(n, 32) : n & 31; };
    const std::string mode = clamp ? ".clamp.b32" : ".wrap.b32";
    check("shf.l" + mode, "wwww", [&](auto a, auto b, auto c) {
      return build(32, [&](int k) { return bit_of(b << 32 | a, k + 32 - static_cast<int64_t>(count(c))); });
    });
    check("shf.r" + mode, "wwww", [&](auto a, auto b, auto c) {
      return build(32, [&](int k) { return bit_of(b << 32 | a, k + static_cast<int64_t>(count(c))); });
    });
  }
}

TEST(BitOps, Fields) {
  for (const int width : {32, 64}) {
    const char kind = width == 32 ? 'w' : 'd';
    const std::string number = std::to_string(width), one = {kind, kind, 'w', 'w'};
    for (const bool is_signed : {false, true}) {
      check((is_signed ? "bfe.s" : "bfe.u") + number, one, [&](auto a, auto b, auto c) {
        const auto position = static_cast<int>(b & 255), length = static_cast<int>(c & 255);
        const int top = std::min(position + length - 1, width - 1);
        const bool sign = is_signed && length > 0 && bit_of(a, top);
        return build(width, [&](int k) {
          return k < length && position + k < width ? bit_of(a, position + k) : sign;
        });
      });
      check((is_signed ? "bfind.s" : "bfind.u") + number, std::string("w") + kind, [&](auto a, auto, auto) {
        const bool flips = is_signed && bit_of(a, width - 1);
        for (int k = width - 1; k >= 0; --k)
          if (bit_of(a, k) != flips) return static_cast<uint64_t>(k);
        return ~uint64_t{0};
      });
      check((is_signed ? "bfind.shiftamt.s" : "bfind.shiftamt.u") + number, std::string("w") + kind,
            [&](auto a, auto, auto) {
              const bool flips = is_signed && bit_of(a, width - 1);
              for (int k = width - 1; k >= 0; --k)
                if (bit_of(a, k) != flips) return static_cast<uint64_t>(width - 1 - k);
              return ~uint64_t{0};
            });
    }
    check("bfi.b" + number, {kind, kind, kind, 'w', 'w'}, [&](const Sources& s) {
      const auto position = static_cast<int>(s[2] & 255), length = static_cast<int>(s[3] & 255);
      return build(width, [&](int k) {
        return k >= position && k < position + length ? bit_of(s[0], k - position) : bit_of(s[1], k);
      });
    });
    check("brev.b" + number, {kind, kind},
          [&](auto a, auto, auto) { return build(width, [&](int k) { return bit_of(a, width - 1 - k); }); });
    check("popc.b" + number, std::string("w") + kind, [&](auto a, auto, auto) {
      uint64_t count = 0;
      for (int k = 0; k < width; ++k) count += bit_of(a, k);
      return count;
    });
    check("clz.b" + number, std::string("w") + kind, [&](auto a, auto, auto) {
      uint64_t count = 0;
      for (int k = width - 1; k >= 0 && !bit_of(a, k); --k) ++count;
      return count;
    });
  }
}

TEST(BitOps, MasksAndSearches) {
  check("bmsk.clamp.b32", "www", [](auto a, auto b, auto) {
    return build(32,
                 [&](int k) { return static_cast<uint64_t>(k) >= a && static_cast<uint64_t>(k) - a < b; });
  });
  check("bmsk.wrap.b32", "www", [](auto a, auto b, auto) {
    const uint64_t start = a & 31, length = b & 31;
    return build(32, [&](int k) {
      return static_cast<uint64_t>(k) >= start && static_cast<uint64_t>(k) - start < length;
    });
  });
  for (const bool is_signed : {false, true}) {
    for (const bool clamp : {false, true}) {
      check(std::string("szext") + (clamp ? ".clamp" : ".wrap") + (is_signed ? ".s32" : ".u32"), "www",
            [&](auto a, auto b, auto) -> uint64_t {
              if (clamp && b >= 32) return a;
              const auto width = static_cast<int>(b & 31);
              if (width == 0) return 0;
              return build(
                  32, [&](int k) { return k < width ? bit_of(a, k) : is_signed && bit_of(a, width - 1); });
            });
    }
  }
  // fns: bases up to 31 and small offsets, positive and negative.
  check_body("{ .reg .b32 %b, %n; and.b32 %b, $2, 31; shr.s32 %n, $3, 28; fns.b32 $0, $1, %b, %n; }\n",
             "wwww", [](const Sources& s) -> uint64_t {
               const auto base = static_cast<int>(s[1] & 31);
               int offset = s32(s[2]) >> 28;
               if (offset == 0) return bit_of(s[0], base) ? static_cast<uint64_t>(base) : ~uint64_t{0};
               const int step = offset > 0 ? 1 : -1;
               for (int at = base; at >= 0 && at < 32; at += step) {
                 if (!bit_of(s[0], at)) continue;
                 offset -= step;
                 if (offset == 0) return static_cast<uint64_t>(at);
               }
               return ~uint64_t{0};
             });
}

TEST(BitOps, BytePermutations) {
  const auto byte = [](uint64_t a, uint64_t b, uint64_t k) { return (b << 32 | a) >> (8 * (k & 7)) & 255; };
  check("prmt.b32", "wwww", [&](auto a, auto b, auto c) {
    uint64_t r = 0;
    for (int i = 0; i < 4; ++i) {
      const uint64_t s = c >> (4 * i) & 15, picked = byte(a, b, s);
      r |= (s < 8 ? picked : picked >= 128 ? 255 : 0) << (8 * i);
    }
    return r;
  });
  // The manual's table: the source byte of each result byte, lowest first, for c = 0 to 3.
  struct Mode {
    const char* name;
    int bytes[4][4];
  };
  constexpr Mode kModes[] = {{".f4e", {{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 6}}},
                             {".b4e", {{0, 7, 6, 5}, {1, 0, 7, 6}, {2, 1, 0, 7}, {3, 2, 1, 0}}},
                             {".rc8", {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}}},
                             {".ecl", {{0, 1, 2, 3}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}}},
                             {".ecr", {{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}}},
                             {".rc16", {{0, 1, 0, 1}, {2, 3, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}}}};
  for (const Mode& mode : kModes) {
    check(std::string("prmt.b32") + mode.name, "wwww", [&](auto a, auto b, auto c) {
      uint64_t r = 0;
      for (int i = 0; i < 4; ++i) r |= byte(a, b, static_cast<uint64_t>(mode.bytes[c & 3][i])) << (8 * i);
      return r;
    });
  }
}

TEST(BitOps, Logic) {
  for (const int width : {16, 32, 64}) {
    const char kind = width == 16 ? 'h' : width == 32 ? 'w' : 'd';
    const std::string type = ".b" + std::to_string(width), two(3, kind), one(2, kind);
    check("and" + type, two, [](auto a, auto b, auto) { return a & b; });
    check("or" + type, two, [](auto a, auto b, auto) { return a | b; });
    check("xor" + type, two, [](auto a, auto b, auto) { return a ^ b; });
    check("not" + type, one, [](auto a, auto, auto) { return ~a; });
    check("cnot" + type, one, [](auto a, auto, auto) { return a == 0; });
  }
  for (const int table : {0, 0x6a, 0xe8, 0x96, 0xca, 0xff}) {
    check(
        "lop3.b32", "wwww",
        [&](auto a, auto b, auto c) {
          return build(32, [&](int k) {
            return bit_of(static_cast<uint64_t>(table), bit_of(a, k) * 4 + bit_of(b, k) * 2 + bit_of(c, k));
          });
        },
        std::equal_to<>(), ", " + std::to_string(table));
  }
  for (const bool is_or : {false, true}) {
    check_body(
        std::string(
            "{ .reg .pred %x, %y; .reg .b32 %r, %s; and.b32 %s, $4, 1; setp.ne.b32 %y, %s, 0;\nlop3.") +
            (is_or ? "or" : "and") +
            ".b32 %r|%x, $1, $2, $3, 0x80, %y; selp.b32 %s, 65536, 0, %x; xor.b32 $0, %r, %s; }\n",
        "wwwww", [&](const Sources& s) {
          const uint64_t r = s[0] & s[1] & s[2], q = s[3] & 1;
          const bool p = is_or ? r != 0 || q != 0 : r != 0 && q != 0;
          return r ^ (p ? 65536 : 0);
        });
  }
}

}  // namespace
}  // namespace warpwright::sim::testing
