#include "evaluator/reference/structured_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "evaluator/reference/inputs.h"
#include "evaluator/reference/key_pages.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/page_layout.h"
#include "src/base/check.h"
#include "src/base/rng.h"

namespace warpwright::reference {
namespace {

using rules::Distribution;

// A quantile function, linear between its knots: the same numbers on every machine.
struct Knot {
  double share;
  double value;
};
using Knots = std::span<const Knot>;

double value_at(Knots knots, double share) {
  for (size_t i = 1; i < knots.size(); ++i) {
    if (share > knots[i].share) continue;
    const double width = knots[i].share - knots[i - 1].share;
    const double part = width > 0 ? (share - knots[i - 1].share) / width : 1;
    return knots[i - 1].value + part * (knots[i].value - knots[i - 1].value);
  }
  return knots.back().value;
}

double share_at(Knots knots, double value) {
  for (size_t i = 1; i < knots.size(); ++i) {
    if (value > knots[i].value) continue;
    const double part = (value - knots[i - 1].value) / (knots[i].value - knots[i - 1].value);
    return knots[i - 1].share + part * (knots[i].share - knots[i - 1].share);
  }
  return 1;
}

// Lengths of the sequences that are not their batch's longest, for a topk of 2048. Together with the longest
// ones, which follow from max_num_pages, they have the published percentiles over the contest's workloads.
constexpr std::array<Knot, 7> kLengths = {
    {{0, 1}, {0.1, 5}, {0.4, 64}, {0.5, 94}, {0.84, 256}, {0.94, 819}, {1, 2048}}};
// Valid entries of an index list, for a topk of 2048; one in thirty is full.
constexpr std::array<Knot, 7> kValidEntries = {
    {{0, 1}, {0.1, 8}, {0.5, 33}, {0.75, 250}, {0.9, 1089}, {0.966, 2047}, {1, 2047}}};
constexpr double kFullLists = 0.033;
constexpr double kPublishedTopk = 2048;

class Structured {
 public:
  Structured(const StructuredRequest& request, HostTensor& made) : request_(request), made_(made) {}

  Result<void> routing_logits() {
    const int64_t experts = made_.shape.empty() ? 0 : made_.shape.back();
    const int64_t local = axis("num_local_experts");
    const auto scalar = request_.scalars.find("local_expert_offset");
    const int64_t first = scalar == request_.scalars.end() ? 0 : static_cast<int64_t>(scalar->second);
    if (first < 0 || first + local > experts)
      return error(
          fmt::format("has {} experts, not {} from local_expert_offset {} on", experts, local, first));
    const int64_t rows = experts > 0 ? made_.elements() / experts : 0;
    std::vector<float> liked = normals(request_.tensor.name + "/popularity", 0, experts);
    for (float& value : liked) value *= static_cast<float>(parameter("skew"));
    for (int64_t i = first; i < first + local; ++i)
      liked[static_cast<size_t>(i)] += static_cast<float>(parameter("local_offset"));
    if (const auto favourite = static_cast<int64_t>(parameter("favourite"));
        favourite >= 0 && favourite < local)
      liked[static_cast<size_t>(first + favourite)] += static_cast<float>(parameter("favourite_offset"));
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<float> values = normals(request_.tensor.name, row * experts, experts);
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(parameter("std")) * values[i] + liked[i];
      if (row == 0 && parameter("ensure_local") > 0 && local > 1) {
        const auto pair =
            static_cast<size_t>(first) + stream("local").below(static_cast<uint64_t>(local - 1));
        values[pair] = values[pair + 1] = 8;  // a sigmoid of nearly one: their group leads
      }
      store_floats(made_.dtype, made_.data, static_cast<size_t>(row * experts), values);
    }
    return {};
  }

  Result<void> cu_seqlens() {
    const int64_t total = axis("total_seq_len");
    const auto count = static_cast<int64_t>(made_.elements()) - 1;
    if (count != axis("num_seqs") || (count <= 0 && total > 0))
      return error(
          fmt::format("cannot hold the bounds of {} sequences of {} tokens", axis("num_seqs"), total));
    int64_t bound = 0;
    put(0, 0);
    const std::vector<int64_t> lengths = partition(total, count);
    for (int64_t i = 0; i < count; ++i) put(i + 1, bound += lengths[static_cast<size_t>(i)]);
    return {};
  }

