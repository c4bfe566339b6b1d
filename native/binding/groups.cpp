// Groups as JavaScript gives them: read, bound, and bound anew.
#include <algorithm>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "../cpu.hpp"
#include "../group.hpp"
#include "../pipeline.hpp"
#include "binding.hpp"

namespace rmsprop {
namespace {

void delete_bound(napi_env, void* owner, void*) {
  delete static_cast<std::shared_ptr<BoundGroups>*>(owner);
}

napi_typedarray_type class_of(Storage storage) {
  return storage == Storage::float32 ? napi_float32_array : napi_float64_array;
}

// A group's arrays one after the other: a typed array of its storage, or null. Plain Node-API, because a group has
// many.
class ArrayList {
 public:
  ArrayList(napi_env env, napi_value list) : env_(env), list_(list) {}

  View next(Storage storage) {
    napi_value value = nullptr;
    if (napi_get_element(env_, list_, index_++, &value) != napi_ok) refuse(env_, "Expected an array or null.");
    View view{};
    if (napi_get_typedarray_info(env_, value, &view.type, &view.length, &view.data, nullptr, nullptr) == napi_ok) {
      if (view.type != class_of(storage)) refuse(env_, "An array is not of its group's type.");
      return view;
    }
    napi_valuetype type = napi_undefined;
    if (napi_typeof(env_, value, &type) != napi_ok || type != napi_null) refuse(env_, "Expected an array or null.");
    return {};
  }

  // The data of the next array, which has `count` elements, or null for null.
  void* next_of(std::size_t count, Storage storage) {
    const View view = next(storage);
    if (view.type == class_of(storage) && view.length != count)
      refuse(env_, "An array is not of its parameter's length.");
    return view.data;
  }

