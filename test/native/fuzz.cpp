// Kernels of all instruction sets of this machine against each other, bit for bit, without Node: rules, stages and
// gradients that are made, of random options, lengths, alignments and values. What a case does is decided by its bytes
// alone.
//
//   fuzz [--corpus FOLDER] [--elements N] [--seed S] [--threads N] [--collect FILE] [FILE …]
//
// First the cases in the corpus are taken again, then random ones until they have made so many element steps, each on
// every instruction set. A case that differs is written into the corpus, and the program ends with 1. `--collect`
// writes those of the random cases that take a variant, a stage or a kind of source that none before them took. A NaN
// is a NaN, whatever its sign and payload.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <new>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpu.hpp"
#include "fp_environment.hpp"
#include "source.hpp"

namespace {

using namespace rmsprop;

constexpr std::size_t case_bytes = 24;
using Case = std::array<std::uint8_t, case_bytes>;

// SplitMix64 (Steele, Lea and Flood 2014).
struct Random {
  std::uint64_t state;

  std::uint64_t bits() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(bits() % limit); }
  double unit() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
};

// The choices of a case: its bytes in order, then what follows from all of them.
class Choices {
 public:
  explicit Choices(const Case& bytes) : bytes_(bytes) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
    further_.state = hash;
  }
  std::size_t below(std::size_t limit) {
    if (at_ + 2 > case_bytes) return further_.below(limit);
    const std::size_t word = bytes_[at_] | static_cast<std::size_t>(bytes_[at_ + 1]) << 8;
    at_ += 2;
    return word % limit;
  }
  Random& further() { return further_; }

 private:
  const Case& bytes_;
  std::size_t at_ = 0;
  Random further_{0};
};

// What numbers a case has: ordinary ones, of all sizes, with all that is special, or any bits.
enum class Values : std::uint8_t { ordinary, all_sizes, special, any_bits, count };

template <typename Number>
Number drawn(Random& random, Values values) {
  using Word = std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t>;
  using Limits = std::numeric_limits<Number>;
  const Number sign = random.bits() % 2 ? Number(-1) : Number(1);
  switch (values) {
    case Values::any_bits: return std::bit_cast<Number>(static_cast<Word>(random.bits()));
    case Values::special: {
      constexpr Number odd[] = {0,
                                1,
                                Number(0.5),
                                Limits::min(),
                                Limits::denorm_min(),
                                Limits::max(),
                                Limits::infinity(),
                                Limits::quiet_NaN(),
                                Limits::epsilon(),
                                Limits::min() * Number(0.75)};
      if (random.bits() % 4 == 0) return sign * odd[random.below(std::size(odd))];
      break;
    }
    case Values::all_sizes: {
      const int most = sizeof(Number) == 4 ? 60 : 400;
      const int exponent = static_cast<int>(random.below(2 * static_cast<std::size_t>(most))) - most;
      return sign * static_cast<Number>(std::ldexp(random.unit(), exponent));
    }
    default: break;
  }
  return static_cast<Number>(2 * random.unit() - 1);
}

constexpr std::size_t guard = 64;

// An array that begins at an offset, in bytes, from a multiple of 64, with untouched bytes on both sides.
class Array {
 public:
  Array(std::size_t bytes, std::size_t offset)
      : bytes_(bytes), start_(guard + offset), whole_((2 * guard + offset + bytes + 63) / 64 * 64) {
    memory_ = static_cast<unsigned char*>(::operator new(whole_, std::align_val_t(64)));
    std::memset(memory_, 0x5a, whole_);
  }
  Array(const Array& other) : bytes_(other.bytes_), start_(other.start_), whole_(other.whole_) {
    memory_ = static_cast<unsigned char*>(::operator new(whole_, std::align_val_t(64)));
    std::memcpy(memory_, other.memory_, whole_);
  }
  Array(Array&& other) noexcept
      : bytes_(other.bytes_),
        start_(other.start_),
        whole_(other.whole_),
        memory_(std::exchange(other.memory_, nullptr)) {}
  Array& operator=(const Array&) = delete;
  ~Array() { ::operator delete(memory_, std::align_val_t(64)); }

  template <typename Number>
  Number* numbers() const {
    return reinterpret_cast<Number*>(memory_ + start_);
  }