  Result<void> seq_lens() {
    const int64_t page = axis("page_size");
    const int64_t topk = axis("topk");
    const int64_t capacity = axis("max_num_pages") * page;
    const bool all_fit = capacity <= topk;
    const int64_t rows = made_.elements();
    const int64_t longest_rows =
        std::min<int64_t>(rows, all_fit ? 1 : static_cast<int64_t>(parameter("long_rows")));
    const double scale = static_cast<double>(topk) / kPublishedTopk;
    const int64_t limit = std::min(capacity, topk - 1);
    const double reach = share_at(kLengths, static_cast<double>(limit + 1) / scale);
    Rng rng = stream("length");
    for (int64_t i = 0; i < rows; ++i) {
      const auto drawn = static_cast<int64_t>(scale * value_at(kLengths, reach * rng.uniform()));
      put(i, std::clamp<int64_t>(drawn, std::min<int64_t>(1, limit), std::max<int64_t>(limit, 0)));
    }
    const int64_t lowest = std::max<int64_t>(0, capacity - page + 1);
    const int64_t highest = all_fit ? std::max(lowest, std::min(capacity, topk - 1)) : capacity;
    const std::vector<int64_t> order = shuffled(rows);
    for (int64_t i = 0; i < longest_rows; ++i)
      put(order[static_cast<size_t>(i)],
          lowest + static_cast<int64_t>(rng.below(static_cast<uint64_t>(highest - lowest + 1))));
    return {};
  }

  Result<void> edge_lengths() {
    const int64_t page = axis("page_size");
    const int64_t topk = axis("topk");
    const int64_t capacity = axis("max_num_pages") * page;
    const std::array<int64_t, 9> lengths = {0,        topk,     1,        topk - 1, topk + 1,
                                            capacity, page - 1, page + 1, page};
    for (int64_t i = 0; i < made_.elements(); ++i)
      put(i, std::min(capacity, lengths[static_cast<size_t>(i) % lengths.size()]));
    return {};
  }

