// Commands may say anything: what is read of them stays inside what is bound, or is refused.
#include <bit>
#include <limits>
#include <vector>

#include "bound_groups.hpp"
#include "check.hpp"
#include "cpu.hpp"

namespace {

using namespace rmsprop;

constexpr std::size_t most_runs = 3;
constexpr std::size_t parameters = 5;

struct Random {
  std::uint64_t state = 42;

  std::uint64_t bits() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 11;
  }

  // What a command may hold, and what it may not, `limit` among it.
  double number(double limit) {
    constexpr double odd[] = {-1,
                              -0.0,
                              0.5,
                              1e300,
                              -1e300,
                              std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity(),
                              4294967296.0,
                              9007199254740993.0};
    const std::uint64_t kind = bits() % 16;
    if (kind < std::size(odd)) return odd[kind];
    if (kind == 14) return limit;
    if (kind == 15) return std::bit_cast<double>(state);
    return static_cast<double>(bits() % 7);
  }
};

Group group(const Backend& backend, const char* rule, std::vector<float>& memory) {
  Group result{find_rule(backend, rule), NumberType::float32, {}, {}};
  for (std::size_t i = 0; i < parameters; ++i) {
    Parameter parameter{{}, 1};
    parameter.streams.param_in = parameter.streams.param_out = &memory[i];
    parameter.streams.grad = &memory[i + parameters];
    parameter.streams.slots[0] = &memory[i + 2 * parameters];  // of the rules with more, some sets of flags need them
    result.parameters.push_back(parameter);
  }
  return result;
}

bool inside(const BoundGroups& bound, const Run& run) {
  const auto index = static_cast<std::size_t>(run.group - bound.groups.data());
  if (index >= bound.groups.size() || run.variant >= run.group->rule->variant_count) return false;
  if (run.group->rule->used_slots[run.variant] & ~bound.bound_slots[index]) return false;
  if (!run.group->rule->kernels[0][run.variant]) return false;
  const std::uint32_t* const selection = bound.commands.selection;
  for (const std::uint32_t& i : run.selection) {
    if (&i < selection || &i >= selection + bound.selection_capacity) return false;
    if (i >= run.group->parameters.size()) return false;
  }
  return true;
}

void test_any(const Backend& backend) {
  std::vector<float> memory(3 * parameters, 1.0f);
  std::vector<double> commands(1 + most_runs * stride);
  std::vector<std::uint32_t> selection(3 * parameters);  // more than there may be read
  BoundGroups bound;
  bound.backend = &backend;
  bound.selection_capacity = 2 * parameters;
  CHECK(bound.replace({group(backend, "rmsprop", memory), group(backend, "sgd", memory)}));
  CHECK(!bound.replace({group(backend, "sgd", memory), group(backend, "sgd", memory), group(backend, "sgd", memory)}));
  CHECK(bound.groups.size() == 2);
  bound.runs.resize(most_runs);
  bound.commands = {commands.data(), selection.data()};

  const auto limit = static_cast<double>(bound.groups[0].rule->variant_count);
  Random random;
  std::size_t taken = 0;
  std::size_t refused = 0;
  bool all_inside = true;
  for (int i = 0; i < 200'000; ++i) {
    for (double& command : commands) command = random.number(limit);
    for (std::uint32_t& index : selection) index = static_cast<std::uint32_t>(random.bits() % (parameters + 1));
    std::span<Run> runs;
    if (bound.read_commands(bound.commands, runs)) {
      ++refused;
      continue;
    }
    ++taken;
    for (const Run& run : runs) all_inside = all_inside && inside(bound, run);
    if (taken % 16 == 0) (void)prepare(runs);
  }
  CHECK(all_inside);
  CHECK(taken > 1000);
  CHECK(refused > 1000);

  bound.at_work = true;
  commands[0] = 0;
  std::span<Run> runs;
  CHECK(bound.read_commands(bound.commands, runs) != nullptr);
}

}  // namespace

int main() {
  test_any(*supported_backends()[0]);
  return check::summary();
}
