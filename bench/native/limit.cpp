// The limit of a step: loops that read and write the streams of a step and do nothing else, in three spellings; bits
// stay as they are. And STREAM's copy, in three spellings too, which reads `read` and writes written[0].
#include <cstring>

#include "kernels.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

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
void together(const Streams& streams, std::size_t begin, std::size_t end, const double*) {
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
void prefetched(const Streams& streams, std::size_t begin, std::size_t end, const double*) {
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
void in_turn(const Streams& streams, std::size_t begin, std::size_t end, const double*) {
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
void copy(const Streams& streams, std::size_t begin, std::size_t end, const double*) {
  const std::uint32_t zero = unknown_zero;
  const std::uint32_t* read = streams.read;
  std::uint32_t* written = streams.written[0];
#pragma GCC ivdep
  for (std::size_t i = begin; i < end; ++i) written[i] = read[i] ^ zero;
}

// What the C library makes of it.
void copy_library(const Streams& streams, std::size_t begin, std::size_t end, const double*) {
  std::memcpy(streams.written[0] + begin, streams.read + begin, (end - begin) * sizeof(std::uint32_t));
}

// With stores past the cache (2 streams).
#if defined(__SSE2__)
void copy_streaming(const Streams& streams, std::size_t begin, std::size_t end, const double*) {
  std::size_t i = begin;
  for (; i + words_per_line <= end; i += words_per_line) {
    for (std::size_t word = i; word < i + words_per_line; word += 4) {
      const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(streams.read + word));
      _mm_stream_si128(reinterpret_cast<__m128i*>(streams.written[0] + word), four);
    }
  }
  for (; i < end; ++i) streams.written[0][i] = streams.read[i];
  _mm_sfence();
}
#endif

template <int count>
Kernel find(const char* name) {
  const struct {
    const char* name;
    Kernel kernel;
  } kernels[] = {
    {"together", together<count>},
    {"prefetched", prefetched<count>},
    {"in turn", in_turn<count>},
    {"copy", copy},
    {"copy, memcpy", copy_library},
#if defined(__SSE2__)
    {"copy, streaming", copy_streaming},
#endif
  };
  for (const auto& each : kernels) {
    if (std::strcmp(each.name, name) == 0) return each.kernel;
  }
  return nullptr;
}

}  // namespace

Kernel find_limit(const char* name, const Streams& streams) {
  switch (streams.written_count) {
    case 1: return find<1>(name);
    case 2: return find<2>(name);
    case 3: return find<3>(name);
    case 4: return find<4>(name);
    default: return nullptr;
  }
}

}  // namespace bench
