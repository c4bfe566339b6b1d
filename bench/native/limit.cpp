#include "limit.hpp"

namespace bench {
namespace {

// Zero, which the compiler must not know: what is read has to be read.
const volatile std::uint32_t unknown_zero = 0;

constexpr std::size_t words_per_line = 16;
constexpr std::size_t words_per_tile = 1024;

template <int count>
struct Pointers {
  std::uint32_t* at[count];
  explicit Pointers(const Streams& streams) {
    for (int w = 0; w < count; ++w) at[w] = streams.written[w];
  }
};

// All streams in one loop, as the compiler vectorizes it.
template <int count>
void together(const Streams& streams, std::size_t begin, std::size_t end) {
  const std::uint32_t zero = unknown_zero;
  const std::uint32_t* read = streams.read;
  const Pointers<count> written(streams);
#pragma GCC ivdep
  for (std::size_t i = begin; i < end; ++i) {
    const std::uint32_t mask = read[i] & zero;
    for (int w = 0; w < count; ++w) written.at[w][i] ^= mask;
  }
}

// The same, two cache lines at a time, asking for the lines to come. The block and the distance were the fastest of
// several tried.
template <int count>
void prefetched(const Streams& streams, std::size_t begin, std::size_t end) {
  constexpr std::size_t block = 2 * words_per_line;
  constexpr std::size_t distance = 32 * words_per_line;
  const std::uint32_t zero = unknown_zero;
  const std::uint32_t* read = streams.read;
  const Pointers<count> written(streams);
  for (std::size_t first = begin; first < end; first += block) {
    const std::size_t last = first + block < end ? first + block : end;
    for (std::size_t i = first; i < last; i += words_per_line) {
      __builtin_prefetch(read + i + distance, 0);
      for (int w = 0; w < count; ++w) __builtin_prefetch(written.at[w] + i + distance, 1);
    }
#pragma GCC ivdep
    for (std::size_t i = first; i < last; ++i) {
      const std::uint32_t mask = read[i] & zero;
      for (int w = 0; w < count; ++w) written.at[w][i] ^= mask;
    }
  }
}

// One stream after the other, a tile at a time.
template <int count>
void in_turn(const Streams& streams, std::size_t begin, std::size_t end) {
  const std::uint32_t zero = unknown_zero;
  const Pointers<count> written(streams);
  for (std::size_t first = begin; first < end; first += words_per_tile) {
    const std::size_t last = first + words_per_tile < end ? first + words_per_tile : end;
    std::uint32_t all = 0;
    for (std::size_t i = first; i < last; ++i) all |= streams.read[i];
    const std::uint32_t mask = all & zero;
    for (int w = 0; w < count; ++w) {
      std::uint32_t* stream = written.at[w];
      for (std::size_t i = first; i < last; ++i) stream[i] ^= mask;
    }
  }
}

// STREAM's copy with plain stores, which make the memory read what they write (so that it counts 3 streams). The mask
// keeps the compiler from putting memcpy in its place.
void copy(const Streams& streams, std::size_t begin, std::size_t end) {
  const std::uint32_t zero = unknown_zero;
  const std::uint32_t* read = streams.read;
  std::uint32_t* written = streams.written[0];
#pragma GCC ivdep
  for (std::size_t i = begin; i < end; ++i) written[i] = read[i] ^ zero;
}

constexpr int kernel_count = 4;

template <int count>
constexpr Kernel kernels[kernel_count] = {together<count>, prefetched<count>, in_turn<count>, copy};

}  // namespace

Kernel find_kernel(int number, int written_count) {
  if (number < 0 || number >= kernel_count) return nullptr;
  switch (written_count) {
    case 1: return kernels<1>[number];
    case 2: return kernels<2>[number];
    case 3: return kernels<3>[number];
    case 4: return kernels<4>[number];
    default: return nullptr;
  }
}

}  // namespace bench