  Result<void> block_table() {
    const int64_t columns = axis("max_num_pages");
    const int64_t page = axis("page_size");
    const int64_t pages = axis("num_pages");
    TRY_ASSIGN(const HostTensor lengths, request_.other_input("seq_lens"));
    const int64_t rows = columns > 0 ? made_.elements() / columns : 0;
    if (lengths.elements() != rows) return error("has another number of rows than seq_lens");
    std::vector<int64_t> needs;
    for (int64_t i = 0; i < rows; ++i) {
      const auto length =
          static_cast<int64_t>(load_element(lengths.dtype, lengths.data, static_cast<size_t>(i)));
      if (length < 0 || length > columns * page)
        return error(fmt::format("cannot hold a sequence of {} tokens", length));
      needs.push_back((length + page - 1) / page);
    }
    Rng rng = stream("pages");
    TRY_ASSIGN(const auto placed, place(needs, pages, parameter("one_run"), rng));
    const bool live_tail = rng.uniform() < parameter("live_tail");
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        const auto& row = placed[static_cast<size_t>(i)];
        const int64_t tail = live_tail ? static_cast<int64_t>(rng.below(static_cast<uint64_t>(pages))) : 0;
        put(i * columns + j, j < std::ssize(row) ? row[static_cast<size_t>(j)] : tail);
      }
    }
    return {};
  }

  Result<void> sparse_indices() {
    const int64_t page = axis("page_size");
    const int64_t pages = axis("num_pages");
    const int64_t topk = made_.shape.empty() ? 0 : made_.shape.back();
    const int64_t rows = topk > 0 ? made_.elements() / topk : 0;
    const std::vector<int64_t> valid = valid_entries(rows, std::min(topk, pages * page));
    std::vector<int64_t> sources;  // tokens that the list's entries are chosen from
    std::vector<int64_t> needs;
    for (int64_t count : valid) {  // a full list is a choice of more
      const int64_t source = count < topk ? count : std::min(topk * 4 / 3, pages * page);
      sources.push_back(source);
      needs.push_back((source + page - 1) / page);
    }
    Rng rng = stream("pages");
    TRY_ASSIGN(const auto placed, place(needs, pages, kOneRun, rng));
    const bool scattered = parameter("scattered") > 0;
    for (size_t row = 0; row < valid.size(); ++row) {
      const std::vector<int64_t> tokens = choose(valid[row], sources[row], rng);
      const std::vector<int64_t> slots = choose(valid[row], scattered ? topk : valid[row], rng);
      const int64_t begin = static_cast<int64_t>(row) * topk;
      for (int64_t i = 0; i < topk; ++i) put(begin + i, -1);
      for (size_t i = 0; i < tokens.size(); ++i)
        put(begin + slots[i], placed[row][static_cast<size_t>(tokens[i] / page)] * page + tokens[i] % page);
    }
    return {};
  }

  Result<void> fp8_key_pages() {
    const int64_t width = made_.shape.empty() ? 0 : made_.shape.back();
    const int64_t page = axis("page_size");
    if (trace::size_bits(made_.dtype) != 8 || width <= kKeyScaleBytes || made_.shape.size() < 2 ||
        page <= 0 || made_.elements() != axis("num_pages") * page * width)
      return error(fmt::format("is not [num_pages, page_size, 1, head size + {}] of bytes", kKeyScaleBytes));
    fill_key_pages({request_.seed, request_.tensor.name, parameter("std"),
                    static_cast<int64_t>(parameter("distinct")), page, width - kKeyScaleBytes},
                   made_.data);
    return {};
  }

 private:
  static constexpr double kOneRun = 0.22;

  int64_t axis(std::string_view name) const {
    const trace::Axis* found = request_.definition.find_axis(name);
    CHECK(found != nullptr && "load_rules checks the axes that a distribution needs");
    return found->is_constant ? found->value : request_.axes.at(std::string(name));
  }
  std::vector<float> normals(const std::string& name, int64_t first, int64_t count) const {
    std::vector<float> values(static_cast<size_t>(count));
    if (count > 0) generate({Distribution::kNormal, {}}, request_.seed, name, count, first, values);
    return values;
  }
  double parameter(std::string_view name) const { return request_.generator.parameter(name); }
  void put(int64_t index, int64_t value) {
    store_element(made_.dtype, made_.data, static_cast<size_t>(index), static_cast<double>(value));
  }
  tl::unexpected<Error> error(std::string_view what) const {
    return usage_error(fmt::format("{}: '{}' ({}) {}", request_.definition.name, request_.tensor.name,
                                   rules::to_string(request_.generator.distribution), what));
  }
  // The axes are part of it: workloads of other shapes have other sequences.
  Rng stream(std::string_view purpose) const {
    std::string name = fmt::format("{}/{}", request_.tensor.name, purpose);
    for (const auto& [axis_name, value] : request_.axes) name += fmt::format("/{}={}", axis_name, value);
    return Rng::stream(request_.seed, name);
  }
  Result<std::vector<std::vector<int64_t>>> place(std::span<const int64_t> needs, int64_t pages,
                                                  double one_run, Rng& rng) const {
    const int64_t most = needs.empty() ? 0 : *std::max_element(needs.begin(), needs.end());
    if (most > pages) return error(fmt::format("needs {} distinct pages, num_pages is {}", most, pages));
    return place_pages(needs, pages, one_run, rng);
  }
  std::vector<int64_t> shuffled(int64_t count) const {
    std::vector<int64_t> order(static_cast<size_t>(count));
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
    Rng rng = stream("order");
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    return order;
  }

  // `count` of the numbers below `among`, ascending (Knuth, The Art of Computer Programming 3.4.2, S).
  static std::vector<int64_t> choose(int64_t count, int64_t among, Rng& rng) {
    std::vector<int64_t> chosen;
    for (int64_t i = 0; i < among && std::ssize(chosen) < count; ++i) {
      const auto left = static_cast<uint64_t>(among - i);
      const int64_t missing = count - std::ssize(chosen);
      if (missing == among - i || rng.below(left) < static_cast<uint64_t>(missing)) chosen.push_back(i);
    }
    return chosen;
  }

  std::vector<int64_t> partition(int64_t total, int64_t count) const;
  std::vector<int64_t> valid_entries(int64_t rows, int64_t most) const;
  std::vector<int64_t> given_entries(int64_t rows, int64_t most) const;

  const StructuredRequest& request_;
  HostTensor& made_;
};

