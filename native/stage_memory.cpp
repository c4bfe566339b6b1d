#include "stage_memory.hpp"

#include <algorithm>

#include "memory.hpp"
#include "tiles.hpp"

namespace rmsprop {
namespace {

std::size_t tiles_of(const std::vector<Group>& groups) {
  std::size_t count = 0;
  for (const Group& group : groups) {
    for (const Parameter& parameter : group.parameters) count += tiles_of(parameter);
  }
  return count;
}

}  // namespace

StageMemory::StageMemory(std::size_t tile_count, std::size_t parameter_count) noexcept
    : tile_count_(tile_count), parameter_count_(parameter_count) {
  const std::size_t bytes = tile_count * sizeof(TileSums) + parameter_count * sizeof(double);
  block_ = allocate_block(std::max<std::size_t>(bytes, 1));
  tiles_ = static_cast<TileSums*>(block_);
  factors_ = reinterpret_cast<double*>(tiles_ + tile_count);
}

std::unique_ptr<StageMemory> StageMemory::create(const std::vector<Group>& groups) {
  return create(tiles_of(groups), parameter_count(groups));
}

std::unique_ptr<StageMemory> StageMemory::create(std::size_t tile_count, std::size_t parameter_count) {
  std::unique_ptr<StageMemory> memory(new StageMemory(tile_count, parameter_count));
  if (!memory->block_) return nullptr;
  return memory;
}

StageMemory::~StageMemory() {
  if (block_) disown_block(block_, block_number(block_));
}

bool StageMemory::holds(const std::vector<Group>& groups) const {
  return holds(tiles_of(groups), parameter_count(groups));
}

bool StageMemory::holds(std::size_t tile_count, std::size_t parameter_count) const {
  return tile_count <= tile_count_ && parameter_count <= parameter_count_;
}

}  // namespace rmsprop
