// A PTX module as data: what the parser makes of NVRTC's text, and what the simulator and the
// inter-call-state scan read. Names and spaces are those of the PTX ISA manual. Pure data: no I/O, no
// execution.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright::ptx {

enum class Space { kNone, kReg, kParam, kConst, kGlobal, kLocal, kShared, kGeneric };

// Virtual registers are typed only by width; 8- and 16-bit ones live zero-extended in 32-bit rows.
enum class RegisterClass { kPred, k16, k32, k64, k128 };

struct Register {
  std::string name;  // unique in its function (inner scopes get a suffix)
  RegisterClass cls = RegisterClass::k32;
};

struct Operand {
  enum class Kind {
    kSink,       // `_`
    kRegister,   // reg; `a|p` puts p's register into `second`; name: the selector of `a.h0`, if any
    kSpecial,    // %tid.x, %laneid, ... : name
    kImmediate,  // bits: integers two's complement in 64 bits; 0f... as 32 float bits, 0d... as 64
    kSymbol,     // a variable's or function's name, plus offset
    kLabel,      // a branch target: name is unique in the function
    kVector,     // {a, b, ...}: elements
    kMemory,     // [base + offset]: elements[0] is the base (register, symbol or immediate)
    kTuple,      // (a, b): parameters of a call
  };
  Kind kind = Kind::kSink;
  bool negated = false;        // !p
  bool float_literal = false;  // the immediate was written 0f.../0d...
  int reg = -1;                // index into Function::registers
  int second = -1;             // the predicate of `a|p`, or -1
  uint64_t bits = 0;
  int64_t offset = 0;
  std::string name;
  std::vector<Operand> elements;
};

struct SourceLocation {
  int file = 0;  // index into Module::files (0: unknown)
  int line = 0;
};

struct Instruction {
  std::string opcode;              // as written, "ld.global.nc.v4.f32"
  std::vector<std::string> parts;  // split at the dots: {"ld", "global", "nc", "v4", "f32"}
  int predicate = -1;              // register index of @p, or -1
  bool predicate_negated = false;  // @!p
  std::vector<Operand> operands;   // in written order, destination first
  int line = 0;                    // line in the PTX text
  SourceLocation source;  // from .loc, when the module has line information: the innermost line of the
                          // user's own file (locations.h)

  bool has(std::string_view modifier) const;  // any part after the first equals modifier
  const std::string& base() const { return parts.front(); }
  const std::string& type() const { return parts.back(); }  // last part, usually the type
};

struct Variable {
  std::string name;
  Space space = Space::kNone;
  int alignment = 1;
  int element_size = 1;
  uint64_t size = 0;  // bytes; 0 for `extern .shared x[]` (dynamic shared memory)
  bool is_extern = false;
  bool is_managed = false;
  std::string bytes;  // initial content, empty if none; zero-extended to size
  // Addresses inside the initialiser: at byte `at`, the (generic) address of `symbol` plus offset.
  struct Pointer {
    uint64_t at = 0;
    std::string symbol;
    int64_t offset = 0;
  };
  std::vector<Pointer> pointers;
  int line = 0;
};

struct Parameter {
  std::string name;
  uint64_t offset = 0;  // in the parameter block of a launch
  uint64_t size = 0;
  int alignment = 1;
};

struct Function {
  std::string name;  // mangled
  bool is_entry = false;
  bool is_declaration = false;  // .extern .func, or a prototype
  std::vector<Parameter> parameters;
  std::vector<Parameter> results;
  uint64_t parameter_size = 0;
  std::vector<Register> registers;
  std::vector<Variable>
      variables;  // .shared, .local, .param (call frames), and any .global/.const hidden in the body
  std::vector<Instruction> code;
  std::map<std::string, int> labels;                               // name -> index into code
  std::map<std::string, std::vector<std::string>> branch_targets;  // of brx.idx: table name -> labels
  int max_threads[3] = {0, 0, 0};                                  // .maxntid, 0 if absent
  int required_threads[3] = {0, 0, 0};                             // .reqntid
  int min_blocks_per_sm = 0;                                       // .minnctapersm
  int max_registers = 0;                                           // .maxnreg
  int required_cluster[3] = {0, 0, 0};                             // .reqnctapercluster
  int line = 0;
};

struct Module {
  std::string version;  // "9.0"
  std::string target;   // "sm_100a"
  int address_size = 64;
  std::vector<Variable> variables;
  std::vector<Function> functions;
  std::map<int, std::string> files;  // .file index -> path

  const Function* find_function(std::string_view name) const;
  const Variable* find_variable(std::string_view name) const;
};

// Bytes of a PTX scalar type without its dot ("f32", "b64", "e4m3x2", "pred" = 1); 0 if it is not one.
int type_size(std::string_view type);

// Parses PTX as NVRTC or nvcc writes it. Never crashes on any text; errors read "ptx line 12: ...".
// Limits: 64 MiB of text, 2^20 instructions, nesting depth 64.
Result<Module> parse(std::string_view text);

}  // namespace warpwright::ptx
