// The floating-point environment of a step: round to nearest, subnormals kept, no traps. Other code in the process may
// have set another one (a library built with -ffast-math sets flush-to-zero for every thread it starts).
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#elif defined(_M_ARM64) && !defined(__clang__)
#include <intrin.h>
#endif

namespace rmsprop {

// Sets the environment for this thread and restores at its end what it found.
class FpEnvironment {
 public:
  FpEnvironment() noexcept : found_(read()) {
    if ((found_ & control_bits) != wanted) write(wanted);
  }
  ~FpEnvironment() noexcept {
    if ((found_ & control_bits) != wanted) write(found_);
  }
  FpEnvironment(const FpEnvironment&) = delete;
  FpEnvironment& operator=(const FpEnvironment&) = delete;

 private:
#if defined(__x86_64__) || defined(_M_X64)
  using Register = unsigned;
  // MXCSR: flush-to-zero 15, rounding 14-13, exception masks 12-7, denormals-are-zero 6; 5-0 are sticky status bits.
  static constexpr Register control_bits = 0xffc0;
  static constexpr Register wanted = 0x1f80;
  static Register read() noexcept {
    return _mm_getcsr();
  }
  static void write(Register value) noexcept {
    _mm_setcsr(value);
  }
#elif defined(__arm__)
  using Register = std::uint32_t;
  // FPSCR: default NaN 25, flush-to-zero 24, rounding 23-22, vector stride 21-20 and length 18-16, traps 15 and 12-8.
  static constexpr Register control_bits = 0x3f79f00;
  static constexpr Register wanted = 0;
  static Register read() noexcept {
    Register value;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(value));
    return value;
  }
  static void write(Register value) noexcept {
    __asm__ volatile("vmsr fpscr, %0" : : "r"(value));
  }
#else
  using Register = std::uint64_t;
  // FPCR: default NaN 25, flush-to-zero 24, rounding 23-22, flush 16-bit 19, traps 15 and 12-8.
  static constexpr Register control_bits = 0x3c89f00;
  static constexpr Register wanted = 0;
#if defined(_M_ARM64) && !defined(__clang__)
  static Register read() noexcept {
    return static_cast<Register>(_ReadStatusReg(ARM64_FPCR));
  }
  static void write(Register value) noexcept {
    _WriteStatusReg(ARM64_FPCR, static_cast<__int64>(value));
  }
#else
  static Register read() noexcept {
    Register value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void write(Register value) noexcept {
    __asm__ volatile("msr fpcr, %0" : : "r"(value));
  }
#endif
#endif

  Register found_;
};

}  // namespace rmsprop
