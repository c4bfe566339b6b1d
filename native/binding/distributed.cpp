// Collectives of ranks as promises, of the environment that started them.
#include "binding.hpp"

#if defined(_WIN32)

namespace rmsprop {

void export_ranks(Napi::Env, Napi::Object) {}

}  // namespace rmsprop

#else

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../memory.hpp"
#include "../ranks.hpp"

namespace rmsprop {
namespace {

// A collective whose promise the environment has given out.
struct Pending final : Collective {
  napi_deferred deferred = nullptr;
  napi_ref kept = nullptr;
  std::vector<const void*> held;

  ~Pending() override {
    if (abandoned) return;  // what MPI may still write to stays
    for (const void* block : held) release_block(block);
  }
};

// What the ranks' thread tells the environment.
struct Message {
  std::unique_ptr<Pending> ended;
  // Without one, of the start.
  Started started{};
  std::string error;
  bool loaded = true;
};

// The environment that started the ranks. Never destroyed: their thread tells it something as long as it lives.
class Environment final : public RanksListener {
 public:
  Ranks* ranks = nullptr;
  napi_threadsafe_function tell = nullptr;
  napi_deferred starting = nullptr;
  std::size_t pending = 0;

  void started(const Started& started) noexcept override { send({nullptr, started, {}, true}); }
  void failed_to_start(const std::string& sentence, bool loaded) noexcept override {
    send({nullptr, {}, sentence, loaded});
  }
  void ended(std::unique_ptr<Collective> collective) noexcept override {
    send({std::unique_ptr<Pending>(static_cast<Pending*>(collective.release())), {}, {}, true});
  }

  // A promise keeps the program alive until it is settled, and nothing else of the ranks does.
  void hold(napi_env env) {
    if (pending++ == 0) napi_ref_threadsafe_function(env, tell);
  }
  void let_go(napi_env env) {
    if (--pending == 0) napi_unref_threadsafe_function(env, tell);
  }

 private:
  void send(Message message) noexcept {
    auto sent = std::make_unique<Message>(std::move(message));
    // An environment that ends is told nothing.
    if (napi_call_threadsafe_function(tell, sent.get(), napi_tsfn_nonblocking) == napi_ok) sent.release();
  }
};

// The one that started the ranks, for functions that are called there.
thread_local Environment* environment = nullptr;

Napi::Object described(Napi::Env env, const Message& message) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("error", message.error);
  result.Set("loaded", message.loaded);
  result.Set("rank", message.started.rank);
  result.Set("size", message.started.size);
  result.Set("abi", message.started.abi);
  result.Set("version", message.started.version);
  result.Set("path", message.started.path);
  return result;
}

void settle(napi_env env, Pending& ended) {
  if (!ended.error.empty()) {
    napi_value message = nullptr;
    napi_value error = nullptr;
    napi_create_string_utf8(env, ended.error.c_str(), ended.error.size(), &message);
    napi_create_error(env, nullptr, message, &error);
    napi_reject_deferred(env, ended.deferred, error);
  } else {
    napi_value made = nullptr;
    napi_create_double(env, static_cast<double>(ended.made), &made);
    napi_resolve_deferred(env, ended.deferred, made);
  }
  if (ended.kept && !ended.abandoned) napi_delete_reference(env, ended.kept);
}

// Called by the environment's own thread; without an environment where it ends.
void receive(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<Message> message(static_cast<Message*>(data));
  if (!env) return;
  Environment& self = *static_cast<Environment*>(context);
  self.let_go(env);
  if (message->ended) {
    settle(env, *message->ended);
  } else {
    napi_resolve_deferred(env, std::exchange(self.starting, nullptr), described(env, *message));
  }
}

// An environment that ends before its process does: a worker that is terminated calls no hook of JavaScript.
void environment_ends(void* data) {
  static_cast<Environment*>(data)->ranks->finish(0, "");
}

// start(libraries, timeout): Promise<{ error, loaded, rank, size, abi, version, path }> | undefined. Undefined where
// the process has its ranks already.
Napi::Value start_ranks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto names = info[0].As<Napi::Array>();
  std::vector<std::string> libraries;
  for (std::uint32_t i = 0; i < names.Length(); ++i) {
    libraries.push_back(names.Get(i).As<Napi::String>().Utf8Value());
  }
  const double timeout = info[1].As<Napi::Number>().DoubleValue();
  auto made = std::make_unique<Environment>();
  napi_value promise = nullptr;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "rmsprop.ranks"), 0, 1, nullptr,
                                      nullptr, made.get(), receive, &made->tell) != napi_ok ||
      napi_create_promise(env, &made->starting, &promise) != napi_ok) {
    refuse(env, "The ranks could not be started.");
  }
  made->pending = 1;
  Environment* self = made.release();
  self->ranks = Ranks::start(std::move(libraries), timeout, *self);
  if (!self->ranks) {
    napi_release_threadsafe_function(self->tell, napi_tsfn_abort);
    return env.Undefined();
  }
  environment = self;
  // After the function above, whose own hook is then called later: until it is, the thread may tell something.
  napi_add_env_cleanup_hook(env, environment_ends, self);
  return {env, promise};
}