  // Whether both have the same bits, those of a NaN aside, and what lies around them is the same.
  template <typename Number>
  bool equals(const Array& other) const {
    if (std::memcmp(memory_, other.memory_, whole_) == 0) return true;
    if (std::memcmp(memory_, other.memory_, start_) != 0) return false;
    const std::size_t end = start_ + bytes_;
    if (std::memcmp(memory_ + end, other.memory_ + end, whole_ - end) != 0) return false;
    const Number* a = numbers<Number>();
    const Number* b = other.numbers<Number>();
    for (std::size_t i = 0; i < bytes_ / sizeof(Number); ++i) {
      const bool same = std::memcmp(a + i, b + i, sizeof(Number)) == 0 || (std::isnan(a[i]) && std::isnan(b[i]));
      if (!same) return false;
    }
    return true;
  }

 private:
  std::size_t bytes_;
  std::size_t start_;
  std::size_t whole_;
  unsigned char* memory_;
};

bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) || (std::isnan(a) && std::isnan(b));
}

// What came of a case: what it is, how many element steps it took, and where an instruction set differs from the first.
struct Outcome {
  std::string what;
  std::uint64_t elements = 0;
  std::string difference;
};

std::size_t length_of(Choices& choices, std::size_t most) {
  switch (choices.below(4)) {
    case 0: return choices.below(70);
    case 1: return std::min(most, tile_size - 2 + choices.below(5));
    default: return choices.below(most + 1);
  }
}

template <typename Number>
Array array_of(Choices& choices, std::size_t count, Values values) {
  Array array(count * sizeof(Number), choices.below(16) * sizeof(Number));
  for (std::size_t i = 0; i < count; ++i) array.numbers<Number>()[i] = drawn<Number>(choices.further(), values);
  return array;
}

template <typename Number>
constexpr std::size_t type_index = sizeof(Number) == 4 ? 0 : 1;

template <typename Number>
Number coefficient(Random& random, std::size_t kind) {
  constexpr Number neutral[] = {1, Number(-0.0), Number(1), Number(0.5)};
  switch (kind) {
    case 0: return static_cast<Number>(random.unit());
    case 1: return neutral[random.below(std::size(neutral))];
    case 2: return drawn<Number>(random, Values::all_sizes);
    default: return drawn<Number>(random, Values::special);
  }
}

// Some steps of a rule.
template <typename Number>
Outcome take_rule(Choices& choices, std::span<const Backend* const> backends) {
  const std::size_t index = choices.below(backends[0]->rule_count);
  const RuleTable& first = backends[0]->rules[index];
  std::size_t variant = choices.below(first.variant_count);
  while (!first.kernels[type_index<Number>][variant]) variant = (variant + 1) % first.variant_count;
  const auto values = static_cast<Values>(choices.below(static_cast<std::size_t>(Values::count)));
  const std::size_t kind = choices.below(4);
  const bool ahead = choices.below(4) == 0;
  const bool apart = choices.below(4) == 0;
  const std::size_t count = length_of(choices, 3000);
  const std::size_t begin = count == 0 ? 0 : choices.below(std::min<std::size_t>(count, 20));
  const std::size_t steps = 1 + choices.below(3);

  Number coefficients[max_coefficients];
  for (Number& each : coefficients) each = coefficient<Number>(choices.further(), kind);
  if (kind == 1) coefficients[0] = 1;
  std::vector<Array> arrays;
  for (std::size_t i = 0; i < 2 + steps + first.slot_count; ++i) {
    arrays.push_back(array_of<Number>(choices, count, i < 2 ? Values::ordinary : values));
  }
  Outcome outcome{"rule " + std::string(first.name) + " " + std::to_string(variant) +
                      (sizeof(Number) == 4 ? " float32" : " float64") + " values " +
                      std::to_string(static_cast<int>(values)) + " coefficients " + std::to_string(kind) +
                      (ahead ? " ahead" : "") + (apart ? " apart" : ""),
                  (count - begin) * steps,
                  {}};
  std::vector<Array> expected;
  for (const Backend* const backend : backends) {
    std::vector<Array> own(arrays);
    const RuleTable& rule = backend->rules[index];
    const StepKernel kernel = (ahead ? rule.ahead_kernels : rule.kernels)[type_index<Number>][variant];
    for (std::size_t step = 0; step < steps; ++step) {
      Streams streams{
          own[0].numbers<Number>(), own[apart ? 1 : 0].numbers<Number>(), own[2 + step].numbers<Number>(), {}};
      for (std::size_t s = 0; s < rule.slot_count; ++s) streams.slots[s] = own[2 + steps + s].numbers<Number>();
      kernel(streams, begin, count, coefficients);
    }
    if (expected.empty()) {
      expected = std::move(own);
      continue;
    }
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (!own[i].template equals<Number>(expected[i])) {
        outcome.difference += std::string(backend->isa) + " array " + std::to_string(i) + "; ";
      }
    }
  }
  return outcome;
}

