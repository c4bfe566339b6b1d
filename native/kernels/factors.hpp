// The gradient of a dense layer, made of the factors of its outer products: loops over a tile, plain as those of
// kernel.hpp. They are blocked: a pass over columns adds the products of several rows of the batch to several rows of
// the tile, so that each number that is loaded is used several times.
#pragma once

#include <cstddef>
#include <utility>

#include "../backend.hpp"
#include "compiler.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

// The rows of a tile, and of the batch, that one pass takes: as many as there are registers for. Of 1 to 8 each, these
// were the fastest.
constexpr std::size_t row_block = 4;
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr std::size_t batch_block = 4;
#else
constexpr std::size_t batch_block = 2;
#endif
constexpr std::size_t lone_batch_block = 4;  // of a single row

// Numbers that are held in registers, because every index into them is a constant.
template <typename Number, std::size_t count>
struct Held {
  Number value[count];
};

// Adds the products of `batch` rows of the batch to `rows` rows of a tile, over `count` columns. The sums of an element
// are taken in the order of the batch.
template <typename Number, std::size_t rows, std::size_t batch>
inline void add_products(Number* to, std::size_t stride, const Held<Number, rows * batch>& x, const Number* right,
                         std::size_t columns, std::size_t count) {
  const auto over_batch = [&]<std::size_t... b>(std::size_t j, std::size_t r, std::index_sequence<b...>, Number sum,
                                                const Number(&y)[batch]) {
    (..., (sum = sum + x.value[r * batch + b] * y[b]));
    to[r * stride + j] = sum;
  };
  RMSPROP_INDEPENDENT_ITERATIONS
  for (std::size_t j = 0; j < count; ++j) {
    Number y[batch];
    for (std::size_t b = 0; b < batch; ++b) y[b] = right[b * columns + j];
    for (std::size_t r = 0; r < rows; ++r) {
      over_batch(j, r, std::make_index_sequence<batch>(), to[r * stride + j], y);
    }
  }
}

// Elements of `rows` neighbouring rows, from a row and a column on.
template <typename Number>
struct Block {
  Number* to;
  const Factors& factors;
  std::size_t row;
  std::size_t column;
  std::size_t count;  // columns
};

// Adds the products of rows [from, from + batch) of the batch.
template <typename Number, std::size_t rows, std::size_t batch>
inline void add_rows(const Block<Number>& block, std::size_t from) {
  const Factors& f = block.factors;
  const auto* left = static_cast<const Number*>(f.left);
  const auto* right = static_cast<const Number*>(f.right);
  Held<Number, rows * batch> x;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t b = 0; b < batch; ++b) {
      x.value[r * batch + b] = left ? left[(from + b) * f.rows + block.row + r] : Number(1);
    }
  }
  add_products<Number, rows, batch>(block.to, f.columns, x, right + from * f.columns + block.column, f.columns,
                                    block.count);
}

// Makes a block, whose elements are zeros.
template <typename Number, std::size_t rows>
RMSPROP_NOINLINE void make_block(const Block<Number>& block) {
  constexpr std::size_t several = rows == 1 ? lone_batch_block : batch_block;
  std::size_t from = 0;
  for (; from + several <= block.factors.batch; from += several) add_rows<Number, rows, several>(block, from);
  for (; from < block.factors.batch; ++from) add_rows<Number, rows, 1>(block, from);
}

template <typename Number>
void multiply(void* to, const Factors& factors, std::size_t begin, std::size_t count) {
  auto* result = static_cast<Number*>(to);
  // Read where no compiler sees it, so that none makes a call of memset of the loop.
  const volatile double none = 0;
  const auto zero = static_cast<Number>(none);
  for (std::size_t i = 0; i < count; ++i) result[i] = zero;
  for (std::size_t done = 0; done < count;) {
    const std::size_t row = (begin + done) / factors.columns;
    const std::size_t column = (begin + done) % factors.columns;
    const std::size_t left = count - done;
    if (column == 0 && left >= row_block * factors.columns) {
      make_block<Number, row_block>({result + done, factors, row, 0, factors.columns});
      done += row_block * factors.columns;
      continue;
    }
    const std::size_t columns = left < factors.columns - column ? left : factors.columns - column;
    make_block<Number, 1>({result + done, factors, row, column, columns});
    done += columns;
  }
}

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
