#include "hydra.hpp"

#if !defined(_WIN32)

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

namespace rmsprop {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// How long hydra may take for its answer.
constexpr auto patience = 2s;

// The socket to hydra; -1 where there is none. Slurm gives PMI_FD too, for other versions of PMI, but not what else is
// asked for here.
int socket_to_hydra() {
  const char* number = std::getenv("PMI_FD");
  if (!number || !std::getenv("MPI_LOCALNRANKS")) return -1;
  char* end = nullptr;
  const long value = std::strtol(number, &end, 10);
  return end != number && *end == '\0' && value > 2 && value < 1 << 20 ? static_cast<int>(value) : -1;
}

// Whether hydra answers a line with one that begins so.
bool is_answered(int socket, std::string_view said, std::string_view expected, const std::function<void()>& meanwhile) {
  if (::write(socket, said.data(), said.size()) != static_cast<ssize_t>(said.size())) return false;
  const auto end = Clock::now() + patience;
  std::string line;
  while (Clock::now() < end) {
    meanwhile();
    pollfd waiting{socket, POLLIN, 0};
    const int count = ::poll(&waiting, 1, 1);
    if (count == 0 || (count < 0 && errno == EINTR)) continue;
    char letter = 0;
    if (count < 0 || ::read(socket, &letter, 1) != 1) return false;
    if (letter == '\n') return line.starts_with(expected);
    line += letter;
  }
  return false;
}

}  // namespace

bool leave_hydra(const std::function<void()>& meanwhile) {
  const int socket = socket_to_hydra();
  return socket >= 0 && is_answered(socket, "cmd=barrier_in\n", "cmd=barrier_out", meanwhile) &&
         is_answered(socket, "cmd=finalize\n", "cmd=finalize_ack", [] {});
}

}  // namespace rmsprop

#endif
