// The limit of a step: loops that read and write the streams of a step and do nothing else. Bits stay as they are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

inline constexpr int max_written = 4;

// The arrays of one parameter, as words of 32 bits.
struct Streams {
  const std::uint32_t* read;            // the gradient
  std::uint32_t* written[max_written];  // the parameter and its slots: read and written
  int written_count;
  std::size_t words;
  std::size_t words_per_element;
};

using Kernel = void (*)(const Streams& streams, std::size_t begin, std::size_t end);

// Kernels by number: the three spellings of the limit, then STREAM's copy, which reads `read` and writes written[0].
// Null where there is no such kernel.
Kernel find_kernel(int number, int written_count);

}  // namespace bench
