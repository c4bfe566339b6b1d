// A step leaves the same bits whatever the number of threads and the floating-point environment that it finds, touches
// only what it is told to, and restores the environment.
#include "step.hpp"

#include <bit>
#include <cfenv>
#include <cstring>
#include <vector>

#include "check.hpp"
#include "cpu.hpp"
#include "fp_environment.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

using rmsprop::Group;
using rmsprop::NumberType;
using rmsprop::Run;

constexpr std::size_t lengths[] = {0, 1, 7, 1023, 1024, 1025, 5000, 40'000};
constexpr std::size_t total = 48'080;
constexpr std::uint32_t some[] = {1, 3, 7};

struct Arrays {
  std::vector<float> data = std::vector<float>(total);
  std::vector<float> grad = std::vector<float>(total);
  std::vector<float> square_avg = std::vector<float>(total);

  Arrays() {
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < total; ++i) {
      state = state * 1664525u + 1013904223u;
      data[i] = static_cast<float>(state >> 8) * 0x1p-24f;
      state = state * 1664525u + 1013904223u;
      // Every eighth gradient is so small that its square, and soon the mean square, is subnormal.
      grad[i] = (static_cast<float>(state >> 8) * 0x1p-24f - 0.5f) * (i % 8 == 0 ? 0x1p-66f : 1.0f);
    }
  }

  Group group(const rmsprop::Backend& backend) {
    Group result{rmsprop::find_rule(backend, "rmsprop"), NumberType::float32, {}, {}};
    std::size_t start = 0;
    for (const std::size_t length : lengths) {
      rmsprop::Parameter parameter{{}, length};
      parameter.streams.param_in = parameter.streams.param_out = data.data() + start;
      parameter.streams.grad = grad.data() + start;
      parameter.streams.slots[0] = square_avg.data() + start;
      result.parameters.push_back(parameter);
      start += length;
    }
    return result;
  }

  bool operator==(const Arrays& other) const {
    const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
      return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
    };
    return same(data, other.data) && same(grad, other.grad) && same(square_avg, other.square_avg);
  }
};

Arrays stepped(const rmsprop::Backend& backend, const rmsprop::Pool& pool, rmsprop::WorthOneThread worth, bool whole,
               rmsprop::Pace pace = rmsprop::Pace::steady) {
  Arrays arrays;
  const Group group = arrays.group(backend);
  // In the rule's order: plain RMSprop at its defaults, and an epsilon that lets small gradients count.
  const double values[rmsprop::max_coefficients] = {1, 0, 0.99, 0.01, -0.0, 1e-25, 0.01, 0, 1, 1};
  Run run{.group = &group,
          .variant = 0,
          .selection = some,
          .whole_group = whole,
          .values = values,
          .kernel = nullptr,
          .coefficients = {}};
  for (int i = 0; i < 3; ++i) rmsprop::step(pool, rmsprop::prepare({&run, 1}), worth, pace);
  return arrays;
}

// Threads live as long as the process and are never joined; kept here, none counts as leaked.
rmsprop::Pool new_pool(int threads) {
  static auto& pools = *new std::vector<rmsprop::PoolThreads*>();
  pools.push_back(new rmsprop::PoolThreads(threads));
  return pools.back()->as_pool();
}

constexpr rmsprop::WorthOneThread always = {1, 1};

void test_threads(const rmsprop::Backend& backend) {
  const Arrays before;
  for (const bool whole : {true, false}) {
    const Arrays expected = stepped(backend, new_pool(1), always, whole);
    CHECK(!(expected == before));
    CHECK(expected.grad == before.grad);
    for (const int threads : {2, 3, 7, 64}) {
      CHECK(stepped(backend, new_pool(threads), always, whole) == expected);
      CHECK(stepped(backend, new_pool(threads), {10'000, 20'000}, whole) == expected);
      CHECK(stepped(backend, new_pool(threads), always, whole, rmsprop::Pace::yielding) == expected);
    }
  }
}

void test_selection(const rmsprop::Backend& backend) {
  const Arrays before;
  const Arrays selected = stepped(backend, new_pool(2), always, false);
  const Arrays whole = stepped(backend, new_pool(2), always, true);
  std::size_t start = 0;
  for (std::size_t i = 0; i < std::size(lengths); ++i) {
    const bool steps = i == 1 || i == 3 || i == 7;
    const Arrays& expected = steps ? whole : before;
    CHECK(std::memcmp(selected.data.data() + start, expected.data.data() + start, lengths[i] * sizeof(float)) == 0);
    start += lengths[i];
  }
}

#if defined(__x86_64__)
void test_environment(const rmsprop::Backend& backend) {
  const rmsprop::Pool pool = new_pool(2);
  const Arrays expected = stepped(backend, pool, always, true);
  const unsigned found = _mm_getcsr();
  for (const unsigned control :
       {0x1f80u | 0x8040u, 0x1f80u | 0x4000u, 0x1f80u | 0x6000u}) {  // flush; round up; toward zero
    _mm_setcsr(control);
    const Arrays arrays = stepped(backend, pool, always, true);
    const unsigned after = _mm_getcsr();
    _mm_setcsr(found);
    CHECK((after & 0xffc0u) == control);
    CHECK(arrays == expected);
  }
}
#endif

}  // namespace

int main() {
  for (const rmsprop::Backend* backend : rmsprop::supported_backends()) {
    test_threads(*backend);
    test_selection(*backend);
#if defined(__x86_64__)
    test_environment(*backend);
#endif
  }
  return check::summary();
}
