#include "mpi.hpp"

#if !defined(_WIN32)

#include <dlfcn.h>

#include <algorithm>
#include <string_view>
#include <type_traits>
#include <vector>

#include "mpi_abi.hpp"

namespace rmsprop {
namespace {

void* pointer_of(std::intptr_t number) {
  return reinterpret_cast<void*>(number);
}

// More than any library's MPI_MAX_LIBRARY_VERSION_STRING and MPI_MAX_ERROR_STRING.
constexpr std::size_t longest_text = 16384;

// An MPI library of one of the interfaces. Its functions have exactly the types that the library's own header gives
// them, so that nothing rests on how a processor passes numbers and addresses.
template <typename Abi>
class Library final : public Mpi {
  using Raw = typename Abi::Handle;

 public:
  Library(void* library, std::string path) : library_(library), path_(std::move(path)) {
    find(initialized_, "MPI_Initialized");
    find(init_thread_, "MPI_Init_thread");
    find(finalize_, "MPI_Finalize");
    find(abort_, "MPI_Abort");
    find(set_errhandler_, "MPI_Comm_set_errhandler");
    find(error_string_, "MPI_Error_string");
    find(version_, "MPI_Get_library_version");
    find(rank_, "MPI_Comm_rank");
    find(size_, "MPI_Comm_size");
    find(idup_, "MPI_Comm_idup");
    find(ialltoallv_, "MPI_Ialltoallv");
    find(iallgatherv_, "MPI_Iallgatherv");
    find(ibcast_, "MPI_Ibcast");
    find(ibarrier_, "MPI_Ibarrier");
    find(test_, "MPI_Test");
    world_ = constant(Abi::world);
    byte_ = constant(Abi::byte);
    errors_return_ = constant(Abi::errors_return);
  }

  const char* abi() const override { return Abi::name; }
  const std::string& path() const override { return path_; }

  std::string version() override {
    std::string text(longest_text, '\0');
    int length = 0;
    check(version_(text.data(), &length), "MPI_Get_library_version");
    return text.c_str();
  }

  bool is_initialized() override {
    int flag = 0;
    check(initialized_(&flag), "MPI_Initialized");
    return flag != 0;
  }

  void initialize() override {
    int provided = 0;
    check(init_thread_(nullptr, nullptr, Abi::thread_funneled, &provided), "MPI_Init_thread");
    check(set_errhandler_(world_, errors_return_), "MPI_Comm_set_errhandler");
    to_itself_.assign(static_cast<std::size_t>(size()), 0);
    from_beginning_ = to_itself_;
    to_itself_[static_cast<std::size_t>(rank())] = 1;
    if (provided < Abi::thread_funneled) {
      throw MpiError("Expected an MPI library for programs of several threads, but " + path_ + " is for one thread.");
    }
  }

  void finalize() override { check(finalize_(), "MPI_Finalize"); }
  bool ends_by_answers() override {
    // What it was configured with is in there too: where that names a PMI, it is not version 1.
    const std::string text = version();
    return text.find("ch4:ucx") != std::string::npos && text.find("--with-pmi") == std::string::npos;
  }
  void abort(int code) noexcept override { abort_(world_, code); }
  Handle world() const override { return to_handle(world_); }

  int rank() override {
    int rank = 0;
    check(rank_(world_, &rank), "MPI_Comm_rank");
    return rank;
  }

  int size() override {
    int size = 0;
    check(size_(world_, &size), "MPI_Comm_size");
    return size;
  }

  Handle exchange(const Parts& from, const Parts& into, Handle communicator) override {
    // Where a rank neither sends nor gets anything it moves a byte to itself: Open MPI 4.1.4 does not count what is
    // nothing to a rank, so that the next collective found no partner on the others, and all waited for ever.
    if (is_nothing(from) && is_nothing(into)) {
      const Parts sent{&bytes_[0], to_itself_.data(), from_beginning_.data()};
      const Parts arrived{&bytes_[1], to_itself_.data(), from_beginning_.data()};
      return begin_exchange(sent, arrived, communicator);
    }
    return begin_exchange(from, into, communicator);
  }

  Handle gather(const Parts& parts, Handle communicator) override {
    Raw request{};
    // In place: what is sent lies where it belongs, and its own count and type are ignored.
    check(iallgatherv_(pointer_of(Abi::in_place), 0, byte_, parts.data, parts.counts, parts.offsets, byte_,
                       from_handle(communicator), &request),
          "MPI_Iallgatherv");
    return to_handle(request);
  }

  Handle broadcast(void* data, int bytes, int root, Handle communicator) override {
    Raw request{};
    check(ibcast_(data, bytes, byte_, root, from_handle(communicator), &request), "MPI_Ibcast");
    return to_handle(request);
  }

  Handle barrier(Handle communicator) override {
    Raw request{};
    check(ibarrier_(from_handle(communicator), &request), "MPI_Ibarrier");
    return to_handle(request);
  }

  Handle duplicate(Handle communicator, Handle& made) override {
    Raw request{};
    check(idup_(from_handle(communicator), &in(made), &request), "MPI_Comm_idup");
    return to_handle(request);
  }

  bool test(Handle& request) override {
    int flag = 0;
    check(test_(&in(request), &flag, pointer_of(Abi::status_ignore)), "MPI_Test");
    return flag != 0;
  }