// One of the stages.
template <typename Number>
Outcome take_stage(Choices& choices, std::span<const Backend* const> backends) {
  constexpr const char* names[] = {"sum_of_squares", "count_non_finite", "count_above", "accumulate", "clip",
                                   "store",          "average",          "fill",        "add",        "add_four",
                                   "divide"};
  const std::size_t stage = choices.below(std::size(names));
  const auto values = static_cast<Values>(choices.below(static_cast<std::size_t>(Values::count)));
  const std::size_t count = std::min(length_of(choices, tile_size), tile_size);
  const bool apart = choices.below(2) == 0;
  Random& random = choices.further();
  const double scale = coefficient<double>(random, choices.below(4));
  const double limit = std::fabs(coefficient<double>(random, choices.below(3)));
  const double divisors[] = {2, 3, 8, 64, 7, static_cast<double>(1 + random.below(1000))};
  const double divisor = divisors[random.below(std::size(divisors))];
  std::vector<Array> arrays;
  for (int i = 0; i < 5; ++i) arrays.push_back(array_of<Number>(choices, count, values));
  Outcome outcome{std::string("stage ") + names[stage] + (sizeof(Number) == 4 ? " float32" : " float64") + " values " +
                      std::to_string(static_cast<int>(values)) + (apart ? " apart" : ""),
                  count,
                  {}};
  std::vector<Array> expected;
  double expected_results[2] = {};
  for (const Backend* const backend : backends) {
    std::vector<Array> own(arrays);
    const StageTable& table = backend->stages[type_index<Number>];
    Number* at[5];
    for (int i = 0; i < 5; ++i) at[i] = own[static_cast<std::size_t>(i)].template numbers<Number>();
    Number* const to = apart ? at[4] : at[0];
    double results[2] = {};
    switch (stage) {
      case 0: results[0] = table.sum_of_squares(at[0], count); break;
      case 1: results[0] = static_cast<double>(table.count_non_finite(at[0], count)); break;
      case 2: results[0] = static_cast<double>(table.count_above(at[0], count, scale, limit)); break;
      case 3: table.accumulate(to, at[0], at[1], count, scale); break;
      case 4: table.clip(to, at[0], count, scale, limit); break;
      case 5: {
        Change change{};
        table.store(to, at[0], at[1], count, &change);
        results[0] = change.squares;
        results[1] = change.largest;
        break;
      }
      case 6: table.average(at[0], at[1], count, scale, 1 - scale); break;
      case 7: table.fill(at[0], count, scale); break;
      case 8: table.add(to, at[0], at[1], count); break;
      case 9: {
        const void* const parts[4] = {at[0], at[1], at[2], at[3]};
        table.add_four(to, parts, count);
        break;
      }
      default: table.divide(to, at[0], count, divisor); break;
    }
    if (expected.empty()) {
      expected = std::move(own);
      std::copy_n(results, 2, expected_results);
      continue;
    }
    bool alike = same(results[0], expected_results[0]) && same(results[1], expected_results[1]);
    for (std::size_t i = 0; i < own.size(); ++i) alike = alike && own[i].template equals<Number>(expected[i]);
    if (!alike) outcome.difference += std::string(backend->isa) + "; ";
  }
  return outcome;
}

