// Declarations of variables and parameters, at module scope and in bodies.
#pragma once

#include "evaluator/ptx/module.h"
#include "evaluator/ptx/token_stream.h"

namespace warpwright::ptx {

// The space a directive such as ".shared" names, or kNone.
Space space_of(std::string_view directive);

// What a declaration says before its name: ".align 16 .v2 .b8".
struct DeclaredType {
  int alignment = 1;
  int element_size = 0;
  std::string_view type;  // without the dot
  bool is_managed = false;
};
// Reads attributes, alignment, pointer hints and the type; the space directive has been taken.
Result<DeclaredType> parse_declared_type(TokenStream& tokens);

// Reads "name[2][3] = {...}" after the type. The name is as written.
Result<Variable> parse_variable(TokenStream& tokens, Space space, const DeclaredType& type);

// Reads "(.param .b32 a, .param .align 8 .b8 b[16])" and lays the parameters out; returns the block's size.
Result<uint64_t> parse_parameters(TokenStream& tokens, std::vector<Parameter>& parameters);

}  // namespace warpwright::ptx
