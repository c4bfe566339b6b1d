// The only file that sees Node-API: unwrap, pin, throw, resolve. lib/backends/native.ts is its other half and says what
// each function takes; JavaScript has validated what comes here, and only what memory safety needs is checked again.
#include <napi.h>

#include <atomic>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "bound_groups.hpp"
#include "cpu.hpp"
#include "group.hpp"
#include "memory.hpp"
#include "pipeline.hpp"
#include "pool.hpp"
#include "step.hpp"

namespace rmsprop {
namespace {

[[noreturn]] void refuse(Napi::Env env, const char* message) {
  throw Napi::TypeError::New(env, message);
}

// ---- Memory ---------------------------------------------------------------------------------------------------------

// Whether JavaScript can still be called. An environment that ends finalizes every value that it still has, and then it
// cannot: asking for a property tells.
bool is_running(napi_env env) {
  napi_value global = nullptr;
  bool found = false;
  return napi_get_global(env, &global) == napi_ok && napi_has_named_property(env, global, "Object", &found) == napi_ok;
}

// Node calls this when the last owner of the memory is collected, but also when the environment that made it ends,
// though the memory, once transferred, may live on in another thread: what ends that way is kept for good. Where the
// buffer was detached, the block is gone already, and another may be at its address: hence the number.
void buffer_ends(napi_env env, void* data, void* number) {
  if (is_running(env)) disown_block(data, reinterpret_cast<BlockNumber>(number));
}

// Deno calls this when the memory itself has no owner any more, in whichever thread it was transferred to; there may be
// no isolate then, or one in the middle of its garbage collection, so this may call nothing of Node-API.
void memory_ends(napi_env, void* data, void* number) {
  disown_block(data, reinterpret_cast<BlockNumber>(number));
}

// What a buffer's end calls on this runtime.
std::atomic<napi_finalize> ends = buffer_ends;

// allocate(byteLength): ArrayBuffer | null | undefined. Null: there is not so much memory. Undefined: this runtime
// forbids buffers over memory that is not its own, as Electron does, or ones so long, as Node 20 does above 4 GiB.
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
#if defined(NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED)
  return env.Undefined();
#else
  const double requested = info[0].As<Napi::Number>().DoubleValue();
  if (!(requested >= 1 && requested <= 9007199254740991.0)) refuse(env, "Expected a byte length of 1 or more.");
  if (requested > static_cast<double>(std::numeric_limits<std::size_t>::max() / 2)) return env.Null();
  const auto bytes = static_cast<std::size_t>(requested);
  void* data = allocate_block(bytes);
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

struct View {
  napi_typedarray_type type;
  std::size_t length;
  void* data;
};

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

// ---- Steps ----------------------------------------------------------------------------------------------------------

// Bound groups as JavaScript has them.
struct Bound : BoundGroups {
  Napi::Reference<Napi::Value> memory;  // of commands, selection and stages
};

// Reads what the commands say into `runs`. Returns null and throws where it cannot be done.
Bound* read_commands(napi_env env, napi_callback_info info, std::size_t* argc, napi_value* argv, std::span<Run>& runs) {
  void* data = nullptr;
  napi_get_cb_info(env, info, argc, argv, nullptr, &data);
  Bound& bound = *static_cast<Bound*>(data);
  const char* wrong = bound.read_commands(runs);
  if (!wrong) return &bound;
  napi_throw_error(env, nullptr, wrong);
  return nullptr;
}

// step(): void. Plain Node-API, as the next, because these calls are the cost of a small step.
napi_value step_bound(napi_env env, napi_callback_info info) {
  std::span<Run> runs;
  if (Bound* bound = read_commands(env, info, nullptr, nullptr, runs)) {
    bound->prepared = prepare(runs, bound->memory_from);
    step(process_pool(), *bound->prepared, bound->worth, Pace::steady);
  }
  return nullptr;
}

// stepAgain(): void. What the last step() did, without a look at the commands.
napi_value step_bound_again(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  const Bound& bound = *static_cast<Bound*>(data);
  if (bound.prepared) {
    step(process_pool(), *bound.prepared, bound.worth, Pace::steady);
  } else {
    napi_throw_error(env, nullptr, "There is no step to take again.");
  }
  return nullptr;
}

// stepStaged(): void
napi_value step_bound_staged(napi_env env, napi_callback_info info) {
  std::span<Run> runs;
  const Bound* bound = read_commands(env, info, nullptr, nullptr, runs);
  if (!bound) return nullptr;
  const StagedStep staged = bound->staged(runs);
  if (const char* wrong = wrong_with(staged)) {
    napi_throw_error(env, nullptr, wrong);
  } else {
    step_staged(process_pool(), staged, bound->worth, Pace::steady);
  }
  return nullptr;
}

// A step off the event loop. What it works on is referred to until it settles; blocks are held besides, because a
// buffer that is transferred meanwhile leaves its memory to another owner.
struct AsyncStep {
  BoundGroups& bound;
  std::span<Run> runs;
  WorthOneThread worth;
  bool staged;
  std::vector<const void*> held;
  napi_deferred deferred = nullptr;
  napi_ref kept = nullptr;
  napi_async_work work = nullptr;

