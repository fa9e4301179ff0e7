#include "src/journal/inspect.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/journal/journal.h"
#include "src/journal/journal_file.h"

namespace warpwright::journal {
namespace {

namespace fs = std::filesystem;
using namespace events;

class InspectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto journal = Journal::create(run).value();
    ResultSummary summary;
    summary.status = Status::kPassed;
    for (int64_t t = 0; t < 3; ++t) {
      const std::string source = fmt::format("source {}", t), report = fmt::format("report {}", t);
      ModelAnswered answer{t, "fast", "m", "complete", "", sha256_hex("reply"), 100, 20};
      answer.cost_microdollars = 1500;
      CallStarted call;
      call.ticket = t;
      ASSERT_TRUE(journal.append({call}, 1000, {}));
      ASSERT_TRUE(journal.append({answer, Proposed{t, {"diff", 0, {}, {}}, sha256_hex(source), {}, {}, ""}},
                                 2000, {"reply", source}));
      ASSERT_TRUE(journal.append(
          {EvaluationFinished{t, fmt::format("key{}", t), sha256_hex(report), summary}}, 61'500, {report}));
    }
  }
  std::vector<std::string> findings_after(const char* sql) {
    const fs::path copy = temp.path() / "copy";
    fs::remove_all(copy);
    fs::copy(run, copy);
    EXPECT_TRUE(Db::open(journal_path(copy), Db::Mode::kReadWrite).value().execute(sql));
    std::vector<std::string> lines;
    const Inspection inspection = inspect(copy).value();
    for (const Finding& finding : inspection.findings) lines.push_back(to_string(finding));
    return lines;
  }
  TempDirectory temp = TempDirectory::create("inspect").value();
  fs::path run = temp.path() / "run";
};

TEST_F(InspectTest, ASoundJournalHasNoFindings) {
  const auto inspection = inspect(run).value();
  EXPECT_TRUE(inspection.findings.empty()) << to_string(inspection.findings[0]);
  EXPECT_EQ(inspection.events, 12);
  EXPECT_EQ(inspection.records.size(), 12u);
  EXPECT_EQ(inspection.blobs, 7);
  EXPECT_EQ(inspection.results, 3);
}

TEST_F(InspectTest, EveryKindOfDamageIsNamedWithItsEvent) {
  using Lines = std::vector<std::string>;
  const std::string source = sha256_hex("source 1"), report = sha256_hex("report 1");
  EXPECT_EQ(findings_after("UPDATE blobs SET bytes = 'other' WHERE bytes = CAST('source 1' AS BLOB)"),
            Lines{fmt::format("event 7: blob {} is damaged", source)});
  EXPECT_EQ(findings_after("DELETE FROM blobs WHERE bytes = CAST('source 1' AS BLOB)"),
            Lines{fmt::format("event 7: blob {}, which it names, is missing", source)});
  const auto gap = findings_after("DELETE FROM events WHERE seq = 5");
  ASSERT_EQ(gap.size(), 2u);
  EXPECT_EQ(gap[0], "event 6: event 5 is missing before it");
  EXPECT_EQ(gap[1], "event 6: it is not what was written, or not in its place");
  const auto unknown = findings_after("UPDATE events SET kind = 'proposed/9' WHERE seq = 3");
  ASSERT_EQ(unknown.size(), 2u);
  EXPECT_EQ(unknown[0], "event 3: it is not what was written, or not in its place");
  EXPECT_NE(unknown[1].find("event 3: unknown event kind 'proposed/9'"), std::string::npos);
}

TEST_F(InspectTest, AResultThatIsRecordedTwiceIsNamed) {
  {
    auto writer = Journal::open(run).value();
    ResultSummary summary;
    summary.status = Status::kPassed;
    ASSERT_TRUE(writer.append({EvaluationFinished{1, "key1", sha256_hex("report 1"), summary}}, 0));
  }
  const Inspection inspection = inspect(run).value();
  ASSERT_EQ(inspection.findings.size(), 1u);
  EXPECT_EQ(to_string(inspection.findings[0]), "event 13: event 8 has the result key1 already");
}

TEST_F(InspectTest, ItReadsBesideAWriter) {
  auto writer = Journal::open(run).value();
  ASSERT_TRUE(writer.append({RunPaused{"x"}}, 0));
  EXPECT_EQ(inspect(run).value().events, 13);
  EXPECT_EQ(journal_stats(run).value().all_events().count, 13);
}

TEST_F(InspectTest, StatsCountWhatARunIsMadeOf) {
  const auto stats = journal_stats(run).value();
  EXPECT_EQ(stats.format, 3);
  EXPECT_EQ(stats.evaluations, 3);
  EXPECT_EQ(stats.calls, 3);
  EXPECT_EQ(stats.input_tokens, 300);
  EXPECT_EQ(stats.microdollars, 4500);
  EXPECT_EQ(stats.blobs.at("proposed/1").count, 3);
  EXPECT_EQ(stats.blobs.at("evaluation-finished/1").bytes, 24);
  EXPECT_EQ(stats.all_blobs().count, 7);
  EXPECT_EQ(stats.first_ms, 1000);
  EXPECT_EQ(stats.last_ms, 61'500);
  EXPECT_GT(stats.bytes_per_evaluation(), 50);
  EXPECT_EQ(to_json(stats)["last"], "1970-01-01T00:01:01.500Z");
}

TEST_F(InspectTest, EveryEventIsALineOfJsonAndEveryBlobAFile) {
  std::vector<std::string> lines;
  ASSERT_TRUE(export_events(run, [&](const std::string& line) -> Result<void> {
    lines.push_back(line);
    return {};
  }));
  const auto records = Journal::open_read_only(run).value().read_events().value();
  ASSERT_EQ(lines.size(), records.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    const Json json = parse_json(lines[i], "line").value();
    EXPECT_EQ(json["seq"], records[i].seq);
    EXPECT_EQ(json["time"], iso_time(records[i].unix_ms));
    EXPECT_EQ(json["kind"], kind_of(records[i].event));
    EXPECT_EQ(json["event"], to_json(records[i].event));
  }
  EXPECT_EQ(export_blobs(run, temp.path() / "blobs").value(), 7);
  EXPECT_EQ(read_file(temp.path() / "blobs" / sha256_hex("reply")).value(), "reply");
}

}  // namespace
}  // namespace warpwright::journal
