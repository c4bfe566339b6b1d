// Runs every variant of every rule that exists over symbols and prints, a line each, what it leaves of the element, in
// the notation of test/support/trace.ts: rule, number type, variant, then "name = expression" for the parameter and the
// slots in use. Then the gradients that are made, a line each: what they are made of, number type, and the expression
// of each element.
#include <cstdio>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define RMSPROP_ISA trace
#include "../../native/kernels/rules/all.hpp"
#include "../../native/kernels/stages.hpp"
#include "../../native/source.cpp"

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

// The sources of gradients that are made: of parameters of 5 rows and 3 columns, whose rows are blocked, and some not.
constexpr std::size_t rows = 5;
constexpr std::size_t columns = 3;
constexpr std::size_t batch = 7;
constexpr std::size_t size = rows * columns;

template <typename Real>
std::vector<Symbol<Real>> symbols(const std::string& name, std::size_t count) {
  std::vector<Symbol<Real>> result;
  for (std::size_t i = 0; i < count; ++i) result.emplace_back(name + std::to_string(i));
  return result;
}

// Makes elements [begin, end) of the sum of parts, each an array "a", factors "f" or those of a bias "b", and prints
// them.
template <typename Real>
void trace_source(const std::string& parts, double divisor, std::size_t begin, std::size_t end) {
  using Number = Symbol<Real>;
  rmsprop::StageTable table{};
  table.add = &rmsprop::trace::add_arrays<Number>;
  table.add_four = &rmsprop::trace::add_four<Number>;
  table.divide = &rmsprop::trace::divide_by<Number>;
  table.multiply = &rmsprop::trace::multiply<Number>;
  std::vector<std::vector<Number>> arrays;
  rmsprop::Source source;
  source.divisor = divisor;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const std::string name = "." + std::to_string(p) + ".";
    const bool made = parts[p] != 'a';
    arrays.push_back(symbols<Real>("x" + name, batch * rows));
    const void* const x = parts[p] == 'f' ? arrays.back().data() : nullptr;
    arrays.push_back(symbols<Real>((made ? "y" : "a") + name, batch * size));
    const void* const y = arrays.back().data();
    const bool bias = parts[p] == 'b';
    source.parts.push_back(made ? rmsprop::SourcePart{nullptr, {x, y, batch, bias ? 1 : rows, bias ? size : columns}}
                                : rmsprop::SourcePart{y, {}});
  }
  std::vector<Number> sums(rmsprop::max_sums * size);
  const auto* made = static_cast<const Number*>(source.make(
      table, sizeof(Number), begin, end - begin, reinterpret_cast<unsigned char*>(sums.data()), size * sizeof(Number)));
  std::printf("source %s/%g %zu-%zu %s: ", parts.c_str(), divisor, begin, end,
              std::is_same_v<Real, float> ? "float32" : "float64");
  for (std::size_t i = 0; i < end - begin; ++i) std::printf("%s%s", i == 0 ? "" : "; ", made[i].text.c_str());
  std::printf("\n");
}

template <typename Real>
void trace_sources() {
  for (std::size_t count = 1; count <= 17; ++count) trace_source<Real>(std::string(count, 'a'), 1, 0, size);
  trace_source<Real>(std::string(64, 'a'), 1, 7, 8);
  trace_source<Real>("f", 1, 0, size);
  trace_source<Real>("f", 1, 2, 13);
  trace_source<Real>("b", 1, 0, size);
  trace_source<Real>("aaa", 3, 0, size);
  trace_source<Real>("fabaf", 5, 4, 11);
}

}  // namespace

int main() {
  trace_rules(rmsprop::trace::AllRules{});
  trace_sources<float>();
  trace_sources<double>();
}
