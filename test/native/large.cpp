// Indices are 64-bit: arrays longer than 2^32 elements step right to their last element. They lie over one run of pages
// that is mapped again and again, so that they take little memory, and only their first and last tiles are stepped.
#include <cstring>
#include <vector>

#include "check.hpp"
#include "cpu.hpp"
#include "share.hpp"
#include "step.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>

namespace {

// In elements. No divisor of 2^32: an index that lacks its upper half comes to other elements.
constexpr std::size_t period = std::size_t{3} << 18;
constexpr std::size_t repeats = 5464;
constexpr std::size_t rest = 5;
constexpr std::size_t count = period * repeats + rest;
constexpr std::size_t share = 64 * rmsprop::tile_size;  // of 4,196,353 tiles in 2^16 shares
constexpr std::size_t first_share = share + rmsprop::head_start * rmsprop::tile_size;
static_assert(count - rest - share > std::size_t{1} << 32, "the last share begins past 2^32");

// `count` floats whose memory repeats after `period`; null where the system has no room for them.
float* repeated() {
  const std::size_t bytes = period * sizeof(float);
  const int file = memfd_create("period", 0);
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) return nullptr;
  void* room = mmap(nullptr, bytes * (repeats + 1), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return nullptr;
  for (std::size_t i = 0; i <= repeats; ++i) {
    void* at = static_cast<char*>(room) + i * bytes;
    if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != at) return nullptr;
  }
  close(file);
  return static_cast<float*>(room);
}

struct Arrays {
  float *data, *grad, *square_avg;

  void fill() const {
    for (std::size_t i = 0; i < period; ++i) {
      data[i] = static_cast<float>(i % 1000) * 0.001f;
      grad[i] = static_cast<float>(i % 77) * 0.01f - 0.3f;
      square_avg[i] = 0;
    }
  }

  rmsprop::Parameter parameter(std::size_t from, std::size_t elements) const {
    rmsprop::Parameter result{{}, elements};
    result.streams.param_in = result.streams.param_out = data + from;
    result.streams.grad = grad + from;
    result.streams.slots[0] = square_avg + from;
    return result;
  }
};

// A pool that does the first and the last share of a call and leaves out the others.
constexpr int share_count = 1 << 16;
const rmsprop::Pool first_and_last = {
    .self = nullptr,
    .get_threads = [](void*) noexcept { return share_count; },
    .put_threads = [](void*, int) noexcept {},
    .is_awake = [](void*) noexcept { return true; },
    .call_shares =
        [](void*, int shares, rmsprop::Task task, void* context) noexcept {
          task(context, 0, shares);
          if (shares > 1) task(context, shares - 1, shares);
        },
};

void step(const rmsprop::Parameter& parameter) {
  const rmsprop::Group group{
      rmsprop::find_rule(*rmsprop::supported_backends()[0], "rmsprop"), rmsprop::NumberType::float32, {parameter}, {}};
  const double values[rmsprop::max_coefficients] = {1, 0, 0.99, 0.01, -0.0, 1e-8, 0.01, 0, 1, 1};
  rmsprop::Run run{.group = &group,
                   .variant = 0,
                   .selection = {},
                   .whole_group = true,
                   .values = values,
                   .kernel = nullptr,
                   .coefficients = {}};
  rmsprop::step(first_and_last, rmsprop::prepare({&run, 1}), {}, rmsprop::Pace::steady);
}

}  // namespace

int main() {
  const Arrays large{repeated(), repeated(), repeated()};
  if (!large.data || !large.grad || !large.square_avg) {
    std::printf("skipped: no address space for %zu elements\n", count);
    return 0;
  }
  std::vector<float> data(period), grad(period), square_avg(period);
  const Arrays small{data.data(), grad.data(), square_avg.data()};
  large.fill();
  small.fill();
  step(large.parameter(0, count));
  // The last share has 65 tiles.
  for (std::size_t i = 0; i < first_share; i += rmsprop::tile_size) step(small.parameter(i, rmsprop::tile_size));
  for (std::size_t i = period - share; i < period; i += rmsprop::tile_size)
    step(small.parameter(i, rmsprop::tile_size));
  step(small.parameter(0, rest));
  CHECK(std::memcmp(large.data, small.data, period * sizeof(float)) == 0);
  CHECK(std::memcmp(large.square_avg, small.square_avg, period * sizeof(float)) == 0);
  CHECK(large.data[count - 1] == small.data[rest - 1]);
  CHECK(small.data[0] != 0 && small.data[period - 1] != static_cast<float>((period - 1) % 1000) * 0.001f);
  return check::summary();
}

#else

int main() {
  std::printf("skipped: repeated pages are made on Linux only\n");
  return 0;
}

#endif
