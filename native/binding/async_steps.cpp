// Steps of bound groups off the event loop, whole ones and the halves of those over pieces.
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "../halves.hpp"
#include "../memory.hpp"
#include "../pipeline.hpp"
#include "../pool.hpp"
#include "../step.hpp"
#include "binding.hpp"

namespace rmsprop {
namespace {

enum class HalfKind : std::uint8_t { measures, changes };

// A half of a step over pieces, of some of them.
struct Half {
  HalfKind kind;
  OwnLayout own_layout;
  Layout layout;
  Columns columns;            // of the table whose rows it fills
  std::vector<Rows> rows;     // of its pieces
  napi_ref filled = nullptr;  // that table
};

// A step off the event loop. Deno does not wait for it when its environment ends, so while it works it touches native
// memory only, which it owns or holds: a copy of the commands, the groups, the blocks that the arrays lie in. Other
// arrays are of memory that stays by itself; `kept` refers to them where the environment waits.
struct AsyncStep {
  // Given up as soon as the work is done, because there may be nobody left to tell.
  std::shared_ptr<BoundGroups> working;
  std::unique_ptr<double[]> memory;  // of the commands, in which the report is written
  std::vector<const void*> held;
  Commands commands;
  std::span<Run> runs;
  bool staged = false;

  std::unique_ptr<Half> half;  // null where it is a whole step
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

  // Reads the commands. Returns a sentence that says what is wrong with them, or null.
  const char* read() {
    if (const char* wrong = working->read_commands(commands, runs)) return wrong;
    if (!staged) return nullptr;
    if (half) return wrong_with(step_in_half());
    return commands.stages ? wrong_with(working->staged(commands, runs)) : "These groups are bound without stages.";
  }

  StagedStep step_in_half() const { return working->staged(commands, runs, half->layout); }

  // Takes a half. What it finds is written into its table afterwards, where JavaScript is.
  void take_half() const {
    const PreparedStages prepared = prepare(step_in_half());
    if (half->kind == HalfKind::changes) {
      change_tiles(process_pool(), prepared, table_of(prepared), working->worth, Pace::yielding);
    } else {
      measure(process_pool(), prepared, working->worth, Pace::yielding);
    }
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
  if (async.half) {
    async.take_half();
  } else if (async.staged) {
    step_staged(process_pool(), bound.staged(async.commands, async.runs), bound.worth, Pace::yielding);
    async.report = async.commands.stages->report;
  } else {
    step(process_pool(), prepare(async.runs, bound.memory_from), bound.worth, Pace::yielding);
  }
  async.give_up();
}

// Writes what a half found into the rows of its table.
void fill_table(napi_env env, const BoundGroups& bound, const Half& half) {
  napi_value table = nullptr;
  if (napi_get_reference_value(env, half.filled, &table) != napi_ok) return;
  const std::size_t tiles = half.layout.tiles;
  const auto numbers = numbers_of(env, table, tiles, half.columns);
  if (numbers) write_numbers(bound.table_memory->tiles(), half.rows, half.columns, numbers->data());
}

// In an environment that ends, every call here fails, and there is nobody to tell.
void complete_async(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<AsyncStep> async(static_cast<AsyncStep*>(data));
  const std::shared_ptr<BoundGroups> bound = async->bound.lock();
  if (bound) bound->at_work = false;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (async->half) {
    if (bound && status == napi_ok) fill_table(env, *bound, *async->half);
    napi_delete_reference(env, async->half->filled);
  } else if (bound && async->staged && status == napi_ok) {
    bound->commands.stages->report = async->report;
  }
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

// Begins a step off the event loop, whose commands are read, and returns its promise; null where a buffer is not of
// this copy's allocate.
napi_value begin_async(napi_env env, BoundGroups& bound, napi_value kept, napi_value buffers,
                       std::unique_ptr<AsyncStep> async) {
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

napi_value begin_whole(napi_env env, BoundGroups& bound, napi_value kept, napi_value buffers, bool staged) {
  auto async = std::make_unique<AsyncStep>(bound, staged);
  if (const char* wrong = async->read()) return fail(env, wrong);
  return begin_async(env, bound, kept, buffers, std::move(async));
}

// A value of JavaScript's that says that there is no memory.
napi_value no_memory(napi_env env) {
  napi_value null = nullptr;
  napi_get_null(env, &null);
  return null;
}

// (kept, buffers, layout, table): Promise<void> | undefined | null, the last where there is no memory.
napi_value begin_half(napi_env env, BoundGroups& bound, napi_value kept, napi_value buffers, napi_value words,
                      napi_value table, HalfKind kind) {
  auto half = std::make_unique<Half>();
  half->kind = kind;
  const ReadLayout read = read_layout(env, bound, words, half->own_layout);
  if (read == ReadLayout::no_memory) return no_memory(env);
  if (read == ReadLayout::wrong) return fail(env, wrong_layout);
  half->layout = half->own_layout.view();
  auto async = std::make_unique<AsyncStep>(bound, true);
  async->half = std::move(half);
  if (const char* wrong = async->read()) return fail(env, wrong);
  const StagedStep step = async->step_in_half();
  const PreparedStages prepared = prepare(step);
  async->half->columns = kind == HalfKind::changes ? columns_after(prepared) : columns_before(prepared);
  async->half->rows = rows_of(step);
  if (!numbers_of(env, table, async->half->layout.tiles, async->half->columns)) return fail(env, wrong_table);
  if (napi_create_reference(env, table, 1, &async->half->filled) != napi_ok) {
    return fail(env, "The step could not be begun.");
  }
  return begin_async(env, bound, kept, buffers, std::move(async));
}

napi_value begin_half_of(napi_env env, napi_callback_info info, HalfKind kind) {
  std::size_t argc = 4;
  napi_value argv[4];
  void* data = nullptr;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  try {
    return begin_half(env, bound_of(data), argv[0], argv[1], argv[2], argv[3], kind);
  } catch (const std::bad_alloc&) {
    return fail_for_memory(env);
  }
}

}  // namespace

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
    return begin_whole(env, bound_of(data), argv[0], argv[1], staged);
  } catch (const std::bad_alloc&) {
    return fail_for_memory(env);
  }
}

// measureAsync(kept, buffers, layout, table): fills the rows of the pieces.
napi_value measure_bound(napi_env env, napi_callback_info info) {
  return begin_half_of(env, info, HalfKind::measures);
}

// changeAsync(kept, buffers, layout, table): by what `decide` found, fills the rows of the pieces in the table of what
// is known afterwards.
napi_value change_bound(napi_env env, napi_callback_info info) {
  return begin_half_of(env, info, HalfKind::changes);
}

}  // namespace rmsprop
