#include "src/exporter/expected_records_test.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "src/exporter/fake_runtime_test.h"

namespace warpwright::exporter {
namespace {

bool is_operation(const Json& record) {
  return record["call"] == "launch" || record["call"] == "memset" || record["call"] == "copy";
}

// What the fake runtime should have written down for a bound plan.
class ExpectedRecords {
 public:
  ExpectedRecords(const trace::Definition& definition, const std::map<std::string, uint64_t>& workspaces,
                  int stream)
      : definition_(definition), workspaces_(workspaces), stream_(stream) {}

  std::vector<Json> of(const plan::BoundPlan& bound) const {
    std::vector<Json> records;
    for (const plan::BoundOperation& operation : bound.operations) {
      records.push_back(std::visit([this](const auto& node) { return record(node); }, operation));
    }
    return records;
  }

 private:
  uint64_t address(const plan::BufferView& view) const {
    if (view.is_null) return 0;
    const auto workspace = workspaces_.find(view.buffer);
    const uint64_t base = workspace != workspaces_.end()
                              ? workspace->second
                              : FakeRuntime::tensor_address(definition_, view.buffer);
    return base + static_cast<uint64_t>(view.byte_offset);
  }

  Json argument(const plan::Argument& argument) const {
    if (const auto* view = std::get_if<plan::BufferView>(&argument)) return address(*view);
    const auto& scalar = std::get<plan::ScalarArgument>(argument);
    using Type = plan::ScalarArgument::Type;
    // Rounded as the fake prints them, so that equal numbers are equal records.
    if (scalar.type == Type::kF32)
      return Json::parse(fmt::format("{:.9g}", static_cast<float>(scalar.number)));
    if (scalar.type == Type::kF64) return Json::parse(fmt::format("{:.17g}", scalar.number));
    return scalar.integer;
  }

  static Json extent(const plan::Dim3& dim) { return {dim.x, dim.y, dim.z}; }

  Json record(const plan::BoundLaunch& launch) const {
    Json attributes = Json::object();
    if (launch.attributes.cluster) attributes["cluster"] = extent(*launch.attributes.cluster);
    if (launch.attributes.pdl) attributes["pdl"] = 1;
    if (launch.attributes.cooperative) attributes["cooperative"] = 1;
    Json arguments = Json::array();
    for (const plan::Argument& one : launch.arguments) arguments.push_back(argument(one));
    const std::string unit = launch.unit.empty() ? "candidate" : launch.unit;
    return {{"call", "launch"},
            {"kernel", unit + "::" + launch.name_expression},
            {"grid", extent(launch.grid)},
            {"block", extent(launch.block)},
            {"shared", launch.dynamic_shared_bytes},
            {"attributes", attributes},
            {"arguments", arguments},
            {"stream", stream_}};
  }
  Json record(const plan::BoundMemset& memset) const {
    return {{"call", "memset"},
            {"target", address(memset.target)},
            {"value", memset.value},
            {"bytes", memset.bytes},
            {"stream", stream_}};
  }
  Json record(const plan::BoundCopy& copy) const {
    return {{"call", "copy"},
            {"target", address(copy.target)},
            {"source", address(copy.source)},
            {"bytes", copy.bytes},
            {"stream", stream_}};
  }

  const trace::Definition& definition_;
  const std::map<std::string, uint64_t>& workspaces_;
  int stream_;
};

}  // namespace

Allocations split_records(const std::vector<Json>& records, const plan::BoundPlan& bound) {
  Allocations split;
  size_t workspace = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const Json& record = records[i];
    if (record["call"] == "set_attribute") split.attributes.push_back(record);
    if (is_operation(record)) split.operations.push_back(record);
    if (record["call"] != "malloc") continue;
    if (workspace == bound.workspaces.size()) {
      ADD_FAILURE() << "one allocation too many: " << record;
      break;
    }
    const plan::BoundWorkspace& wanted = bound.workspaces[workspace++];
    EXPECT_EQ(record["bytes"], std::max<int64_t>(wanted.bytes, 256)) << wanted.name;
    split.addresses[wanted.name] = record["address"];
    if (!wanted.self_clean || i + 1 == records.size()) continue;
    const Json& zeroing = records[++i];
    EXPECT_EQ(zeroing["call"], "memset");
    EXPECT_EQ(zeroing["target"], record["address"]);
    EXPECT_EQ(zeroing["bytes"], record["bytes"]);
    EXPECT_EQ(zeroing["value"], 0);
  }
  EXPECT_EQ(workspace, bound.workspaces.size());
  return split;
}

std::vector<Json> expected_operations(const plan::BoundPlan& bound, const trace::Definition& definition,
                                      const std::map<std::string, uint64_t>& workspaces, int stream) {
  return ExpectedRecords(definition, workspaces, stream).of(bound);
}

}  // namespace warpwright::exporter
