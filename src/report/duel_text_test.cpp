#include "src/report/duel_text.h"

#include <gtest/gtest.h>

namespace warpwright::report {
namespace {

EvaluationReport measured() {
  EvaluationReport report;
  DuelReport& duel = report.duel.emplace();
  duel.verdict = "FASTER";
  duel.ratio = 0.91234, duel.low = 0.905, duel.high = 0.919;
  duel.noise_floor = 0.005;
  duel.pairs = 120;
  duel.method = "cupti";
  duel.message = "FASTER on 1 of 1 workloads";
  duel.workloads = {{{"u"}, {{"batch_size", 4}}, 10, "FASTER", 0.91234, 0.905, 0.919, 120, 4.56, 5.0}};
  return report;
}

TEST(DuelText, SaysTheVerdictTheRatioWithItsIntervalAndHowItWasMeasured) {
  EXPECT_EQ(render_duel(measured(), "a.cu", "b.cu"),
            "FASTER  A = a.cu, B = b.cu\n"
            "  A/B = 0.9123, 99 % interval 0.9050 to 0.9190, 120 pairs, noise floor 0.50 %\n"
            "  FASTER on 1 of 1 workloads\n"
            "\n"
            "  workload                 counts  verdict               A/B  interval            pairs        "
            "A us        B us\n"
            "  batch_size=4                 10  FASTER             0.9123  0.9050 to 0.9190      120        "
            "4.56        5.00\n"
            "  times: cupti\n");
}

TEST(DuelText, CallsAnEstimateOne) {
  EvaluationReport report = measured();
  report.duel->verdict = "TIE";
  report.duel->method = "sim-estimate";
  report.duel->noise_floor = 0.15;
  const std::string text = render_duel(report, "a.cu", "b.cu");
  EXPECT_NE(text.find("A/B = 0.9123, estimates within 15 % tie\n"), std::string::npos);
  EXPECT_NE(text.find("sim-estimate (a model's estimates, not measurements)"), std::string::npos);
}

TEST(DuelText, SaysWhyThereIsNoVerdict) {
  EvaluationReport report;
  report.duel.emplace().message = "no duel: the incumbent fails its checks: reads past q";
  report.duel->incumbent_status = Status::kRejected;
  const std::string text = render_duel(report, "a.cu", "b.cu");
  EXPECT_EQ(text,
            "NO VERDICT  A = a.cu, B = b.cu\n  no duel: the incumbent fails its checks: reads past q\n");
}

}  // namespace
}  // namespace warpwright::report
