// Loops that the benchmark measures steps against, by name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

inline constexpr int max_written = 4;
inline constexpr int max_numbers = 8;

// The arrays of one parameter, as words of 32 bits.
struct Streams {
  const std::uint32_t* read;            // the gradient
  std::uint32_t* written[max_written];  // the parameter and its slots: read and written
  int written_count;
  std::size_t words;
  std::size_t words_per_element;
};

// Works through words [begin, end). `numbers`: a loop's coefficients.
using Kernel = void (*)(const Streams& streams, std::size_t begin, std::size_t end, const double* numbers);

// Null where there is no such kernel for streams of that form.
Kernel find_limit(const char* name, const Streams& streams);
Kernel find_loop(const char* name, const Streams& streams);

}  // namespace bench
