// What reading a reply gives: a value, or a problem with a reason that the model which wrote it can act on.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "src/events/event.h"

namespace warpwright::prompt {

struct ReplyProblem {
  events::ProposalFailed::Kind kind = events::ProposalFailed::Kind::kNoCode;
  std::string reason;
};
template <class T>
using Parsed = tl::expected<T, ReplyProblem>;

inline tl::unexpected<ReplyProblem> problem(events::ProposalFailed::Kind kind, std::string reason) {
  return tl::unexpected(ReplyProblem{kind, std::move(reason)});
}
inline tl::unexpected<ReplyProblem> no_code(std::string reason) {
  return problem(events::ProposalFailed::Kind::kNoCode, std::move(reason));
}
inline tl::unexpected<ReplyProblem> diff_refused(std::string reason) {
  return problem(events::ProposalFailed::Kind::kDiffRefused, std::move(reason));
}

}  // namespace warpwright::prompt
