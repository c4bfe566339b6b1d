// Compiled once per instruction set, with -DRMSPROP_ISA=<its name> and its flags (native/build.json). Everything but
// the table is in an anonymous namespace inside a namespace of that name, so that the linker can never put code
// compiled for one instruction set in the place of another's. A test checks that an object exports one symbol and needs
// none.
#define RMSPROP_STRING_OF(x) #x
#define RMSPROP_STRING(x) RMSPROP_STRING_OF(x)

#include "kernel.hpp"
#include "rules/all.hpp"
#include "stages.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

template <typename List>
struct RuleTables;

template <typename... Rules>
struct RuleTables<RuleList<Rules...>> {
  static constexpr RuleTable tables[] = {rule_table<Rules>()...};
};

}  // namespace

extern const Backend backend;
const Backend backend = {
    .isa = RMSPROP_STRING(RMSPROP_ISA),
    .rules = RuleTables<AllRules>::tables,
    .rule_count = sizeof(RuleTables<AllRules>::tables) / sizeof(RuleTable),
    .stages = stage_tables,
};

}  // namespace rmsprop::RMSPROP_ISA
