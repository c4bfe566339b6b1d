// A staged step leaves the same bits whatever the number of threads and the floating-point environment that it finds,
// stays within its arrays and its memory, and gives that memory back.
#include "pipeline.hpp"

#include <limits>
#include <vector>

#include "check.hpp"
#include "cpu.hpp"
#include "memory.hpp"
#include "staged_model.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

using namespace staged;

Result stepped(const rmsprop::Backend& backend, const rmsprop::Pool& pool, const rmsprop::RunStages& run_stages,
               rmsprop::Stages stages, float bad = 0, [[maybe_unused]] bool odd_environment = false) {
  Model model(backend);
  if (bad != 0) model.arrays.back().grad.back() = bad;
  const auto memory = rmsprop::StageMemory::create(model.groups);
  CHECK(memory != nullptr);
  rmsprop::Run run{.group = &model.groups[0],
                   .variant = 0,
                   .selection = {},
                   .whole_group = true,
                   .values = values,
                   .kernel = nullptr,
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
  const rmsprop::Run run{.group = &model.groups[0],
                         .variant = 0,
                         .selection = {},
                         .whole_group = true,
                         .values = values,
                         .kernel = nullptr,
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
