// The Advisor while its project is still being read: what a person answers meanwhile stays, and so does what was kept.
#include "gallery_advisor.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::gallery;

class AdvisorViewTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;

    static Json kept(Stage& stage) {
        const auto text = stage.project.get()->setting("advisor.input");
        const auto json = text && *text ? parseJson(**text, "kept") : Result<Json>(Json::object());
        return json.value_or(Json::object());
    }

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void anAnswerGivenWhileTheProjectIsReadStays() {
        Stage stage(*m_theme);
        const Answers& all = decisionRules().scenarios.at(3).answers;
        const auto first = all.begin(), second = std::next(first);
        stage.openProject([&](Project& project) {
            if (!project.setSetting("advisor.input", Json{{first->first, first->second}}.dump()).has_value())
                qFatal("the setting could not be written");
        });
        stage.window->showStation("advisor", {{"answers", QVariantMap{{qstr(second->first), qstr(second->second)}}}}); // at once
        QTRY_COMPARE(kept(stage).size(), std::size_t(2));
        QTest::qWait(300); // nothing takes it back
        QCOMPARE(kept(stage).at(first->first).get<std::string>(), first->second);
        QCOMPARE(kept(stage).at(second->first).get<std::string>(), second->second);
    }

    void aScenarioTakenWhileTheProjectIsReadReplacesWhatWasKept() {
        Stage stage(*m_theme);
        const Scenario &wanted = decisionRules().scenarios.at(3), &other = decisionRules().scenarios.at(0);
        stage.openProject([&](Project& project) {
            Json json = Json::object();
            for (const auto& [question, choice] : other.answers)
                json[question] = choice;
            if (!project.setSetting("advisor.input", json.dump()).has_value())
                qFatal("the setting could not be written");
        });
        stage.window->showStation("advisor", {{"scenario", qstr(wanted.id)}});
        QTest::qWait(600);
        for (const auto& [question, choice] : wanted.answers)
            QCOMPARE(kept(stage).value(question, std::string()), choice);
    }
};

ATTUNE_TEST(AdvisorViewTest)
#include "tst_advisor_view.moc"
