// Decoding of ldmatrix, stmatrix, movmatrix, mma and wmma.
#include <algorithm>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {
namespace {

RowKind kind_of(ElementType type) {
  return bits_of(type) == 64 ? RowKind::k64 : RowKind::k32;
}

// Which of MemoryHandlers::multiply_tile.
std::size_t tile_handler(ElementType type) {
  switch (bits_of(type)) {
    case 32:
      return 0;
    case 16:
      return type == ElementType::kF16 ? 1 : 2;
    case 4:
      return 4;
    default:
      return 3;
  }
}

std::optional<MatrixLayout> layout_of(const ptx::Instruction& i, uint32_t& unpack) {
  const bool transposed = i.has("trans");
  const bool packed = i.has("b8x16") && (i.type() == "b6x16_p32" || i.type() == "b4x16_p64");
  unpack = !packed ? kBytes : i.type() == "b6x16_p32" ? kSixBits : kFourBits;
  const bool bytes = i.type() == "b8" || packed;
  if (i.has("m8n8") && i.type() == "b16") return transposed ? MatrixLayout::kM8n8Trans : MatrixLayout::kM8n8;
  if (i.base() == "stmatrix")
    return i.has("m16n8") && i.type() == "b8" && transposed ? std::optional(MatrixLayout::kM16n8Trans)
                                                            : std::nullopt;
  if (i.has("m16n16") && bytes && transposed) return MatrixLayout::kM16n16Trans;
  if (i.has("m8n16") && packed && !transposed) return MatrixLayout::kM8n16;
  return std::nullopt;
}

}  // namespace

bool is_matrix_instruction(const ptx::Instruction& instruction) {
  static constexpr std::string_view kBases[] = {"mma", "wmma", "wgmma", "ldmatrix", "stmatrix", "movmatrix"};
  return takes_whole_warp(instruction) ||
         std::find(std::begin(kBases), std::end(kBases), instruction.base()) != std::end(kBases);
}

// Matrix operands are vectors of rows; a single register may go without braces.
bool Decoder::add_rows(const ptx::Operand& operand, RowKind kind, int count, bool is_result,
                       std::vector<uint32_t>& rows) {
  const auto parts = elements(operand);
  if (parts.size() != static_cast<std::size_t>(count)) {
    fail("an operand of " + std::to_string(parts.size()) + " registers where the form takes " +
         std::to_string(count));
    return false;
  }
  for (const ptx::Operand* part : parts) {
    rows.push_back(is_result ? destination(*part, kind).row : source(*part, kind));
  }
  return !failed_;
}

// ldmatrix.sync.aligned.shape.num{.trans}{.shared}.type {registers}, [address]; stmatrix the other way round.
void Decoder::decode_matrix_access() {
  branch_around();
  const auto& operands = instruction_->operands;
  const bool is_load = instruction_->base() == "ldmatrix";
  uint32_t unpack = kBytes;
  const auto layout = layout_of(*instruction_, unpack);
  const int matrices = instruction_->has("x1")   ? 1
                       : instruction_->has("x2") ? 2
                       : instruction_->has("x4") ? 4
                                                 : 0;
  const int registers = layout == MatrixLayout::kM16n16Trans ? 2 * matrices : matrices;
  if (!layout || matrices == 0 || registers > 4 || operands.size() != 2) return void(fail(""));
  Op op;
  set_address(op, operands[is_load ? 1 : 0]);
  std::vector<uint32_t> rows;
  if (!add_rows(operands[is_load ? 0 : 1], RowKind::k32, registers, is_load, rows)) return;
  const MemoryHandlers& handlers = best_level().handlers;
  op.run = is_load ? handlers.load_matrix : handlers.store_matrix;
  op.list = add_list(rows);
  op.count = static_cast<uint8_t>(matrices);
  op.size = static_cast<uint8_t>(*layout);
  op.d = unpack;
  op.site = add_sites(true, is_load, 1);
  push(op);
}

int32_t Decoder::add_sites(bool shared, bool is_load, int count) {
  const auto first = static_cast<int32_t>(kernel_->sites.size());
  const auto instruction = static_cast<int32_t>(kernel_->instructions.size()) - 1;
  for (int k = 0; k < count; ++k) kernel_->sites.push_back({shared, is_load, instruction});
  return first;
}

