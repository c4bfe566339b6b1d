// The only file that sees Node-API: unwrap, pin, throw, resolve. lib/backends/native.ts is its other half and says what
// each function takes; JavaScript has validated what comes here, and only what memory safety needs is checked again.
#include <napi.h>

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "cpu.hpp"
#include "group.hpp"
#include "memory.hpp"
#include "pool.hpp"
#include "step.hpp"

namespace rmsprop {
namespace {

[[noreturn]] void refuse(Napi::Env env, const char* message) {
  throw Napi::TypeError::New(env, message);
}

// ---- Memory ---------------------------------------------------------------------------------------------------------

// One allocation behind an external ArrayBuffer. Node calls the finalizer when the last owner of the memory is
// collected, but also when the environment that made it ends, though a buffer transferred to another thread may live
// on: what ends that way is kept for good.
struct Block {
  void* data;
  std::size_t bytes;
};

struct Environment {
  napi_env env;
  bool ending = false;
};

void environment_ends(void* environment) {
  static_cast<Environment*>(environment)->ending = true;
}

Environment& environment_of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

void release_block(napi_env env, void*, void* hint) {
  const std::unique_ptr<Block> block(static_cast<Block*>(hint));
  if (!environment_of(env).ending) release_memory(block->data, block->bytes);
}

// allocate(byteLength): ArrayBuffer | undefined
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const double requested = info[0].As<Napi::Number>().DoubleValue();
  if (!(requested >= 1 && requested <= 9007199254740991.0)) refuse(env, "Expected a byte length of 1 or more.");
  const auto bytes = static_cast<std::size_t>(requested);
  void* data = allocate_memory(bytes);
  if (!data) return env.Undefined();
  auto* block = new (std::nothrow) Block{data, bytes};
  napi_value buffer = nullptr;
  const napi_status status =
      block ? napi_create_external_arraybuffer(env, data, bytes, release_block, block, &buffer) : napi_generic_failure;
  if (status != napi_ok) {
    delete block;
    release_memory(data, bytes);
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending) env.GetAndClearPendingException();
    return env.Undefined();
  }
  // Clean-up hooks run last in, first out: ours, put after the one that Node keeps for this buffer, runs before it.
  Environment& environment = environment_of(env);
  napi_remove_env_cleanup_hook(env, environment_ends, &environment);
  napi_add_env_cleanup_hook(env, environment_ends, &environment);
  return {env, buffer};
}

