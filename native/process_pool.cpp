// The process's pool is that of the first copy of the library, in the order in which the system lists what is loaded.
// Every copy exports `rmsprop_pool_v1` and is never unloaded, so all of them find the same one. The name changes with
// the layout of `Pool`; copies of different layouts have a pool each.
#include <mutex>
#include <string>

#include "cpu.hpp"
#include "pool.hpp"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
// psapi.h needs windows.h before it.
#include <psapi.h>
#define RMSPROP_EXPORT extern "C" __declspec(dllexport)
#else
#include <dlfcn.h>
#define RMSPROP_EXPORT extern "C" __attribute__((visibility("default")))
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#else
#include <link.h>
#endif
#endif

using rmsprop::Pool;

// The pool of this copy, whose threads start when they are first used.
RMSPROP_EXPORT const Pool* rmsprop_pool_v1() {
  static const Pool& pool = *new Pool((new rmsprop::PoolThreads(rmsprop::available_threads()))->as_pool());
  return &pool;
}

namespace rmsprop {
namespace {

using FindPool = const Pool* (*)();
constexpr const char* symbol = "rmsprop_pool_v1";

#if defined(_WIN32)

FindPool first_copy() {
  HMODULE modules[1024];
  DWORD bytes = 0;
  if (!K32EnumProcessModules(GetCurrentProcess(), modules, sizeof modules, &bytes)) return nullptr;
  for (DWORD i = 0; i < bytes / sizeof(HMODULE) && i < 1024; ++i) {
    if (auto* found = GetProcAddress(modules[i], symbol)) return reinterpret_cast<FindPool>(found);
  }
  return nullptr;
}

#else

// The symbol in the loaded library of this file name. Only libraries whose own it is count: a search from a handle goes
// on into what the library depends on.
FindPool in_library(const char* file) {
  if (!file || !*file) return nullptr;
  void* library = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
  if (!library) return nullptr;
  void* found = dlsym(library, symbol);
  dlclose(library);
  return reinterpret_cast<FindPool>(found);
}

#if defined(__APPLE__)

FindPool first_copy() {
  for (std::uint32_t i = 0; i < _dyld_image_count(); ++i) {
    if (const FindPool found = in_library(_dyld_get_image_name(i))) return found;
  }
  return nullptr;
}

#else

FindPool first_copy() {
  // No library is opened while the list is walked, which holds the loader's lock.
  std::string files;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* list) {
        static_cast<std::string*>(list)->append(info->dlpi_name ? info->dlpi_name : "").push_back('\0');
        return 0;
      },
      &files);
  for (std::size_t start = 0; start < files.size(); start = files.find('\0', start) + 1) {
    if (const FindPool found = in_library(files.c_str() + start)) return found;
  }
  return nullptr;
}

#endif
#endif

}  // namespace

void pin_library() noexcept {
#if defined(_WIN32)
  HMODULE module = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                     reinterpret_cast<LPCWSTR>(&pin_library), &module);
#else
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&pin_library), &info) && info.dli_fname) {
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
#endif
}

const Pool& process_pool() {
  static const Pool& pool = *[] {
    pin_library();
    const FindPool first = first_copy();
    return first ? first() : rmsprop_pool_v1();
  }();
  return pool;
}

}  // namespace rmsprop
