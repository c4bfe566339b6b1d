// The constants of the three binary interfaces that MPI libraries have, as their own headers give them. None of those
// is included anywhere: test/native/mpi_constants.cpp compares these with them where they are installed.
#pragma once

#include <cstdint>

namespace rmsprop {

// MPICH's, common to Intel MPI, MVAPICH, Cray MPICH and ParaStation MPI: handles are numbers.
struct MpichAbi {
  using Handle = int;
  static constexpr const char* name = "MPICH";
  static constexpr Handle world = 0x44000000;
  static constexpr Handle byte = 0x4c00010d;
  static constexpr Handle errors_return = 0x54000001;
  static constexpr std::intptr_t in_place = -1;
  static constexpr std::intptr_t status_ignore = 1;
  static constexpr int thread_funneled = 1;
};

// Open MPI's: handles are addresses, some of them of objects that the library exports by these names.
struct OpenMpiAbi {
  using Handle = void*;
  static constexpr const char* name = "Open MPI";
  static constexpr const char* world = "ompi_mpi_comm_world";
  static constexpr const char* byte = "ompi_mpi_byte";
  static constexpr const char* errors_return = "ompi_mpi_errors_return";
  static constexpr std::intptr_t in_place = 1;
  static constexpr std::intptr_t status_ignore = 0;
  static constexpr int thread_funneled = 1;
};

// That of the MPI standard, since its version 5: handles are addresses, and these are none.
struct StandardAbi {
  using Handle = void*;
  static constexpr const char* name = "standard";
  static constexpr std::intptr_t world = 0x101;
  static constexpr std::intptr_t byte = 0x247;
  static constexpr std::intptr_t errors_return = 0x143;
  static constexpr std::intptr_t in_place = 1;
  static constexpr std::intptr_t status_ignore = 0;
  static constexpr int thread_funneled = 1024;
};

}  // namespace rmsprop
