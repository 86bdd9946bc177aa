// What the catalog says about itself holds, and the window's tests are given nothing the engine does not have.
#include <set>

#include <QtTest>

#include "core/engine/engine_catalog.h"
#include "core/nn/kernels/kernel_table.h"
#include "core/plan/estimate.h"
#include "core/plan/param_check.h"
#include "core/run/fake_engine.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

std::vector<const Described*> everyEntry(const Catalog& catalog) {
    std::vector<const Described*> all;
    for (const auto& entry : catalog.methods)
        all.push_back(&entry.description);
    for (const auto& entry : catalog.objectives)
        all.push_back(&entry.description);
    for (const auto& entry : catalog.optimizers)
        all.push_back(&entry.description);
    for (const auto& entry : catalog.schedules)
        all.push_back(&entry);
    return all;
}

} // namespace

class EngineCatalogTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void conditionsNameKnobsAndValuesThatExist() {
        for (const Described* entry : everyEntry(engineCatalog()))
            for (const ParamSpec& spec : entry->params) {
                const QString condition = QString::fromStdString(spec.onlyWhen);
                if (condition.isEmpty())
                    continue;
                const ParamSpec* other = findParam(entry->params, condition.section('=', 0, 0).toStdString());
                QVERIFY2(other && other != &spec, qPrintable(condition));
                for (const QString& value : condition.section('=', 1).split('|'))
                    QVERIFY2(parseParam(*other, value.toStdString(), "condition").has_value(), qPrintable(condition));
            }
    }
    void objectivesSayWhatTheyTakeAndIgnore() {
        for (const ObjectiveEntry& objective : engineCatalog().objectives) {
            QVERIFY2(objective.takes(objective.sampleKind), objective.description.id.c_str());
            for (const std::string& key : objective.unusedTraining)
                QVERIFY2(findParam(trainingParams().params, key), key.c_str());
        }
        for (const ObjectiveEntry& objective : engineCatalog().objectives) {
            if (objective.description.id == "sft")
                QVERIFY(objective.takes("text") && objective.unusedTraining.empty());
            if (objective.description.id == "dpo")
                QVERIFY(!objective.takes("chat") && objective.unusedTraining == std::vector<std::string>{"train_on"});
        }
    }
    // What each objective reads beside what it learns from, as its paper and the field's trainers say.
    void forwardPassesFollowTheSettings_data() {
        QTest::addColumn<QString>("objective");
        QTest::addColumn<QString>("loss");
        QTest::addColumn<int>("perStep");
        QTest::addColumn<int>("before");
        QTest::newRow("sft") << "sft" << "" << 0 << 0;
        QTest::newRow("reward") << "reward" << "" << 0 << 0;
        QTest::newRow("orpo") << "orpo" << "" << 0 << 0;
        QTest::newRow("simpo") << "simpo" << "" << 0 << 0;
        QTest::newRow("dpo") << "dpo" << "" << 0 << 1;
        QTest::newRow("dpo aot") << "dpo" << "aot" << 1 << 1;
        QTest::newRow("dpo apo_zero") << "dpo" << "apo_zero" << 0 << 1;
        QTest::newRow("kto") << "kto" << "" << 1 << 2;
        QTest::newRow("kto apo_zero_unpaired") << "kto" << "apo_zero_unpaired" << 0 << 1;
    }
    void forwardPassesFollowTheSettings() {
        QFETCH(QString, objective);
        QFETCH(QString, loss);
        QFETCH(int, perStep);
        QFETCH(int, before);
        const ParamMap settings = loss.isEmpty() ? ParamMap{} : ParamMap{{"loss_type", loss.toStdString()}};
        for (const ObjectiveEntry& entry : engineCatalog().objectives)
            if (entry.description.id == objective.toStdString()) {
                const ForwardPasses passes = entry.forwardPasses(settings);
                QCOMPARE(passes.perStep, perStep);
                QCOMPARE(passes.beforeStart, before);
                return;
            }
        QFAIL("there is no such objective");
    }
    void metricsAreDescribed() {
        for (const ObjectiveEntry& objective : engineCatalog().objectives) {
            std::set<std::string> keys;
            int leading = 0;
            for (const MetricSpec& metric : objective.metrics) {
                QVERIFY2(!metric.label.empty() && metric.help.ends_with("."), metric.key.c_str());
                QVERIFY2(metric.unit.empty() || metric.unit == "nats" || metric.unit == "tokens" || metric.unit == "share", metric.unit.c_str());
                QVERIFY2(keys.insert(metric.key).second, metric.key.c_str());
                QCOMPARE(std::count(metric.key.begin(), metric.key.end(), '*') <= 1, true);
                leading += metric.leading;
            }
            QVERIFY2(leading <= 6, objective.description.id.c_str()); // more are a wall, not a picture
        }
    }
    void theWindowsTestsKnowTheSameMethodsAndObjectives() {
        const Catalog fake = fakeCatalog();
        const Catalog& real = engineCatalog();
        const auto same = [](const Described& a, const Described& b) {
            return a.id == b.id && a.title == b.title && a.summary == b.summary && a.cost == b.cost && a.quality == b.quality;
        };
        for (const MethodEntry& method : fake.methods)
            QVERIFY2(std::any_of(real.methods.begin(), real.methods.end(),
                                 [&](const MethodEntry& each) {
                                     return same(each.description, method.description) && each.producesAdapter == method.producesAdapter;
                                 }),
                     method.description.id.c_str());
        for (const ObjectiveEntry& objective : fake.objectives)
            QVERIFY2(std::any_of(real.objectives.begin(), real.objectives.end(),
                                 [&](const ObjectiveEntry& each) {
                                     return same(each.description, objective.description) && each.sampleKind == objective.sampleKind &&
                                            each.takes("text") == objective.takes("text") &&
                                            each.unusedTraining == objective.unusedTraining;
                                 }),
                     objective.description.id.c_str());
        QVERIFY(fake.methods.size() >= 4 && fake.objectives.size() >= 8);
    }
    void windowAndEngineChooseTheSamePrecision() {
        QCOMPARE(inspectComputer().bf16, kernels::cpuHasFastBf16());
    }
};

ATTUNE_TEST(EngineCatalogTest)
#include "tst_engine_catalog.moc"
