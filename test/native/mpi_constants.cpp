// Compares native/mpi_abi.hpp with the header of an MPI library, as it is compiled against it: -DOPEN_MPI for Open
// MPI's own, -DSTANDARD for the standard's interface, nothing for MPICH's.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstring>
#include <type_traits>

#include "../../native/mpi_abi.hpp"
#include "check.hpp"

namespace {

template <typename Handle>
bool is(Handle found, Handle wanted) {
  return found == wanted;
}

// Of a handle that is a number in an address's place.
template <typename Handle>
  requires std::is_pointer_v<Handle> bool
is(Handle found, std::intptr_t wanted) {
  return reinterpret_cast<std::intptr_t>(found) == wanted;
}

}  // namespace

#if defined(OPEN_MPI)
using Abi = rmsprop::OpenMpiAbi;
// Handles are addresses of objects that the header names.
#define TEXT(name) #name
#define EXPANDED(name) TEXT(name)
#define CHECK_HANDLE(handle, wanted) CHECK(std::strstr(EXPANDED(handle), wanted) != nullptr)
#else
#if defined(STANDARD)
using Abi = rmsprop::StandardAbi;
#else
using Abi = rmsprop::MpichAbi;
#endif
#define CHECK_HANDLE(handle, wanted) CHECK(is(handle, wanted))
#endif

int main() {
  CHECK(std::is_pointer_v<MPI_Comm> == std::is_pointer_v<Abi::Handle>);
  CHECK(sizeof(MPI_Comm) == sizeof(Abi::Handle) && sizeof(MPI_Request) == sizeof(Abi::Handle));
  CHECK(sizeof(MPI_Datatype) == sizeof(Abi::Handle) && sizeof(MPI_Errhandler) == sizeof(Abi::Handle));
  CHECK_HANDLE(MPI_COMM_WORLD, Abi::world);
  CHECK_HANDLE(MPI_BYTE, Abi::byte);
  CHECK_HANDLE(MPI_ERRORS_RETURN, Abi::errors_return);
  CHECK(reinterpret_cast<std::intptr_t>(MPI_IN_PLACE) == Abi::in_place);
  CHECK(reinterpret_cast<std::intptr_t>(MPI_STATUS_IGNORE) == Abi::status_ignore);
  CHECK(MPI_THREAD_FUNNELED == Abi::thread_funneled);
  CHECK(MPI_SUCCESS == 0);
  CHECK(MPI_MAX_LIBRARY_VERSION_STRING <= 16384 && MPI_MAX_ERROR_STRING <= 16384);
  return check::summary();
}