  AsyncStep(BoundGroups& groups, std::span<Run> all, bool with_stages)
      : bound(groups), runs(all), worth(groups.worth), staged(with_stages) {}
  AsyncStep(const AsyncStep&) = delete;
  AsyncStep& operator=(const AsyncStep&) = delete;
  ~AsyncStep() {
    for (const void* block : held) release_block(block);
  }
};

void execute_async(napi_env, void* data) {
  const AsyncStep& async = *static_cast<AsyncStep*>(data);
  if (async.staged) {
    step_staged(process_pool(), async.bound.staged(async.runs), async.worth, Pace::yielding);
  } else {
    step(process_pool(), prepare(async.runs, async.bound.memory_from), async.worth, Pace::yielding);
  }
}

// In an environment that ends, every call here fails, and there is nobody to tell.
void complete_async(napi_env env, napi_status, void* data) {
  const std::unique_ptr<AsyncStep> async(static_cast<AsyncStep*>(data));
  async->bound.at_work = false;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  napi_delete_reference(env, async->kept);
  napi_delete_async_work(env, async->work);
  napi_resolve_deferred(env, async->deferred, undefined);
  napi_close_handle_scope(env, scope);
}

// Holds the blocks that begin where these buffers do; false if one is no block of this copy of the library.
bool hold_buffers(napi_env env, napi_value buffers, std::vector<const void*>& held) {
  std::uint32_t count = 0;
  if (napi_get_array_length(env, buffers, &count) != napi_ok) return false;
  held.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(env);
    napi_value buffer = nullptr;
    void* data = nullptr;
    if (napi_get_element(env, buffers, i, &buffer) != napi_ok ||
        napi_get_arraybuffer_info(env, buffer, &data, nullptr) != napi_ok || !hold_block(data)) {
      return false;
    }
    held.push_back(data);
  }
  return true;
}

// Begins a step off the event loop and returns its promise; null where a buffer is not of this copy's allocate.
napi_value begin_async(napi_env env, BoundGroups& bound, std::span<Run> runs, napi_value kept, napi_value buffers,
                       bool staged) {
  auto async = std::make_unique<AsyncStep>(bound, runs, staged);
  if (!hold_buffers(env, buffers, async->held)) return nullptr;
  napi_value name = nullptr;
  napi_value promise = nullptr;
  if (napi_create_string_utf8(env, "rmsprop.stepAsync", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, kept, 1, &async->kept) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute_async, complete_async, async.get(), &async->work) != napi_ok ||
      napi_create_promise(env, &async->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, async->work) != napi_ok) {
    napi_throw_error(env, nullptr, "The step could not be begun.");
    return nullptr;
  }
  async.release();
  bound.at_work = true;
  return promise;
}