// A gradient that is made of arrays and factors.
template <typename Number>
Outcome take_source(Choices& choices, std::span<const Backend* const> backends) {
  const auto values = static_cast<Values>(choices.below(static_cast<std::size_t>(Values::count)));
  const std::size_t rows = 1 + choices.below(choices.below(2) == 0 ? 5 : 60);
  const std::size_t columns = 1 + choices.below(choices.below(2) == 0 ? 20 : 300);
  const std::size_t size = 1 + choices.below(choices.below(4) == 0 ? max_parts : 9);
  const std::size_t kinds = choices.below(3);  // arrays, factors, both
  const std::size_t elements = rows * columns;
  const std::size_t count = std::min(elements, length_of(choices, tile_size));
  const std::size_t begin = choices.below(elements - count + 1);
  Random& random = choices.further();
  Source source;
  constexpr double divisors[] = {1, 2, 3, 7, 16};
  source.divisor = divisors[choices.below(std::size(divisors))];
  std::vector<Array> memory;
  memory.reserve(2 * size);
  for (std::size_t p = 0; p < size; ++p) {
    const bool made = kinds == 1 || (kinds == 2 && random.below(2) == 0);
    if (!made) {
      memory.push_back(array_of<Number>(choices, elements, values));
      source.parts.push_back({memory.back().template numbers<Number>(), {}});
      continue;
    }
    const std::size_t batch = random.below(12);
    const bool ones = random.below(4) == 0;
    const std::size_t own_rows = ones ? 1 : rows;
    const std::size_t own_columns = ones ? elements : columns;
    memory.push_back(array_of<Number>(choices, batch * own_rows, values));
    const void* const left = ones ? nullptr : memory.back().template numbers<Number>();
    memory.push_back(array_of<Number>(choices, batch * own_columns, values));
    source.parts.push_back({nullptr, {left, memory.back().template numbers<Number>(), batch, own_rows, own_columns}});
  }
  Outcome outcome{"source of " +
                      std::string(kinds == 0   ? "arrays"
                                  : kinds == 1 ? "factors"
                                               : "both") +
                      " " + std::to_string(std::bit_width(size)) + (sizeof(Number) == 4 ? " float32" : " float64") +
                      " values " + std::to_string(static_cast<int>(values)) + " divided by " +
                      std::to_string(source.divisor),
                  count * size,
                  {}};
  Array sums(max_sums * tile_size * sizeof(Number), 0);
  std::vector<Array> expected;
  for (const Backend* const backend : backends) {
    Array own(sums);
    const void* const found =
        source.make(backend->stages[type_index<Number>], sizeof(Number), begin, count,
                    reinterpret_cast<unsigned char*>(own.numbers<Number>()), tile_size * sizeof(Number));
    Array result(count * sizeof(Number), 0);
    std::memcpy(result.numbers<Number>(), found, count * sizeof(Number));
    if (expected.empty()) {
      expected.push_back(std::move(result));
    } else if (!result.equals<Number>(expected[0])) {
      outcome.difference += std::string(backend->isa) + "; ";
    }
  }
  return outcome;
}

Outcome take(const Case& bytes, std::span<const Backend* const> backends) {
  Choices choices(bytes);
  const std::size_t kind = choices.below(8);
  const bool wide = choices.below(2) == 1;
  if (kind < 5) return wide ? take_rule<double>(choices, backends) : take_rule<float>(choices, backends);
  if (kind < 7) return wide ? take_stage<double>(choices, backends) : take_stage<float>(choices, backends);
  return wide ? take_source<double>(choices, backends) : take_source<float>(choices, backends);
}

Case random_case(std::uint64_t seed, std::uint64_t number) {
  Random random{seed * 0x2545f4914f6cdd1du + number};
  Case bytes;
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.bits() >> 56);
  return bytes;
}

std::vector<Case> cases_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::vector<Case> cases;
  Case bytes;
  while (stream.read(reinterpret_cast<char*>(bytes.data()), case_bytes)) cases.push_back(bytes);
  if (stream.gcount() != 0 || cases.empty()) {
    std::fprintf(stderr, "Expected %s to hold cases of %zu bytes each.\n", file.c_str(), case_bytes);
    std::exit(2);
  }
  return cases;
}

struct Options {
  std::filesystem::path corpus;
  std::vector<std::filesystem::path> files;
  std::filesystem::path collect;
  std::uint64_t elements = 0;
  std::uint64_t seed = 1;
  unsigned threads = 1;
};

Options options_of(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name.rfind("--", 0) != 0) {
      options.files.emplace_back(name);
      continue;
    }
    const char* const value = i + 1 < count ? arguments[++i] : "";
    char* end = nullptr;
    const double number = std::strtod(value, &end);
    const bool is_number = end != value && *end == 0 && number >= 0 && number < 0x1p63;
    if (name == "--corpus") {
      options.corpus = value;
    } else if (name == "--collect") {
      options.collect = value;
    } else if (name == "--elements" && is_number) {
      options.elements = static_cast<std::uint64_t>(number);
    } else if (name == "--seed" && is_number) {
      options.seed = static_cast<std::uint64_t>(number);
    } else if (name == "--threads" && is_number && number >= 1) {
      options.threads = static_cast<unsigned>(number);
    } else {
      std::fprintf(stderr, "Expected --corpus, --elements, --seed, --threads or --collect with a value, found %s %s.\n",
                   name.c_str(), value);
      std::exit(2);
    }
  }
  return options;
}

