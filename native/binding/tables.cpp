// Tables of tiles and layouts of pieces as JavaScript has them, and what is decided and reported by a table.
#include <new>
#include <utility>

#include "binding.hpp"

namespace rmsprop {

std::optional<std::span<double>> numbers_of(napi_env env, napi_value table, std::size_t tiles, const Columns& columns) {
  View view{};
  if (napi_get_typedarray_info(env, table, &view.type, &view.length, &view.data, nullptr, nullptr) != napi_ok ||
      view.type != napi_float64_array || view.length != tiles * columns.count()) {
    return {};
  }
  return std::span(static_cast<double*>(view.data), view.length);
}

ReadLayout read_layout(napi_env env, BoundGroups& bound, napi_value words, OwnLayout& layout) {
  View view{};
  if (!bound.stage_memory || bound.at_work ||
      napi_get_typedarray_info(env, words, &view.type, &view.length, &view.data, nullptr, nullptr) != napi_ok ||
      view.type != napi_uint32_array) {
    return ReadLayout::wrong;
  }
  std::optional<OwnLayout> read = OwnLayout::read({static_cast<const std::uint32_t*>(view.data), view.length});
  if (!read) return ReadLayout::wrong;
  if (!bound.make_table(read->tiles(), read->wholes())) return ReadLayout::no_memory;
  layout = std::move(*read);
  return ReadLayout::done;
}

namespace {

// (layout, table): what is made of a step's finished table, and of the commands, by `make`.
template <typename Make>
napi_value by_table(napi_env env, napi_callback_info info, Columns (*columns_of)(const PreparedStages&), Make make) {
  std::size_t argc = 2;
  napi_value argv[2];
  void* data = nullptr;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  BoundGroups& bound = bound_of(data);
  try {
    OwnLayout own_layout;
    const ReadLayout read = read_layout(env, bound, argv[0], own_layout);
    if (read == ReadLayout::no_memory) return fail_for_memory(env);
    if (read == ReadLayout::wrong) return fail(env, wrong_layout);
    const Layout layout = own_layout.view();
    std::span<Run> runs;
    if (const char* wrong = bound.read_commands(bound.commands, runs)) return fail(env, wrong);
    const StagedStep step = bound.staged(bound.commands, runs, layout);
    if (const char* wrong = wrong_with(step)) return fail(env, wrong);
    const PreparedStages prepared = prepare(step);
    const Columns columns = columns_of(prepared);
    const auto numbers = numbers_of(env, argv[1], layout.tiles, columns);
    if (!numbers) return fail(env, wrong_table);
    read_numbers({bound.table_memory->tiles(), layout.tiles}, columns, numbers->data());
    make(prepared);
    return nullptr;
  } catch (const std::bad_alloc&) {
    return fail_for_memory(env);
  }
}

}  // namespace

// decide(layout, before): void. Keeps the factors for the changes, and begins the report.
napi_value decide_bound(napi_env env, napi_callback_info info) {
  return by_table(env, info, columns_before,
                  [](const PreparedStages& prepared) { decide(prepared, table_of(prepared)); });
}

// report(layout, after): void. The rest of the report of a step that was changed.
napi_value report_bound(napi_env env, napi_callback_info info) {
  return by_table(env, info, columns_after,
                  [](const PreparedStages& prepared) { finish_report(prepared, table_of(prepared)); });
}

}  // namespace rmsprop