// stepAsync(kept, buffers, staged): Promise<void> | undefined. `kept` refers to this function and to every array of the
// step.
napi_value step_bound_async(napi_env env, napi_callback_info info) {
  std::size_t argc = 3;
  napi_value argv[3];
  std::span<Run> runs;
  Bound* bound = read_commands(env, info, &argc, argv, runs);
  if (!bound) return nullptr;
  bool staged = false;
  napi_get_value_bool(env, argv[2], &staged);
  if (staged) {
    const char* wrong =
        bound->stage_memory ? wrong_with(bound->staged(runs)) : "These groups are bound without stages.";
    if (wrong) {
      napi_throw_error(env, nullptr, wrong);
      return nullptr;
    }
  }
  try {
    return begin_async(env, *bound, runs, argv[0], argv[1], staged);
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, nullptr, "There is no memory to begin the step in.");
    return nullptr;
  }
}

void delete_bound(napi_env, void* bound, void*) {
  delete static_cast<Bound*>(bound);
}

// A group's arrays one after the other: a typed array of its number type, or null. Plain Node-API, because a group has
// many.
class ArrayList {
 public:
  ArrayList(napi_env env, napi_value list, NumberType type)
      : env_(env), list_(list), type_(type == NumberType::float32 ? napi_float32_array : napi_float64_array) {}

  View next() {
    napi_value value = nullptr;
    if (napi_get_element(env_, list_, index_++, &value) != napi_ok) refuse(env_, "Expected an array or null.");
    View view{};
    if (napi_get_typedarray_info(env_, value, &view.type, &view.length, &view.data, nullptr, nullptr) == napi_ok) {
      if (view.type != type_) refuse(env_, "An array is not of its group's type.");
      return view;
    }
    napi_valuetype type = napi_undefined;
    if (napi_typeof(env_, value, &type) != napi_ok || type != napi_null) refuse(env_, "Expected an array or null.");
    return {};
  }

  // The data of the next array, which has `count` elements, or null for null.
  void* next_of(std::size_t count) {
    const View view = next();
    if (view.type == type_ && view.length != count) refuse(env_, "An array is not of its parameter's length.");
    return view.data;
  }

 private:
  napi_env env_;
  napi_value list_;
  napi_typedarray_type type_;
  std::uint32_t index_ = 0;
};

Group read_group(Napi::Env env, const Backend& backend, const Napi::Object& described, bool staged) {
  const std::string rule_name = described.Get("rule").ToString();
  const RuleTable* rule = find_rule(backend, rule_name.c_str());
  if (!rule) refuse(env, "No such rule.");
  const std::string type_name = described.Get("type").ToString();
  Group group{rule, type_name == "float64" ? NumberType::float64 : NumberType::float32, {}, {}};
  std::vector<std::size_t> slots;
  const auto indices = described.Get("slots").As<Napi::Array>();
  for (std::uint32_t i = 0; i < indices.Length(); ++i) {
    slots.push_back(indices.Get(i).ToNumber().Uint32Value());
    if (slots.back() >= rule->slot_count) refuse(env, "No such slot.");
  }
  // Per parameter: data, out, grad, then each of these slots; for staged steps also the average and the sum.
  const auto arrays = described.Get("arrays").As<Napi::Array>();
  const std::uint32_t per_parameter = 3 + static_cast<std::uint32_t>(slots.size()) + (staged ? 2 : 0);
  const std::uint32_t parameters = arrays.Length() / per_parameter;
  group.parameters.reserve(parameters);
  ArrayList list(env, arrays, group.type);
  for (std::uint32_t p = 0; p < parameters; ++p) {
    const Napi::HandleScope scope(env);
    const View data = list.next();
    Parameter parameter{{}, data.length};
    parameter.streams.param_in = data.data;
    parameter.streams.param_out = list.next_of(data.length);
    parameter.streams.grad = list.next_of(data.length);
    for (const std::size_t slot : slots) parameter.streams.slots[slot] = list.next_of(data.length);
    if (parameter.count > 0 && !(parameter.streams.param_out && parameter.streams.grad)) {
      refuse(env, "A parameter lacks an array.");
    }
    group.parameters.push_back(parameter);
    if (staged) {
      void* const average = list.next_of(data.length);
      group.extras.push_back({average, list.next_of(data.length)});
    }
  }
  return group;
}

