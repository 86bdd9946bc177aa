// What the registry says of each objective is complete, and its settings are checked.
#include <QtTest>

#include <set>

#include "core/objectives/objective.h"
#include "core/plan/catalog.h"
#include "core/plan/param_check.h"
#include "tests/support/test_main.h"

using namespace attune;

class TestObjectiveSettings : public QObject {
    Q_OBJECT
    static void rows() {
        QTest::addColumn<QString>("id");
        for (const auto& objective : builtinObjectives())
            QTest::newRow(objective->description().id.c_str()) << QString::fromStdString(objective->description().id);
    }
    static const Objective& objective() {
        QFETCH(QString, id);
        return *findObjective(id.toStdString());
    }

private Q_SLOTS:
    void describesItself_data() { rows(); }
    void describesItself() {
        const Described& described = objective().description();
        QVERIFY(!described.title.empty() && !described.summary.empty());
        std::set<std::string> keys;
        for (const ParamSpec& spec : described.params) {
            QVERIFY2(keys.insert(spec.key).second, spec.key.c_str());
            QVERIFY2(!spec.label.empty() && !spec.help.empty(), spec.key.c_str());
            QVERIFY2(checkParam(spec, spec.defaultValue, spec.key), spec.key.c_str());
            if (std::holds_alternative<double>(spec.defaultValue))
                QVERIFY2(spec.min && spec.max && !spec.ifTooHigh.empty() && !spec.ifTooLow.empty(), spec.key.c_str());
        }
        const std::set<std::string> kinds{"chat", "text", "preference", "unpaired", "prompt_only"};
        QVERIFY(kinds.contains(objective().sampleKind()));
        QVERIFY(objective().accepts(objective().sampleKind()));
    }

    void takesItsSettings_data() { rows(); }
    void takesItsSettings() {
        QVERIFY(objective().configured({}));
        for (const ParamSpec& spec : objective().description().params) {
            for (const std::string& choice : spec.choices) {
                const auto made = objective().configured({{spec.key, choice}});
                QVERIFY(made && (*made)->description().id == objective().description().id);
            }
            if (spec.max)
                QVERIFY(!objective().configured({{spec.key, *spec.max * 2 + 1}}));
        }
        const auto unknown = objective().configured({{"no_such_setting", 1.0}});
        QVERIFY(!unknown && unknown.error().message.find("no_such_setting") != std::string::npos);
    }

    // The papers' settings, not the raw defaults of libraries.
    void defaultsAreThePapersOwn() {
        const auto value = [](const char* id, const char* key) {
            return paramDouble({}, findObjective(id)->description().params, key);
        };
        QCOMPARE(value("dpo", "beta"), 0.1);
        QCOMPARE(value("kto", "beta"), 0.1);
        QCOMPARE(value("orpo", "beta"), 0.1);
        QCOMPARE(value("simpo", "beta"), 2.5);
        QCOMPARE(value("simpo", "gamma"), 1.375);
        QCOMPARE(value("simpo", "sft_weight"), 0.0);
        QCOMPARE(value("cpo", "beta"), 0.1);
        QCOMPARE(value("cpo", "sft_weight"), 1.0);
    }

    void onlyFittingDataIsTaken() {
        QVERIFY(findObjective("sft")->accepts("chat") && findObjective("sft")->accepts("text"));
        QVERIFY(!findObjective("sft")->accepts("preference"));
        QVERIFY(!findObjective("pretrain")->accepts("chat"));
        QVERIFY(!findObjective("kto")->accepts("preference") && !findObjective("dpo")->accepts("unpaired"));
    }
};

ATTUNE_TEST(TestObjectiveSettings)
#include "tst_objective_settings.moc"
