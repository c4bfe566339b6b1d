// The contract between the code that is compiled once and the kernels that are compiled once per instruction set:
// plain data and function pointers. Everything here may be included by both sides, so nothing here has code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmsprop {

// The limits. TypeScript has them in lib/backends/limits.ts and compares them with these when the binary loads.
//
// The unit of work, in elements. Tile bounds depend on the array alone, never on the number of threads.
inline constexpr std::size_t tile_size = 1024;
inline constexpr std::size_t max_slots = 4;
inline constexpr std::size_t max_coefficients = 24;

// Bytes of a cache line. A wrong guess costs speed, not correctness.
inline constexpr std::size_t cache_line = 64;

// What elements are computed in.
enum class NumberType : std::uint8_t { float32, float64 };
inline constexpr std::size_t number_type_count = 2;

// The arrays of one parameter, all of one number type and one length. param_in and param_out are the same array or
// disjoint; every other pair is disjoint. Slots that the kernel's flags do not use may be null. No alignment beyond the
// element's own is assumed.
struct Streams {
  const void* param_in;
  void* param_out;
  const void* grad;
  void* slots[max_slots];
};

// Stands for the used slots of a set of flags that does not exist. No group can bind them all.
inline constexpr std::uint8_t no_variant = 0xff;
static_assert(max_slots < 8);

// Steps elements [begin, end) of one parameter. `coefficients` points to the rule's coefficients in the kernel's number
// type, in the order that the rule names them.
using StepKernel = void (*)(const Streams& streams, std::size_t begin, std::size_t end, const void* coefficients);

// One rule as compiled for one instruction set. A variant is a set of flags, numbered as the digits of the flags in
// mixed radix, the first flag changing fastest.
struct RuleTable {
  const char* name;
  // Slot, flag and coefficient names, written as lib/rules/rule.ts writes them; TypeScript compares the two when it
  // loads.
  const char* signature;
  std::size_t slot_count;
  std::size_t coefficient_count;
  std::size_t variant_count;
  const std::uint8_t* used_slots;                // one bit mask per variant, or no_variant
  const StepKernel* kernels[number_type_count];  // null where there is no such variant
  // The same for arrays that no cache holds. These kernels prefetch where it pays.
  const StepKernel* ahead_kernels[number_type_count];
};

// A batch of outer products. They make the gradient of a parameter of rows × columns that lie in row order: element
// (r, c) is the sum over b, in order from +0, of left[b * rows + r] * right[b * columns + c], each product and each sum
// rounded.
struct Factors {
  const void* left;   // batch × rows; null stands for ones
  const void* right;  // batch × columns
  std::size_t batch;
  std::size_t rows;
  std::size_t columns;
};

// How a rule changed a tile: the sum of the squares of the changes, and their largest magnitude, NaNs left out.
struct Change {
  double squares;
  double largest;
};

// The stages beside the rule, for one number type, over `count` elements, at most a tile. Streams are equal or
// disjoint. Numbers are given in double precision and rounded to the number type. Each is the twin of one in
// lib/backends/reference/stages.ts; native/pass.cpp has their order.
struct StageTable {
  double (*sum_of_squares)(const void* x, std::size_t count);
  std::size_t (*count_non_finite)(const void* x, std::size_t count);
  std::size_t (*count_above)(const void* x, std::size_t count, double scale, double limit);  // of scale * x
  // to = sum + scale * grad
  void (*accumulate)(void* to, const void* sum, const void* grad, std::size_t count, double scale);
  // to = scale * from, kept from -limit to limit; a NaN passes
  void (*clip)(void* to, const void* from, std::size_t count, double scale, double limit);
  // to = after
  void (*store)(void* to, const void* before, const void* after, std::size_t count, Change* change);
  // average = decay * average + one_minus_decay * param
  void (*average)(void* average, const void* param, std::size_t count, double decay, double one_minus_decay);
  void (*fill)(void* x, std::size_t count, double value);
  // to = a + b
  void (*add)(void* to, const void* a, const void* b, std::size_t count);
  // to = (a + b) + (c + d)
  void (*add_four)(void* to, const void* const (&parts)[4], std::size_t count);
  // to = from / divisor
  void (*divide)(void* to, const void* from, std::size_t count, double divisor);
  // to = elements [begin, begin + count) of the gradient that factors make
  void (*multiply)(void* to, const Factors& factors, std::size_t begin, std::size_t count);
};

// Everything that one instruction set offers.
struct Backend {
  const char* isa;
  const RuleTable* rules;
  std::size_t rule_count;
  const StageTable* stages;  // by number type
};

}  // namespace rmsprop
