#include "step.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include "fp_environment.hpp"
#include "tiles.hpp"

namespace rmsprop {
namespace {

// Steps tiles [first, last) of the runs, counted through all parameters of all runs in order. Neighbouring tiles of one
// parameter go to the kernel in one call: an element's result does not depend on the bounds.
void step_tiles(std::span<const Run> runs, std::size_t first, std::size_t last, Pace pace) {
  const std::size_t most = pace == Pace::yielding ? tiles_between_yields : last - first;
  std::size_t since_yield = 0;
  std::size_t tile = 0;
  for (const Run& run : runs) {
    const std::size_t count = parameter_count(run);
    for (std::size_t i = 0; i < count; ++i) {
      const Parameter& parameter = parameter_at(run, i);
      const std::size_t end_tile = tile + tiles_of(parameter);
      const std::size_t end = std::min(end_tile, last);
      for (std::size_t from = std::max(tile, first); from < end;) {
        const std::size_t to = std::min(end, from + (most - since_yield));
        run.kernel(parameter.streams, (from - tile) * tile_size, std::min((to - tile) * tile_size, parameter.count),
                   run.coefficients);
        since_yield += to - from;
        from = to;
        if (since_yield == most && pace == Pace::yielding) {
          std::this_thread::yield();
          since_yield = 0;
        }
      }
      tile = end_tile;
      if (tile >= last) return;
    }
  }
}

template <Pace pace>
void step_part(void* context, int part, int parts) {
  const FpEnvironment environment;
  const auto& [runs, tiles, cost] = *static_cast<const PreparedRuns*>(context);
  step_tiles(runs, bound(tiles, part, parts), bound(tiles, part + 1, parts), pace);
}

using Clock = std::chrono::steady_clock;

// Steps in close succession: those that follow one another by less than this, half of what the pool's threads look for
// work before they sleep, so that a thread that is woken for one is still awake for the next.
constexpr Clock::duration close_succession = std::chrono::microseconds(25);

// The steps that went before in close succession, of whichever thread. A race between two loses a step from the sum.
struct Succession {
  std::atomic<Clock::rep> end{std::numeric_limits<Clock::rep>::min() / 2};
  std::atomic<std::size_t> cost{0};
};
Succession succession;

// What the steps in close succession cost together, this one included.
std::size_t cost_in_succession(std::size_t cost) {
  const Clock::rep since = Clock::now().time_since_epoch().count() - succession.end.load(std::memory_order_relaxed);
  const bool close = since < Clock::duration(close_succession).count();
  const std::size_t sum = cost + (close ? succession.cost.load(std::memory_order_relaxed) : 0);
  succession.cost.store(sum, std::memory_order_relaxed);
  return sum;
}

// Whether threads that may sleep are worth waking: for one step, or for a succession of steps that is worth as much as
// one, because they stay awake for those that follow.
bool worth_waking(const Pool& pool, std::size_t cost, WorthOneThread worth) {
  if (cost >= 2 * worth.asleep || pool.awake()) return true;
  return cost_in_succession(cost) >= 2 * worth.asleep;
}

struct Pages {
  unsigned char* data;
  std::size_t count;
};

// The least page of the systems there are. A larger page is touched more than once.
constexpr std::size_t page_size = 4096;

void touch_part(void* context, int part, int parts) {
  const Pages& pages = *static_cast<const Pages*>(context);
  const std::size_t end = bound(pages.count, part + 1, parts);
  for (std::size_t page = bound(pages.count, part, parts); page < end; ++page) {
    *static_cast<volatile unsigned char*>(pages.data + page * page_size) = 0;
  }
}

}  // namespace

PreparedRuns prepare(std::span<Run> runs, std::size_t memory_from) {
  const FpEnvironment environment;
  PreparedRuns prepared{runs};
  std::size_t bytes = 0;
  for (Run& run : runs) {
    finish_coefficients(run);
    const std::size_t count = parameter_count(run);
    const std::size_t element = bytes_per_element(run);
    for (std::size_t i = 0; i < count; ++i) {
      const Parameter& parameter = parameter_at(run, i);
      prepared.tiles += tiles_of(parameter);
      prepared.cost += parameter.count + array_overhead;
      bytes += parameter.count * element;
    }
  }
  const Reach reach = reach_of(bytes, memory_from);
  for (Run& run : runs) run.kernel = kernel_of(run, reach);
  return prepared;
}

// Threads read the runs where they are, which from one step to the next are the same: each has them in its cache.
void step(const Pool& pool, const PreparedRuns& prepared, WorthOneThread worth, Pace pace) {
  if (prepared.tiles == 0) return;
  const Task task = pace == Pace::yielding ? step_part<Pace::yielding> : step_part<Pace::steady>;
  run_parts(pool, prepared.tiles, prepared.cost, worth, task, const_cast<PreparedRuns*>(&prepared));
}

void run_parts(const Pool& pool, std::size_t tiles, std::size_t cost, WorthOneThread worth, Task task, void* context) {
  // What is too small for two threads asks nothing, not even the clock.
  if (cost < 2 * worth.awake) return task(context, 0, 1);
  const auto threads = static_cast<std::size_t>(pool.threads());
  if (threads == 1) return task(context, 0, 1);
  const std::size_t worthwhile = cost / (worth_waking(pool, cost, worth) ? worth.awake : worth.asleep);
  const std::size_t parts = std::min({std::max<std::size_t>(worthwhile, 1), tiles, threads});
  pool.run(static_cast<int>(parts), task, context);
  // Where several threads ran, the pool knows when they ended.
  if (parts == 1) succession.end.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
}

void touch_pages(const Pool& pool, void* data, std::size_t bytes) {
  Pages pages{static_cast<unsigned char*>(data), (bytes + page_size - 1) / page_size};
  pool.run(pool.threads(), touch_part, &pages);
}

}  // namespace rmsprop
