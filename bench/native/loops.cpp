// The bare C++ loop of each formula: what somebody would write by hand for one optimizer with fixed options.
// Coefficients by number: lr, alpha, eps, weightDecay, momentum.
#include <cmath>
#include <cstring>

#include "kernels.hpp"

namespace bench {
namespace {

template <typename Number>
struct Coefficients {
  Number lr, alpha, one_minus_alpha, eps, weight_decay, momentum, one, minus_zero, zero;
  explicit Coefficients(const double* numbers)
      : lr(static_cast<Number>(numbers[0])),
        alpha(static_cast<Number>(numbers[1])),
        one_minus_alpha(static_cast<Number>(1 - numbers[1])),
        eps(static_cast<Number>(numbers[2])),
        weight_decay(static_cast<Number>(numbers[3])),
        momentum(static_cast<Number>(numbers[4])),
        one(static_cast<Number>(numbers[5])),
        minus_zero(static_cast<Number>(numbers[6])),
        zero(static_cast<Number>(numbers[7])) {}
};

template <typename Number>
struct Arrays {
  const Number* __restrict grad;
  Number* __restrict param;
  Number* __restrict a;
  Number* __restrict b;
  Number* __restrict c;
  explicit Arrays(const Streams& streams)
      : grad(reinterpret_cast<const Number*>(streams.read)),
        param(reinterpret_cast<Number*>(streams.written[0])),
        a(reinterpret_cast<Number*>(streams.written[1])),
        b(reinterpret_cast<Number*>(streams.written[2])),
        c(reinterpret_cast<Number*>(streams.written[3])) {}
};

struct Rmsprop {
  static constexpr int written = 2;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>& k, std::size_t begin, std::size_t end) {
    const Number* __restrict grad = at.grad;
    Number* __restrict param = at.param;
    Number* __restrict square_avg = at.a;
    for (std::size_t i = begin; i < end; ++i) {
      const Number g = grad[i];
      const Number v = k.alpha * square_avg[i] + k.one_minus_alpha * (g * g);
      square_avg[i] = v;
      param[i] -= k.lr * (g / (std::sqrt(v) + k.eps));
    }
  }
};

// Centered, with momentum; with weight decay where it is asked for.
template <bool decay>
struct RmspropFull {
  static constexpr int written = 4;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>& k, std::size_t begin, std::size_t end) {
    const Number* __restrict grad = at.grad;
    Number* __restrict param = at.param;
    Number* __restrict square_avg = at.a;
    Number* __restrict grad_avg = at.b;
    Number* __restrict momentum_buffer = at.c;
    for (std::size_t i = begin; i < end; ++i) {
      Number g = grad[i];
      if constexpr (decay) g += k.weight_decay * param[i];
      const Number v = k.alpha * square_avg[i] + k.one_minus_alpha * (g * g);
      const Number m = k.alpha * grad_avg[i] + k.one_minus_alpha * g;
      const Number difference = v - m * m;
      const Number variance = difference < 0 ? 0 : difference;
      const Number b = k.momentum * momentum_buffer[i] + g / (std::sqrt(variance) + k.eps);
      square_avg[i] = v;
      grad_avg[i] = m;
      momentum_buffer[i] = b;
      param[i] -= k.lr * b;
    }
  }
};

struct RmspropFormula {
  static constexpr int written = 4;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>& k, std::size_t begin, std::size_t end) {
    const Number* __restrict grad = at.grad;
    Number* __restrict param = at.param;
    Number* __restrict square_avg = at.a;
    Number* __restrict grad_avg = at.b;
    Number* __restrict momentum_buffer = at.c;
    const Number grad_scale = k.one, eps_in = k.minus_zero, lr_in = k.one, param_decay = k.one, least = k.zero;
    for (std::size_t i = begin; i < end; ++i) {
      const Number g = grad_scale * grad[i] + k.weight_decay * param[i];
      const Number v = k.alpha * square_avg[i] + k.one_minus_alpha * (g * g);
      const Number m = k.alpha * grad_avg[i] + k.one_minus_alpha * g;
      const Number difference = v - m * m;
      const Number variance = (difference < least ? least : difference) + eps_in;
      const Number d = (lr_in * g) / (std::sqrt(variance) + k.eps);
      const Number b = k.momentum * momentum_buffer[i] + d;
      square_avg[i] = v;
      grad_avg[i] = m;
      momentum_buffer[i] = b;
      param[i] = param_decay * param[i] - k.lr * b;
    }
  }
};

struct Sgd {
  static constexpr int written = 1;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>& k, std::size_t begin, std::size_t end) {
    const Number* __restrict grad = at.grad;
    Number* __restrict param = at.param;
    for (std::size_t i = begin; i < end; ++i) param[i] -= k.lr * grad[i];
  }
};

