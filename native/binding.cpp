// The only file that sees Node-API: unwrap, pin, throw, resolve. lib/backends/native.ts is its other half and says what
// each function takes; JavaScript has validated what comes here, and only what memory safety needs is checked again.
#include <napi.h>

#include <atomic>
#include <cstring>
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

// What a buffer's end calls on this runtime.
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

BoundGroups& bound_of(void* data) {
  return *static_cast<BoundGroups*>(data);
}

// Reads what the commands say into `runs`. Returns null and throws where it cannot be done.
BoundGroups* read_commands(napi_env env, napi_callback_info info, std::span<Run>& runs) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  BoundGroups& bound = bound_of(data);
  const char* wrong = bound.read_commands(bound.commands, runs);
  if (!wrong) return &bound;
  napi_throw_error(env, nullptr, wrong);
  return nullptr;
}

// step(): void. Plain Node-API, as the next, because these calls are the cost of a small step.
napi_value step_bound(napi_env env, napi_callback_info info) {
  std::span<Run> runs;
  if (BoundGroups* bound = read_commands(env, info, runs)) {
    bound->prepared = prepare(runs, bound->memory_from);
    step(process_pool(), *bound->prepared, bound->worth, Pace::steady);
  }
  return nullptr;
}

// stepAgain(): void. What the last step() did, without a look at the commands.
napi_value step_bound_again(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  const BoundGroups& bound = bound_of(data);
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
  const BoundGroups* bound = read_commands(env, info, runs);
  if (!bound) return nullptr;
  const StagedStep staged = bound->staged(bound->commands, runs);
  if (const char* wrong = wrong_with(staged)) {
    napi_throw_error(env, nullptr, wrong);
  } else {
    step_staged(process_pool(), staged, bound->worth, Pace::steady);
  }
  return nullptr;
}

// A step off the event loop. Deno does not wait for it when its environment ends, so while it works it touches native
// memory only, which it owns or holds: a copy of the commands, the groups, the blocks that the arrays lie in. Other
// arrays are of memory that stays by itself; `kept` refers to them where the environment waits.
struct AsyncStep {
  // What it needs to work. Given up as soon as the work is done, because there may be nobody to tell any more.
  std::shared_ptr<BoundGroups> working;
  std::unique_ptr<double[]> memory;  // of the commands, in which the report is written
  std::vector<const void*> held;
  Commands commands;
  std::span<Run> runs;
  bool staged = false;

  std::weak_ptr<BoundGroups> bound;
  Report report{};
  napi_deferred deferred = nullptr;
  napi_ref kept = nullptr;
  napi_async_work work = nullptr;

  AsyncStep(BoundGroups& groups, bool with_stages)
      : working(groups.shared_from_this()), staged(with_stages), bound(working) {
    const std::size_t bytes = groups.layout().bytes();
    memory = std::make_unique<double[]>((bytes + sizeof(double) - 1) / sizeof(double));
    std::memcpy(memory.get(), groups.memory, bytes);
    commands = groups.layout().in(memory.get());
  }
  AsyncStep(const AsyncStep&) = delete;
  AsyncStep& operator=(const AsyncStep&) = delete;
  ~AsyncStep() { give_up(); }

  // What is wrong with the commands, or null; then they are read.
  const char* read() {
    if (const char* wrong = working->read_commands(commands, runs)) return wrong;
    if (!staged) return nullptr;
    return commands.stages ? wrong_with(working->staged(commands, runs)) : "These groups are bound without stages.";
  }

  void give_up() {
    for (const void* block : held) release_block(block);
    held.clear();
    memory.reset();
    working.reset();
  }
};

void execute_async(napi_env, void* data) {
  AsyncStep& async = *static_cast<AsyncStep*>(data);
  const BoundGroups& bound = *async.working;
  if (async.staged) {
    step_staged(process_pool(), bound.staged(async.commands, async.runs), bound.worth, Pace::yielding);
    async.report = async.commands.stages->report;
  } else {
    step(process_pool(), prepare(async.runs, bound.memory_from), bound.worth, Pace::yielding);
  }
  async.give_up();
}

// In an environment that ends, every call here fails, and there is nobody to tell.
void complete_async(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<AsyncStep> async(static_cast<AsyncStep*>(data));
  const std::shared_ptr<BoundGroups> bound = async->bound.lock();
  if (bound) bound->at_work = false;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (bound && async->staged && status == napi_ok) bound->commands.stages->report = async->report;
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  napi_delete_reference(env, async->kept);
  napi_delete_async_work(env, async->work);
  napi_resolve_deferred(env, async->deferred, undefined);
  napi_close_handle_scope(env, scope);
}

// Holds the block that begins where an element of `buffers` does; false if it is no block of this copy of the library.
bool hold_buffer(napi_env env, napi_value buffers, std::uint32_t index, std::vector<const void*>& held) {
  napi_value buffer = nullptr;
  void* data = nullptr;
  if (napi_get_element(env, buffers, index, &buffer) != napi_ok ||
      napi_get_arraybuffer_info(env, buffer, &data, nullptr) != napi_ok || !hold_block(data)) {
    return false;
  }
  held.push_back(data);
  return true;
}

bool hold_buffers(napi_env env, napi_value buffers, std::vector<const void*>& held) {
  std::uint32_t count = 0;
  if (napi_get_array_length(env, buffers, &count) != napi_ok) return false;
  held.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_handle_scope scope = nullptr;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
    const bool holds = hold_buffer(env, buffers, i, held);
    napi_close_handle_scope(env, scope);
    if (!holds) return false;
  }
  return true;
}

