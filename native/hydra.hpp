// Hydra, MPICH's launcher, as a process that it has started speaks to it.
#pragma once

#if !defined(_WIN32)

#include <functional>

namespace rmsprop {

// Waits until all processes of the run are here, and tells hydra that this one has come to its end: in the words of
// MPI_Finalize, which are version 1 of PMI, a line each way. `meanwhile` is called again and again while it waits.
// False where hydra has not started this process, or gives another answer. No call of MPI may be under way, and none
// may follow where it is true.
bool leave_hydra(const std::function<void()>& meanwhile);

}  // namespace rmsprop

#endif
