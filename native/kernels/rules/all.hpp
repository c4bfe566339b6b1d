// Every rule of the library. The twin of lib/optimizers/all.ts.
#pragma once

#include "rmsprop.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

template <typename... Rules>
struct RuleList {};

using AllRules = RuleList<Rmsprop>;

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
