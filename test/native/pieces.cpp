// Measured and changed apart, by those who have a part of the tiles each, a step leaves the bits that it leaves in one
// call.
#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <vector>

#include "check.hpp"
#include "cpu.hpp"
#include "norms.hpp"
#include "pipeline.hpp"
#include "staged_model.hpp"

namespace {

using namespace staged;

// A step of two runs, in which the parameters take turns.
using TwoRunStages = std::array<rmsprop::RunStages, 2>;

// Parameters, or pieces of them, in two runs, and the memory of their step.
struct Taken {
  rmsprop::Group group;
  std::array<std::vector<std::uint32_t>, 2> selections;
  std::vector<rmsprop::Piece> pieces;
  rmsprop::Layout layout;
  std::array<rmsprop::Run, 2> runs;
  std::unique_ptr<rmsprop::StageMemory> memory;
  rmsprop::Stages stages;

  // Takes `count` elements of a parameter of the model from a tile on.
  void add(const rmsprop::Group& model, std::size_t run, std::size_t parameter, std::size_t tile, std::size_t count,
           rmsprop::Piece piece) {
    const auto from = [&](const void* start) { return static_cast<const float*>(start) + tile * rmsprop::tile_size; };
    const auto into = [&](void* start) { return static_cast<float*>(start) + tile * rmsprop::tile_size; };
    const rmsprop::Streams& whole = model.parameters[parameter].streams;
    const rmsprop::Extras& extras = model.extras[parameter];
    rmsprop::Parameter taken{{from(whole.param_in), into(whole.param_out), from(whole.grad), {}}, count};
    taken.streams.slots[0] = into(whole.slots[0]);
    selections[run].push_back(static_cast<std::uint32_t>(group.parameters.size()));
    group.parameters.push_back(taken);
    group.extras.push_back({into(extras.average), into(extras.accumulated)});
    pieces.push_back(piece);
  }

