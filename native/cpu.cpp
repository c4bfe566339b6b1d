#include "cpu.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#if defined(__x86_64__) || defined(_M_X64)
#define RMSPROP_X64 1
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace rmsprop {

#if defined(RMSPROP_X64)
namespace sse2 {
extern const Backend backend;
}
namespace avx2 {
extern const Backend backend;
}
namespace avx512 {
extern const Backend backend;
}
#elif defined(__aarch64__) || defined(_M_ARM64)
namespace neon {
extern const Backend backend;
}
#elif defined(__arm__)
namespace vfp {
extern const Backend backend;
}
#else
#error "rmsprop has no kernels for this architecture; add them to native/build.json and here."
#endif

namespace {

#if defined(RMSPROP_X64)

struct Registers {
  unsigned eax, ebx, ecx, edx;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
#if defined(_MSC_VER) && !defined(__clang__)
  int r[4];
  __cpuidex(r, static_cast<int>(leaf), static_cast<int>(subleaf));
  return {static_cast<unsigned>(r[0]), static_cast<unsigned>(r[1]), static_cast<unsigned>(r[2]),
          static_cast<unsigned>(r[3])};
#else
  Registers r{};
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  return r;
#endif
}

// The register states that the operating system saves on a context switch (XCR0).
unsigned enabled_state() {
#if defined(_MSC_VER) && !defined(__clang__)
  return static_cast<unsigned>(_xgetbv(0));
#else
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
#endif
}

constexpr bool has(unsigned value, unsigned mask) {
  return (value & mask) == mask;
}

struct Features {
  bool avx2 = false;
  bool avx512 = false;
};

// Intel's manual, volume 1, chapters 13 to 15: a set may be used if cpuid names it and XCR0 has its registers. The
// __builtin_cpu_supports of compilers reads a variable of their runtime library, which not every toolchain links.
Features features() {
  Features found;
  if (cpuid(0, 0).eax < 7) return found;
  const unsigned basic = cpuid(1, 0).ecx;
  constexpr unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;
  if (!has(basic, fma | osxsave | avx)) return found;
  const unsigned state = enabled_state();
  constexpr unsigned xmm_ymm = 0x06, opmask_zmm = 0xe0;
  const unsigned extended = cpuid(7, 0).ebx;
  constexpr unsigned avx2 = 1u << 5;
  found.avx2 = has(state, xmm_ymm) && has(extended, avx2);
  constexpr unsigned avx512f = 1u << 16, avx512dq = 1u << 17, avx512bw = 1u << 30, avx512vl = 1u << 31;
  found.avx512 =
      found.avx2 && has(state, xmm_ymm | opmask_zmm) && has(extended, avx512f | avx512dq | avx512bw | avx512vl);
  return found;
}

#endif

#if defined(__linux__)

struct File {
  explicit File(const std::string& path) : handle(std::fopen(path.c_str(), "re")) {}
  ~File() {
    if (handle) std::fclose(handle);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::FILE* handle;
};

int cpus_of(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return 0;
  const double cpus = quota / period;
  return cpus > 1e6 ? 0 : std::max(1, static_cast<int>(cpus) + (cpus > static_cast<int>(cpus)));
}

int quota_v2(const std::string& directory) {
  const File file(directory + "/cpu.max");
  double quota = 0, period = 0;
  // An unlimited group says "max", which is no number.
  return file.handle && std::fscanf(file.handle, "%lf %lf", &quota, &period) == 2 ? cpus_of(quota, period) : 0;
}

int quota_v1(const std::string& directory) {
  const File quota_file(directory + "/cpu.cfs_quota_us");
  const File period_file(directory + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  const bool read = quota_file.handle && period_file.handle && std::fscanf(quota_file.handle, "%lf", &quota) == 1 &&
                    std::fscanf(period_file.handle, "%lf", &period) == 1;
  return read ? cpus_of(quota, period) : 0;
}

// The least quota of a group and the groups above it.
template <typename Quota>
int least_quota(const std::string& mount, std::string group, Quota quota) {
  int least = 0;
  for (;;) {
    const int here = quota(mount + group);
    if (here > 0 && (least == 0 || here < least)) least = here;
    if (group.empty()) return least;
    group.erase(group.find_last_of('/'));
  }
}

#endif

}  // namespace

std::span<const Backend* const> supported_backends() {
#if defined(RMSPROP_X64)
  static const Features found = features();
  static const std::array<const Backend*, 3> all = {&avx512::backend, &avx2::backend, &sse2::backend};
  const std::size_t skipped = found.avx512 ? 0 : found.avx2 ? 1 : 2;
  return std::span(all).subspan(skipped);
#elif defined(__arm__)
  static const std::array<const Backend*, 1> all = {&vfp::backend};
  return all;
#else
  static const std::array<const Backend*, 1> all = {&neon::backend};
  return all;
#endif
}

int cgroup_quota([[maybe_unused]] const std::string& root) {
  int least = 0;
#if defined(__linux__)
  const auto take = [&least](int quota) {
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  };
  // Lines "hierarchy:controllers:group"; version 2 has hierarchy 0 and no controllers.
  const File groups(root + "/proc/self/cgroup");
  if (!groups.handle) return 0;
  char line[4096];
  while (std::fgets(line, sizeof line, groups.handle)) {
    const std::string text(line);
    const auto first = text.find(':');
    const auto second = first == std::string::npos ? first : text.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = std::string(",").append(text, first + 1, second - first - 1).append(",");
    std::string group = text.substr(second + 1, text.find_last_not_of("\n") - second);
    while (!group.empty() && group.back() == '/') group.pop_back();
    if (!group.empty() && group.front() != '/') continue;
    if (controllers == ",,") take(least_quota(root + "/sys/fs/cgroup", group, quota_v2));
    if (controllers.find(",cpu,") != std::string::npos) {
      take(least_quota(root + "/sys/fs/cgroup/cpu", group, quota_v1));
    }
  }
#endif
  return least;
}

int available_threads() {
  int count = static_cast<int>(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) count = CPU_COUNT(&allowed);
  if (const int quota = cgroup_quota(""); quota > 0) count = std::min(count, quota);
#endif
  return std::max(count, 1);
}

}  // namespace rmsprop