std::vector<Group> read_groups(Napi::Env env, const Backend& backend, const Napi::Array& described, bool staged) {
  std::vector<Group> groups;
  for (std::uint32_t i = 0; i < described.Length(); ++i) {
    const Napi::HandleScope scope(env);
    groups.push_back(read_group(env, backend, described.Get(i).As<Napi::Object>(), staged));
  }
  return groups;
}

// rebind(groups, runCapacity): boolean
napi_value rebind_bound(napi_env env, napi_callback_info info) {
  std::size_t argc = 2;
  napi_value argv[2];
  void* data = nullptr;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  Bound& bound = *static_cast<Bound*>(data);
  bool fits = false;
  try {
    if (bound.at_work) refuse(env, "These groups are at work.");
    if (Napi::Number(env, argv[1]).Uint32Value() <= bound.runs.size()) {
      const bool staged = bound.stage_memory != nullptr;
      fits = bound.replace(read_groups(env, *bound.backend, Napi::Array(env, argv[0]), staged));
    }
  } catch (const std::bad_alloc&) {
    // There is no room.
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
  return Napi::Boolean::New(env, fits);
}

// Gives `object` a property of its own, past whatever setters a program has put into its prototypes.
void define(Napi::Env env, napi_value object, const char* name, napi_value value) {
  const napi_property_descriptor property = {name,   nullptr, nullptr, nullptr, nullptr, value, napi_default_jsproperty,
                                             nullptr};
  if (napi_define_properties(env, object, 1, &property) != napi_ok) refuse(env, "A property could not be defined.");
}

// Defines a function over `bound`, which keeps `owner` alive.
void define_function(Napi::Env env, napi_value object, const char* name, napi_callback callback, Bound* bound,
                     napi_value owner) {
  napi_value function = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, bound, &function) != napi_ok) {
    refuse(env, "The step function could not be made.");
  }
  define(env, function, "owner", owner);
  define(env, object, name, function);
}

