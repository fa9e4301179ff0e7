#include "tests/golden_kernels/task_workloads.h"

#include <algorithm>
#include <numeric>

#include "tests/golden_kernels/numbers.h"

namespace warpwright::golden {
namespace {

constexpr std::size_t kHeads = 8, kKeyHeads = 4, kDim = 128;  // gated delta net

std::size_t index(int i) {
  return static_cast<std::size_t>(i);
}
uint32_t dim(int i) {
  return static_cast<uint32_t>(i);
}
std::vector<uint16_t> all_bf16(const std::vector<float>& values) {
  std::vector<uint16_t> rounded;
  for (float x : values) rounded.push_back(to_bf16(x));
  return rounded;
}

// One step of the gated delta rule on one row of the state; returns the row's share of the output.
double delta_step(std::span<double> row, double decay, double beta, double value, const uint16_t* key,
                  const uint16_t* query) {
  double old = 0, out = 0;
  for (std::size_t i = 0; i < kDim; ++i) old += (row[i] *= decay) * from_bf16(key[i]);
  const double delta = beta * (value - old);
  for (std::size_t i = 0; i < kDim; ++i) {
    row[i] += from_bf16(key[i]) * delta;
    out += row[i] * from_bf16(query[i]);
  }
  return out;
}

}  // namespace

Workload gdn_decode(int batch, int check_every) {
  Workload w{"gdn_decode", "gdn_decode", {}, {}, {}};
  Random random(1);
  const std::size_t sequences = index(batch);
  const float scale = 0.088f;
  const auto q = w.input("q", random.bf16_normals(sequences * kKeyHeads * kDim, 0.1f));
  const auto k = w.input("k", random.bf16_normals(sequences * kKeyHeads * kDim, 0.1f));
  const auto v = w.input("v", random.bf16_normals(sequences * kHeads * kDim, 1));
  const auto state = w.input("state", random.uniforms(sequences * kHeads * kDim * kDim, -0.5f, 0.5f));
  const auto a_log = w.input("A_log", random.uniforms(kHeads, -1, 0));
  const auto a = w.input("a", random.bf16_normals(sequences * kHeads, 1));
  const auto dt_bias = w.input("dt_bias", random.uniforms(kHeads, 0, 1));
  const auto b = w.input("b", random.bf16_normals(sequences * kHeads, 1));
  const auto out = w.output<uint16_t>("out", sequences * kHeads * kDim);
  const auto new_state = w.output<float>("new_state", sequences * kHeads * kDim * kDim);
  w.launch("gdn_decode", {kHeads, dim(batch), 32}, {128})
      << q << k << v << state << a_log << a << dt_bias << b << scale << out << new_state;
  w.check = [=](const Results& r) {
    Deviation of_out, of_state;
    for (std::size_t row = 0; row < sequences * kHeads * kDim; row += index(check_every)) {
      const std::size_t pair = row / kDim, head = pair % kHeads;
      const std::size_t key_at = (pair / kHeads * kKeyHeads + head / 2) * kDim;
      const double x = double{from_bf16(r.of<uint16_t>(a)[pair])} + r.of<float>(dt_bias)[head];
      const double decay = std::exp(-std::exp(double{r.of<float>(a_log)[head]}) * std::log1p(std::exp(x)));
      const double beta = 1 / (1 + std::exp(-double{from_bf16(r.of<uint16_t>(b)[pair])}));
      const auto before = r.of<float>(state).subspan(row * kDim, kDim);
      std::vector<double> s(before.begin(), before.end());
      const double o = delta_step(s, decay, beta, from_bf16(r.of<uint16_t>(v)[row]),
                                  &r.of<uint16_t>(k)[key_at], &r.of<uint16_t>(q)[key_at]);
      of_out.add(from_bf16(r.of<uint16_t>(out)[row]), o * scale);
      for (std::size_t i = 0; i < kDim; ++i) of_state.add(r.of<float>(new_state)[row * kDim + i], s[i]);
    }
    const std::string wrong = of_out.over(5e-3);
    return wrong.empty() ? of_state.over(1e-5) : wrong;
  };
  return w;
}

Workload gdn_prefill(std::vector<int> sequence_lengths, int check_every) {
  Workload w{"gdn_prefill", "gdn_prefill", {}, {}, {}};
  Random random(2);
  const std::size_t sequences = sequence_lengths.size();
  std::vector<int> starts{0};
  for (int length : sequence_lengths) starts.push_back(starts.back() + length);
  const std::size_t tokens = index(starts.back());
  const float scale = 0.088f;
  const auto q = w.input("q", random.bf16_normals(tokens * kKeyHeads * kDim, 0.1f));
  const auto k = w.input("k", random.bf16_normals(tokens * kKeyHeads * kDim, 0.08f));
  const auto v = w.input("v", random.bf16_normals(tokens * kHeads * kDim, 1));
  const auto gate = w.input("g", random.uniforms(tokens * kHeads, -0.1f, 0));
  const auto beta = w.input("beta", random.uniforms(tokens * kHeads, 0, 1));
  const auto state = w.input("state", random.uniforms(sequences * kHeads * kDim * kDim, -0.5f, 0.5f));
  const auto out = w.output<uint16_t>("out", tokens * kHeads * kDim);
  const auto new_state = w.output<float>("new_state", sequences * kHeads * kDim * kDim);
  const auto offsets = w.input("cu_seqlens", starts);
  w.launch("gdn_prefill", {kHeads, static_cast<uint32_t>(sequences), 8}, {128})
      << q << k << v << gate << beta << state << scale << out << new_state << offsets;
  w.check = [=](const Results& r) {
    Deviation of_out, of_state;
    for (std::size_t row = 0; row < sequences * kHeads * kDim; row += index(check_every)) {
      const std::size_t sequence = row / kDim / kHeads, head = row / kDim % kHeads;
      const auto before = r.of<float>(state).subspan(row * kDim, kDim);
      std::vector<double> s(before.begin(), before.end());
      for (std::size_t t = index(starts[sequence]); t < index(starts[sequence + 1]); ++t) {
        const std::size_t at = (t * kHeads + head) * kDim + row % kDim;
        const std::size_t key_at = (t * kKeyHeads + head / 2) * kDim;
        const double decay = std::exp(double{r.of<float>(gate)[t * kHeads + head]});
        const double o =
            delta_step(s, decay, r.of<float>(beta)[t * kHeads + head], from_bf16(r.of<uint16_t>(v)[at]),
                       &r.of<uint16_t>(k)[key_at], &r.of<uint16_t>(q)[key_at]);
        of_out.add(from_bf16(r.of<uint16_t>(out)[at]), o * scale);
      }
      for (std::size_t i = 0; i < kDim; ++i) of_state.add(r.of<float>(new_state)[row * kDim + i], s[i]);
    }
    const std::string wrong = of_out.over(5e-3);
    return wrong.empty() ? of_state.over(1e-4) : wrong;
  };
  return w;
}

Workload dsa_attention(int tokens, int cached, double padded, int check_every) {
  constexpr std::size_t kQueryHeads = 16, kLatent = 512, kRotary = 64, kKeys = 2048;
  Workload w{"dsa_attn", "dsa_attn", {}, {}, {}};
  Random random(3);
  const std::size_t n = index(tokens), rows = n * kQueryHeads;
  const float scale = 0.07f;
  std::vector<int> chosen(n * kKeys);
  for (int& x : chosen) x = static_cast<int>(random.below(dim(cached)));
  std::fill(chosen.end() - static_cast<std::ptrdiff_t>(padded * kKeys), chosen.end(), -1);
  const auto q = w.input("q_nope", random.bf16_normals(rows * kLatent, 1));
  const auto q_rotary = w.input("q_pe", random.bf16_normals(rows * kRotary, 1));
  const auto keys = w.input("ckv", all_bf16(random.uniforms(index(cached) * kLatent, -0.5f, 0.5f)));
  const auto keys_rotary = w.input("kpe", all_bf16(random.uniforms(index(cached) * kRotary, -0.5f, 0.5f)));
  const auto sparse = w.input("indices", chosen);
  const auto out = w.output<uint16_t>("out", rows * kLatent);
  const auto lse = w.output<float>("lse", rows);
  w.launch("dsa_attn", {dim(tokens), kQueryHeads}, {256})
      << q << q_rotary << keys << keys_rotary << sparse << scale << out << lse;
  w.check = [=](const Results& r) {
    Deviation of_out, of_lse;
    for (std::size_t row = 0; row < rows; row += index(check_every)) {
      std::vector<double> sum(kLatent, 0.0);
      double weights = 0;
      for (std::size_t i = 0; i < kKeys; ++i) {
        const int key = r.of<int>(sparse)[row / kQueryHeads * kKeys + i];
        if (key < 0) continue;
        const auto latent = r.of<uint16_t>(keys).subspan(index(key) * kLatent, kLatent);
        const auto rotary = r.of<uint16_t>(keys_rotary).subspan(index(key) * kRotary, kRotary);
        float score = 0;
        for (std::size_t d = 0; d < kLatent; ++d)
          score += from_bf16(r.of<uint16_t>(q)[row * kLatent + d]) * from_bf16(latent[d]);
        for (std::size_t d = 0; d < kRotary; ++d)
          score += from_bf16(r.of<uint16_t>(q_rotary)[row * kRotary + d]) * from_bf16(rotary[d]);
        const double weight = std::exp(double{score} * scale);
        weights += weight;
        for (std::size_t d = 0; d < kLatent; ++d) sum[d] += weight * from_bf16(latent[d]);
      }
      for (std::size_t d = 0; d < kLatent; ++d)
        of_out.add(from_bf16(r.of<uint16_t>(out)[row * kLatent + d]), sum[d] / weights);
      of_lse.add(r.of<float>(lse)[row], std::log2(weights));
    }
    const std::string wrong = of_out.over(5e-3);
    return wrong.empty() ? of_lse.over(1e-5) : wrong;
  };
  return w;
}

Workload dsa_index(int batch, int pages, int check_every) {
  constexpr std::size_t kQueryHeads = 64, kWidth = 128, kPageKeys = 64, kPageBytes = kPageKeys * (kWidth + 4);
  Workload w{"dsa_index", "dsa_index", {}, {}, {}};
  Random random(4);
  const std::size_t sequences = index(batch), all_pages = sequences * index(pages);
  std::vector<uint8_t> cache = random.e4m3(all_pages * kPageBytes);
  for (std::size_t key = 0; key < all_pages * kPageKeys; ++key) {  // a page: its keys, then their scales
    const float scale = random.uniform(0.001f, 0.011f);
    std::memcpy(&cache[key / kPageKeys * kPageBytes + kPageKeys * kWidth + key % kPageKeys * 4], &scale, 4);
  }
  std::vector<int> lengths, table;
  for (int i = 0; i < batch; ++i) lengths.push_back(pages * static_cast<int>(kPageKeys) - 3 * i);
  for (std::size_t i = 0; i < all_pages; ++i) table.push_back(static_cast<int>(i * 37 % all_pages));
  const auto q = w.input("q", random.e4m3(sequences * kQueryHeads * kWidth));
  const auto k = w.input("k_cache", cache);
  const auto weights = w.input("weights", random.normals(sequences * kQueryHeads));
  const auto seq_lens = w.input("seq_lens", lengths);
  const auto block_table = w.input("block_table", table);
  const auto scores = w.output<float>("scores", all_pages * kPageKeys);
  w.launch("dsa_index", {dim(pages), dim(batch)}, {256})
      << q << k << weights << seq_lens << block_table << scores << pages;
  w.check = [=](const Results& r) {
    Deviation deviation;
    for (std::size_t key = 0; key < all_pages * kPageKeys; key += index(check_every)) {
      const std::size_t page = key / kPageKeys, sequence = page / index(pages);
      if (key - sequence * index(pages) * kPageKeys >= index(lengths[sequence])) continue;
      const auto stored = r.of<uint8_t>(k).subspan(index(table[page]) * kPageBytes, kPageBytes);
      float scale = 0;
      std::memcpy(&scale, &stored[kPageKeys * kWidth + key % kPageKeys * 4], 4);
      double expected = 0;
      for (std::size_t h = 0; h < kQueryHeads; ++h) {
        double product = 0;
        for (std::size_t d = 0; d < kWidth; ++d)
          product += from_e4m3(r.of<uint8_t>(q)[(sequence * kQueryHeads + h) * kWidth + d]) *
                     from_e4m3(stored[key % kPageKeys * kWidth + d]);
        expected += std::max(product * scale, 0.0) * r.of<float>(weights)[sequence * kQueryHeads + h];
      }
      deviation.add(r.of<float>(scores)[key], expected);
    }
    return deviation.over(1e-5);
  };
  return w;
}

Workload radix_topk(int rows, int columns, int wanted, bool with_ties) {
  Workload w{"topk", "topk", {}, {}, {}};
  Random random(5);
  std::vector<int> lengths;
  for (int i = 0; i < rows; ++i) lengths.push_back(columns - i);
  std::vector<float> values = random.normals(index(rows) * index(columns));
  if (with_ties)
    for (float& x : values) x = std::nearbyint(2 * x);
  const auto scores = w.input("scores", values);
  const auto row_lengths = w.input("lengths", lengths);
  const auto out = w.output<int>("indices", index(rows) * index(wanted));
  w.launch("radix_topk", {dim(rows)}, {1024}) << scores << row_lengths << out << columns << wanted;
  w.check = [=](const Results& r) -> std::string {
    for (int row = 0; row < rows; ++row) {
      const auto all = r.of<float>(scores).subspan(index(row) * index(columns), index(lengths[index(row)]));
      const auto found = r.of<int>(out).subspan(index(row) * index(wanted), index(wanted));
      std::vector<int> ids(found.begin(), found.end());
      std::sort(ids.begin(), ids.end());
      if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) return "an index twice";
      if (ids.front() < 0 || ids.back() >= lengths[index(row)]) return "an index out of range";
      std::vector<float> largest(all.begin(), all.end()), chosen;
      for (int id : ids) chosen.push_back(all[index(id)]);
      std::sort(largest.begin(), largest.end(), std::greater<>());
      std::sort(chosen.begin(), chosen.end(), std::greater<>());
      if (!std::equal(chosen.begin(), chosen.end(), largest.begin())) return "not the largest";
    }
    return "";
  };
  return w;
}

