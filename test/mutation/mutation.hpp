// What stands at a site of mutations in C++: what is written there, or, for the mutant that RMSPROP_MUTANT names, another.
// The twin of mutation.ts. Operands come evaluated, so that a site within one is mutated on its own.
#pragma once

namespace rmsprop::mutation {

extern const int chosen;

#define MUTATION template <typename A, typename B> __attribute__((always_inline)) static inline auto

template <typename A, typename B>
using Both = decltype(true ? A() : B());

template <typename A, typename B>
__attribute__((always_inline)) static inline A either(int first, A written, B other) {
  return chosen == first ? static_cast<A>(other) : written;
}

MUTATION add(int first, A a, B b) -> decltype(a + b) {
  using R = decltype(a + b);
  return chosen == first ? R(a - b) : chosen == first + 1 ? R(a) : chosen == first + 2 ? R(b) : a + b;
}
MUTATION sub(int first, A a, B b) -> decltype(a - b) {
  using R = decltype(a - b);
  return chosen == first ? R(a + b) : chosen == first + 1 ? R(b - a) : chosen == first + 2 ? R(a) : a - b;
}
MUTATION mul(int first, A a, B b) -> decltype(a * b) {
  using R = decltype(a * b);
  return chosen == first ? R(a / b) : chosen == first + 1 ? R(a) : chosen == first + 2 ? R(b) : a * b;
}
MUTATION div(int first, A a, B b) -> decltype(a / b) {
  using R = decltype(a / b);
  return chosen == first ? R(a * b) : chosen == first + 1 ? R(a) : chosen == first + 2 ? R(b / a) : a / b;
}
MUTATION less(int first, A a, B b) -> bool {
  return chosen == first       ? a <= b
         : chosen == first + 1 ? b < a
         : chosen == first + 2 ? true
         : chosen == first + 3 ? false
                               : a < b;
}
MUTATION greater(int first, A a, B b) -> bool {
  return chosen == first       ? a >= b
         : chosen == first + 1 ? b > a
         : chosen == first + 2 ? true
         : chosen == first + 3 ? false
                               : a > b;
}

// Both operands are evaluated: none of them does anything.
MUTATION both(int first, A a, B b) -> bool {
  return chosen == first ? bool(a) : chosen == first + 1 ? bool(b) : a && b;
}

template <typename A>
__attribute__((always_inline)) static inline bool isnt(int first, A a) {
  return chosen == first ? bool(a) : !a;
}

template <typename A>
__attribute__((always_inline)) static inline A neg(int first, A a) {
  return chosen == first ? a : -a;
}

template <typename A, typename Apply>
__attribute__((always_inline)) static inline A unary(int first, A a, Apply apply) {
  return chosen == first ? a : apply(a);
}

template <typename A, typename Apply>
__attribute__((always_inline)) static inline A sign(int first, A a, Apply apply) {
  return chosen == first ? -apply(a) : chosen == first + 1 ? a : apply(a);
}

template <typename A, typename Apply>
__attribute__((always_inline)) static inline A select(int first, A a, A b, A c, A d, Apply apply) {
  return chosen == first       ? apply(b, a, c, d)
         : chosen == first + 1 ? apply(b, a, d, c)
         : chosen == first + 2 ? c
         : chosen == first + 3 ? d
                               : apply(a, b, c, d);
}

template <typename A, typename Apply>
__attribute__((always_inline)) static inline A fused(int first, A a, A b, A c, Apply apply) {
  return chosen == first       ? a * b + c
         : chosen == first + 1 ? apply(-a, b, c)
         : chosen == first + 2 ? a * b
         : chosen == first + 3 ? c
                               : apply(a, b, c);
}

template <typename A, typename Apply>
__attribute__((always_inline)) static inline A limit(int first, A x, A low, A high, Apply apply) {
  return chosen == first       ? x
         : chosen == first + 1 ? (x < low ? low : x)
         : chosen == first + 2 ? (high < x ? high : x)
                               : apply(x, low, high);
}

#undef MUTATION

}  // namespace rmsprop::mutation
