// The module that Node-API loads, and what the library says of itself and of the machine.
#include <algorithm>

#include "../cpu.hpp"
#include "../pool.hpp"
#include "binding.hpp"

namespace rmsprop {
namespace {

// describe(): { isas, signatures, stages, calls, limits, stride, runHeader }
Napi::Value describe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto backends = supported_backends();
  Napi::Array isas = Napi::Array::New(env);
  Napi::Array signatures = Napi::Array::New(env);
  for (std::uint32_t i = 0; i < backends.size(); ++i) isas.Set(i, backends[i]->isa);
  for (std::uint32_t i = 0; i < backends[0]->rule_count; ++i) signatures.Set(i, backends[0]->rules[i].signature);
  Napi::Object limits = Napi::Object::New(env);
  limits.Set("tileSize", static_cast<double>(tile_size));
  limits.Set("maxSlots", static_cast<double>(max_slots));
  limits.Set("maxCoefficients", static_cast<double>(max_coefficients));
  limits.Set("maxParts", static_cast<double>(max_parts));
  Napi::Object result = Napi::Object::New(env);
  result.Set("isas", isas);
  result.Set("signatures", signatures);
  result.Set("stages", stages_signature);
  // As native.ts writes it (`callsSignature`).
  result.Set(
      "calls",
      "bind isa groups runCapacity staged elementsPerThread memoryFrom; rebind groups runCapacity; step; "
      "stepAgain; stepAsync kept buffers staged; measureAsync kept buffers layout table; "
      "decide layout before; changeAsync kept buffers layout after; report layout after; layout tiles wholes pieces "
      "run place tiles "
      "whole place; columns gradSquares nonFinite clipped updateSquares largestUpdate; group rule type slots sources; "
      "source parts divisor; part left "
      "right batch rows columns; "
      "arrays data out grad slots average accumulated; "
      "run group variant selected count coefficients; allocate byteLength inner; expose buffer; "
      "ranks start libraries timeout; collective kind communicator what size root from into kept buffers; finish "
      "code reason");
  result.Set("limits", limits);
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
  exports.Set("describe", Napi::Function::New(env, describe));
  exports.Set("threads", Napi::Function::New(env, threads));
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  export_buffers(env, exports);
  export_groups(env, exports);
  export_ranks(env, exports);
  return exports;
}

NODE_API_MODULE(rmsprop, initialize)

}  // namespace
}  // namespace rmsprop