 private:
  napi_env env_;
  napi_value list_;
  std::uint32_t index_ = 0;
};

// A typed array of a storage, or of none of its memory; null for null.
const void* read_view(Napi::Env env, const Napi::Value& value, Storage storage, std::size_t needed) {
  if (value.IsNull()) return nullptr;
  View view{};
  if (napi_get_typedarray_info(env, value, &view.type, &view.length, &view.data, nullptr, nullptr) != napi_ok ||
      view.type != class_of(storage)) {
    refuse(env, "A part of a gradient is not of its group's type.");
  }
  if (view.length < needed) refuse(env, "A part of a gradient is too short.");
  return view.data;
}

std::size_t read_size(const Napi::Object& given, const char* name) {
  const double size = given.Get(name).ToNumber().DoubleValue();
  return size >= 0 && size <= 9007199254740991.0 ? static_cast<std::size_t>(size) : 0;
}

// A part of the gradient of a parameter of `count` elements.
SourcePart read_part(Napi::Env env, const Napi::Value& given, Storage storage, std::size_t count) {
  if (given.IsTypedArray()) return {read_view(env, given, storage, count), {}};
  if (!given.IsObject()) refuse(env, "Expected an array or factors.");
  const auto object = given.As<Napi::Object>();
  Factors factors{nullptr, nullptr, read_size(object, "batch"), read_size(object, "rows"),
                  read_size(object, "columns")};
  // Divisions, because a product might be too large.
  const bool fits = factors.columns > 0 && count % factors.columns == 0 && count / factors.columns == factors.rows;
  if (!fits) refuse(env, "Factors are not of their parameter's length.");
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  if (factors.batch > most / std::max(factors.rows, factors.columns)) refuse(env, "A batch is too large.");
  factors.left = read_view(env, object.Get("left"), storage, factors.batch * factors.rows);
  factors.right = read_view(env, object.Get("right"), storage, factors.batch * factors.columns);
  if (factors.batch > 0 && !factors.right) refuse(env, "Factors lack an array.");
  return {nullptr, factors};
}

// What a gradient is made of: a list of parts, and what their sum is divided by.
Source read_source(Napi::Env env, const Napi::Object& given, Storage storage, std::size_t count) {
  if (!given.Get("parts").IsArray()) refuse(env, "A gradient lacks its parts.");
  const auto list = given.Get("parts").As<Napi::Array>();
  Source source;
  source.divisor = static_cast<double>(std::max<std::size_t>(1, read_size(given, "divisor")));
  if (list.Length() == 0 || list.Length() > max_parts) refuse(env, "A gradient has too few parts, or too many.");
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    source.parts.push_back(read_part(env, list.Get(i), storage, count));
    if (count > 0 && !source.parts.back().array && source.parts.back().factors.columns == 0) {
      refuse(env, "A part of a gradient lacks its array.");
    }
  }
  return source;
}

// Reads the sources of gradients that are made: for each parameter one, or null.
void read_sources(Napi::Env env, const Napi::Array& given, Group& group) {
  const std::size_t count = group.parameters.size();
  if (given.Length() != count || group.extras.size() != count) refuse(env, "These are not the parameters' sources.");
  group.sources.reserve(count);  // so that what extras point to stays where it is
  for (std::uint32_t p = 0; p < count; ++p) {
    const Napi::HandleScope scope(env);
    const Napi::Value source = given.Get(p);
    if (!source.IsObject()) continue;
    const std::size_t length = group.parameters[p].count;
    group.sources.push_back(read_source(env, source.As<Napi::Object>(), group.storages.grad, length));
    group.extras[p].source = &group.sources.back();
  }
}

Group read_group(Napi::Env env, const Backend& backend, const Napi::Object& given, bool staged) {
  const std::string rule_name = given.Get("rule").ToString();
  const RuleTable* rule = find_rule(backend, rule_name.c_str());
  if (!rule) refuse(env, "No such rule.");
  const std::string type_name = given.Get("type").ToString();
  Group group{rule, type_name == "float64" ? NumberType::float64 : NumberType::float32, {}, {}, {}};
  std::vector<std::size_t> slots;
  const auto indices = given.Get("slots").As<Napi::Array>();
  for (std::uint32_t i = 0; i < indices.Length(); ++i) {
    slots.push_back(indices.Get(i).ToNumber().Uint32Value());
    if (slots.back() >= rule->slot_count) refuse(env, "No such slot.");
  }
  // Per parameter: data, out, grad, then each of these slots; for staged steps also the average and the sum.
  const auto arrays = given.Get("arrays").As<Napi::Array>();
  const std::uint32_t per_parameter = 3 + static_cast<std::uint32_t>(slots.size()) + (staged ? 2 : 0);
  const std::uint32_t parameters = arrays.Length() / per_parameter;
  group.parameters.reserve(parameters);
  const Storages& storages = group.storages;
  ArrayList list(env, arrays);
  for (std::uint32_t p = 0; p < parameters; ++p) {
    const Napi::HandleScope scope(env);
    const View data = list.next(storages.param);
    Parameter parameter{{}, data.length};
    parameter.streams.param_in = data.data;
    parameter.streams.param_out = list.next_of(data.length, storages.param);
    parameter.streams.grad = list.next_of(data.length, storages.grad);
    for (const std::size_t slot : slots) {
      parameter.streams.slots[slot] = list.next_of(data.length, storages.slots[slot]);
    }
    group.parameters.push_back(parameter);
    if (staged) {
      void* const average = list.next_of(data.length, storages.average);
      group.extras.push_back({average, list.next_of(data.length, storages.accumulated), nullptr});
    }
  }
  const Napi::Value sources = given.Get("sources");
  if (sources.IsArray()) read_sources(env, sources.As<Napi::Array>(), group);
  for (std::uint32_t p = 0; p < parameters; ++p) {
    const auto& [streams, count] = group.parameters[p];
    const bool made = staged && group.extras[p].source;
    if (count > 0 && !(streams.param_out && (streams.grad || made))) refuse(env, "A parameter lacks an array.");
  }
  return group;
}

std::vector<Group> read_groups(Napi::Env env, const Backend& backend, const Napi::Array& given, bool staged) {
  std::vector<Group> groups;
  for (std::uint32_t i = 0; i < given.Length(); ++i) {
    const Napi::HandleScope scope(env);
    groups.push_back(read_group(env, backend, given.Get(i).As<Napi::Object>(), staged));
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

// Defines a function over `bound`. It keeps the groups and their memory alive.
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
// { step, stepAgain, stepAsync, rebind, commands, selection }, and if staged
// { stepStaged, measureAsync, decide, changeAsync, report, stages }
Napi::Value bind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    const auto backends = supported_backends();
    const std::uint32_t isa = info[0].As<Napi::Number>().Uint32Value();
    if (isa >= backends.size()) refuse(env, "No such instruction set.");
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
      define_bound("measureAsync", measure_bound);
      define_bound("decide", decide_bound);
      define_bound("changeAsync", change_bound);
      define_bound("report", report_bound);
    }
    return result;
  } catch (const std::bad_alloc&) {
    return env.Undefined();
  }
}

}  // namespace

void export_groups(Napi::Env env, Napi::Object exports) {
  exports.Set("bind", Napi::Function::New(env, bind));
}

}  // namespace rmsprop
