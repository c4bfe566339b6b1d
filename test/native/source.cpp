// Gradients that are made are those of a plain loop, on each instruction set, over arrays that are blocks of their own,
// so that a sanitizer sees every access beyond one. Nothing but the elements that are asked for is written.
#include "source.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "check.hpp"
#include "cpu.hpp"

namespace {

using rmsprop::Source;
using rmsprop::StageTable;

std::uint32_t state = 1;

template <typename Number>
std::vector<Number> drawn(std::size_t count) {
  std::vector<Number> values(count);
  for (Number& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<Number>(state >> 8) * static_cast<Number>(0x1p-24) - static_cast<Number>(0.5);
  }
  return values;
}

struct Shape {
  std::size_t rows;
  std::size_t columns;
};

constexpr Shape shapes[] = {{1, 1},   {3, 5},    {4, 1},    {1, 1023}, {1, 1024}, {2, 1025},
                            {70, 33}, {1100, 1}, {5, 1000}, {13, 256}, {9, 17},   {130, 16}};

// A sum of arrays and factors, beside the numbers of each part.
template <typename Number>
struct Made {
  Source source;
  std::deque<std::vector<Number>> memory;   // stays where it is
  std::vector<std::vector<Number>> formed;  // of each part

  const Number* keep(std::size_t count) { return memory.emplace_back(drawn<Number>(count)).data(); }

  void add_array(std::size_t count) {
    const Number* const array = keep(count);
    source.parts.push_back({array, {}});
    formed.emplace_back(array, array + count);
  }

  void add_factors(Shape shape, std::size_t batch, bool ones) {
    const Number* const x = ones ? nullptr : keep(batch * shape.rows);
    const Number* const y = keep(batch * shape.columns);
    source.parts.push_back({nullptr, {x, y, batch, shape.rows, shape.columns}});
    std::vector<Number>& result = formed.emplace_back(shape.rows * shape.columns);
    for (std::size_t r = 0; r < shape.rows; ++r) {
      for (std::size_t c = 0; c < shape.columns; ++c) {
        Number sum = 0;
        for (std::size_t b = 0; b < batch; ++b) {
          // Through memory, so that no compiler fuses the two.
          volatile Number product = (x ? x[b * shape.rows + r] : Number(1)) * y[b * shape.columns + c];
          sum = sum + product;
        }
        result[r * shape.columns + c] = sum;
      }
    }
  }

  Number expected(std::size_t i, std::size_t first, std::size_t size) const {
    if (size == 1) return formed[first][i];
    const std::size_t half = std::bit_floor(size - 1);
    return expected(i, first, half) + expected(i, first + half, size - half);
  }
};

template <typename Number>
void check_made(const StageTable& table, const Made<Number>& made, std::size_t count) {
  constexpr std::size_t guard = 16;
  constexpr std::size_t stride = rmsprop::tile_size + guard;
  const Number untouched = static_cast<Number>(12345.678);
  std::vector<Number> sums(rmsprop::max_sums * stride);
  const auto holds = [&](std::size_t begin, std::size_t size) {
    std::fill(sums.begin(), sums.end(), untouched);
    const void* const found = made.source.make(table, sizeof(Number), begin, size,
                                               reinterpret_cast<unsigned char*>(sums.data()), stride * sizeof(Number));
    bool right = true;
    for (std::size_t i = 0; i < size; ++i) {
      Number expected = made.expected(begin + i, 0, made.source.parts.size());
      if (made.source.divisor != 1) expected = expected / static_cast<Number>(made.source.divisor);
      right = right && std::memcmp(static_cast<const Number*>(found) + i, &expected, sizeof(Number)) == 0;
    }
    for (std::size_t sum = 0; sum < rmsprop::max_sums; ++sum) {
      for (std::size_t i = size; i < stride; ++i) right = right && sums[sum * stride + i] == untouched;
    }
    return right;
  };
  bool tiles = true;
  for (std::size_t begin = 0; begin < count; begin += rmsprop::tile_size) {
    tiles = tiles && holds(begin, std::min(rmsprop::tile_size, count - begin));
  }
  CHECK(tiles);
  // Pieces of tiles, as arrays that lie in memory are taken in.
  CHECK(holds(count / 3, std::min<std::size_t>(count - count / 3, 256)));
}

template <typename Number>
void test_type(const StageTable& table) {
  for (const Shape shape : shapes) {
    const std::size_t count = shape.rows * shape.columns;
    for (const std::size_t batch : {0, 1, 2, 3, 4, 5, 9, 32}) {
      Made<Number> factors;
      factors.add_factors(shape, batch, false);
      check_made(table, factors, count);
      Made<Number> bias;
      bias.add_factors({1, count}, batch, true);
      check_made(table, bias, count);
    }
    for (const std::size_t size : {1, 2, 3, 4, 5, 7, 8, 11, 12, 63, 64}) {
      for (const double divisor : {1.0, 3.0, 8.0}) {
        Made<Number> arrays;
        arrays.source.divisor = divisor;
        for (std::size_t i = 0; i < size; ++i) arrays.add_array(count);
        check_made(table, arrays, count);
      }
      Made<Number> mixed;
      for (std::size_t i = 0; i < size; ++i) {
        if (i % 3 == 1)
          mixed.add_array(count);
        else
          mixed.add_factors(i % 3 == 0 ? shape : Shape{1, count}, i % 5, i % 3 == 2);
      }
      check_made(table, mixed, count);
      std::vector<std::vector<Number>> before(mixed.memory.begin(), mixed.memory.end());
      mixed.source.zero(table, sizeof(Number), 0, std::min(count, rmsprop::tile_size));
      bool zeroed = true;
      for (std::size_t m = 0; m < before.size(); ++m) {
        const bool array =
            !before[m].empty() && std::any_of(mixed.source.parts.begin(), mixed.source.parts.end(),
                                              [&](const auto& part) { return part.array == mixed.memory[m].data(); });
        if (array) std::fill_n(before[m].begin(), std::min(count, rmsprop::tile_size), Number(0));
        zeroed = zeroed && before[m] == mixed.memory[m];
      }
      CHECK(zeroed);
    }
  }
}

}  // namespace

int main() {
  for (const rmsprop::Backend* backend : rmsprop::supported_backends()) {
    test_type<float>(backend->stages[static_cast<std::size_t>(rmsprop::NumberType::float32)]);
    test_type<double>(backend->stages[static_cast<std::size_t>(rmsprop::NumberType::float64)]);
  }
  return check::summary();
}