// Reads offsets and counts, in bytes from the beginning of a view, which lie in it. MPI's are 32-bit, so its data begin
// at the first part.
void read_parts(Napi::Env env, Napi::Value array, Napi::Value offsets, Napi::Value counts, Collective::Parts& parts,
                std::size_t size) {
  auto view = array.As<Napi::Uint8Array>();
  const auto offset_list = offsets.As<Napi::Array>();
  const auto count_list = counts.As<Napi::Array>();
  const auto length = static_cast<double>(view.ByteLength());
  if (offset_list.Length() != size || count_list.Length() != size) refuse(env, "Expected a part for each rank.");
  std::vector<double> begins(size);
  double first = std::numeric_limits<double>::infinity();
  for (std::uint32_t i = 0; i < size; ++i) {
    const double offset = offset_list.Get(i).As<Napi::Number>().DoubleValue();
    const double count = count_list.Get(i).As<Napi::Number>().DoubleValue();
    if (!(offset >= 0 && count >= 0 && offset == std::floor(offset) && count == std::floor(count) &&
          offset + count <= length)) {
      refuse(env, "Expected parts that lie in their array.");
    }
    begins[i] = offset;
    parts.counts.push_back(count <= std::numeric_limits<int>::max() ? static_cast<int>(count) : -1);
    if (parts.counts.back() < 0) refuse(env, "Expected parts of less than 2^31 bytes.");
    if (count > 0) first = std::fmin(first, offset);
  }
  for (std::size_t i = 0; i < size; ++i) {
    const double offset = parts.counts[i] == 0 ? 0 : begins[i] - first;
    if (offset > std::numeric_limits<int>::max()) refuse(env, "Expected parts within 2^31 bytes.");
    parts.offsets.push_back(static_cast<int>(offset));
  }
  // An address even where nothing is sent: some libraries take none for a mistake.
  static std::uint8_t nothing = 0;
  parts.data = std::isinf(first) ? &nothing : view.Data() + static_cast<std::size_t>(first);
}

// Holds the blocks that these buffers begin at; false where one is no block of this copy of the library.
bool hold_all(const Napi::Array& buffers, std::vector<const void*>& held) {
  held.reserve(buffers.Length());
  for (std::uint32_t i = 0; i < buffers.Length(); ++i) {
    void* data = nullptr;
    if (napi_get_arraybuffer_info(buffers.Env(), buffers.Get(i), &data, nullptr) != napi_ok || !hold_block(data)) {
      return false;
    }
    held.push_back(data);
  }
  return true;
}

// collective(kind, communicator, what, size, root, from, into, kept, buffers): Promise<number> | undefined. From and
// into are { array, offsets, counts } or null. Undefined where a buffer is not of this copy's allocate.
Napi::Value begin_collective(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!environment) refuse(env, "There are no ranks of this thread.");
  auto pending = std::make_unique<Pending>();
  const auto kind = info[0].As<Napi::Number>().Uint32Value();
  if (kind > static_cast<std::uint32_t>(Collective::Kind::duplicate)) refuse(env, "There is no such collective.");
  pending->kind = static_cast<Collective::Kind>(kind);
  pending->communicator = info[1].As<Napi::Number>().Uint32Value();
  pending->what = info[2].As<Napi::String>().Utf8Value();
  const auto size = info[3].As<Napi::Number>().Uint32Value();
  pending->root = info[4].As<Napi::Number>().Int32Value();
  const auto read = [&](const Napi::Value& parts, Collective::Parts& into) {
    const auto object = parts.As<Napi::Object>();
    read_parts(env, object.Get("array"), object.Get("offsets"), object.Get("counts"), into, size);
  };
  if (pending->kind == Collective::Kind::broadcast) {
    auto view = info[6].As<Napi::Object>().Get("array").As<Napi::Uint8Array>();
    if (view.ByteLength() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
      refuse(env, "Expected less than 2^31 bytes.");
    }
    pending->into.data = view.Data();
    pending->bytes = static_cast<int>(view.ByteLength());
  } else {
    if (info[5].IsObject()) read(info[5], pending->from);
    if (info[6].IsObject()) read(info[6], pending->into);
  }
  if (!hold_all(info[8].As<Napi::Array>(), pending->held)) return env.Undefined();
  napi_value promise = nullptr;
  if (napi_create_reference(env, info[7], 1, &pending->kept) != napi_ok ||
      napi_create_promise(env, &pending->deferred, &promise) != napi_ok) {
    refuse(env, "The collective could not be begun.");
  }
  environment->hold(env);
  environment->ranks->ask(std::move(pending));
  return {env, promise};
}

// finish(code, reason): void. Returns only where all ranks have ended.
void finish_ranks(const Napi::CallbackInfo& info) {
  if (!environment) return;
  environment->ranks->finish(info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::String>().Utf8Value());
}

}  // namespace

void export_ranks(Napi::Env env, Napi::Object exports) {
  Napi::Object ranks = Napi::Object::New(env);
  ranks.Set("start", Napi::Function::New(env, start_ranks));
  ranks.Set("collective", Napi::Function::New(env, begin_collective));
  ranks.Set("finish", Napi::Function::New(env, finish_ranks));
  exports.Set("ranks", ranks);
}

}  // namespace rmsprop

#endif
