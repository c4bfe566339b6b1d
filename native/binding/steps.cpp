// Steps of bound groups at once: plain ones, again, and staged.
#include "../pipeline.hpp"
#include "../pool.hpp"
#include "../step.hpp"
#include "binding.hpp"

namespace rmsprop {
namespace {

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

}  // namespace

// step(): void. Plain Node-API, as the next, because these calls are the cost of a small step.
napi_value step_bound(napi_env env, napi_callback_info info) {
  std::span<Run> runs;
  if (BoundGroups* bound = read_commands(env, info, runs)) {
    bound->prepared = prepare(runs, bound->memory_from);
    step(process_pool(), *bound->prepared, bound->worth, Pace::steady);
  }
  return nullptr;
}

// stepAgain(): void. Repeats the last step(), without a look at the commands.
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

}  // namespace rmsprop