// Random cases, on several threads, until there are enough element steps or one differs.
class Run {
 public:
  Run(const Options& options, std::span<const Backend* const> backends) : options_(options), backends_(backends) {}

  bool go() {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < options_.threads; ++i) threads.emplace_back([this] { work(); });
    double shown = 0;
    while (working_ < options_.threads || elements_ < options_.elements) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      if (failed_ || elements_ >= options_.elements) break;
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
      if (passed.count() - shown < 5) continue;
      shown = passed.count();
      const double share = static_cast<double>(elements_) / static_cast<double>(options_.elements);
      std::fprintf(stderr, "%5.1f %%, %.3g element steps, %.0f s left\n", 100 * share, static_cast<double>(elements_),
                   shown / share - shown);
    }
    for (std::thread& thread : threads) thread.join();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    std::printf("%llu random cases of seed %llu, %llu element steps on each of %zu instruction sets, %.0f s\n",
                static_cast<unsigned long long>(taken_), static_cast<unsigned long long>(options_.seed),
                static_cast<unsigned long long>(elements_), backends_.size(), passed.count());
    std::printf("%zu variants of rules, stages and sources, each number type apart, were taken\n", kinds_.size());
    return !failed_;
  }

 private:
  void work() {
    const FpEnvironment environment;
    ++working_;
    while (!failed_ && elements_ < options_.elements) {
      const Case bytes = random_case(options_.seed, next_++);
      const Outcome outcome = take(bytes, backends_);
      elements_ += outcome.elements;
      ++taken_;
      const std::scoped_lock lock(mutex_);
      const bool is_new = kinds_.insert(outcome.what.substr(0, outcome.what.find(" values"))).second;
      if (is_new && !options_.collect.empty()) append(options_.collect, bytes);
      if (outcome.difference.empty()) continue;
      failed_ = true;
      char name[32];
      std::snprintf(name, sizeof name, "found-%016llx.bin",
                    static_cast<unsigned long long>(std::hash<std::string>()(std::string(bytes.begin(), bytes.end()))));
      const std::filesystem::path file = options_.corpus / name;
      append(file, bytes);
      std::printf("differs from %s: %s(%s)\nwritten to %s\n", backends_[0]->isa, outcome.difference.c_str(),
                  outcome.what.c_str(), file.c_str());
    }
  }

  static void append(const std::filesystem::path& file, const Case& bytes) {
    std::ofstream stream(file, std::ios::binary | std::ios::app);
    stream.write(reinterpret_cast<const char*>(bytes.data()), case_bytes);
  }

  const Options& options_;
  std::span<const Backend* const> backends_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> elements_{0};
  std::atomic<unsigned> working_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::set<std::string> kinds_;
};

}  // namespace

int main(int count, char** arguments) {
  Options options = options_of(count, arguments);
  const FpEnvironment environment;
  const auto backends = supported_backends();
  std::string names;
  for (const Backend* const backend : backends) names += std::string(names.empty() ? "" : ", ") + backend->isa;
  std::printf("instruction sets: %s\n", names.c_str());
  if (backends.size() < 2) {
    std::printf("This machine has one instruction set, so there is nothing to compare.\n");
    return 0;
  }
  if (!options.corpus.empty()) {
    for (const auto& entry : std::filesystem::directory_iterator(options.corpus)) {
      if (entry.path().extension() == ".bin") options.files.push_back(entry.path());
    }
    std::sort(options.files.begin(), options.files.end());
  }
  std::uint64_t replayed = 0;
  int failed = 0;
  for (const auto& file : options.files) {
    for (const Case& bytes : cases_of(file)) {
      const Outcome outcome = take(bytes, backends);
      ++replayed;
      if (outcome.difference.empty()) continue;
      if (++failed > 10) continue;
      std::printf("%s: differs from %s: %s(%s)\n", file.c_str(), backends[0]->isa, outcome.difference.c_str(),
                  outcome.what.c_str());
    }
  }
  std::printf("%llu cases of the corpus, %d differ\n", static_cast<unsigned long long>(replayed), failed);
  if (failed > 0) return 1;
  if (options.elements > 0 && !Run(options, backends).go()) return 1;
  return 0;
}
