// Compares the emulated float32 fma with the instruction on all triples of 40 special values and on as many random
// triples as the first argument says. Prints the triples that differ (none), how many there were, and a checksum of the
// instruction's results, which test/fma.test.ts compares with TypeScript's. Needs an instruction set with fma.
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#define RMSPROP_ISA fma_test
#include "../../native/kernels/arithmetic.hpp"

#if !defined(__FMA__) && !defined(__aarch64__)
#error "Compile this test with the fma instruction (-mfma on x64)."
#endif

namespace {

using rmsprop::fma_test::fma_emulated;
using rmsprop::fma_test::multiply_add;

// The twin of test/fma.test.ts, there and below.
constexpr std::uint32_t specials[20] = {
    0x00000000, 0x00000001, 0x00000002, 0x00400000, 0x007fffff, 0x00800000, 0x00800001,
    0x0d800000, 0x1a000001, 0x33800000, 0x33800001, 0x3f7fffff, 0x3f800000, 0x3f800001,
    0x4b800001, 0x5f000000, 0x7f000001, 0x7f7fffff, 0x7f800000, 0x7fc00000,
};

std::uint32_t state = 1;
std::uint32_t next() {  // xorshift32
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

std::uint32_t checksum = 0;
std::uint64_t count = 0, different = 0, nan = 0;

std::uint32_t canonical(float x) {
  return x != x ? 0x7fc00000u : std::bit_cast<std::uint32_t>(x);
}

void compare(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  volatile float fa = std::bit_cast<float>(a), fb = std::bit_cast<float>(b), fc = std::bit_cast<float>(c);
  const std::uint32_t expected = canonical(multiply_add(fa, fb, fc));
  const std::uint32_t found = canonical(fma_emulated(fa, fb, fc));
  if (expected != found && ++different <= 10) {
    std::printf("fma(%08x, %08x, %08x) is %08x, emulated %08x\n", a, b, c, expected, found);
  }
  nan += expected == 0x7fc00000u;
  ++count;
  checksum = (checksum * 31) + expected;
}

}  // namespace

int main(int argc, char** argv) {
  for (int a = 0; a < 40; ++a) {
    for (int b = 0; b < 40; ++b) {
      for (int c = 0; c < 40; ++c) {
        const auto value = [](int i) { return specials[i / 2] | (i % 2 ? 0x80000000u : 0u); };
        compare(value(a), value(b), value(c));
      }
    }
  }
  const long random = argc > 1 ? std::atol(argv[1]) : 0;
  for (long i = 0; i < random; ++i) {
    const std::uint32_t a = next(), b = next();
    std::uint32_t c = next();
    // Half of the sums are of like size, so that they cancel or round at the last bit.
    if (i % 2 == 0) {
      const std::uint32_t exponent = ((a >> 23) & 255) + ((b >> 23) & 255) - 127 + (c >> 24 & 63) - 32;
      if (exponent < 255) c = (c & 0x807fffffu) | exponent << 23;
    }
    compare(a, b, c);
  }
  std::printf("%llu triples, %llu different, %llu NaN, checksum %08x\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(different), static_cast<unsigned long long>(nan), checksum);
  return different == 0 ? 0 : 1;
}
