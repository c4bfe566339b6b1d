// How ranks end: together, or one of them ends all.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "hydra.hpp"
#include "ranks.hpp"

#if !defined(_WIN32)

namespace rmsprop {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// How long the end of all ranks may take. It may come to nothing, where a link is cut; then this process ends alone.
constexpr auto abort_patience = 5s;

// How long MPI may take to end once all ranks have said farewell.
constexpr auto end_patience = 2s;

// How long the reason of an abort has for its way to the launcher. MPICH's ends a run without reading what ranks have
// written: it lost 2 of 40 reasons.
constexpr auto reason_patience = 100ms;

// Whether this thread ends the process on the ranks' behalf, and with which code.
thread_local bool leaving = false;
std::atomic<int> exit_code{1};

}  // namespace

// Waits until all ranks end. Returns why they do not, or nothing.
std::string Ranks::farewell() {
  const auto end = deadline();
  Mpi::Handle request = mpi_->barrier(mpi_->world());
  for (int waited = 0; !mpi_->test(request); ++waited) {
    if (Clock::now() >= end) {
      return "Expected all ranks to end together, but this one has waited " + seconds() + " for others.";
    }
    {
      const std::lock_guard lock(mutex_);
      if (request_ == Request::abort) return "";
    }
    wait_politely(waited);
  }
  {
    const std::lock_guard lock(mutex_);
    all_have_come_ = true;
    changed_.notify_all();
  }
  if (mpi_->ends_by_answers()) {
    // Another rank may still need this one's answers to see that all have come: MPI is moved on meanwhile.
    Mpi::Handle next = mpi_->barrier(mpi_->world());
    bool is_over = false;
    if (leave_hydra([&] { is_over = is_over || mpi_->test(next); })) {
      const std::lock_guard lock(mutex_);
      left_ = true;
      return "";
    }
    while (!is_over) is_over = mpi_->test(next);
  }
  mpi_->finalize();
  return "";
}

bool Ranks::has_left() {
  const std::lock_guard lock(mutex_);
  return left_;
}

std::string Ranks::say_farewell() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::failed) return error_;
    if (unfinished_ > 0) {
      return "Expected no collective to be under way at the end, but " + std::to_string(unfinished_) +
             (unfinished_ == 1 ? " is." : " are.");
    }
  }
  try {
    return farewell();
  } catch (const std::exception& error) {
    return error.what();
  }
}

void Ranks::abort_here() {
  leaving = true;
  mpi_->abort(exit_code);
  std::_Exit(exit_code);
}

void Ranks::abort(int code, const std::string& reason) {
  leaving = true;
  exit_code = code;
  {
    const std::lock_guard lock(mutex_);
    const std::string who = rank_ < 0 ? "" : "Rank " + std::to_string(rank_) + ": ";
    if (!reason.empty()) std::fprintf(stderr, "%s%s\n", who.c_str(), reason.c_str());
    std::fflush(stderr);
  }
  if (!reason.empty()) std::this_thread::sleep_for(reason_patience);
  State state;
  {
    const std::lock_guard lock(mutex_);
    state = state_;
    request_ = Request::abort;
    changed_.notify_all();
  }
  // While MPI starts, its thread cannot be asked for anything; the launcher ends the others.
  if (state != State::starting) std::this_thread::sleep_for(abort_patience);
  std::_Exit(code);
}

void Ranks::finish(int code, std::string reason) {
  std::unique_lock lock(mutex_);
  if (state_ == State::ended || left_) return;
  if (code == 0 && state_ == State::starting) {
    code = 1;
    reason = "Expected this process to go on until the ranks have started, but it ends.";
  }
  if (code == 0) {
    request_ = Request::farewell;
    changed_.notify_all();
    const auto has_answer = [this] {
      return state_ == State::ended || (state_ == State::failed && request_ == Request::none);
    };
    const bool answered =
        changed_.wait_until(lock, deadline() + abort_patience, [&] { return has_answer() || all_have_come_; });
    // Nothing is left to do for any rank then. A rank that just went would make MPICH's launcher fail, and so would
    // ranks that end the run together: rank 0 does, and the others only where they live on.
    const auto patience = rank_ == 0 ? end_patience : end_patience + abort_patience;
    if (answered && !has_answer() && !changed_.wait_for(lock, patience, has_answer)) {
      left_ = true;
      std::fprintf(stderr,
                   "Note: all ranks have come to their end, but MPI's own has not within 2 s: it is cut short.\n");
      std::fflush(stderr);
      lock.unlock();
      mpi_->abort(0);
      return;
    }
    if (answered && state_ == State::ended) return;
    code = 1;
    reason =
        answered ? error_ : "Expected all ranks to end together, but this one has waited " + seconds() + " for others.";
  }
  lock.unlock();
  abort(code, reason);
}

// The process ends, and no hook of JavaScript's end was called. Other ranks may wait for this one for ever, and MPICH's
// launcher would let the run pass for a success.
void Ranks::process_exits(int code) {
  if (leaving) std::_Exit(exit_code);
  Ranks* ranks = of_process_;
  if (ranks && ranks->has_left()) std::_Exit(code);  // MPI's own end would come beside its thread
  if (ranks) ranks->finish(1, "Expected all ranks to end together, but this process ends without its exit event.");
}

}  // namespace rmsprop

#endif
