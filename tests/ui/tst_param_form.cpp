#include <QApplication>
#include <QComboBox>
#include <QLineEdit>
#include <QSignalSpy>
#include <QSpinBox>
#include <QtTest>

#include "tests/support/test_main.h"
#include "ui/theme.h"
#include "ui/widgets/param_form.h"

using namespace attune;

namespace {

ParamSpec spec(const char* key, ParamValue value, bool guided, bool advanced) {
    ParamSpec made;
    made.key = key;
    made.label = key;
    made.help = "What it is.";
    made.defaultValue = std::move(value);
    made.guided = guided;
    made.advanced = advanced;
    return made;
}

std::vector<ParamSpec> specs() {
    ParamSpec rate = spec("learning_rate", 2e-4, true, false);
    rate.min = 0;
    rate.max = 1;
    ParamSpec rank = spec("r", std::int64_t(16), true, false);
    rank.min = 1;
    rank.max = 512;
    ParamSpec precision = spec("precision", std::string("auto"), false, false);
    precision.choices = {"auto", "bf16", "f32"};
    ParamSpec modules = spec("target_modules", std::vector<std::string>{"q_proj"}, false, false);
    modules.choices = {"q_proj", "v_proj"};
    return {rate, rank, precision, modules, spec("rslora", false, false, true)};
}

} // namespace

class ParamFormTest : public QObject {
    Q_OBJECT
    std::unique_ptr<Theme> m_theme;
private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void depthDecidesWhatIsShownAndChangedKnobsStay() {
        ParamForm form;
        form.setSpecs(specs());
        form.setDepth(Depth::Guided);
        QCOMPARE(form.visibleRows(), 2);
        form.setDepth(Depth::Standard);
        QCOMPARE(form.visibleRows(), 4);
        form.setDepth(Depth::Expert);
        QCOMPARE(form.visibleRows(), 5);
        form.setValues({{"rslora", true}});
        form.setDepth(Depth::Guided);
        QVERIFY(form.isVisibleAtDepth("rslora"));
    }

    void valuesHoldOnlyWhatDiffers() {
        ParamForm form;
        form.setSpecs(specs());
        QVERIFY(form.values().empty());
        QSignalSpy changed(&form, &ParamForm::valueChanged);
        form.findChild<QSpinBox*>()->setValue(8);
        QCOMPARE(changed.count(), 1);
        QCOMPARE(changed[0][0].toString(), QString("r"));
        QCOMPARE(form.values().size(), std::size_t(1));
        QCOMPARE(std::get<std::int64_t>(form.values().at("r")), std::int64_t(8));
        form.findChild<QSpinBox*>()->setValue(16);
        QVERIFY(form.values().empty());
        form.findChild<QComboBox*>()->setCurrentText("f32");
        QCOMPARE(std::get<std::string>(form.values().at("precision")), std::string("f32"));
    }

    void settingValuesDoesNotEmit() {
        ParamForm form;
        form.setSpecs(specs());
        QSignalSpy changed(&form, &ParamForm::valueChanged);
        form.setValues(
            {{"r", std::int64_t(4)}, {"learning_rate", 1e-3}, {"target_modules", std::vector<std::string>{"v_proj"}}});
        QCOMPARE(changed.count(), 0);
        QCOMPARE(std::get<double>(form.value("learning_rate")), 1e-3);
        QCOMPARE(form.values().size(), std::size_t(3));
    }

    void aTypedNumberIsCheckedAndTheLastGoodOneKept() {
        ParamForm form;
        form.setSpecs(specs());
        QLineEdit* rate = nullptr;
        for (QLineEdit* line : form.findChildren<QLineEdit*>())
            if (line->accessibleName() == "learning_rate")
                rate = line;
        QVERIFY(rate);
        rate->clear();
        QTest::keyClicks(rate, "3e-4");
        QCOMPARE(std::get<double>(form.value("learning_rate")), 3e-4);
        rate->clear();
        QTest::keyClicks(rate, "7");
        QVERIFY(std::get<double>(form.value("learning_rate")) <= 1);
        QCOMPARE(rate->property("complaint").toString(), QString("bad"));
        QCOMPARE(form.unreadable().size(), std::size_t{1}); // so that no run starts with a value that is not written there
        QCOMPARE(form.unreadable()[0].first, std::string("learning_rate"));
        rate->clear();
        QSignalSpy told(&form, &ParamForm::valueChanged);
        QTest::keyClicks(rate, "1,5");
        QVERIFY(!form.unreadable().empty());
        rate->clear();
        QTest::keyClicks(rate, "3e-4");
        QVERIFY(form.unreadable().empty());
        QVERIFY(!told.isEmpty());
    }

    void aComplaintLeadsToItsField() {
        ParamForm form;
        form.setSpecs(specs());
        form.setDepth(Depth::Guided);
        form.show();
        QVERIFY(form.focusField("rslora"));
        QCOMPARE(form.visibleRows(), 3);
        QVERIFY(!form.focusField("no_such_key"));
    }
};

ATTUNE_TEST(ParamFormTest)
#include "tst_param_form.moc"
