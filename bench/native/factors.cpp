// The gradient of a dense layer, formed in memory: by the loops that one would write by hand, and by those of the
// library.
#include <cstring>

#include "../../native/kernels/factors.hpp"
#include "forming.hpp"

namespace bench {
namespace {

// Row by row: each row of the gradient is summed over the batch while it is in the cache.
void by_rows(const Forming& at) {
  for (std::size_t i = 0; i < at.rows; ++i) {
    float* __restrict to = at.grad + i * at.columns;
    for (std::size_t j = 0; j < at.columns; ++j) to[j] = 0;
    for (std::size_t b = 0; b < at.batch; ++b) {
      const float x = at.x[b * at.rows + i];
      const float* __restrict y = at.y + b * at.columns;
      for (std::size_t j = 0; j < at.columns; ++j) to[j] += x * y[j];
    }
  }
}

// Batch by batch: each row of the batch is added to the whole gradient, as backward passes mostly do.
void by_batch(const Forming& at) {
  std::memset(at.grad, 0, at.rows * at.columns * sizeof(float));
  for (std::size_t b = 0; b < at.batch; ++b) {
    const float* __restrict y = at.y + b * at.columns;
    for (std::size_t i = 0; i < at.rows; ++i) {
      const float x = at.x[b * at.rows + i];
      float* __restrict to = at.grad + i * at.columns;
      for (std::size_t j = 0; j < at.columns; ++j) to[j] += x * y[j];
    }
  }
}

// By the library's own blocks, a tile after the other as it does, but into memory.
void by_blocks(const Forming& at) {
  constexpr std::size_t tile = 1024;
  const rmsprop::Factors factors{at.x, at.y, at.batch, at.rows, at.columns};
  const std::size_t count = at.rows * at.columns;
  for (std::size_t begin = 0; begin < count; begin += tile) {
    const std::size_t left = count - begin;
    rmsprop::RMSPROP_ISA::multiply<float>(at.grad + begin, factors, begin, left < tile ? left : tile);
  }
}

}  // namespace

Form find_form(const char* name) {
  if (std::strcmp(name, "rows") == 0) return by_rows;
  if (std::strcmp(name, "batch") == 0) return by_batch;
  if (std::strcmp(name, "blocks") == 0) return by_blocks;
  return nullptr;
}

}  // namespace bench
