#include "tests/fuzz/mutate.h"

#include <algorithm>

#include "evaluator/ptx/lexer.h"

namespace warpwright::sim::fuzz {
namespace {

// Numbers, names and opcodes that a corpus of working kernels lacks.
constexpr std::string_view kHostile[] = {"0",
                                         "1",
                                         "-1",
                                         "31",
                                         "32",
                                         "33",
                                         "64",
                                         "255",
                                         "256",
                                         "4095",
                                         "65536",
                                         "2147483647",
                                         "2147483648",
                                         "4294967295",
                                         "4294967296",
                                         "9223372036854775807",
                                         "18446744073709551615",
                                         "99999999999999999999",
                                         "0x",
                                         "0b2",
                                         "09",
                                         "0f7F800000",
                                         "0d7FF0000000000000",
                                         "1e400",
                                         "1.",
                                         "WARP_SZ",
                                         "_",
                                         "%tid.x",
                                         "%clock64",
                                         "%p1",
                                         "%r1",
                                         "%rd1",
                                         "%rs1",
                                         "%f1",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         "(",
                                         ")",
                                         ";",
                                         ",",
                                         "@",
                                         "!",
                                         "|",
                                         "+",
                                         "-",
                                         "<",
                                         ">",
                                         "\"",
                                         "/*",
                                         "//",
                                         ".reg",
                                         ".b128",
                                         ".pred",
                                         ".param",
                                         ".local",
                                         ".shared",
                                         ".extern",
                                         ".align",
                                         ".func",
                                         ".entry",
                                         ".loc",
                                         ".branchtargets",
                                         ".callprototype",
                                         "bar.sync",
                                         "bar.arrive",
                                         "bar.red.popc.u32",
                                         "barrier.sync",
                                         "shfl.sync.idx.b32",
                                         "vote.sync.ballot.b32",
                                         "match.all.sync.b32",
                                         "redux.sync.add.s32",
                                         "elect.sync",
                                         "brx.idx",
                                         "call",
                                         "call.uni",
                                         "ret",
                                         "exit",
                                         "trap",
                                         "alloca.u64",
                                         "ldmatrix.sync.aligned",
                                         "cp.async.ca.shared.global",
                                         "cp.async.commit_group",
                                         "cp.async.wait_group",
                                         "cp.async.wait_all",
                                         "atom.global.cas.b32",
                                         "red.shared.add.f32",
                                         "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
                                         "ld.global.v4.u32",
                                         "st.shared.v2.b64",
                                         "ld.param.u64",
                                         "cvt.rn.f16x2.e4m3x2",
                                         "prmt.b32",
                                         "lop3.b32"};

struct Line {
  std::size_t begin, size;
};
Line line_at(const std::string& text, std::size_t at) {
  const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  const std::size_t end = text.find('\n', at);
  return {begin, (end == std::string::npos ? text.size() : end + 1) - begin};
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         c == '%' || c == '.' || c == ':';
}

}  // namespace

Mutator::Mutator(const std::vector<std::string>& corpus, uint64_t seed) : corpus_(corpus), state_(seed) {
  for (const std::string& text : corpus) {
    ptx::Lexer lexer(text);
    for (ptx::Token t = lexer.next(); t.kind != ptx::Token::Kind::kEnd; t = lexer.next())
      words_.push_back(t.text);
  }
  std::sort(words_.begin(), words_.end());
  words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
}

uint64_t Mutator::draw() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::string_view Mutator::some_word() {
  if (words_.empty() || below(3) == 0) return kHostile[below(std::size(kHostile))];
  return words_[below(words_.size())];
}

void Mutator::change_line(std::string& text) {
  if (text.empty()) return;
  const Line line = line_at(text, below(text.size()));
  const std::string& other = corpus_[below(corpus_.size())];
  switch (below(5)) {
    case 0:
      text.erase(line.begin, line.size);
      break;
    case 1:
      text.insert(line.begin, text.substr(line.begin, line.size));
      break;
    case 2: {  // to another place
      const std::string moved = text.substr(line.begin, line.size);
      text.erase(line.begin, line.size);
      text.insert(text.empty() ? 0 : line_at(text, below(text.size())).begin, moved);
      break;
    }
    case 3: {  // of another kernel
      if (other.empty()) break;
      const Line foreign = line_at(other, below(other.size()));
      text.replace(line.begin, below(2) ? line.size : 0, other, foreign.begin, foreign.size);
      break;
    }
    default:  // the rest of another kernel
      if (!other.empty() && below(4) == 0)
        text = text.substr(0, line.begin) + other.substr(below(other.size()));
  }
}

void Mutator::change_word(std::string& text) {
  if (text.empty()) return;
  std::size_t at = below(text.size());
  while (at < text.size() && !is_word(text[at])) ++at;
  std::size_t begin = at, end = at;
  while (begin > 0 && is_word(text[begin - 1])) --begin;
  while (end < text.size() && is_word(text[end])) ++end;
  const std::string_view word = some_word();
  switch (below(4)) {
    case 0:  // one component of an opcode
      if (const std::size_t dot = text.find('.', begin); dot < end) {
        std::size_t stop = dot + 1;
        while (stop < end && text[stop] != '.') ++stop;
        text.replace(dot, stop - dot, word.starts_with(".") ? std::string(word) : "." + std::string(word));
        break;
      }
      [[fallthrough]];
    case 1:
      text.replace(begin, end - begin, word);
      break;
    case 2:
      text.insert(begin, std::string(word) + " ");
      break;
    default:
      text.erase(begin, end - begin);
  }
}

void Mutator::change_bytes(std::string& text) {
  if (text.empty()) return;
  const std::size_t at = below(text.size());
  switch (below(5)) {
    case 0:
      text[at] = static_cast<char>(draw());
      break;
    case 1:
      text.erase(at, 1 + below(16));
      break;
    case 2:
      text.insert(at, text, below(text.size()), 1 + below(64));
      break;
    case 3:
      text[at] = "{}()[]<>,;:@!|+-*/~&^=?\"%._09"[below(29)];
      break;
    default:
      if (below(8) == 0) text.resize(at);
  }
}

std::string Mutator::next() {
  std::string text = corpus_[below(corpus_.size())];
  for (std::size_t left = 1 + below(6); left > 0; --left) {
    const std::size_t kind = below(8);
    if (kind < 3) {
      change_line(text);
    } else if (kind < 7) {
      change_word(text);
    } else {
      change_bytes(text);
    }
  }
  return text;
}

}  // namespace warpwright::sim::fuzz
