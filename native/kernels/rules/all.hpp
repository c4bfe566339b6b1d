// Every rule of the library. The twin of lib/rules/all.ts.
#pragma once

#include "adadelta.hpp"
#include "adagrad.hpp"
#include "adam.hpp"
#include "rmsprop.hpp"
#include "rprop.hpp"
#include "sgd.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

template <typename... Rules>
struct RuleList {};

using AllRules = RuleList<Rmsprop, Sgd, Adagrad, Rprop, Adadelta, Adam>;

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
