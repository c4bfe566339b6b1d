// Loops that form a dense layer's gradient, by name.
#pragma once

#include <cstddef>

namespace bench {

// x: batch × rows, y: batch × columns, the gradient: rows × columns.
struct Forming {
  const float* x;
  const float* y;
  float* grad;
  std::size_t batch;
  std::size_t rows;
  std::size_t columns;
};

using Form = void (*)(const Forming& at);

// Null where there is no such loop.
Form find_form(const char* name);

}  // namespace bench
