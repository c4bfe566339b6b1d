// Requests of loops over elements, in each compiler's own words.
#pragma once

// Says that no iteration depends on another, which holds for streams that are equal or disjoint (backend.hpp). It takes
// the place of __restrict, which would not let param_out be param_in.
#if defined(__clang__)
#define RMSPROP_INDEPENDENT_ITERATIONS _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define RMSPROP_INDEPENDENT_ITERATIONS _Pragma("GCC ivdep")
#else
#define RMSPROP_INDEPENDENT_ITERATIONS __pragma(loop(ivdep))
#endif

// Prefetches the cache line of an address. On processors other than x64's no gain has been measured.
#if defined(__x86_64__) && (defined(__clang__) || defined(__GNUC__))
#define RMSPROP_ASKS_AHEAD true
#define RMSPROP_ASK_FOR(address) __builtin_prefetch(address)
#else
#define RMSPROP_ASKS_AHEAD false
#define RMSPROP_ASK_FOR(address) static_cast<void>(address)
#endif

// Hides how a pointer was computed. For the tail, GCC keeps an array's start apart from the index at which a loop
// begins, and then lacks registers: it read three of six pointers from memory in each iteration.
#if defined(__GNUC__) && !defined(__clang__)
#define RMSPROP_KEEP_WHOLE(pointer) __asm__("" : "+r"(pointer))
#else
#define RMSPROP_KEEP_WHOLE(pointer) static_cast<void>(pointer)
#endif

// Keeps a loop in a function of its own, with all registers. WebAssembly has none.
#if defined(__wasm__)
#define RMSPROP_NOINLINE
#elif defined(_MSC_VER) && !defined(__clang__)
#define RMSPROP_NOINLINE __declspec(noinline)
#else
#define RMSPROP_NOINLINE __attribute__((noinline))
#endif
