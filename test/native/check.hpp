// The least that a native test needs: CHECK counts and reports, and `summary()` is main's result.
#pragma once

#include <cstdio>

namespace check {

inline int passed = 0;
inline int failed = 0;

inline void check(bool holds, const char* what, const char* file, int line) {
  if (holds) {
    ++passed;
  } else {
    ++failed;
    std::printf("%s:%d: expected %s\n", file, line, what);
  }
}

inline int summary() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(condition) check::check((condition), #condition, __FILE__, __LINE__)