// Begins a step off the event loop and returns its promise; null where a buffer is not of this copy's allocate.
napi_value begin_async(napi_env env, BoundGroups& bound, napi_value kept, napi_value buffers, bool staged) {
  auto async = std::make_unique<AsyncStep>(bound, staged);
  if (const char* wrong = async->read()) {
    napi_throw_error(env, nullptr, wrong);
    return nullptr;
  }
  if (!hold_buffers(env, buffers, async->held)) return nullptr;
  napi_value name = nullptr;
  napi_value promise = nullptr;
  if (napi_create_string_utf8(env, "rmsprop.stepAsync", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, kept, 1, &async->kept) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute_async, complete_async, async.get(), &async->work) != napi_ok ||
      napi_create_promise(env, &async->deferred, &promise) != napi_ok) {
    napi_throw_error(env, nullptr, "The step could not be begun.");
    return nullptr;
  }
  bound.at_work = true;
  if (napi_queue_async_work(env, async->work) != napi_ok) {
    bound.at_work = false;
    napi_throw_error(env, nullptr, "The step could not be begun.");
    return nullptr;
  }
  async.release();
  return promise;
}

// stepAsync(kept, buffers, staged): Promise<void> | undefined. `kept` refers to this function and to every array of the
// step.
napi_value step_bound_async(napi_env env, napi_callback_info info) {
  std::size_t argc = 3;
  napi_value argv[3];
  void* data = nullptr;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  bool staged = false;
  napi_get_value_bool(env, argv[2], &staged);
  try {
    return begin_async(env, bound_of(data), argv[0], argv[1], staged);
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, nullptr, "There is no memory to begin the step in.");
    return nullptr;
  }
}

void delete_bound(napi_env, void* owner, void*) {
  delete static_cast<std::shared_ptr<BoundGroups>*>(owner);
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
  BoundGroups& bound = bound_of(data);
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
  napi_value answer = nullptr;
  napi_get_boolean(env, fits, &answer);
  return answer;
}

// Gives `object` a property of its own, past whatever setters a program has put into its prototypes.
void define(Napi::Env env, napi_value object, const char* name, napi_value value) {
  const napi_property_descriptor property = {name,   nullptr, nullptr, nullptr, nullptr, value, napi_default_jsproperty,
                                             nullptr};
  if (napi_define_properties(env, object, 1, &property) != napi_ok) refuse(env, "A property could not be defined.");
}

// Defines a function over `bound`, which keeps alive what it is of.
void define_function(Napi::Env env, napi_value object, const char* name, napi_callback callback, BoundGroups* bound,
                     napi_value owner, napi_value memory) {
  napi_value function = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, bound, &function) != napi_ok) {
    refuse(env, "The step function could not be made.");
  }
  define(env, function, "owner", owner);
  define(env, function, "memory", memory);
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
    auto owned = std::make_unique<std::shared_ptr<BoundGroups>>(std::make_shared<BoundGroups>());
    BoundGroups* const bound = owned->get();
    bound->backend = backends[isa];
    const bool staged = info[3].ToBoolean();
    std::vector<Group> groups = read_groups(env, *bound->backend, info[1].As<Napi::Array>(), staged);
    bound->selection_capacity = parameter_count(groups);
    bound->replace(std::move(groups));
    if (staged && !(bound->stage_memory = StageMemory::create(bound->groups))) return env.Undefined();
    bound->runs.resize(info[2].As<Napi::Number>().Uint32Value());
    if (info[4].IsNumber()) {
      const std::size_t elements = std::max(info[4].As<Napi::Number>().Uint32Value(), 1u);
      bound->worth = {elements, elements};
    }
    if (info[5].IsNumber()) bound->memory_from = info[5].As<Napi::Number>().Uint32Value();

    const CommandLayout layout = bound->layout();
    Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, layout.bytes());
    bound->memory = memory.Data();
    bound->commands = layout.in(bound->memory);

    Napi::Object result = Napi::Object::New(env);
    define(env, result, "commands", Napi::Float64Array::New(env, layout.numbers(), memory, 0));
    define(env, result, "selection",
           Napi::Uint32Array::New(env, layout.selection_capacity, memory, layout.selection_at()));
    napi_value owner = nullptr;
    if (napi_create_external(env, owned.get(), delete_bound, nullptr, &owner) != napi_ok) {
      refuse(env, "The groups could not be kept.");
    }
    owned.release();
    const auto define_bound = [&](const char* name, napi_callback callback) {
      define_function(env, result, name, callback, bound, owner, memory);
    };
    define_bound("step", step_bound);
    define_bound("stepAgain", step_bound_again);
    define_bound("stepAsync", step_bound_async);
    define_bound("rebind", rebind_bound);
    if (staged) {
      const std::size_t numbers = layout.stage_bytes() / sizeof(double);
      define(env, result, "stages", Napi::Float64Array::New(env, numbers, memory, layout.stages_at()));
      define_bound("stepStaged", step_bound_staged);
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
             "run group variant selected count coefficients; allocate byteLength inner; expose buffer");
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
  exports.Set("expose", Napi::Function::New(env, expose));
  exports.Set("address", Napi::Function::New(env, address));
  exports.Set("memoryCounters", Napi::Function::New(env, counters));
  exports.Set("bind", Napi::Function::New(env, bind));
  return exports;
}

NODE_API_MODULE(rmsprop, initialize)

}  // namespace
}  // namespace rmsprop
