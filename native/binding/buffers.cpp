// Buffers over memory of the library, and where an array's memory lies.
#include <atomic>
#include <limits>

#include "../memory.hpp"
#include "../pool.hpp"
#include "../share.hpp"
#include "binding.hpp"

namespace rmsprop {
namespace {

// Whether JavaScript can still be called. An environment that ends finalizes every value that it still has, and then it
// cannot: asking for a property tells.
bool is_running(napi_env env) {
  napi_value global = nullptr;
  bool found = false;
  return napi_get_global(env, &global) == napi_ok && napi_has_named_property(env, global, "Object", &found) == napi_ok;
}

// Node calls this when the last owner of the memory is collected, but also when the environment that made it ends,
// though the memory, once transferred, may live on in another thread: what ends that way is kept for good, unless no
// program has seen it. Where the buffer was detached, the block is gone already, and another may be at its address:
// hence the number.
void buffer_ends(napi_env env, void* data, void* hint) {
  const auto number = reinterpret_cast<BlockNumber>(hint);
  if (is_running(env)) {
    disown_block(data, number);
  } else {
    disown_inner_block(data, number);
  }
}

// Deno calls this when the memory itself has no owner any more, in whichever thread it was transferred to; there may be
// no isolate then, or one in the middle of its garbage collection, so this may call nothing of Node-API.
void memory_ends(napi_env, void* data, void* number) {
  disown_block(data, reinterpret_cast<BlockNumber>(number));
}

// The finalizer of buffers on this runtime.
std::atomic<napi_finalize> ends = buffer_ends;

// allocate(byteLength, inner): ArrayBuffer | null | undefined. Inner: no program sees it. Null: there is not enough
// memory. Undefined: this runtime forbids buffers over memory that is not its own, as Electron does, or ones of that
// length, as Node 20 does above 4 GiB.
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
#if defined(NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED)
  return env.Undefined();
#else
  const double requested = info[0].As<Napi::Number>().DoubleValue();
  if (!(requested >= 1 && requested <= 9007199254740991.0)) refuse(env, "Expected a byte length of 1 or more.");
  if (requested > static_cast<double>(std::numeric_limits<std::size_t>::max() / 2)) return env.Null();
  const auto bytes = static_cast<std::size_t>(requested);
  void* data = allocate_block(bytes, info[1].ToBoolean());
  if (!data) return env.Null();
  napi_value buffer = nullptr;
  const BlockNumber number = block_number(data);
  void* hint = reinterpret_cast<void*>(number);
  const napi_status status = napi_create_external_arraybuffer(env, data, bytes, ends, hint, &buffer);
  if (status != napi_ok) {
    disown_block(data, number);
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending) env.GetAndClearPendingException();
    return env.Undefined();
  }
  if (is_untouched(bytes)) touch_pages(process_pool(), data, bytes);
  return {env, buffer};
#endif
}

// detach(buffer): void. A buffer that still had its block was all that reached it, so the block can go at once: Node
// finalizes the buffer in a later turn of the event loop only, which a long loop never gets to.
void detach(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  void* data = nullptr;
  if (napi_get_arraybuffer_info(env, info[0], &data, nullptr) != napi_ok) return;
  const BlockNumber number = block_number(data);
  if (napi_detach_arraybuffer(env, info[0]) == napi_ok && number != 0) disown_block(data, number);
}

// expose(buffer): void. A program sees it from now on.
void expose(const Napi::CallbackInfo& info) {
  void* data = nullptr;
  if (napi_get_arraybuffer_info(info.Env(), info[0], &data, nullptr) == napi_ok) expose_block(data);
}

View view_of(Napi::Env env, napi_value value) {
  View view{};
  if (napi_get_typedarray_info(env, value, &view.type, &view.length, &view.data, nullptr, nullptr) != napi_ok) {
    refuse(env, "Expected a typed array.");
  }
  return view;
}

// address(view): number
Napi::Value address(const Napi::CallbackInfo& info) {
  const View view = view_of(info.Env(), info[0]);
  return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<std::uintptr_t>(view.data)));
}

// memoryCounters(): { blocks, bytes }
Napi::Value counters(const Napi::CallbackInfo& info) {
  const MemoryCounters now = memory_counters();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("blocks", static_cast<double>(now.blocks));
  result.Set("bytes", static_cast<double>(now.bytes));
  return result;
}

}  // namespace

void export_buffers(Napi::Env env, Napi::Object exports) {
  if (env.Global().Has("Deno")) ends = memory_ends;
  exports.Set("allocate", Napi::Function::New(env, allocate));
  exports.Set("detach", Napi::Function::New(env, detach));
  exports.Set("expose", Napi::Function::New(env, expose));
  exports.Set("address", Napi::Function::New(env, address));
  exports.Set("memoryCounters", Napi::Function::New(env, counters));
}

}  // namespace rmsprop
