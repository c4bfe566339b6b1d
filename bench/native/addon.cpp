// What the benchmark measures steps against, as a Node-API add-on compiled once per instruction set with the library's
// own flags (bench/addon.ts): the limit of a step, a STREAM copy, bare loops, and an empty call.
#include <node_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "forming.hpp"
#include "kernels.hpp"
#include "threads.hpp"

namespace bench {
namespace {

// As the library splits: by tiles of this many elements, counted through all arrays.
constexpr std::size_t tile = 1024;

// Arrays that a function works through, and the threads that do it. Lives as long as its JavaScript function.
struct Work {
  std::vector<Streams> arrays;
  std::size_t tiles = 0;
  int threads = 1;
  Kernel kernel = nullptr;
  double numbers[max_numbers] = {};
};

void work_part(void* context, int part, int parts) {
  const Work& work = *static_cast<const Work*>(context);
  const std::size_t first = work.tiles * static_cast<std::size_t>(part) / static_cast<std::size_t>(parts);
  const std::size_t last = work.tiles * static_cast<std::size_t>(part + 1) / static_cast<std::size_t>(parts);
  std::size_t begin = 0;  // the first tile of the array
  for (const Streams& streams : work.arrays) {
    const std::size_t words = tile * streams.words_per_element;
    const std::size_t end = begin + (streams.words + words - 1) / words;
    const std::size_t from = begin > first ? begin : first;
    const std::size_t to = end < last ? end : last;
    if (from < to) {
      const std::size_t stop = (to - begin) * words;
      work.kernel(streams, (from - begin) * words, stop < streams.words ? stop : streams.words, work.numbers);
    }
    begin = end;
    if (begin >= last) return;
  }
}

napi_value run_work(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  Work& work = *static_cast<Work*>(data);
  Threads::instance().run(work.threads, work_part, &work);
  return nullptr;
}

napi_value run_nothing(napi_env, napi_callback_info) {
  return nullptr;
}

template <typename Owned>
void delete_owned(napi_env, void* owned, void*) {
  delete static_cast<Owned*>(owned);
}

// A function over work that it owns, and over arrays whose memory lives as long as it.
template <typename Owned>
napi_value function_over(napi_env env, const char* name, napi_callback callback, std::unique_ptr<Owned> work,
                         napi_value arrays) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, work.get(), &function);
  napi_add_finalizer(env, function, work.get(), delete_owned<Owned>, nullptr, nullptr);
  napi_set_named_property(env, function, "arrays", arrays);
  work.release();
  return function;
}

bool fail(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return false;
}

bool read_number(napi_env env, napi_value value, double& number) {
  return napi_get_value_double(env, value, &number) == napi_ok || fail(env, "Expected a number.");
}

// One array of typed arrays: what is read, then what is read and written.
bool read_streams(napi_env env, napi_value value, Streams& streams) {
  std::uint32_t count = 0;
  if (napi_get_array_length(env, value, &count) != napi_ok || count < 2 || count > 1 + max_written) {
    return fail(env, "Expected an array of 2 to 5 typed arrays.");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value element = nullptr;
    napi_typedarray_type type = napi_float32_array;
    std::size_t length = 0;
    void* data = nullptr;
    if (napi_get_element(env, value, i, &element) != napi_ok ||
        napi_get_typedarray_info(env, element, &type, &length, &data, nullptr, nullptr) != napi_ok ||
        (type != napi_float32_array && type != napi_float64_array)) {
      return fail(env, "Expected a Float32Array or a Float64Array.");
    }
    streams.words_per_element = type == napi_float64_array ? 2 : 1;
    const std::size_t words = length * streams.words_per_element;
    if (i > 0 && words != streams.words) return fail(env, "Expected arrays of one length.");
    streams.words = words;
    if (i == 0) {
      streams.read = static_cast<const std::uint32_t*>(data);
    } else {
      streams.written[i - 1] = static_cast<std::uint32_t*>(data);
    }
  }
  streams.written_count = static_cast<int>(count) - 1;
  return true;
}

bool read_name(napi_env env, napi_value value, std::string& name) {
  char text[64];
  std::size_t length = 0;
  if (napi_get_value_string_utf8(env, value, text, sizeof text, &length) != napi_ok)
    return fail(env, "Expected a name.");
  name.assign(text, length);
  return true;
}

