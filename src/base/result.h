// The three kinds of failure and their mechanisms (src/README.md):
//   a candidate's failure is data (contract/status.h), an operation's failure is a Result, a bug is a CHECK.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace warpwright {

// What the program as a whole should do about a failed operation; maps to the process's exit code.
enum class ErrorKind {
  kUsage,           // wrong input, configuration or command line: exit code 2
  kInfrastructure,  // the machine: missing library, full disk, lost process: exit code 3
  kInterrupted,     // Ctrl-C: exit code 130
};

struct Error {
  ErrorKind kind = ErrorKind::kInfrastructure;
  std::string message;  // one line; names the file, the line and the mend where there is one
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> usage_error(std::string message) {
  return tl::unexpected(Error{ErrorKind::kUsage, std::move(message)});
}
inline tl::unexpected<Error> infrastructure_error(std::string message) {
  return tl::unexpected(Error{ErrorKind::kInfrastructure, std::move(message)});
}
// Puts `context: ` before the message of an error on its way up.
inline tl::unexpected<Error> add_context(Error error, const std::string& context) {
  error.message = context + ": " + error.message;
  return tl::unexpected(std::move(error));
}

#define WW_CONCAT_INNER(a, b) a##b
#define WW_CONCAT(a, b) WW_CONCAT_INNER(a, b)

// TRY(expression): returns the error of a Result from the enclosing function.
#define TRY(expression)                                                                                      \
  do {                                                                                                       \
    auto&& ww_try_result = (expression);                                                                     \
    if (!ww_try_result) return tl::unexpected(std::forward<decltype(ww_try_result)>(ww_try_result).error()); \
  } while (false)

// TRY_ASSIGN(auto x, expression): as TRY, and binds the value to x.
#define TRY_ASSIGN(target, expression) TRY_ASSIGN_IMPL(WW_CONCAT(ww_result_, __LINE__), target, expression)
#define TRY_ASSIGN_IMPL(result, target, expression)              \
  auto result = (expression);                                    \
  if (!result) return tl::unexpected(std::move(result).error()); \
  target = std::move(*result)

}  // namespace warpwright
