// Shared by the files of this folder. Only they see Node-API: they unwrap, pin, throw and resolve.
// lib/backends/native/binding.ts is the other half and says what each function takes; JavaScript has validated what
// comes here, and only what memory safety needs is checked again.
#pragma once

#include <napi.h>

#include "../bound_groups.hpp"

namespace rmsprop {

[[noreturn]] inline void refuse(Napi::Env env, const char* message) {
  throw Napi::TypeError::New(env, message);
}

struct View {
  napi_typedarray_type type;
  std::size_t length;
  void* data;
};

// Functions of JavaScript over bound groups, which are their data in Node-API's sense.
inline BoundGroups& bound_of(void* data) {
  return *static_cast<BoundGroups*>(data);
}

napi_value step_bound(napi_env env, napi_callback_info info);
napi_value step_bound_again(napi_env env, napi_callback_info info);
napi_value step_bound_staged(napi_env env, napi_callback_info info);
napi_value step_bound_async(napi_env env, napi_callback_info info);

// Each adds the functions of its file to what the library exports.
void export_buffers(Napi::Env env, Napi::Object exports);
void export_groups(Napi::Env env, Napi::Object exports);
void export_ranks(Napi::Env env, Napi::Object exports);

}  // namespace rmsprop
