// Norms of gradients and of updates, made of the sums of tiles, and the factors that bring norms down to limits.
#pragma once

#include <cmath>
#include <limits>

#include "pipeline.hpp"

namespace rmsprop {

// What stands for no limit.
inline constexpr double infinity = std::numeric_limits<double>::infinity();

// Rounded to the nearest, a subnormal quotient or product may be twice the exact one, and a norm that it scales down to
// a limit would then exceed the limit. So it is rounded down; all others are rounded as ever.
template <typename Number>
inline constexpr double least_normal = std::numeric_limits<Number>::min();
template <typename Number>
inline constexpr double least_step = std::numeric_limits<Number>::denorm_min();

// Brings subnormal numbers to where products are rounded to 53 bits, with room for those of two of them.
inline constexpr double normalizing = 0x1p600;

// The factor that brings a norm down to a limit: at most 1, and NaN for a norm that is NaN, if there is a limit.
inline double factor_to(double limit, double norm) {
  if (limit == infinity) return 1;
  const double factor = limit / norm;
  const bool above = factor < least_normal<double> && factor * normalizing * norm > limit * normalizing;
  if (above) return factor - least_step<double>;
  return 1 < factor ? 1 : factor;
}

// x * factor, for a factor from 0 to 1 or NaN.
inline double scaled_by(double factor, double x) {
  const double product = x * factor;
  const bool above = std::fabs(product) < least_normal<double> &&
                     std::fabs(product) * normalizing > std::fabs(x * normalizing * factor);
  return above ? product - std::copysign(least_step<double>, product) : product;
}

// The same as a coefficient of a number type, which rounds it.
inline double coefficient_by(double factor, double x, NumberType type) {
  const double product = scaled_by(factor, x);
  if (type == NumberType::float64 || !(factor < 1)) return product;
  const double rounded = static_cast<float>(product);
  const bool above = std::fabs(rounded) > std::fabs(product) && std::fabs(rounded) < least_normal<float>;
  return above ? rounded - std::copysign(least_step<float>, rounded) : product;
}

// From the sums of all tiles of the table to the norms of gradients, which go into the report, and to the factor of
// each whole parameter.
void finish_norms(const StagedStep& step);

// The same for the report of updates.
void finish_updates(const StagedStep& step);

}  // namespace rmsprop
