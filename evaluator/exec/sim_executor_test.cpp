// Tensor maps and clusters of a plan reach the simulator's kernels.
#include "evaluator/exec/sim_executor.h"

#include <gtest/gtest.h>

#include <cstring>

#include "evaluator/exec/executor.h"

namespace warpwright::exec {
namespace {

// Block b loads 4 rows of 32 floats, from row 4 b on, by the map m and writes them to y.
constexpr const char* kCopyPtx = R"(.version 8.6
.target sm_100a
.address_size 64
.shared .align 8 .b8 bar[8];
.shared .align 128 .b8 box[512];
.visible .entry copy(.param .u64 y, .param .align 64 .b8 m[128]) {
  .reg .pred %p<3>; .reg .b32 %r<9>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [y];
  mov.b64 %rd2, m;
  cvta.param.u64 %rd2, %rd2;
  mov.u32 %r0, %tid.x;
  mov.u32 %r1, bar;
  mov.u32 %r2, box;
  mov.u32 %r3, %ctaid.x;
  shl.b32 %r4, %r3, 2;
  setp.ne.u32 %p1, %r0, 0;
  @%p1 bra READY;
  mbarrier.init.shared::cta.b64 [%r1], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r1], 512;
  cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes [%r2], [%rd2, {0, %r4}], [%r1];
READY:
  bar.sync 0;
WAIT:
  mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r1], 0;
  @!%p2 bra WAIT;
  shl.b32 %r5, %r0, 2;
  add.u32 %r6, %r2, %r5;
  ld.shared.u32 %r7, [%r6];
  mad.lo.u32 %r8, %r3, 512, %r5;
  cvt.u64.u32 %rd3, %r8;
  add.s64 %rd3, %rd1, %rd3;
  st.global.u32 [%rd3], %r7;
  ret;
}
)";

plan::BoundPlan copy_plan() {
  plan::BoundPlan plan;
  plan::BoundTensorMap map;
  map.name = "m";
  map.element_type = "float";
  map.base = {"x", 128, "float", false};
  map.dims = {32, 7};  // the last row is outside
  map.strides_bytes = {128};
  map.box = {32, 4};
  map.elem_strides = {1, 1};
  map.at = {3, 1};
  plan.tensor_maps.push_back(map);
  plan::BoundLaunch launch;
  launch.kernel = launch.name_expression = "copy";
  launch.grid.x = 2;
  launch.block.x = 128;
  launch.attributes.cluster = plan::Dim3{2, 1, 1};
  launch.arguments = {plan::BufferView{"y", 0, "float", false}, plan::TensorMapArgument{"m"}};
  launch.at = {7, 3};
  plan.operations.push_back(launch);
  return plan;
}

std::unique_ptr<LoadedProgram> load() {
  const auto executor = make_sim_executor();
  auto loaded = executor->load({{"", kCopyPtx, "", {{"copy", "copy"}}}});
  EXPECT_TRUE(loaded.has_value() && !loaded->failure);
  return std::move(loaded->program);
}

TEST(SimExecutor, KernelsLoadByThePlansTensorMaps) {
  const auto program = load();
  const plan::BoundPlan plan = copy_plan();
  ASSERT_FALSE(program->check(plan).has_value()) << program->check(plan)->message;
  const auto session = program->open_session();
  std::vector<float> x(32 * 8);
  for (size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(k + 1);
  ASSERT_TRUE(session->set_input("x", std::as_bytes(std::span(x))));
  ASSERT_TRUE(session->add_buffer("y", BufferRole::kOutput, 1024));
  const auto report = session->call(plan, {});
  ASSERT_TRUE(report.has_value());
  ASSERT_FALSE(report->failure.has_value()) << report->failure->message;
  EXPECT_TRUE(report->findings.empty()) << report->findings[0].message;
  const auto y = session->read("y").value();
  for (size_t k = 0; k < 256; ++k) {
    float value = 0;
    std::memcpy(&value, y.data() + 4 * k, 4);
    ASSERT_EQ(value, k < 7 * 32 ? static_cast<float>(32 + k + 1) : 0.0f) << k;
  }
}

TEST(SimExecutor, TensorMapsThatTheDriverRefusesAreRefused) {
  plan::BoundPlan plan = copy_plan();
  plan.tensor_maps[0].box[0] = 257;
  const auto failure = load()->check(plan);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->status, Status::kCompileError);
  EXPECT_NE(failure->message.find("line 3: tensor map 'm'"), std::string::npos) << failure->message;
}

}  // namespace
}  // namespace warpwright::exec