 private:
  template <typename Function>
  void find(Function& function, const char* name) {
    void* found = dlsym(library_, name);
    if (!found) throw MpiError("Expected an MPI library of version 3 or later, but " + path_ + " has no " + name + ".");
    function = reinterpret_cast<Function>(found);
  }

  // A handle that the interface has as a number, as a number in an address's place, or as an object's address.
  Raw constant(int number) const
    requires std::is_same_v<Raw, int>
  {
    return number;
  }
  Raw constant(std::intptr_t number) const
    requires std::is_same_v<Raw, void*>
  {
    return pointer_of(number);
  }
  Raw constant(const char* name) const {
    void* object = dlsym(library_, name);
    if (!object) throw MpiError("Expected " + path_ + " to be Open MPI's, but it has no " + name + ".");
    return object;
  }

  bool is_nothing(const Parts& parts) const {
    return std::all_of(parts.counts, parts.counts + to_itself_.size(), [](int count) { return count == 0; });
  }

  Handle begin_exchange(const Parts& from, const Parts& into, Handle communicator) {
    Raw request{};
    check(ialltoallv_(from.data, from.counts, from.offsets, byte_, into.data, into.counts, into.offsets, byte_,
                      from_handle(communicator), &request),
          "MPI_Ialltoallv");
    return to_handle(request);
  }

  static Raw& in(Handle& handle) {
    if constexpr (std::is_same_v<Raw, int>) {
      return handle.number;
    } else {
      return handle.pointer;
    }
  }
  static Raw from_handle(Handle handle) { return in(handle); }
  static Handle to_handle(Raw raw) {
    Handle handle{};
    in(handle) = raw;
    return handle;
  }

  void check(int code, const char* function) {
    if (code == 0) return;  // MPI_SUCCESS
    std::string text(longest_text, '\0');
    int length = 0;
    const bool known = error_string_(code, text.data(), &length) == 0;
    throw MpiError(std::string("Expected ") + function +
                   " to succeed, but it says: " + (known ? text.c_str() : ("error " + std::to_string(code)).c_str()));
  }

  void* library_;
  std::string path_;
  Raw world_{};
  Raw byte_{};
  Raw errors_return_{};
  // A part of one byte for this rank itself, by rank, and where it lies.
  std::vector<int> to_itself_;
  std::vector<int> from_beginning_;
  char bytes_[2]{};
  int (*initialized_)(int*);
  int (*init_thread_)(int*, char***, int, int*);
  int (*finalize_)();
  int (*abort_)(Raw, int);
  int (*set_errhandler_)(Raw, Raw);
  int (*error_string_)(int, char*, int*);
  int (*version_)(char*, int*);
  int (*rank_)(Raw, int*);
  int (*size_)(Raw, int*);
  int (*idup_)(Raw, Raw*, Raw*);
  int (*ialltoallv_)(const void*, const int*, const int*, Raw, void*, const int*, const int*, Raw, Raw, Raw*);
  int (*iallgatherv_)(const void*, int, Raw, void*, const int*, const int*, Raw, Raw, Raw*);
  int (*ibcast_)(void*, int, Raw, int, Raw, Raw*);
  int (*ibarrier_)(Raw, Raw*);
  int (*test_)(Raw*, int*, void*);
};

// The file that holds a library's MPI_Init_thread.
std::string path_of(void* library, const std::string& name) {
  Dl_info info{};
  void* function = dlsym(library, "MPI_Init_thread");
  return function && dladdr(function, &info) != 0 && info.dli_fname ? info.dli_fname : name;
}

// An interface that numbers its handles as MPICH does is in no symbol, only in what the library says of itself.
bool says_mpich(const std::string& version) {
  for (const std::string_view name : {"MPICH", "Intel", "MVAPICH", "CRAY", "Cray", "ParaStation"}) {
    if (version.find(name) != std::string::npos) return true;
  }
  return false;
}

std::unique_ptr<Mpi> recognize(void* library, const std::string& name) {
  const std::string path = path_of(library, name);
  const std::string_view file = std::string_view(path).substr(path.rfind('/') + 1);
  // By its name, because a library of the standard's interface may be of the same project, and hold its symbols too.
  if (file.starts_with("libmpi_abi")) return std::make_unique<Library<StandardAbi>>(library, path);
  if (dlsym(library, OpenMpiAbi::world)) return std::make_unique<Library<OpenMpiAbi>>(library, path);
  auto mpich = std::make_unique<Library<MpichAbi>>(library, path);
  const std::string version = mpich->version();
  if (says_mpich(version)) return mpich;
  throw MpiError(
      "Expected the MPI library to be Open MPI, MPICH or one of its kin, or of the standard's interface, but " + path +
      " says that it is " + version.substr(0, version.find('\n')) + ".");
}

}  // namespace

std::unique_ptr<Mpi> load_mpi(std::span<const std::string> names) {
  std::string reasons;
  for (const std::string& name : names) {
    // Global, because Open MPI loads parts of itself that look for its symbols.
    if (void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE)) return recognize(library, name);
    const char* reason = dlerror();
    if (!reasons.empty()) reasons += "; ";
    reasons += reason ? reason : name.c_str();
  }
  throw MpiError("Expected an MPI library, but none loads: " + reasons +
                 ". Install one (Debian: openmpi-bin), or name it in RMSPROP_MPI.");
}

}  // namespace rmsprop

#endif