// bind(isa, groups, runCapacity, staged, elementsPerThread, memoryFrom):
// { step, stepAgain, stepAsync, rebind, commands, selection }, and if staged { stepStaged, stages }
Napi::Value bind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto backends = supported_backends();
  const std::uint32_t isa = info[0].As<Napi::Number>().Uint32Value();
  if (isa >= backends.size()) refuse(env, "No such instruction set.");
  try {
    auto bound = std::make_unique<Bound>();
    bound->backend = backends[isa];
    const bool staged = info[3].ToBoolean();
    std::vector<Group> groups = read_groups(env, *bound->backend, info[1].As<Napi::Array>(), staged);
    const std::size_t selection_capacity = parameter_count(groups);
    bound->selection_capacity = selection_capacity;
    bound->replace(std::move(groups));
    if (staged && !(bound->stage_memory = StageMemory::create(bound->groups))) return env.Undefined();
    const std::size_t run_capacity = info[2].As<Napi::Number>().Uint32Value();
    bound->runs.resize(run_capacity);
    if (info[4].IsNumber()) {
      const std::size_t elements = std::max(info[4].As<Napi::Number>().Uint32Value(), 1u);
      bound->worth = {elements, elements};
    }
    if (info[5].IsNumber()) bound->memory_from = info[5].As<Napi::Number>().Uint32Value();

    const std::size_t command_count = 1 + run_capacity * stride;
    const std::size_t stage_offset = command_count * sizeof(double);
    const std::size_t stage_bytes = staged ? sizeof(Stages) + run_capacity * sizeof(RunStages) : 0;
    const std::size_t selection_offset = stage_offset + stage_bytes;
    Napi::ArrayBuffer memory =
        Napi::ArrayBuffer::New(env, selection_offset + selection_capacity * sizeof(std::uint32_t));
    bound->commands = static_cast<const double*>(memory.Data());
    bound->selection =
        reinterpret_cast<const std::uint32_t*>(static_cast<const char*>(memory.Data()) + selection_offset);
    bound->memory = Napi::Reference<Napi::Value>::New(memory, 1);

    if (staged) {
      bound->stages = reinterpret_cast<Stages*>(static_cast<char*>(memory.Data()) + stage_offset);
      bound->run_stages = reinterpret_cast<const RunStages*>(bound->stages + 1);
    }

    Napi::Object result = Napi::Object::New(env);
    define(env, result, "commands", Napi::Float64Array::New(env, command_count, memory, 0));
    define(env, result, "selection", Napi::Uint32Array::New(env, selection_capacity, memory, selection_offset));
    napi_value owner = nullptr;
    if (napi_create_external(env, bound.get(), delete_bound, nullptr, &owner) != napi_ok) {
      refuse(env, "The groups could not be kept.");
    }
    Bound* released = bound.release();
    define_function(env, result, "step", step_bound, released, owner);
    define_function(env, result, "stepAgain", step_bound_again, released, owner);
    define_function(env, result, "stepAsync", step_bound_async, released, owner);
    define_function(env, result, "rebind", rebind_bound, released, owner);
    if (staged) {
      const std::size_t numbers = stage_bytes / sizeof(double);
      define(env, result, "stages", Napi::Float64Array::New(env, numbers, memory, stage_offset));
      define_function(env, result, "stepStaged", step_bound_staged, released, owner);
    }
    return result;
  } catch (const std::bad_alloc&) {
    return env.Undefined();
  }
}

// ---- The machine ----------------------------------------------------------------------------------------------------

// describe(): { isas, signatures, stages, calls, stride, runHeader }
Napi::Value describe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto backends = supported_backends();
  Napi::Array isas = Napi::Array::New(env);
  Napi::Array signatures = Napi::Array::New(env);
  for (std::uint32_t i = 0; i < backends.size(); ++i) isas.Set(i, backends[i]->isa);
  for (std::uint32_t i = 0; i < backends[0]->rule_count; ++i) signatures.Set(i, backends[0]->rules[i].signature);
  Napi::Object result = Napi::Object::New(env);
  result.Set("isas", isas);
  result.Set("signatures", signatures);
  result.Set("stages", stages_signature);
  // As native.ts writes it (`callsSignature`).
  result.Set("calls",
             "bind isa groups runCapacity staged elementsPerThread memoryFrom; rebind groups runCapacity; step; "
             "stepAgain; stepAsync kept buffers staged; group rule type slots; "
             "arrays data out grad slots average accumulated; "
             "run group variant selected count coefficients");
  result.Set("stride", static_cast<double>(stride));
  result.Set("runHeader", static_cast<double>(run_header));
  return result;
}

// threads(): number
Napi::Value threads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), process_pool().threads());
}

// setThreads(count): void
void set_threads(const Napi::CallbackInfo& info) {
  process_pool().set_threads(std::max(info[0].As<Napi::Number>().Int32Value(), 1));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  process_pool();  // keeps the library in memory from now on
  if (env.Global().Has("Deno")) ends = memory_ends;
  exports.Set("describe", Napi::Function::New(env, describe));
  exports.Set("threads", Napi::Function::New(env, threads));
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  exports.Set("allocate", Napi::Function::New(env, allocate));
  exports.Set("detach", Napi::Function::New(env, detach));
  exports.Set("address", Napi::Function::New(env, address));
  exports.Set("memoryCounters", Napi::Function::New(env, counters));
  exports.Set("bind", Napi::Function::New(env, bind));
  return exports;
}

NODE_API_MODULE(rmsprop, initialize)

}  // namespace
}  // namespace rmsprop