Workload moe_gemv(std::string name, int pairs, int n, int k, int check_every) {
  constexpr std::size_t kExperts = 8, kTokens = 8, kBlock = 128;
  Workload w{std::move(name), "moe_gemv", {}, {}, {}};
  Random random(6);
  const std::size_t rows = index(n), width = index(k), blocks = width / kBlock;
  std::vector<int> experts, tokens;
  for (int i = 0; i < pairs; ++i) {
    experts.push_back(i % int{kExperts});
    tokens.push_back(i % int{kTokens});
  }
  const auto x = w.input("x", random.e4m3(kTokens * width));
  const auto x_scales = w.input("x_scales", random.uniforms(kTokens * blocks, 0, 1));
  const auto weights = w.input("weights", random.e4m3(kExperts * rows * width));
  const auto weight_scales =
      w.input("weight_scales", random.uniforms(kExperts * rows / kBlock * blocks, 0, 1));
  const auto expert_of = w.input("expert_of_pair", experts);
  const auto token_of = w.input("token_of_pair", tokens);
  const auto out = w.output<float>("out", index(pairs) * rows);
  w.launch("moe_gemv", {dim(n / 8), dim(pairs)}, {256})
      << x << x_scales << weights << weight_scales << expert_of << token_of << out << n << k;
  w.check = [=](const Results& r) {
    Deviation deviation;
    for (std::size_t at = 0; at < index(pairs) * rows; at += index(check_every)) {
      const std::size_t expert = index(experts[at / rows]), token = index(tokens[at / rows]), row = at % rows;
      double expected = 0;
      for (std::size_t i = 0; i < width; ++i) {
        const double scale =
            double{r.of<float>(x_scales)[token * blocks + i / kBlock]} *
            r.of<float>(weight_scales)[(expert * rows / kBlock + row / kBlock) * blocks + i / kBlock];
        expected += from_e4m3(r.of<uint8_t>(x)[token * width + i]) * scale *
                    from_e4m3(r.of<uint8_t>(weights)[(expert * rows + row) * width + i]);
      }
      deviation.add(r.of<float>(out)[at], expected);
    }
    return deviation.over(1e-5);
  };
  return w;
}

