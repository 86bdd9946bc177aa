#include <cmath>
#include <limits>

#include <QTemporaryDir>
#include <QtTest>

#include "core/base/rng.h"
#include "core/plan/run_config.h"
#include "core/run/doctor.h"
#include "core/run/fake_engine.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

std::vector<Finding> feed(Doctor& doctor, const std::function<double(int)>& loss, int steps, double norm = 0.5) {
    std::vector<Finding> said;
    Rng noise(2);
    for (int i = 1; i <= steps; ++i) {
        StepFinished step;
        step.step = i, step.loss = loss(i) + 0.02 * noise.normal(), step.gradientNorm = norm;
        for (Finding& finding : doctor.add(step))
            said.push_back(std::move(finding));
    }
    return said;
}

const Finding* find(const Doctor& doctor, std::string_view id) {
    for (const Finding& finding : doctor.findings())
        if (finding.id == id)
            return &finding;
    return nullptr;
}

} // namespace

class DoctorTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aHealthyRunHasNoFindings() {
        Doctor doctor(2e-4);
        const auto said = feed(
            doctor, [](int i) { return 0.4 + 2.6 * std::exp(-i / 60.0); }, 400);
        for (int i = 0; i <= 400; i += 40)
            doctor.add(EvalFinished{i, "validation", 0.5 + 2.4 * std::exp(-i / 60.0), 100, true});
        QVERIFY(said.empty());
        QVERIFY2(doctor.findings().empty(), doctor.findings().empty() ? "" : doctor.findings()[0].message.c_str());
    }
    void flatLossAsksForAHigherRate() {
        Doctor doctor(1e-6);
        const auto said = feed(
            doctor, [](int) { return 3.0; }, 200);
        QCOMPARE(said.size(), std::size_t{1}); // said once
        QCOMPARE(said[0].id, std::string("loss.flat"));
        QCOMPARE(said[0].assignment, std::string("training.learning_rate=3e-06"));
        RunConfig config;
        QVERIFY(setByPath(config, said[0].assignment, fakeCatalog()));
    }
    void risingLossAboveTheStartIsARateTooHigh() {
        Doctor doctor(0.1);
        feed(
            doctor, [](int i) { return i < 30 ? 2.5 : 2.5 + (i - 30) * 0.1; }, 120);
        const Finding* finding = find(doctor, "learning_rate.high");
        QVERIFY(finding && finding->severity == Finding::Severity::Serious);
        QVERIFY(finding->assignment.starts_with("training.learning_rate=0.033"));
    }
    void nanIsSerious() {
        Doctor doctor(1e-3);
        feed(
            doctor, [](int i) { return i == 5 ? std::numeric_limits<double>::quiet_NaN() : 2.0; }, 5);
        QVERIFY(find(doctor, "loss.diverging") != nullptr);
    }
    void refusedStepsAreCountedAndGetWorse() {
        Doctor doctor(1e-3);
        QCOMPARE(doctor.add(WarningRaised{7, "numerical.skipped", "", ""}).size(), std::size_t{1});
        QVERIFY(doctor.add(WarningRaised{9, "numerical.skipped", "", ""}).empty());
        QCOMPARE(doctor.add(WarningRaised{12, "numerical.skipped", "", ""}).size(), std::size_t{1}); // now serious
        QVERIFY(find(doctor, "numerical.skipped")->message.find("3 steps were refused") != std::string::npos);
        QVERIFY(doctor.add(WarningRaised{12, "data.dropped_rows", "", ""}).empty());
    }
    void validationRisingNamesTheBestCheckpoint() {
        Doctor doctor(2e-4);
        const double losses[] = {3.0, 2.0, 1.5, 1.2, 1.21, 1.3, 1.4, 1.5};
        std::vector<Finding> said;
        for (int i = 0; i < 8; ++i) {
            const int step = i * 20;
            doctor.add(CheckpointSaved{step, "", false});
            for (Finding& finding : doctor.add(EvalFinished{step, "validation", losses[i], 100, false}))
                said.push_back(std::move(finding));
        }
        QVERIFY(!said.empty());
        QCOMPARE(said[0].id, std::string("eval.rising"));
        QCOMPARE(said[0].step, 100);
        QCOMPARE(said[0].useCheckpoint, 60);
        QVERIFY(said[0].message.find("since step 80") != std::string::npos);
        QVERIFY(said[0].message.find("best checkpoint is step 60") != std::string::npos);
        QVERIFY(find(doctor, "eval.rising")->severity == Finding::Severity::Serious);
    }
    void noiseAroundTheBestIsNoRise() {
        Doctor doctor(2e-4);
        const double losses[] = {3.0, 2.0, 1.500, 1.502, 1.498, 1.501, 1.503, 1.499};
        for (int i = 0; i < 8; ++i)
            QVERIFY(doctor.add(EvalFinished{i * 20, "validation", losses[i], 100, false}).empty());
    }
    void learningByHeart() {
        Doctor doctor(2e-4);
        feed(
            doctor, [](int) { return 0.01; }, 40);
        doctor.add(EvalFinished{40, "validation", 1.4, 100, true});
        QVERIFY(find(doctor, "loss.memorised") != nullptr);
    }
    void clippedAlmostAlways() {
        Doctor doctor(2e-4, 1.0), off(2e-4, 0);
        feed(
            doctor, [](int i) { return 3 * std::exp(-i / 30.0); }, 60, 9.0);
        feed(
            off, [](int i) { return 3 * std::exp(-i / 30.0); }, 60, 9.0);
        QVERIFY(find(doctor, "gradient.clipped") && !find(off, "gradient.clipped"));
    }
    void forgettingIsSaid() {
        Doctor doctor(2e-4);
        QVERIFY(doctor.add(EvalFinished{0, "general", 1.5, 100, false}).empty());
        QVERIFY(doctor.add(EvalFinished{10, "general", 1.57, 100, false}).empty());
        const auto warned = doctor.add(EvalFinished{20, "general", 1.7, 100, false});
        QCOMPARE(warned.size(), std::size_t{1});
        QCOMPARE(warned[0].assignment, std::string("protection.id=replay"));
        QVERIFY(warned[0].message.find("1.5") != std::string::npos && warned[0].message.find("1.7") != std::string::npos);
        const auto serious = doctor.add(EvalFinished{30, "general", 2.1, 100, false});
        QVERIFY(serious.size() == 1 && serious[0].severity == Finding::Severity::Serious);
        DoctorFacts facts;
        facts.forgettingLimit = 0.2; // what the recipe allows counts
        Doctor lenient(facts);
        QVERIFY(lenient.add(EvalFinished{0, "general", 1.5, 100, false}).empty());
        QVERIFY(lenient.add(EvalFinished{20, "general", 1.7, 100, false}).empty());
        const auto beyond = lenient.add(EvalFinished{30, "general", 2.1, 100, false});
        QVERIFY(beyond.size() == 1 && beyond[0].severity == Finding::Severity::Warning);
        QCOMPARE(beyond[0].message, std::string("The loss on general data rose from 1.5 to 2.1 (+40 %): more than the 20 % that are allowed, so the model forgot."));
        Doctor late(2e-4); // a run continued without its beginning: nothing to compare with
        QVERIFY(late.add(EvalFinished{20, "general", 9.0, 100, false}).empty());
    }
    void overfittingFakeRunIsSeen() {
        Doctor doctor(2e-4);
        FakeEngine engine({.steps = 200, .evalEvery = 20, .overfits = true});
        PauseToken pause;
        TrainRequest request;
        request.folder = "run";
        QVERIFY(engine.train(request, {}, pause, [&](const TrainingEvent& event) { doctor.add(event); }));
        QVERIFY(find(doctor, "eval.rising") && find(doctor, "eval.rising")->useCheckpoint > 0);
    }
};

ATTUNE_TEST(DoctorTest)
#include "tst_doctor.moc"
