#include "evaluator/sim/special_registers.h"

#include <algorithm>
#include <cstring>

#include "evaluator/sim/cluster.h"

namespace warpwright::sim {
namespace {

uint32_t component(const Dim3& dimensions, char axis) {
  return axis == 'x' ? dimensions.x : axis == 'y' ? dimensions.y : dimensions.z;
}

uint32_t value_of(const Warp& w, std::string_view name, uint32_t lane) {
  const Launch& launch = *w.block->launch->launch;
  const char axis = name.back();
  const uint32_t thread = static_cast<uint32_t>(w.index) * kLanes + lane;
  if (name.starts_with("%tid.")) {
    const Dim3& block = launch.block;
    return axis == 'x'   ? thread % block.x
           : axis == 'y' ? thread / block.x % block.y
                         : thread / (block.x * block.y);
  }
  if (name.starts_with("%ntid.")) return component(launch.block, axis);
  if (name.starts_with("%ctaid.")) return w.block->index[static_cast<std::size_t>(axis - 'x')];
  if (name.starts_with("%nctaid.")) return component(launch.grid, axis);
  const Dim3 cluster = cluster_size(*w.kernel, launch);
  if (name.starts_with("%clusterid."))
    return w.block->index[static_cast<std::size_t>(axis - 'x')] / component(cluster, axis);
  if (name.starts_with("%nclusterid.")) return component(launch.grid, axis) / component(cluster, axis);
  if (name.starts_with("%cluster_nctaid.")) return component(cluster, axis);
  if (name == "%cluster_nctarank") return static_cast<uint32_t>(cluster.count());
  if (name.starts_with("%cluster_ctaid."))
    return w.block->index[static_cast<std::size_t>(axis - 'x')] % component(cluster, axis);
  if (name == "%cluster_ctarank") return w.block->rank;
  if (name == "%is_explicit_cluster")
    return launch.cluster.count() > 0 || w.kernel->info.required_cluster.count() > 0;
  if (name == "%laneid") return lane;
  if (name == "%warpid") return static_cast<uint32_t>(w.index);
  if (name == "%nwarpid") return 64;
  const uint32_t sm_count = w.block->launch->options->sm_count;
  if (name == "%nsmid") return sm_count != 0 ? sm_count : 148;
  if (name == "%smid" && sm_count != 0) return static_cast<uint32_t>(w.block->number() % sm_count);
  if (name == "%lanemask_eq") return 1u << lane;
  if (name == "%lanemask_lt") return (1u << lane) - 1;
  if (name == "%lanemask_le") return (2u << lane) - 1;
  if (name == "%lanemask_gt") return ~((2u << lane) - 1);
  if (name == "%lanemask_ge") return ~((1u << lane) - 1);
  if (name == "%dynamic_smem_size") return launch.dynamic_shared_bytes;
  if (name == "%total_smem_size" || name == "%aggr_smem_size") return w.shared_bytes;
  // Where the driver says where the grid's barrier is: cooperative_groups/details/driver_abi.h.
  if (name == "%envreg1") return static_cast<uint32_t>(w.block->launch->grid_barrier >> 32);
  if (name == "%envreg2") return static_cast<uint32_t>(w.block->launch->grid_barrier);
  return 0;  // %smid without sm_count, %gridid, reserved shared memory
}

}  // namespace

bool is_per_block(std::string_view name) {
  return name.starts_with("%ctaid.") || name.starts_with("%clusterid.") || name == "%smid" ||
         name.starts_with("%cluster_ctaid.") || name == "%cluster_ctarank";
}

void fill_special(Warp& w, const ConstantRow& row) {
  if (is_per_block(row.name) && !row.wide) {
    std::fill_n(reinterpret_cast<uint32_t*>(w.rows + row.row), kLanes, value_of(w, row.name, 0));
    return;
  }
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    const uint64_t value = value_of(w, row.name, lane);
    const std::size_t stride = row.wide ? 8 : 4;
    std::memcpy(w.rows + row.row + lane * stride, &value, stride);
  }
}

}  // namespace warpwright::sim