// Lengths of `count` sequences. One always takes part in the rest, so that the sum comes out.
std::vector<int64_t> Structured::partition(int64_t total, int64_t count) const {
  Rng rng = stream("length");
  std::vector<int64_t> lengths(static_cast<size_t>(count), 0);
  std::vector<std::pair<size_t, double>> sharing;  // sequence, weight
  const auto taker = static_cast<size_t>(rng.below(static_cast<uint64_t>(std::max<int64_t>(1, count))));
  int64_t rest = total;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const double kind = rng.uniform();
    const double weight = 1 / (1 / std::max(1.0, parameter("skew")) + rng.uniform());
    const bool empty = i != taker && kind < parameter("empty");
    const bool one = i != taker && !empty && kind < parameter("empty") + parameter("ones");
    if (one && rest > 0) {
      lengths[i] = 1;
      --rest;
    } else if (!empty && !one) {
      sharing.emplace_back(i, weight);
    }
  }
  if (const auto longest = static_cast<int64_t>(parameter("longest") * static_cast<double>(total));
      longest > 0 && !sharing.empty()) {
    lengths[taker] = std::min(longest, rest);
    rest -= lengths[taker];
  }
  for (const auto& [i, weight] : sharing) {  // a token each
    if (rest == 0 || lengths[i] > 0) continue;
    lengths[i] = 1;
    --rest;
  }
  double weights = 0;
  for (const auto& [i, weight] : sharing) weights += weight;
  int64_t given = 0;
  for (const auto& [i, weight] : sharing) {
    const auto share = static_cast<int64_t>(static_cast<double>(rest) * (weight / weights));
    const int64_t part = std::min(share, rest - given);
    lengths[i] += part;
    given += part;
  }
  if (!lengths.empty()) lengths[taker] += rest - given;
  return lengths;
}

// `least`, `median` and `most` are the statistics of one captured workload: the rows between them are drawn.
std::vector<int64_t> Structured::given_entries(int64_t rows, int64_t most) const {
  const auto least = static_cast<int64_t>(parameter("least"));
  const auto median = std::max(least, static_cast<int64_t>(parameter("median")));
  const auto largest = std::max(median, static_cast<int64_t>(parameter("most")));
  Rng rng = stream("valid");
  std::vector<int64_t> counts;
  for (int64_t i = 0; i < rows; ++i) {
    const auto between = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
    };
    int64_t count = 0;
    if (i == 0) {
      count = least;
    } else if (i == rows - 1) {
      count = largest;
    } else if (i == (rows - 1) / 2 || i == rows / 2) {
      count = median;
    } else {
      count = i < rows / 2 ? between(least, median) : between(median, largest);
    }
    counts.push_back(std::min(count, most));
  }
  return counts;
}

std::vector<int64_t> Structured::valid_entries(int64_t rows, int64_t most) const {
  std::vector<int64_t> counts;
  if (parameter("least") >= 0) {
    counts = given_entries(rows, most);
  } else {
    Rng rng = stream("valid");
    const double scale = static_cast<double>(most) / kPublishedTopk;
    for (int64_t i = 0; i < rows; ++i) {
      const double share = rng.uniform();
      const auto drawn = static_cast<int64_t>(scale * value_at(kValidEntries, share));
      counts.push_back(
          share >= 1 - kFullLists ? most : std::clamp<int64_t>(drawn, std::min<int64_t>(1, most), most));
    }
  }
  const std::vector<int64_t> order = shuffled(rows);
  std::vector<int64_t> mixed;
  for (int64_t place : order) mixed.push_back(counts[static_cast<size_t>(place)]);
  return mixed;
}

}  // namespace

Result<void> generate_structured(const StructuredRequest& request, HostTensor& made) {
  Structured structured(request, made);
  switch (request.generator.distribution) {
    case Distribution::kRoutingLogits:
      return structured.routing_logits();
    case Distribution::kCuSeqlens:
      return structured.cu_seqlens();
    case Distribution::kSeqLens:
      return structured.seq_lens();
    case Distribution::kEdgeLengths:
      return structured.edge_lengths();
    case Distribution::kBlockTable:
      return structured.block_table();
    case Distribution::kSparseIndices:
      return structured.sparse_indices();
    case Distribution::kFp8KeyPages:
      return structured.fp8_key_pages();
    case Distribution::kNormal:
    case Distribution::kUniform:
    case Distribution::kConstant:
    case Distribution::kUnitRows:
    case Distribution::kConstantRows:
    case Distribution::kOneHot:
    case Distribution::kSparse:
    case Distribution::kHeavyTails:
    case Distribution::kTwoValues:
    case Distribution::kIntegers:
    case Distribution::kAbsent:
      break;
  }
  CHECK(false && "not a structured distribution");
}

}  // namespace warpwright::reference