void Decoder::decode_movmatrix() {
  branch_around();
  const auto& operands = instruction_->operands;
  if (!instruction_->has("m8n8") || !instruction_->has("trans") || instruction_->type() != "b16" ||
      operands.size() != 2)
    return void(fail(""));
  Op op;
  op.run = transpose_matrix;
  op.s[0] = source(operands[1], RowKind::k32);
  op.d = destination(operands[0], RowKind::k32).row;
  push(op);
}

void Decoder::push_product(const MatrixProduct& product, const std::vector<uint32_t>& rows) {
  Op op;
  op.list = add_list(rows);
  if (is_tile(product)) {
    op.run = best_level().handlers.multiply_tile[tile_handler(product.a)];
    op.flags = static_cast<uint8_t>(product.a);
    op.size = static_cast<uint8_t>(product.b);
    op.count = static_cast<uint8_t>(product.registers(MatrixOperand::kA));
    op.immediate = tile_flags(product);
  } else {
    op.run = multiply_matrices;
    op.immediate = static_cast<int64_t>(kernel_->matrix_products.size());
    kernel_->matrix_products.push_back(product);
  }
  push(op);
}

// mma{.sp} d, a, b, c{, metadata, selector}{, scales of a, {byte, thread}, scales of b, {byte, thread}}
void Decoder::decode_mma() {
  branch_around();
  const auto& operands = instruction_->operands;
  const std::optional<MatrixProduct> product = parse_mma(instruction_->parts);
  if (!product) return void(fail(""));
  const MatrixProduct& p = *product;
  if (operands.size() != 4u + (p.sparse ? 2 : 0) + (p.scales != 0 ? 4 : 0))
    return void(fail("operands are missing"));
  std::vector<uint32_t> rows;
  if (!add_rows(operands[0], kind_of(p.d), p.result_registers(), true, rows) ||
      !add_rows(operands[1], kind_of(p.a), p.registers(MatrixOperand::kA), false, rows) ||
      !add_rows(operands[2], kind_of(p.b), p.registers(MatrixOperand::kB), false, rows) ||
      !add_rows(operands[3], kind_of(p.c), p.registers(MatrixOperand::kC), false, rows))
    return;
  const std::size_t first_scale = p.sparse ? 6 : 4;
  for (std::size_t k = 4; k < operands.size(); ++k) {
    const bool selects = p.scales != 0 && (k == first_scale + 1 || k == first_scale + 3);
    if (!add_rows(operands[k], RowKind::k32, selects ? 2 : 1, false, rows)) return;
  }
  if (rows.size() !=
      static_cast<std::size_t>(p.result_registers() + p.registers(MatrixOperand::kA) +
                               p.registers(MatrixOperand::kB) + p.registers(MatrixOperand::kC) +
                               (p.sparse ? 2 : 0) + (p.scales != 0 ? 6 : 0)))
    return void(fail("an operand of another form"));
  push_product(p, rows);
}

void Decoder::decode_wmma() {
  branch_around();
  const std::optional<WmmaForm> form = parse_wmma(instruction_->parts);
  if (!form) return void(fail(""));
  if (form->action == WmmaForm::Action::kProduct) {
    decode_wmma_product(*form);
  } else {
    decode_wmma_access(*form);
  }
}

