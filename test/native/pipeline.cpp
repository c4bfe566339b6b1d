// A staged step leaves the same bits whatever the number of threads and the floating-point environment that it finds,
// stays within its arrays and its memory, and gives that memory back. Arrays are blocks of their own, so that a
// sanitizer sees every access beyond one.
#include "pipeline.hpp"

#include <bit>
#include <limits>
#include <vector>

#include "check.hpp"
#include "cpu.hpp"
#include "memory.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

constexpr std::size_t lengths[] = {0, 1, 15, 16, 17, 1023, 1024, 1025, 5000};
constexpr double infinity = std::numeric_limits<double>::infinity();

using Array = std::vector<float>;

struct Arrays {
  Array data, grad, square_avg, average, accumulated;
  bool operator==(const Arrays&) const = default;
};

struct Model {
  std::vector<Arrays> arrays;
  std::vector<rmsprop::Group> groups;

  explicit Model(const rmsprop::Backend& backend) {
    std::uint32_t state = 1;
    const auto draw = [&] {
      state = state * 1664525u + 1013904223u;
      return static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    };
    for (const std::size_t length : lengths) {
      Arrays made;
      for (Array* array : {&made.data, &made.grad, &made.square_avg, &made.average, &made.accumulated}) {
        array->resize(length);
        for (float& value : *array) value = draw();
      }
      for (float& value : made.square_avg) value = value * value;
      arrays.push_back(made);
    }
    rmsprop::Group group{rmsprop::find_rule(backend, "rmsprop"), rmsprop::NumberType::float32, {}, {}};
    for (Arrays& each : arrays) {
      rmsprop::Parameter parameter{{}, each.data.size()};
      parameter.streams.param_in = parameter.streams.param_out = each.data.data();
      parameter.streams.grad = each.grad.data();
      parameter.streams.slots[0] = each.square_avg.data();
      group.parameters.push_back(parameter);
      group.extras.push_back({each.average.data(), each.accumulated.data()});
    }
    groups.push_back(group);
  }
};

struct Result {
  std::vector<Arrays> arrays;
  rmsprop::Report report;
};

bool same(const Result& a, const Result& b) {
  const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  return a.arrays == b.arrays && bits(a.report.grad_norm) == bits(b.report.grad_norm) &&
         bits(a.report.update_norm) == bits(b.report.update_norm) &&
         bits(a.report.largest_update) == bits(b.report.largest_update) && a.report.clipped == b.report.clipped &&
         a.report.non_finite == b.report.non_finite && a.report.skipped == b.report.skipped;
}

Result stepped(const rmsprop::Backend& backend, const rmsprop::Pool& pool, const rmsprop::RunStages& run_stages,
               rmsprop::Stages stages, float bad = 0, [[maybe_unused]] bool odd_environment = false) {
  Model model(backend);
  if (bad != 0) model.arrays.back().grad.back() = bad;
  const auto memory = rmsprop::StageMemory::create(model.groups);
  CHECK(memory != nullptr);
  const double values[rmsprop::max_coefficients] = {1, 0, 0.99, 0.01, -0.0, 1e-8, 0.01, 0, 1, 1};
  rmsprop::Run run{.group = &model.groups[0],
                   .variant = 0,
                   .selection = {},
                   .whole_group = true,
                   .values = values,
                   .coefficients = {}};
  const rmsprop::StagedStep step{backend, {&run, 1}, &run_stages, stages, *memory};
  CHECK(rmsprop::wrong_with(step) == nullptr);
#if defined(__x86_64__)
  const unsigned found = _mm_getcsr();
  if (odd_environment) _mm_setcsr(0x1f80u | 0x8040u | 0x4000u);  // flush, round up
#endif
  rmsprop::step_staged(pool, step, {1, 1}, rmsprop::Pace::steady);
#if defined(__x86_64__)
  _mm_setcsr(found);
#endif
  return {model.arrays, stages.report};
}

// Threads live as long as the process and are never joined; kept here, none counts as leaked.
rmsprop::Pool new_pool(int threads) {
  static auto& pools = *new std::vector<rmsprop::PoolThreads*>();
  pools.push_back(new rmsprop::PoolThreads(threads));
  return pools.back()->as_pool();
}

constexpr rmsprop::Stages everything = {1, 0.5, {1, 1, 1, 1}, {}};
constexpr rmsprop::Stages measured = {0, infinity, {1, 1, 1, 1}, {}};
constexpr rmsprop::RunStages all = {1, 1, 0.5, 0.4, 2, 1, 0.9, 0.1, 1};
constexpr rmsprop::RunStages waiting = {1, 0, 0.5, infinity, infinity, 1, 0.9, 0.1, 1};
constexpr rmsprop::RunStages none = {0, 1, 1, infinity, infinity, 0, 0, 1, 0};

void test_backend(const rmsprop::Backend& backend) {
  const rmsprop::Pool one = new_pool(1);
  const std::vector<Arrays> before = Model(backend).arrays;
  for (const rmsprop::Stages& stages : {everything, measured}) {
    for (const rmsprop::RunStages& run : {all, waiting, none}) {
      const Result expected = stepped(backend, one, run, stages);
      CHECK(expected.arrays != before);
      CHECK(expected.report.skipped == 0);
      for (const int threads : {2, 7}) CHECK(same(stepped(backend, new_pool(threads), run, stages), expected));
      CHECK(same(stepped(backend, one, run, stages, 0, true), expected));
    }
  }
  const Result skipped = stepped(backend, one, all, everything, std::numeric_limits<float>::infinity());
  CHECK(skipped.report.skipped == 1);
  CHECK(skipped.report.non_finite == 1);
  std::vector<Arrays> same_but_one = before;
  same_but_one.back().grad.back() = std::numeric_limits<float>::infinity();
  CHECK(skipped.arrays == same_but_one);
}

// What would write beyond the memory, or where there is none, is refused.
void test_refusals(const rmsprop::Backend& backend) {
  Model model(backend);
  const auto memory = rmsprop::StageMemory::create(model.groups);
  const double values[rmsprop::max_coefficients] = {};
  const rmsprop::Run run{.group = &model.groups[0],
                         .variant = 0,
                         .selection = {},
                         .whole_group = true,
                         .values = values,
                         .coefficients = {}};
  rmsprop::Stages stages = everything;
  const auto wrong = [&](std::vector<rmsprop::Run> runs, std::vector<rmsprop::RunStages> run_stages) {
    return rmsprop::wrong_with({backend, runs, run_stages.data(), stages, *memory}) != nullptr;
  };
  CHECK(!wrong({run}, {all}));
  CHECK(wrong({run, run}, {all, all}));
  CHECK(wrong({run}, {{0, 0, 1, infinity, infinity, 0, 0, 1, 0}}));
  model.groups[0].extras.back() = {nullptr, model.arrays.back().accumulated.data()};
  CHECK(wrong({run}, {all}));
  model.groups[0].extras.back() = {model.arrays.back().average.data(), nullptr};
  CHECK(wrong({run}, {all}));
  CHECK(!wrong({run}, {none}));
}

}  // namespace

int main() {
  const rmsprop::MemoryCounters before = rmsprop::memory_counters();
  for (const rmsprop::Backend* backend : rmsprop::supported_backends()) {
    test_backend(*backend);
    test_refusals(*backend);
  }
  CHECK(rmsprop::memory_counters().blocks == before.blocks);
  CHECK(rmsprop::memory_counters().bytes == before.bytes);
  return check::summary();
}
