// Blocks of every size are aligned, zero, writable to their last byte, counted, and there until their last holder goes.
#include "memory.hpp"

#include <cstdint>
#include <limits>
#include <vector>

#include "check.hpp"

int main() {
  using namespace rmsprop;
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
  return check::summary();
}