struct SgdMomentum {
  static constexpr int written = 2;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>& k, std::size_t begin, std::size_t end) {
    const Number* __restrict grad = at.grad;
    Number* __restrict param = at.param;
    Number* __restrict momentum_buffer = at.a;
    for (std::size_t i = begin; i < end; ++i) {
      const Number b = k.momentum * momentum_buffer[i] + grad[i];
      momentum_buffer[i] = b;
      param[i] -= k.lr * b;
    }
  }
};

struct Adagrad {
  static constexpr int written = 2;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>& k, std::size_t begin, std::size_t end) {
    const Number* __restrict grad = at.grad;
    Number* __restrict param = at.param;
    Number* __restrict sum = at.a;
    for (std::size_t i = begin; i < end; ++i) {
      const Number g = grad[i];
      const Number s = sum[i] + g * g;
      sum[i] = s;
      param[i] -= k.lr * (g / (std::sqrt(s) + k.eps));
    }
  }
};

// The sum of gradients, added in a balanced tree, into the first of them.
struct SumOfTwo {
  static constexpr int written = 1;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>&, std::size_t begin, std::size_t end) {
    const Number* __restrict b = at.grad;
    Number* __restrict a = at.param;
    for (std::size_t i = begin; i < end; ++i) a[i] = a[i] + b[i];
  }
};

// Into an array apart, which leaves all of them as they are.
struct SumOfTwoApart {
  static constexpr int written = 2;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>&, std::size_t begin, std::size_t end) {
    const Number* __restrict b = at.grad;
    Number* __restrict sum = at.param;
    const Number* __restrict a = at.a;
    for (std::size_t i = begin; i < end; ++i) sum[i] = a[i] + b[i];
  }
};

struct SumOfFourApart {
  static constexpr int written = 4;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>&, std::size_t begin, std::size_t end) {
    const Number* __restrict d = at.grad;
    Number* __restrict sum = at.param;
    const Number* __restrict a = at.a;
    const Number* __restrict b = at.b;
    const Number* __restrict c = at.c;
    for (std::size_t i = begin; i < end; ++i) sum[i] = (a[i] + b[i]) + (c[i] + d[i]);
  }
};

struct SumOfFour {
  static constexpr int written = 3;
  template <typename Number>
  static void step(const Arrays<Number>& at, const Coefficients<Number>&, std::size_t begin, std::size_t end) {
    const Number* __restrict d = at.grad;
    Number* __restrict a = at.param;
    const Number* __restrict b = at.a;
    const Number* __restrict c = at.b;
    for (std::size_t i = begin; i < end; ++i) a[i] = (a[i] + b[i]) + (c[i] + d[i]);
  }
};

template <typename Loop, typename Number>
void run(const Streams& streams, std::size_t begin, std::size_t end, const double* numbers) {
  const std::size_t words = streams.words_per_element;
  Loop::template step<Number>(Arrays<Number>(streams), Coefficients<Number>(numbers), begin / words, end / words);
}

template <typename Loop>
Kernel kernel_of(const Streams& streams) {
  if (streams.written_count != Loop::written) return nullptr;
  return streams.words_per_element == 2 ? run<Loop, double> : run<Loop, float>;
}

}  // namespace

Kernel find_loop(const char* name, const Streams& streams) {
  if (std::strcmp(name, "rmsprop") == 0) return kernel_of<Rmsprop>(streams);
  if (std::strcmp(name, "rmsprop centered momentum") == 0) return kernel_of<RmspropFull<false>>(streams);
  if (std::strcmp(name, "rmsprop centered momentum weightDecay") == 0) return kernel_of<RmspropFull<true>>(streams);
  if (std::strcmp(name, "formula rmsprop centered momentum weightDecay") == 0) {
    return kernel_of<RmspropFormula>(streams);
  }
  if (std::strcmp(name, "sgd") == 0) return kernel_of<Sgd>(streams);
  if (std::strcmp(name, "sgd momentum") == 0) return kernel_of<SgdMomentum>(streams);
  if (std::strcmp(name, "adagrad") == 0) return kernel_of<Adagrad>(streams);
  if (std::strcmp(name, "sum of 2") == 0) return kernel_of<SumOfTwo>(streams);
  if (std::strcmp(name, "sum of 2 apart") == 0) return kernel_of<SumOfTwoApart>(streams);
  if (std::strcmp(name, "sum of 4 apart") == 0) return kernel_of<SumOfFourApart>(streams);
  if (std::strcmp(name, "sum of 4") == 0) return kernel_of<SumOfFour>(streams);
  return nullptr;
}

}  // namespace bench