// wmma.load d, [address]{, stride}; wmma.store [address], d{, stride}
void Decoder::decode_wmma_access(const WmmaForm& form) {
  const auto& operands = instruction_->operands;
  const bool is_load = form.action == WmmaForm::Action::kLoad;
  if (operands.size() != 2 && operands.size() != 3) return void(fail(""));
  const bool doubled = form.element == ElementType::kF16 && form.operand != MatrixOperand::kC;
  const MatrixProduct& p = form.product;
  const bool plays_a = (form.operand == MatrixOperand::kA) != form.transposed;
  const int tiles = form.operand == MatrixOperand::kC                       ? form.tiles
                    : form.transposed                                       ? (plays_a ? form.tiles : 1)
                    : (form.operand == MatrixOperand::kA) == (form.m == 32) ? form.tiles
                                                                            : 1;
  const int each = form.operand == MatrixOperand::kC
                       ? p.registers(MatrixOperand::kC)
                       : p.registers(plays_a ? MatrixOperand::kA : MatrixOperand::kB);
  Op op;
  set_address(op, operands[is_load ? 1 : 0]);
  std::vector<uint32_t> rows;
  const int count = doubled ? 8 : tiles * each;
  if (!add_rows(operands[is_load ? 0 : 1], kind_of(form.element), count, is_load, rows)) return;
  if (operands.size() == 3) op.s[1] = source(operands[2], RowKind::k32);
  op.run = is_load ? load_fragment : store_fragment;
  op.list = add_list(rows);
  op.count = static_cast<uint8_t>(count);
  op.d = static_cast<uint32_t>(kernel_->wmma_forms.size());
  const bool shared = instruction_->has("shared") || instruction_->has("shared::cta");
  op.flags |= shared ? kSharedFragment : instruction_->has("global") ? kGlobalFragment : uint8_t{0};
  kernel_->wmma_forms.push_back(form);
  // A site for each access: those of global memory, then, for generic addresses, those of shared memory.
  const int accesses = wmma_accesses(form, count);
  op.site = add_sites(shared, is_load, accesses);
  if (!shared && !instruction_->has("global")) add_sites(true, is_load, accesses);
  if (!is_load && !instruction_->has("global"))
    kernel_->shared_granule =
        std::min(kernel_->shared_granule, static_cast<uint32_t>(bits_of(form.element) / 8));
  push(op);
}

// One product for each tile; fragments of tiles follow each other.
void Decoder::decode_wmma_product(const WmmaForm& form) {
  const auto& operands = instruction_->operands;
  MatrixProduct p = form.product;
  if (operands.size() != 4) return void(fail(""));
  const bool doubled = p.a == ElementType::kF16;
  if (form.transposed) std::swap(p.a, p.b);
  const int a_each = p.registers(MatrixOperand::kA), b_each = p.registers(MatrixOperand::kB);
  const int c_each = p.registers(MatrixOperand::kC), d_each = p.result_registers();
  const bool a_has_tiles = form.transposed || form.m == 32;
  const int a_count = doubled ? 8 : a_each * (a_has_tiles ? form.tiles : 1);
  const int b_count = doubled ? 8 : b_each * (a_has_tiles ? 1 : form.tiles);
  std::vector<uint32_t> d, a, b, c;
  if (!add_rows(operands[0], kind_of(p.d), form.tiles * d_each, true, d) ||
      !add_rows(operands[form.transposed ? 2 : 1], kind_of(p.a), a_count, false, a) ||
      !add_rows(operands[form.transposed ? 1 : 2], kind_of(p.b), b_count, false, b) ||
      !add_rows(operands[3], kind_of(p.c), form.tiles * c_each, false, c))
    return;
  const auto is_read = [&](uint32_t row) {
    const auto in = [&](const std::vector<uint32_t>& rows, std::size_t from) {
      return std::find(rows.begin() + static_cast<std::ptrdiff_t>(from), rows.end(), row) != rows.end();
    };
    return in(a, 0) || in(b, 0) || in(c, static_cast<std::size_t>(c_each));
  };
  std::vector<std::pair<uint32_t, uint32_t>> copies;  // results of the first tile that the second one reads
  for (int i = 0; form.tiles > 1 && i < d_each; ++i) {
    uint32_t& row = d[static_cast<std::size_t>(i)];
    if (!is_read(row)) continue;
    copies.emplace_back(row, new_row(kind_of(p.d)));
    row = copies.back().second;
  }
  const auto append = [](std::vector<uint32_t>& to, const std::vector<uint32_t>& from, int begin, int count) {
    to.insert(to.end(), from.begin() + begin, from.begin() + begin + count);
  };
  for (int tile = 0; tile < form.tiles; ++tile) {
    std::vector<uint32_t> rows;
    append(rows, d, tile * d_each, d_each);
    append(rows, a, a_has_tiles ? tile * a_each : 0, a_each);
    append(rows, b, a_has_tiles ? 0 : tile * b_each, b_each);
    append(rows, c, tile * c_each, c_each);
    push_product(p, rows);
  }
  for (const auto& [to, from] : copies) emit_raw("mov.32", to, {from}, false);
}

}  // namespace warpwright::sim
