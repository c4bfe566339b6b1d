// An MPI library of one process, for tests where there is none: in MPICH's binary interface, or with -DOPEN_MPI or -DSTANDARD
// in another one's. It refuses handles that are not as that interface has them. Variables of the environment say what fails:
//   STUB_SIZE=n         says that there are n ranks, of which the others have in a gather what this one has
//   STUB_FAILS=name     that function reports an error, with =never MPI_Test says of nothing that it is done
//   STUB_HANGS=name     that function does not return, STUB_RETURNS=MPI_Abort lets that one do so
//   STUB_VERSION=text   what the library says of itself, STUB_INITIALIZED=1 that it was started already
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(OPEN_MPI)
typedef void* Handle;
char ompi_mpi_comm_world, ompi_mpi_byte, ompi_mpi_errors_return;
#define WORLD ((Handle)&ompi_mpi_comm_world)
#define BYTE ((Handle)&ompi_mpi_byte)
#define ERRORS_RETURN ((Handle)&ompi_mpi_errors_return)
#define OWN ((Handle)&initialized)
#define IN_PLACE 1
#define STATUS_IGNORE 0
#define FUNNELED 1
#elif defined(STANDARD)
typedef void* Handle;
#define WORLD ((Handle)0x101)
#define BYTE ((Handle)0x247)
#define ERRORS_RETURN ((Handle)0x143)
#define OWN ((Handle)0x1001)
#define IN_PLACE 1
#define STATUS_IGNORE 0
#define FUNNELED 1024
#else
typedef int Handle;
#define WORLD 0x44000000
#define BYTE 0x4c00010d
#define ERRORS_RETURN 0x54000001
#define OWN 0x44000007
#define IN_PLACE -1
#define STATUS_IGNORE 1
#define FUNNELED 1
#endif

static int initialized;
#define EXPECT(condition) \
  if (!(condition)) return 7
#define IS_COMMUNICATOR(handle) ((handle) == WORLD || (handle) == OWN)

static int is(const char* variable, const char* value) {
  const char* found = getenv(variable);
  return found && strcmp(found, value) == 0;
}

static int call(const char* name) {
  while (is("STUB_HANGS", name)) usleep(1000);
  return is("STUB_FAILS", name) ? 15 : 0;
}

static int begin(const char* name, Handle communicator, Handle* request) {
  EXPECT(initialized && IS_COMMUNICATOR(communicator));
  *request = OWN;
  return call(name);
}

int MPI_Initialized(int* flag) {
  *flag = is("STUB_INITIALIZED", "1");
  return 0;
}
int MPI_Init_thread(int* count, char*** arguments, int wanted, int* provided) {
  EXPECT(!count && !arguments && wanted == FUNNELED && !initialized);
  *provided = wanted;
  initialized = 1;
  return call("MPI_Init_thread");
}
int MPI_Finalize(void) {
  fprintf(stderr, "finalized\n");
  return call("MPI_Finalize");
}
int MPI_Abort(Handle communicator, int code) {
  fprintf(stderr, "aborted with %d%s\n", code, communicator == WORLD ? "" : ", not all");
  const int failed = call("MPI_Abort");
  if (!is("STUB_RETURNS", "MPI_Abort")) exit(code);
  return failed;
}
int MPI_Comm_set_errhandler(Handle communicator, Handle handler) {
  EXPECT(communicator == WORLD && handler == ERRORS_RETURN);
  return 0;
}
int MPI_Error_string(int code, char* text, int* length) {
  *length = sprintf(text, code == 7 ? "the stub was called wrongly" : "the stub fails");
  return 0;
}
int MPI_Get_library_version(char* text, int* length) {
  const char* version = getenv("STUB_VERSION");
  *length = sprintf(text, "%s", version ? version : "MPICH Version:\t1.2.3\nof a test");
  return 0;
}
int MPI_Comm_rank(Handle communicator, int* rank) {
  *rank = 0;
  return IS_COMMUNICATOR(communicator) ? 0 : 7;
}
int MPI_Comm_size(Handle communicator, int* size) {
  *size = getenv("STUB_SIZE") ? atoi(getenv("STUB_SIZE")) : 1;
  return IS_COMMUNICATOR(communicator) ? 0 : 7;
}
int MPI_Comm_idup(Handle communicator, Handle* made, Handle* request) {
  *made = OWN;
  return begin("MPI_Comm_idup", communicator, request);
}
int MPI_Ialltoallv(const void* from, const int* sent, const int* offsets, Handle type, void* into, const int* received,
                   const int* places, Handle into_type, Handle communicator, Handle* request) {
  EXPECT(from && sent && offsets && into && received && places && type == BYTE && into_type == BYTE);
  return begin("MPI_Ialltoallv", communicator, request);
}
int MPI_Iallgatherv(const void* from, int sent, Handle type, void* into, const int* received, const int* places,
                    Handle into_type, Handle communicator, Handle* request) {
  EXPECT((long)from == IN_PLACE && sent == 0 && into && received && places && type == BYTE && into_type == BYTE);
  int size;
  MPI_Comm_size(communicator, &size);
  for (int i = 1; i < size; i++) {
    if (received[i] == received[0]) memcpy((char*)into + places[i], (char*)into + places[0], received[0]);
  }
  return begin("MPI_Iallgatherv", communicator, request);
}
int MPI_Ibcast(void* data, int count, Handle type, int root, Handle communicator, Handle* request) {
  EXPECT(data && count > 0 && type == BYTE && root >= 0);
  return begin("MPI_Ibcast", communicator, request);
}
#if !defined(OLD)
int MPI_Ibarrier(Handle communicator, Handle* request) { return begin("MPI_Ibarrier", communicator, request); }
#endif
int MPI_Test(Handle* request, int* flag, void* status) {
  static int tests;
  EXPECT(*request == OWN && (long)status == STATUS_IGNORE);
  // Not at once, and where it is asked never but for the duplicate that all begins with.
  *flag = is("STUB_FAILS", "never") && tests > 3 ? 0 : ++tests % 3 == 0;
  return call("MPI_Test");
}
