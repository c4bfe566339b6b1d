// Runs every variant of every rule that exists over symbols and prints, a line each, what it leaves of the element, in
// the notation of test/support/trace.ts: rule, number type, variant, then "name = expression" for the parameter and the
// slots in use.
#include <cstdio>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define RMSPROP_ISA trace
#include "../../native/kernels/rules/all.hpp"

namespace {

// A number of type Real, as the expression that makes it.
template <typename Real>
struct Symbol {
  std::string text;
  Symbol() = default;
  explicit Symbol(const std::string& expression) : text(expression) {}
  explicit Symbol(double constant) : text(written(constant)) {}

  static std::string written(double constant) {
    std::ostringstream stream;
    stream << constant;
    return stream.str();
  }
};

template <typename Real, typename... Operands>
Symbol<Real> node(const char* operation, const Operands&... operands) {
  std::string text = std::string("(") + operation;
  ((text += " " + operands.text), ...);
  return Symbol<Real>(text + ")");
}

template <typename Real>
using S = Symbol<Real>;

template <typename Real>
S<Real> operator-(const S<Real>& a) {
  return node<Real>("neg", a);
}
template <typename Real>
S<Real> operator+(const S<Real>& a, const S<Real>& b) {
  return node<Real>("add", a, b);
}
template <typename Real>
S<Real> operator-(const S<Real>& a, const S<Real>& b) {
  return node<Real>("sub", a, b);
}
template <typename Real>
S<Real> operator*(const S<Real>& a, const S<Real>& b) {
  return node<Real>("mul", a, b);
}
template <typename Real>
S<Real> operator/(const S<Real>& a, const S<Real>& b) {
  return node<Real>("div", a, b);
}
template <typename Real>
S<Real> square_root(const S<Real>& a) {
  return node<Real>("sqrt", a);
}
template <typename Real>
S<Real> select_less(const S<Real>& a, const S<Real>& b, const S<Real>& x, const S<Real>& y) {
  return node<Real>("selectLess", a, b, x, y);
}
// As arithmetic.hpp defines it for each number type.
template <typename Real>
S<Real> multiply_add(const S<Real>& a, const S<Real>& b, const S<Real>& c) {
  if constexpr (std::is_same_v<Real, float>) {
    return node<Real>("fma", a, b, c);
  } else {
    return a * b + c;
  }
}

// The names after "; <key>: " in a signature.
std::vector<std::string> names(const std::string& signature, const std::string& key) {
  const std::string start = "; " + key + ": ";
  const auto from = signature.find(start) + start.size();
  std::istringstream list(signature.substr(from, signature.find(';', from) - from));
  std::vector<std::string> result;
  for (std::string name; list >> name;) result.push_back(name);
  return result;
}

template <typename Rule, typename Real, std::size_t variant>
void trace() {
  using Number = Symbol<Real>;
  using Coefficients = typename Rule::template Coefficients<Number>;
  constexpr auto flags = rmsprop::trace::flags_of<Rule>(variant);
  const auto slot_names = names(Rule::signature, "slots");
  const auto coefficient_names = names(Rule::signature, "coefficients");
  constexpr std::size_t coefficient_count = sizeof(Coefficients) / sizeof(Number);
  if (slot_names.size() != Rule::slot_count || coefficient_names.size() != coefficient_count) {
    std::printf("%s names %zu slots and %zu coefficients, but has %zu and %zu\n", Rule::name, slot_names.size(),
                coefficient_names.size(), static_cast<std::size_t>(Rule::slot_count), coefficient_count);
    return;
  }
  Coefficients coefficients;
  auto* values = reinterpret_cast<Number*>(&coefficients);
  for (std::size_t i = 0; i < coefficient_count; ++i) values[i] = Number("$" + coefficient_names[i]);
  Number param("param");
  Number slot[Rule::slot_count];
  for (std::size_t s = 0; s < Rule::slot_count; ++s) {
    slot[s] = Rule::uses(flags, s) ? Number(slot_names[s]) : Number("unused");
  }
  Rule::template apply<flags>(param, Number("grad"), slot, coefficients);
  std::printf("%s %s %zu: param = %s", Rule::name, std::is_same_v<Real, float> ? "float32" : "float64", variant,
              param.text.c_str());
  for (std::size_t s = 0; s < Rule::slot_count; ++s) {
    if (Rule::uses(flags, s)) std::printf("; %s = %s", slot_names[s].c_str(), slot[s].text.c_str());
  }
  std::printf("\n");
}

template <typename Rule, typename Real, std::size_t variant>
void trace_existing() {
  if constexpr (Rule::exists(rmsprop::trace::flags_of<Rule>(variant))) trace<Rule, Real, variant>();
}

template <typename Rule, std::size_t... variants>
void trace_variants(std::index_sequence<variants...>) {
  (trace_existing<Rule, float, variants>(), ...);
  (trace_existing<Rule, double, variants>(), ...);
}

template <typename... Rules>
void trace_rules(rmsprop::trace::RuleList<Rules...>) {
  (trace_variants<Rules>(std::make_index_sequence<rmsprop::trace::variant_count<Rules>>{}), ...);
}

}  // namespace

int main() {
  trace_rules(rmsprop::trace::AllRules{});
}