// detach(buffer): void
void detach(const Napi::CallbackInfo& info) {
  napi_detach_arraybuffer(info.Env(), info[0]);
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

// A step's commands lie in memory that JavaScript writes: commands[0] is the number of runs; then each run has `stride`
// numbers: group, variant, first index in the selection, number of indices (or -1: the whole group), coefficients.
constexpr std::size_t run_header = 4;
constexpr std::size_t stride = run_header + max_coefficients;

struct BoundGroups {
  std::vector<Group> groups;
  std::vector<unsigned> bound_slots;
  std::vector<Run> runs;  // as many as a step may have
  const double* commands = nullptr;
  const std::uint32_t* selection = nullptr;
  std::size_t selection_size = 0;
  std::size_t elements_per_thread = default_elements_per_thread;
  Napi::Reference<Napi::Value> memory;  // of commands and selection
};

// Reads one run's command, or says what is wrong with it.
const char* read_run(const BoundGroups& bound, const double* command, Run& run) {
  const double group = command[0];
  if (!(group >= 0 && group < static_cast<double>(bound.groups.size())))
    return "A run names a group that is not bound.";
  const auto index = static_cast<std::size_t>(group);
  run.group = &bound.groups[index];
  const RuleTable& rule = *run.group->rule;
  if (!(command[1] >= 0 && command[1] < static_cast<double>(rule.variant_count))) return "A run names no variant.";
  run.variant = static_cast<std::size_t>(command[1]);
  if (rule.used_slots[run.variant] & ~bound.bound_slots[index]) return "A run needs a slot that is not bound.";
  run.whole_group = command[3] < 0;
  run.selection = {};
  if (!run.whole_group) {
    const double size = static_cast<double>(bound.selection_size);
    if (!(command[2] >= 0 && command[3] >= 0 && command[2] + command[3] <= size)) return "A selection is too long.";
    run.selection = {bound.selection + static_cast<std::size_t>(command[2]), static_cast<std::size_t>(command[3])};
    for (const std::uint32_t i : run.selection) {
      if (i >= run.group->parameters.size()) return "A selection names a parameter that is not bound.";
    }
  }
  run.values = command + run_header;
  return nullptr;
}

// step(): void. Plain Node-API, because this call is the cost of a small step.
napi_value step_bound(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  BoundGroups& bound = *static_cast<BoundGroups*>(data);
  const double count = bound.commands[0];
  const char* wrong = count >= 0 && count <= static_cast<double>(bound.runs.size()) ? nullptr : "Too many runs.";
  const std::span<Run> runs(bound.runs.data(), wrong ? 0 : static_cast<std::size_t>(count));
  const double* command = bound.commands + 1;
  for (std::size_t i = 0; i < runs.size() && !wrong; ++i, command += stride) wrong = read_run(bound, command, runs[i]);
  if (wrong) {
    napi_throw_error(env, nullptr, wrong);
  } else {
    step(Pool::instance(), runs, bound.elements_per_thread);
  }
  return nullptr;
}

void delete_bound(napi_env, void* bound, void*) {
  delete static_cast<BoundGroups*>(bound);
}

// The data of an array of the group's number type and the parameter's length, or null for null.
void* data_of(Napi::Env env, Napi::Value value, NumberType type, std::size_t count) {
  if (value.IsNull()) return nullptr;
  const View view = view_of(env, value);
  const napi_typedarray_type wanted = type == NumberType::float32 ? napi_float32_array : napi_float64_array;
  if (view.type != wanted || view.length != count) refuse(env, "An array is not of its group's type and length.");
  return view.data;
}

Group read_group(Napi::Env env, const Backend& backend, const Napi::Object& described) {
  const std::string rule_name = described.Get("rule").ToString();
  const RuleTable* rule = find_rule(backend, rule_name.c_str());
  if (!rule) refuse(env, "No such rule.");
  const std::string type_name = described.Get("type").ToString();
  Group group{rule, type_name == "float64" ? NumberType::float64 : NumberType::float32, {}};
  // Per parameter: data, grad, then each slot.
  const auto arrays = described.Get("arrays").As<Napi::Array>();
  const std::uint32_t per_parameter = 2 + static_cast<std::uint32_t>(rule->slot_count);
  const std::uint32_t parameters = arrays.Length() / per_parameter;
  group.parameters.reserve(parameters);
  for (std::uint32_t p = 0; p < parameters; ++p) {
    const Napi::HandleScope scope(env);
    const std::uint32_t base = p * per_parameter;
    Parameter parameter{{}, view_of(env, arrays.Get(base)).length};
    Streams& streams = parameter.streams;
    streams.param_out = data_of(env, arrays.Get(base), group.type, parameter.count);
    streams.param_in = streams.param_out;
    streams.grad = data_of(env, arrays.Get(base + 1), group.type, parameter.count);
    for (std::uint32_t slot = 0; slot < rule->slot_count; ++slot) {
      streams.slots[slot] = data_of(env, arrays.Get(base + 2 + slot), group.type, parameter.count);
    }
    if (arrays.Get(base + 1).IsNull()) parameter.count = 0;
    group.parameters.push_back(parameter);
  }
  return group;
}

std::unique_ptr<BoundGroups> read_groups(Napi::Env env, const Backend& backend, const Napi::Array& described) {
  auto bound = std::make_unique<BoundGroups>();
  for (std::uint32_t i = 0; i < described.Length(); ++i) {
    const Napi::HandleScope scope(env);
    bound->groups.push_back(read_group(env, backend, described.Get(i).As<Napi::Object>()));
    bound->bound_slots.push_back(bound->groups.back().bound_slots());
    bound->selection_size += bound->groups.back().parameters.size();
  }
  return bound;
}

// bind(isa, groups, runCapacity, elementsPerThread): { step, commands, selection }
Napi::Value bind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto backends = supported_backends();
  const std::uint32_t isa = info[0].As<Napi::Number>().Uint32Value();
  if (isa >= backends.size()) refuse(env, "No such instruction set.");
  try {
    auto bound = read_groups(env, *backends[isa], info[1].As<Napi::Array>());
    const std::size_t run_capacity = info[2].As<Napi::Number>().Uint32Value();
    bound->runs.resize(run_capacity);
    if (info[3].IsNumber()) bound->elements_per_thread = std::max(info[3].As<Napi::Number>().Uint32Value(), 1u);

    const std::size_t command_count = 1 + run_capacity * stride;
    const std::size_t selection_offset = command_count * sizeof(double);
    Napi::ArrayBuffer memory =
        Napi::ArrayBuffer::New(env, selection_offset + bound->selection_size * sizeof(std::uint32_t));
    bound->commands = static_cast<const double*>(memory.Data());
    bound->selection =
        reinterpret_cast<const std::uint32_t*>(static_cast<const char*>(memory.Data()) + selection_offset);
    bound->memory = Napi::Reference<Napi::Value>::New(memory, 1);

    Napi::Object result = Napi::Object::New(env);
    result.Set("commands", Napi::Float64Array::New(env, command_count, memory, 0));
    result.Set("selection", Napi::Uint32Array::New(env, bound->selection_size, memory, selection_offset));
    napi_value function = nullptr;
    if (napi_create_function(env, "step", NAPI_AUTO_LENGTH, step_bound, bound.get(), &function) != napi_ok ||
        napi_add_finalizer(env, function, bound.get(), delete_bound, nullptr, nullptr) != napi_ok) {
      refuse(env, "The step function could not be made.");
    }
    bound.release();
    result.Set("step", Napi::Value(env, function));
    return result;
  } catch (const std::bad_alloc&) {
    return env.Undefined();
  }
}

// ---- The machine ----------------------------------------------------------------------------------------------------

// describe(): { isas, signatures, stride, runHeader }
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
  result.Set("stride", static_cast<double>(stride));
  result.Set("runHeader", static_cast<double>(run_header));
  return result;
}

// threads(): number
Napi::Value threads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Pool::instance().threads());
}

// setThreads(count): void
void set_threads(const Napi::CallbackInfo& info) {
  Pool::instance().set_threads(std::max(info[0].As<Napi::Number>().Int32Value(), 1));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment{env};
  napi_set_instance_data(
      env, environment, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); }, nullptr);
  napi_add_env_cleanup_hook(env, environment_ends, environment);
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
