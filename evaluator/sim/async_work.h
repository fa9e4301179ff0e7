// Operations of the asynchronous proxy that are under way: bulk and tensor copies, st.async, tcgen05.
//
// They arrive as late as the rules allow. Most of them complete at an mbarrier: they land when somebody waits
// for that mbarrier's phase, and until then their destination holds poison (shared_proxy.h). What waits in
// another way (bulk groups, wgmma groups) keeps its own list.
#pragma once

#include <memory>
#include <vector>

#include "evaluator/sim/machine.h"
#include "evaluator/sim/shared_place.h"

namespace warpwright::sim {

class AsyncWork {
 public:
  // Issued by `w`'s lane; completes at the mbarrier at `place`.
  AsyncWork(Warp& w, const Op* issued_by, int by_lane, const SharedPlace& place)
      : warp(w), op(issued_by), lane(by_lane), mbarrier(place) {}
  virtual ~AsyncWork() = default;
  AsyncWork(const AsyncWork&) = delete;
  AsyncWork& operator=(const AsyncWork&) = delete;

  // Moves the data and completes at the mbarrier. Called once. False: a fault ended the launch.
  virtual bool land() = 0;
  // Whether it may still be under way when the cluster's blocks have ended: what writes into them may not.
  virtual bool may_outlive_blocks() const { return false; }

  Warp& warp;
  const Op* op;
  int lane;
  SharedPlace mbarrier;
};

class AsyncQueue {
 public:
  // Counts as a change for who waits.
  void add(std::unique_ptr<AsyncWork> work);
  // Lands, in the order in which they were issued, those that complete at this mbarrier, until its phase
  // completes. True if there were any.
  bool land(const SharedPlace& mbarrier);
  bool empty() const { return under_way_.empty(); }
  // The cluster's blocks have all ended: reports what is still under way.
  void end();
  void clear() { under_way_.clear(); }

 private:
  std::vector<std::unique_ptr<AsyncWork>> under_way_;
};

}  // namespace warpwright::sim
