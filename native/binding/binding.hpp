// Shared by the files of this folder. Only they see Node-API: they unwrap, pin, throw and resolve.
// lib/backends/native/binding.ts is the other half and says what each function takes; JavaScript has validated what
// comes here, and only what memory safety needs is checked again.
#pragma once

// What a function throws for want of memory becomes an error in JavaScript too: nothing may go through Node's frames.
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
#include <napi.h>

#include <optional>
#include <span>

#include "../bound_groups.hpp"
#include "../halves.hpp"

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
napi_value measure_bound(napi_env env, napi_callback_info info);
napi_value change_bound(napi_env env, napi_callback_info info);
napi_value decide_bound(napi_env env, napi_callback_info info);
napi_value report_bound(napi_env env, napi_callback_info info);

inline napi_value fail(napi_env env, const char* sentence) {
  napi_throw_error(env, nullptr, sentence);
  return nullptr;
}

// native.ts makes of it the error of that code.
inline napi_value fail_for_memory(napi_env env) {
  napi_throw_error(env, "ERR_MEMORY", "Not enough memory to begin the step.");
  return nullptr;
}

inline constexpr const char* wrong_layout = "These are not the pieces of groups that are bound for them.";
inline constexpr const char* wrong_table = "The table is not one of the step's.";

// Reads a layout, and makes memory for its table.
enum class ReadLayout : std::uint8_t { wrong, no_memory, done };
ReadLayout read_layout(napi_env env, BoundGroups& bound, napi_value words, OwnLayout& layout);

// The numbers of a table; nothing where it is of another length, as where it has lost its memory.
std::optional<std::span<double>> numbers_of(napi_env env, napi_value table, std::size_t tiles, const Columns& columns);

// Each adds the functions of its file to what the library exports.
void export_buffers(Napi::Env env, Napi::Object exports);
void export_groups(Napi::Env env, Napi::Object exports);
void export_ranks(Napi::Env env, Napi::Object exports);

}  // namespace rmsprop
