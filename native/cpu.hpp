// What this process may use of the machine: instruction sets and threads.
#pragma once

#include <span>
#include <string>

#include "backend.hpp"

namespace rmsprop {

// The backends that this CPU and this operating system can run, best first. Never empty.
std::span<const Backend* const> supported_backends();

// How many threads this process may keep busy: the CPUs of its affinity mask, or fewer where its control group's quota
// of CPU time (Linux, cgroup v1 or v2) allows fewer. At least 1.
int available_threads();

// The quota part of the above, in CPUs rounded up; 0 where there is none. `root` stands for "/" in tests.
int cgroup_quota(const std::string& root);

}  // namespace rmsprop
