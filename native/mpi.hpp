// MPI, found when the program runs, whichever library it is. One thread makes every call of it.
#pragma once

#if !defined(_WIN32)

#include <memory>
#include <span>
#include <stdexcept>
#include <string>

namespace rmsprop {

// Why MPI cannot do what was asked, as a sentence.
struct MpiError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What ranks ask of an MPI library. Each function throws MpiError where the library reports an error.
class Mpi {
 public:
  // A communicator or a request, as the library has it.
  union Handle {
    int number;
    void* pointer;
  };

  // A part for each rank: counts[i] bytes from data + offsets[i] on.
  struct Parts {
    void* data;
    const int* counts;
    const int* offsets;
  };

  Mpi() = default;
  Mpi(const Mpi&) = delete;
  Mpi& operator=(const Mpi&) = delete;
  virtual ~Mpi() = default;

  virtual const char* abi() const = 0;
  // The file that the library was loaded from.
  virtual const std::string& path() const = 0;
  // What the library says of itself.
  virtual std::string version() = 0;

  virtual bool is_initialized() = 0;
  // Starts MPI for this thread. Errors are returned from then on, not fatal.
  virtual void initialize() = 0;
  virtual void finalize() = 0;
  // Whether a rank in finalize() needs answers that the others only give until they are further: MPICH 4.0.2 on UCX
  // over TCP waited there for ever in 1 to 3 of 8 runs.
  virtual bool ends_by_answers() = 0;
  // Ends all ranks. May return, and may reach none.
  virtual void abort(int code) noexcept = 0;

  // The communicator of all ranks.
  virtual Handle world() const = 0;
  virtual int rank() = 0;
  virtual int size() = 0;

  // Each begins a collective: it and its memory, counts and offsets are at work until `test` says otherwise.
  virtual Handle exchange(const Parts& from, const Parts& into, Handle communicator) = 0;
  virtual Handle gather(const Parts& parts, Handle communicator) = 0;
  virtual Handle broadcast(void* data, int bytes, int root, Handle communicator) = 0;
  virtual Handle barrier(Handle communicator) = 0;
  // `made` is there once it is done, and stays where it is until then.
  virtual Handle duplicate(Handle communicator, Handle& made) = 0;

  // Whether a collective is done. Moves all of them on.
  virtual bool test(Handle& request) = 0;
};

// The first of these libraries that loads. It stays loaded.
std::unique_ptr<Mpi> load_mpi(std::span<const std::string> names);

}  // namespace rmsprop

#endif