Workload sgemm(int m, int n, int k) {
  Workload w{"sgemm", "sgemm", {}, {}, {}};
  Random random(7);
  const std::size_t rows = index(m), columns = index(n), depth = index(k);
  const auto a = w.input("a", random.normals(rows * depth));
  const auto b = w.input("b", random.normals(depth * columns));
  const auto c = w.output<float>("c", rows * columns);
  w.launch("sgemm", {dim(n / 64), dim(m / 64)}, {256}) << a << b << c << m << n << k;
  w.check = [=](const Results& r) {
    const auto left = r.of<float>(a), right = r.of<float>(b);
    Deviation deviation;
    for (std::size_t i = 0; i < rows; ++i) {
      std::vector<double> expected(columns, 0.0);
      for (std::size_t p = 0; p < depth; ++p)
        for (std::size_t j = 0; j < columns; ++j)
          expected[j] += double{left[i * depth + p]} * right[p * columns + j];
      for (std::size_t j = 0; j < columns; ++j) deviation.add(r.of<float>(c)[i * columns + j], expected[j]);
    }
    return deviation.over(1e-6);
  };
  return w;
}

Workload mma_bf16(int m, int n, int k) {
  constexpr uint32_t kStages = 3, kTileRows = 128 + 128, kTileDepth = 32;
  Workload w{"mma_bf16", "mma_bf16", {}, {}, {}};
  Random random(8);
  const std::size_t rows = index(m), columns = index(n), depth = index(k);
  const auto a = w.input("a", random.bf16_normals(rows * depth, 1));
  const auto b = w.input("b", random.bf16_normals(columns * depth, 1));
  const auto c = w.output<float>("c", rows * columns);
  w.launch("mma_bf16", {dim(n / 128), dim(m / 128)}, {256}, kStages * kTileRows * kTileDepth * 2)
      << a << b << c << m << n << k;
  w.check = [=](const Results& r) {
    std::vector<float> left, right;
    for (uint16_t x : r.of<uint16_t>(a)) left.push_back(from_bf16(x));
    for (uint16_t x : r.of<uint16_t>(b)) right.push_back(from_bf16(x));
    Deviation deviation;
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        const double sum =
            std::inner_product(&left[i * depth], &left[i * depth] + depth, &right[j * depth], 0.0);
        deviation.add(r.of<float>(c)[i * columns + j], sum);
      }
    }
    return deviation.over(2e-6);
  };
  return w;
}

