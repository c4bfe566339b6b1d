// The ranks of a run, as one of them sees them: a thread that makes every call of MPI, and what other threads ask of
// it. Once for a process. Knows nothing of Node-API.
#pragma once

#if !defined(_WIN32)

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mpi.hpp"

namespace rmsprop {

// Bytes that all ranks move together. Whoever asks for it keeps its memory until it ends, and for good where it was
// abandoned: MPI may still read and write there.
struct Collective {
  enum class Kind { exchange, gather, broadcast, barrier, duplicate };

  struct Parts {
    void* data = nullptr;
    std::vector<int> counts;
    std::vector<int> offsets;

    Mpi::Parts view() const { return {data, counts.data(), offsets.data()}; }
  };

  Kind kind = Kind::barrier;
  std::size_t communicator = 0;
  std::string what;  // for the sentence of a time-out
  Parts from;        // of an exchange
  Parts into;        // of a broadcast its data alone
  int bytes = 0;     // of a broadcast
  int root = 0;

  // How it ended: with a sentence where it failed.
  std::string error;
  bool abandoned = false;
  std::size_t made = 0;  // the number of the communicator that `duplicate` made

  Collective() = default;
  Collective(const Collective&) = delete;
  Collective& operator=(const Collective&) = delete;
  virtual ~Collective() = default;
};

struct Started {
  int rank;
  int size;
  std::string abi;
  std::string version;
  std::string path;
};

// Is told on the ranks' thread.
class RanksListener {
 public:
  virtual ~RanksListener() = default;
  virtual void started(const Started& started) noexcept = 0;
  // Where no library was loaded, the ranks may be started again.
  virtual void failed_to_start(const std::string& sentence, bool loaded) noexcept = 0;
  virtual void ended(std::unique_ptr<Collective> collective) noexcept = 0;
};

class Ranks {
 public:
  // Starts the thread, which loads the first of these libraries that loads and starts MPI. Null where this process has
  // its ranks already: also once they have ended, because MPI starts once in a process. They are never destroyed.
  static Ranks* start(std::vector<std::string> libraries, double timeout, RanksListener& listener);

  // Begins a collective, on the communicator of that number; 0 is there from the start. All ranks ask for those of one
  // communicator in the same order.
  void ask(std::unique_ptr<Collective> collective);

  // Ends the ranks' part in the run: with code 0 once all other ranks do so too. With another code, or where that
  // fails, it writes the reason, ends all ranks and this process, and does not return.
  void finish(int code, std::string reason);

 private:
  enum class State { starting, running, failed, ended };
  enum class Request { none, farewell, abort };

  struct Active {
    std::unique_ptr<Collective> collective;
    Mpi::Handle request;
    std::chrono::steady_clock::time_point deadline;
  };

  Ranks(std::vector<std::string> libraries, double timeout, RanksListener& listener);

  void run();
  bool start_mpi();
  bool take(std::deque<std::unique_ptr<Collective>>& asked);
  void begin(std::unique_ptr<Collective> collective);
  void end(std::unique_ptr<Collective> collective);
  bool move_on();
  void fail(const std::string& sentence);
  void give_up(std::unique_ptr<Collective> collective, const std::string& sentence);
  std::string say_farewell();
  std::string farewell();
  bool has_left();
  [[noreturn]] void abort(int code, const std::string& reason);
  [[noreturn]] void abort_here();
  void set_state(State state);
  std::chrono::steady_clock::time_point deadline() const;
  std::string seconds() const;
  static void wait_politely(int waited);
  static void process_exits(int code);

  static std::atomic<Ranks*> of_process_;

  const std::vector<std::string> libraries_;
  const double timeout_;
  RanksListener& listener_;

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::starting;
  Request request_ = Request::none;
  bool all_have_come_ = false;  // to the end
  bool left_ = false;           // without MPI's end, which did not come
  int rank_ = -1;
  std::string error_;  // why they failed, or the farewell did
  std::deque<std::unique_ptr<Collective>> asked_;
  std::size_t unfinished_ = 0;  // asked for and not ended

  // The thread's own.
  std::unique_ptr<Mpi> mpi_;
  std::deque<Mpi::Handle> communicators_;  // at places that stay
  std::vector<Active> active_;
};

}  // namespace rmsprop

#endif
