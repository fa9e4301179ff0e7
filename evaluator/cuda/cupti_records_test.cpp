#include "evaluator/cuda/cupti_records.h"

#include <gtest/gtest.h>

namespace warpwright::cuda {
namespace {

template <class Record>
void add(TraceAssembler& assembler, const Record& record) {
  assembler.add(reinterpret_cast<const abi::ActivityRecord*>(&record));
}

void correlate(TraceAssembler& assembler, uint32_t correlation, uint64_t id,
               abi::ExternalKind kind = abi::kExternalCustom0) {
  add(assembler, abi::ExternalCorrelationRecord{abi::kExternalCorrelationActivity, kind, id, correlation, 0});
}

void kernel(TraceAssembler& assembler, uint32_t correlation, uint64_t start, uint64_t end,
            const char* name = "k") {
  abi::KernelRecord record = {};
  record.kind = abi::kConcurrentKernelActivity;
  record.correlation_id = correlation;
  record.start = start;
  record.end = end;
  record.name = name;
  add(assembler, record);
}

TEST(TraceAssembler, ACallSpansItsFirstStartToItsLastEnd) {
  TraceAssembler assembler;
  assembler.expect(7);
  kernel(assembler, 2, 150, 400, "second");  // before the record that tells its id
  correlate(assembler, 1, 7);
  kernel(assembler, 1, 100, 200, "first");
  correlate(assembler, 2, 7);
  abi::MemsetRecord memset = {};
  memset.kind = abi::kMemsetActivity;
  memset.bytes = 64;
  memset.start = 210;
  memset.end = 220;
  memset.correlation_id = 3;
  correlate(assembler, 3, 7);
  add(assembler, memset);
  EXPECT_TRUE(assembler.complete());

  const auto traces = assembler.finish();
  ASSERT_EQ(traces.size(), 1u);
  const Trace& trace = traces.at(7);
  EXPECT_EQ(trace.invalid, "");
  EXPECT_EQ(trace.start_ns, 100u);
  EXPECT_EQ(trace.end_ns, 400u);
  ASSERT_EQ(trace.activities.size(), 3u);
  EXPECT_EQ(trace.activities[0].name, "first");
  EXPECT_EQ(trace.activities[1].name, "second");
  EXPECT_EQ(trace.activities[2].kind, Activity::Kind::kMemset);
  EXPECT_EQ(trace.activities[2].bytes, 64u);
}

TEST(TraceAssembler, WorkOfOthersIsNotCounted) {
  TraceAssembler assembler;
  assembler.expect(1);
  correlate(assembler, 10, 1);
  kernel(assembler, 10, 100, 110);
  kernel(assembler, 11, 50, 500, "flush");  // of no id
  correlate(assembler, 12, 2);              // an id nobody asked for
  kernel(assembler, 12, 50, 500);
  correlate(assembler, 13, 1, abi::ExternalKind{4});  // another tool's kind of id
  kernel(assembler, 13, 50, 500);
  const auto traces = assembler.finish();
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(traces.at(1).activities.size(), 1u);
  EXPECT_EQ(traces.at(1).end_ns, 110u);
}

TEST(TraceAssembler, TimesThatWereNotTakenAreInvalid) {
  TraceAssembler assembler;
  for (uint64_t id = 1; id <= 4; ++id) {
    assembler.expect(id);
    if (id < 4) correlate(assembler, static_cast<uint32_t>(id), id);
  }
  kernel(assembler, 1, 0, 0);
  kernel(assembler, 2, 200, 100);
  kernel(assembler, 3, 200, 300);
  EXPECT_FALSE(assembler.complete());
  const auto traces = assembler.finish();
  EXPECT_NE(traces.at(1).invalid.find("no times"), std::string::npos);
  EXPECT_NE(traces.at(2).invalid.find("impossible"), std::string::npos);
  EXPECT_EQ(traces.at(3).invalid, "");
  EXPECT_NE(traces.at(4).invalid.find("no record"), std::string::npos);
}

TEST(TraceAssembler, ALossSpoilsTheWholeBatchAndNoOther) {
  TraceAssembler assembler;
  assembler.expect(1);
  correlate(assembler, 1, 1);
  kernel(assembler, 1, 100, 200);
  assembler.lose("CUPTI dropped 3 records");
  assembler.lose("and more");
  EXPECT_EQ(assembler.finish().at(1).invalid, "CUPTI dropped 3 records");

  assembler.expect(2);
  correlate(assembler, 2, 2);
  kernel(assembler, 2, 100, 200);
  const auto next = assembler.finish();
  EXPECT_EQ(next.size(), 1u);
  EXPECT_EQ(next.at(2).invalid, "");
}

}  // namespace
}  // namespace warpwright::cuda