Workload mma_fp8(int m, int n, int k, int check_every) {
  constexpr std::size_t kBlock = 128;
  Workload w{"mma_fp8", "mma_fp8", {}, {}, {}};
  Random random(9);
  const std::size_t rows = index(m), columns = index(n), depth = index(k), blocks = depth / kBlock;
  const auto a = w.input("a", random.e4m3(rows * depth));
  const auto b = w.input("b", random.e4m3(columns * depth));
  const auto a_scales = w.input("a_scales", random.uniforms(blocks * rows, 0, 1));
  const auto b_scales = w.input("b_scales", random.uniforms(columns / kBlock * blocks, 0, 1));
  const auto c = w.output<uint16_t>("c", rows * columns);
  w.launch("mma_fp8", {dim(n / 64), dim((m + 63) / 64)}, {128})
      << a << b << a_scales << b_scales << c << m << n << k;
  w.check = [=](const Results& r) {
    Deviation deviation;
    for (std::size_t at = 0; at < rows * columns; at += index(check_every)) {
      const std::size_t i = at / columns, j = at % columns;
      double expected = 0;
      for (std::size_t p = 0; p < depth; ++p)
        expected += double{from_e4m3(r.of<uint8_t>(a)[i * depth + p])} *
                    from_e4m3(r.of<uint8_t>(b)[j * depth + p]) *
                    r.of<float>(a_scales)[p / kBlock * rows + i] *
                    r.of<float>(b_scales)[j / kBlock * blocks + p / kBlock];
      deviation.add(from_bf16(r.of<uint16_t>(c)[at]), expected);
    }
    return deviation.over(5e-3);
  };
  return w;
}

}  // namespace warpwright::golden
