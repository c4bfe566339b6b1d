// Blocks of every size are aligned, zero, writable to their last byte, counted, and there until their last holder goes.
#include "memory.hpp"

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "check.hpp"

namespace {

using namespace rmsprop;

#if defined(__linux__)

// The text of a file of the kernel's, or nothing.
std::string read_all(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// How many bytes of the mapping that holds an address lie on huge pages.
std::size_t huge_bytes_at(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  std::istringstream maps(read_all("/proc/self/smaps"));
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    std::size_t kilobytes = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) inside = from <= at && at < to;
    if (inside && std::sscanf(line.c_str(), "AnonHugePages: %zu kB", &kilobytes) == 1) return kilobytes * 1024;
  }
  return 0;
}

void test_huge_pages() {
  const std::string enabled = read_all("/sys/kernel/mm/transparent_hugepage/enabled");
  if (enabled.empty() || enabled.find("[never]") != std::string::npos) {
    std::printf("skipped: this system has no huge pages to give\n");
    return;
  }
  const std::size_t bytes = std::size_t{32} << 20;
  auto* block = static_cast<unsigned char*>(allocate_block(bytes));
  CHECK(block != nullptr);
  CHECK(huge_bytes_at(block) == 0);  // nothing is touched yet
  for (std::size_t i = 0; i < bytes; i += 4096) block[i] = 1;
  CHECK(huge_bytes_at(block) >= bytes / 2);  // memory may be too scattered for all of them
  disown_block(block, block_number(block));
}

#endif

}  // namespace

int main() {
  const MemoryCounters before = memory_counters();
  const std::size_t huge_page = std::size_t{2} << 20;
  const std::vector<std::size_t> sizes = {1,
                                          63,
                                          64,
                                          65,
                                          4096,
                                          page_aligned_from - 1,
                                          page_aligned_from,
                                          100'003,
                                          huge_page - 1,
                                          huge_page,
                                          huge_page + 1,
                                          3 * huge_page + 17};
  std::vector<unsigned char*> blocks;
  std::int64_t bytes = 0;
  for (const std::size_t size : sizes) {
    auto* block = static_cast<unsigned char*>(allocate_block(size));
    CHECK(block != nullptr);
    const std::size_t alignment = size < page_aligned_from ? memory_alignment : memory_page;
    CHECK(reinterpret_cast<std::uintptr_t>(block) % alignment == 0);
    bool zero = true;
    for (std::size_t i = 0; i < size; ++i) zero = zero && block[i] == 0;
    CHECK(zero);
    block[0] = block[size - 1] = 1;
    blocks.push_back(block);
    bytes += static_cast<std::int64_t>(size);
  }
  CHECK(memory_counters().blocks - before.blocks == static_cast<std::int64_t>(sizes.size()));
  CHECK(memory_counters().bytes - before.bytes == bytes);
  for (unsigned char* block : blocks) CHECK(hold_block(block));
  for (unsigned char* block : blocks) release_block(block);
  CHECK(memory_counters().bytes - before.bytes == bytes);
  for (unsigned char* block : blocks) release_block(block);  // the owner is no holder to release
  CHECK(memory_counters().bytes - before.bytes == bytes);
  for (unsigned char* block : blocks) disown_block(block, block_number(block) + sizes.size());  // of another number
  CHECK(memory_counters().bytes - before.bytes == bytes);
  for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(blocks[i][sizes[i] - 1] == 1);
  for (unsigned char* block : blocks) {
    const BlockNumber number = block_number(block);
    CHECK(hold_block(block));
    disown_block(block, number);
    disown_block(block, number);  // an owner goes once
    CHECK(block_number(block) == number);
    block[0] = 2;
    release_block(block);
    CHECK(block_number(block) == 0);
  }
  CHECK(memory_counters().blocks == before.blocks);
  CHECK(memory_counters().bytes == before.bytes);
  for (unsigned char* block : blocks) CHECK(!hold_block(block));
  CHECK(!hold_block(&before));
  release_block(&before);  // not a block: nothing happens
  disown_block(&before, 1);
  CHECK(memory_counters().blocks == before.blocks);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // sanitizers end the process there
  CHECK(allocate_block(std::numeric_limits<std::size_t>::max()) == nullptr);
  CHECK(allocate_block(std::numeric_limits<std::size_t>::max() / 2) == nullptr);
#endif
#if defined(__linux__)
  test_huge_pages();
#endif
  return check::summary();
}
