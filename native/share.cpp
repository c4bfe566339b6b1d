#include "share.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

namespace rmsprop {
namespace {

using Clock = std::chrono::steady_clock;

// The earlier steps in close succession, whichever thread took them. A race between two loses one from the sum.
struct Succession {
  std::atomic<Clock::rep> end{std::numeric_limits<Clock::rep>::min() / 2};
  std::atomic<std::size_t> cost{0};
};
Succession succession;

// The cost of the steps in close succession, this one included.
std::size_t cost_in_succession(std::size_t cost) {
  const Clock::rep since = Clock::now().time_since_epoch().count() - succession.end.load(std::memory_order_relaxed);
  const bool close = since < close_succession.count();
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

// The smallest page of any system. A larger page is touched more than once.
constexpr std::size_t page_size = 4096;

void touch_share(void* context, int share, int shares) {
  const Pages& pages = *static_cast<const Pages*>(context);
  const std::size_t end = first_of(pages.count, share + 1, shares);
  for (std::size_t page = first_of(pages.count, share, shares); page < end; ++page) {
    *static_cast<volatile unsigned char*>(pages.data + page * page_size) = 0;
  }
}

}  // namespace

void share_out(const Pool& pool, std::size_t tiles, std::size_t cost, WorthOneThread worth, Task task, void* context) {
  const auto threads = static_cast<std::size_t>(pool.threads());
  if (threads == 1) return task(context, 0, 1);
  const std::size_t worthwhile = cost / (worth_waking(pool, cost, worth) ? worth.awake : worth.asleep);
  const std::size_t shares = std::min({std::max<std::size_t>(worthwhile, 1), tiles, threads});
  pool.call(static_cast<int>(shares), task, context);
  // Where several threads ran, the pool knows when they ended.
  if (shares == 1) succession.end.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
}

void touch_pages(const Pool& pool, void* data, std::size_t bytes) {
  Pages pages{static_cast<unsigned char*>(data), (bytes + page_size - 1) / page_size};
  pool.call(pool.threads(), touch_share, &pages);
}

}  // namespace rmsprop