bool read_numbers(napi_env env, napi_value value, double (&numbers)[max_numbers]) {
  std::uint32_t count = 0;
  if (napi_get_array_length(env, value, &count) != napi_ok || count > max_numbers) {
    return fail(env, "Expected an array of a few numbers.");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value element = nullptr;
    napi_get_element(env, value, i, &element);
    if (!read_number(env, element, numbers[i])) return false;
  }
  return true;
}

// work(kernel: string, arrays: TypedArray[][], threads: number, numbers: number[]): (() => void) | undefined
napi_value make_work(napi_env env, napi_callback_info info) {
  std::size_t argc = 4;
  napi_value argv[4];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  auto work = std::make_unique<Work>();
  std::string kernel;
  double threads = 0;
  if (!read_name(env, argv[0], kernel) || !read_number(env, argv[2], threads) ||
      !read_numbers(env, argv[3], work->numbers)) {
    return nullptr;
  }
  std::uint32_t count = 0;
  if (napi_get_array_length(env, argv[1], &count) != napi_ok || count == 0) {
    fail(env, "Expected an array of arrays.");
    return nullptr;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_handle_scope scope = nullptr;
    napi_open_handle_scope(env, &scope);
    napi_value element = nullptr;
    napi_get_element(env, argv[1], i, &element);
    Streams streams{};
    const bool read = read_streams(env, element, streams);
    napi_close_handle_scope(env, scope);
    if (!read) return nullptr;
    const std::size_t words = tile * streams.words_per_element;
    work->tiles += (streams.words + words - 1) / words;
    work->arrays.push_back(streams);
  }
  work->threads = static_cast<int>(threads);
  work->kernel = find_limit(kernel.c_str(), work->arrays[0]);
  if (!work->kernel) work->kernel = find_loop(kernel.c_str(), work->arrays[0]);
  if (!work->kernel) return nullptr;
  return function_over(env, "work", run_work, std::move(work), argv[1]);
}

struct FormWork {
  Form form;
  Forming at;
};

napi_value run_form(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  const FormWork& work = *static_cast<FormWork*>(data);
  work.form(work.at);
  return nullptr;
}

// A Float32Array of so many elements.
bool read_floats(napi_env env, napi_value value, std::size_t count, float*& floats) {
  napi_typedarray_type type = napi_int8_array;
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_float32_array || length != count) {
    return fail(env, "Expected a Float32Array of the factors' length.");
  }
  floats = static_cast<float*>(data);
  return true;
}

// form(name: string, arrays: [x, y, grad], sizes: [batch, rows, columns]): (() => void) | undefined
napi_value make_form(napi_env env, napi_callback_info info) {
  std::size_t argc = 3;
  napi_value argv[3];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  std::string name;
  double sizes[max_numbers] = {};
  if (!read_name(env, argv[0], name) || !read_numbers(env, argv[2], sizes)) return nullptr;
  const Form form = find_form(name.c_str());
  if (!form) return nullptr;
  const auto [batch, rows, columns] = std::array{static_cast<std::size_t>(sizes[0]), static_cast<std::size_t>(sizes[1]),
                                                 static_cast<std::size_t>(sizes[2])};
  const std::size_t lengths[] = {batch * rows, batch * columns, rows * columns};
  float* arrays[3] = {};
  for (std::uint32_t i = 0; i < 3; ++i) {
    napi_value element = nullptr;
    napi_get_element(env, argv[1], i, &element);
    if (!read_floats(env, element, lengths[i], arrays[i])) return nullptr;
  }
  auto work = std::make_unique<FormWork>(FormWork{form, {arrays[0], arrays[1], arrays[2], batch, rows, columns}});
  return function_over(env, "form", run_form, std::move(work), argv[1]);
}

napi_value initialize(napi_env env, napi_value exports) {
  napi_value function = nullptr;
  napi_create_function(env, "work", NAPI_AUTO_LENGTH, make_work, nullptr, &function);
  napi_set_named_property(env, exports, "work", function);
  napi_create_function(env, "form", NAPI_AUTO_LENGTH, make_form, nullptr, &function);
  napi_set_named_property(env, exports, "form", function);
  napi_create_function(env, "empty", NAPI_AUTO_LENGTH, run_nothing, nullptr, &function);
  napi_set_named_property(env, exports, "empty", function);
  return exports;
}

}  // namespace
}  // namespace bench

NAPI_MODULE(bench, bench::initialize)
