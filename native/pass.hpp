// One pass over the tiles of a staged step: the order of the stages of a tile.
#pragma once

#include "pipeline.hpp"

namespace rmsprop {

// Measures the gradients on its way, or changes what a step changes, or both.
void take_pass(const Pool& pool, const PreparedStages& prepared, bool measures, bool changes, WorthOneThread worth,
               Pace pace);

}  // namespace rmsprop