  rmsprop::StagedStep step(const rmsprop::Backend& backend, const TwoRunStages& run_stages, bool whole) {
    for (std::size_t r = 0; r < runs.size(); ++r) {
      runs[r] = {.group = &group,
                 .variant = 0,
                 .selection = selections[r],
                 .whole_group = false,
                 .values = values,
                 .kernel = nullptr,
                 .coefficients = {}};
    }
    return {backend, runs, run_stages.data(), stages, *memory, rmsprop::beyond_caches, whole ? nullptr : &layout};
  }
};

// Calls `each(run, parameter, tiles)` in the order of the runs.
template <typename Each>
void over_both_runs(const rmsprop::Group& group, Each each) {
  for (std::size_t run = 0; run < 2; ++run) {
    for (std::size_t i = run; i < group.parameters.size(); i += 2) each(run, i, tiles_of(group.parameters[i]));
  }
}

// All of a model in one call.
Result stepped_whole(const rmsprop::Backend& backend, const rmsprop::Pool& pool, const TwoRunStages& run_stages,
                     const rmsprop::Stages& stages, float bad) {
  Model model(backend);
  if (bad != 0) model.arrays.back().grad.back() = bad;
  Taken all;
  all.group = {model.groups[0].rule, model.groups[0].type, {}, {}};
  all.stages = stages;
  over_both_runs(model.groups[0], [&](std::size_t run, std::size_t i, std::size_t) {
    all.add(model.groups[0], run, i, 0, model.groups[0].parameters[i].count, {});
  });
  all.memory = rmsprop::StageMemory::create({all.group});
  const rmsprop::StagedStep step = all.step(backend, run_stages, true);
  CHECK(rmsprop::wrong_with(step) == nullptr);
  rmsprop::step_staged(pool, step, {1, 1}, rmsprop::Pace::steady);
  return {model.arrays, all.stages.report};
}

// The same by two ranks, each of which takes some of the tiles, measures them and changes them by the table of both.
// `rank_of(tile)` says which takes a tile of the table, in which others lie before the first whole parameter's.
template <typename RankOf>
Result stepped_in_pieces(const rmsprop::Backend& backend, const rmsprop::Pool& pool, const TwoRunStages& run_stages,
                         const rmsprop::Stages& stages, float bad, bool measures, RankOf rank_of) {
  Model model(backend);
  if (bad != 0) model.arrays.back().grad.back() = bad;
  const rmsprop::Group& group = model.groups[0];
  std::vector<rmsprop::Whole> wholes;
  std::array<Taken, 2> ranks;
  for (Taken& rank : ranks) {
    rank.group = {group.rule, group.type, {}, {}};
    rank.stages = stages;
  }
  constexpr std::size_t others = 3;
  std::size_t place = others;
  over_both_runs(group, [&](std::size_t run, std::size_t i, std::size_t tiles) {
    for (std::size_t begin = 0, end = 0; begin < tiles; begin = end) {
      const std::size_t rank = rank_of(place + begin);
      while (end < tiles && rank_of(place + end) == rank) ++end;
      const std::size_t count = std::min(group.parameters[i].count, end * rmsprop::tile_size);
      ranks[rank].add(group, run, i, begin, count - begin * rmsprop::tile_size, {wholes.size(), place + begin});
    }
    wholes.push_back({run, place, tiles});
    place += tiles;
  });

  std::vector<rmsprop::StagedStep> steps;
  for (Taken& rank : ranks) {
    rank.memory = rmsprop::StageMemory::create(place, wholes.size());
    rank.layout = {wholes, rank.pieces, place};
    steps.push_back(rank.step(backend, run_stages, false));
    CHECK(rmsprop::wrong_with(steps.back()) == nullptr);
  }
  const auto exchange = [&] {
    for (std::size_t tile = others; tile < place; ++tile) {
      const std::size_t rank = rank_of(tile);
      ranks[1 - rank].memory->tiles()[tile] = ranks[rank].memory->tiles()[tile];
    }
    for (Taken& rank : ranks) std::fill_n(rank.memory->tiles(), others, rmsprop::TileSums{1e9, 1e9, 1e9, 7, 7});
  };
  const rmsprop::Table table = measures ? rmsprop::Table::finished : rmsprop::Table::empty;
  for (const rmsprop::StagedStep& step : steps) {
    if (measures) rmsprop::measure(pool, rmsprop::prepare(step), {1, 1}, rmsprop::Pace::steady);
  }
  exchange();
  for (const rmsprop::StagedStep& step : steps) {
    rmsprop::decide(rmsprop::prepare(step), table);
    rmsprop::change_tiles(pool, rmsprop::prepare(step), table, {1, 1}, rmsprop::Pace::steady);
  }
  exchange();
  for (const rmsprop::StagedStep& step : steps) rmsprop::finish_report(rmsprop::prepare(step), table);
  const Result result{model.arrays, ranks[0].stages.report};
  CHECK(same(result, {model.arrays, ranks[1].stages.report}));
  return result;
}

bool clips(const TwoRunStages& runs) {
  return std::ranges::any_of(runs, [](const rmsprop::RunStages& run) { return run.clip_norm < infinity; });
}

// Norms are those of whole parameters, whoever measures their tiles. A step that need not measure first measures on its
// way too.
void test_pieces(const rmsprop::Backend& backend) {
  constexpr rmsprop::RunStages unclipped = {1, 1, 0.5, 0.4, infinity, 1, 0.9, 0.1, 1};
  const TwoRunStages runs[] = {{all, none}, {none, all}, {waiting, all}, {none, unclipped}, {unclipped, waiting}};
  constexpr rmsprop::Stages clipped = {0, 0.5, {}, {}};
  constexpr rmsprop::Stages skipping = {1, infinity, {}, {}};
  for (const rmsprop::Stages& stages : {everything, measured, clipped, skipping}) {
    for (const TwoRunStages& run : runs) {
      for (const float bad : {0.0f, std::numeric_limits<float>::infinity()}) {
        const Result expected = stepped_whole(backend, new_pool(1), run, stages, bad);
        CHECK((expected.report.skipped == 1) == (bad != 0 && stages.skip_non_finite != 0));
        for (const bool measures : {true, false}) {
          if (!measures && (stages.skip_non_finite != 0 || stages.clip_global_norm < infinity || clips(run))) continue;
          for (const int threads : {1, 3}) {
            const auto pieces = [&](auto rank_of) {
              return stepped_in_pieces(backend, new_pool(threads), run, stages, bad, measures, rank_of);
            };
            CHECK(same(pieces([](std::size_t tile) { return tile < 7 ? 0u : 1u; }), expected));
            CHECK(same(pieces([](std::size_t tile) { return tile % 2; }), expected));
            CHECK(same(pieces([](std::size_t tile) { return tile * 0; }), expected));
          }
        }
      }
    }
  }
}

// What a layout says may be anything: no step writes beyond its memory.
void test_refusals(const rmsprop::Backend& backend) {
  Model model(backend);
  rmsprop::Group& group = model.groups[0];
  group.parameters.assign(1, group.parameters.back());
  const std::size_t tiles = tiles_of(group.parameters[0]);
  const auto memory = rmsprop::StageMemory::create(tiles, 1);
  rmsprop::Stages stages = everything;
  const auto wrong = [&](std::vector<rmsprop::Whole> wholes, std::vector<rmsprop::Piece> pieces) {
    rmsprop::Run run{.group = &group,
                     .variant = 0,
                     .selection = {},
                     .whole_group = true,
                     .values = values,
                     .kernel = nullptr,
                     .coefficients = {}};
    const rmsprop::Layout layout{wholes, pieces, tiles};
    return rmsprop::wrong_with({backend, {&run, 1}, &none, stages, *memory, rmsprop::beyond_caches, &layout}) !=
           nullptr;
  };
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  CHECK(!wrong({{0, 0, tiles}}, {{0, 0}}));
  CHECK(!wrong({{0, tiles, 0}}, {{0, 0}}));
  CHECK(wrong({{1, 0, tiles}}, {{0, 0}}));
  CHECK(wrong({{0, 0, tiles + 1}}, {{0, 0}}));
  CHECK(wrong({{0, 1, tiles}}, {{0, 0}}));
  CHECK(wrong({{0, most, tiles}}, {{0, 0}}));
  CHECK(wrong({{0, 0, most}}, {{0, 0}}));
  CHECK(wrong({{0, 0, tiles}, {0, 0, 0}}, {{0, 0}}));
  CHECK(wrong({{0, 0, tiles}}, {}));
  CHECK(wrong({{0, 0, tiles}}, {{0, 0}, {0, 0}}));
  CHECK(wrong({{0, 0, tiles}}, {{1, 0}}));
  CHECK(wrong({{0, 0, tiles}}, {{0, 1}}));
  CHECK(wrong({{0, 0, tiles}}, {{0, most}}));
}

}  // namespace

int main() {
  for (const rmsprop::Backend* backend : rmsprop::supported_backends()) {
    test_pieces(*backend);
    test_refusals(*backend);
  }
  return check::summary();
}
