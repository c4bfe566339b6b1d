// Instruction sets come best first and end at the baseline; quotas of control groups are found and rounded up.
#include "cpu.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "check.hpp"

namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

#if defined(__linux__)
void test_cgroups() {
  std::string pattern = (fs::temp_directory_path() / "rmsprop-cgroup-XXXXXX").string();
  const fs::path root = mkdtemp(pattern.data());
  const auto quota = [&] { return rmsprop::cgroup_quota(root.string()); };
  CHECK(quota() == 0);  // no control groups at all

  write(root / "proc/self/cgroup", "0::/a/b\n");
  CHECK(quota() == 0);
  write(root / "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  CHECK(quota() == 0);
  write(root / "sys/fs/cgroup/a/b/cpu.max", "350000 100000\n");
  CHECK(quota() == 4);
  write(root / "sys/fs/cgroup/a/cpu.max", "200000 100000\n");  // the group above allows less
  CHECK(quota() == 2);
  write(root / "sys/fs/cgroup/a/b/cpu.max", "1000 100000\n");  // never less than one
  CHECK(quota() == 1);
  write(root / "proc/self/cgroup", "0::/\n");
  write(root / "sys/fs/cgroup/cpu.max", "300000 100000\n");
  CHECK(quota() == 3);

  write(root / "proc/self/cgroup", "12:memory:/x\n4:cpu,cpuacct:/docker/c\n");
  CHECK(quota() == 0);
  write(root / "sys/fs/cgroup/cpu/docker/c/cpu.cfs_quota_us", "-1\n");
  write(root / "sys/fs/cgroup/cpu/docker/c/cpu.cfs_period_us", "100000\n");
  CHECK(quota() == 0);
  write(root / "sys/fs/cgroup/cpu/docker/c/cpu.cfs_quota_us", "150000\n");
  CHECK(quota() == 2);
  fs::remove_all(root);
}
#endif

}  // namespace

int main() {
  const auto backends = rmsprop::supported_backends();
  CHECK(!backends.empty());
  const std::string baseline = backends.back()->isa;
  CHECK(baseline == "sse2" || baseline == "neon");
  for (const rmsprop::Backend* backend : backends) {
    CHECK(backend->rule_count == backends[0]->rule_count);
    for (std::size_t i = 0; i < backend->rule_count; ++i) {
      CHECK(std::string(backend->rules[i].signature) == backends[0]->rules[i].signature);
    }
  }
  CHECK(rmsprop::available_threads() >= 1);
#if defined(__linux__)
  test_cgroups();
#endif
  return check::summary();
}
