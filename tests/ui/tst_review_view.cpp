// The Review station: what a reviewer may see before the end, and that every verdict reaches the store in its order.
#include <QLabel>

#include "gallery_review.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::gallery;

class ReviewViewTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;

    static bool shows(Stage& stage, const QString& words) {
        for (const QLabel* label : stage.window->view("review")->findChildren<QLabel*>())
            if (label->isVisible() && label->text().contains(words))
                return true;
        return false;
    }
    static std::vector<Vote> stored(Stage& stage) {
        const auto votes = stage.project.get()->reviews().votes(1);
        return votes.value_or(std::vector<Vote>{});
    }
    static void prepare(Stage& stage) {
        QVERIFY(stage.window->showStation("review"));
        stage.openProject(addFinishedRun);
        press(*stage.window, "Prepare review");
        QTRY_VERIFY_WITH_TIMEOUT(shows(stage, "Pair 1 of "), 30'000);
    }

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void theResultMovesOnlyEveryTenVerdicts() {
        Stage stage(*m_theme);
        prepare(stage);
        for (int i = 0; i < 19; ++i)
            press(*stage.window, "1  Left is better");
        QVERIFY(shows(stage, "hidden"));
        QVERIFY(!shows(stage, "95 % interval"));
        press(*stage.window, "1  Left is better");
        QVERIFY(shows(stage, "n = 20, 95 % interval, after 20 verdicts"));
        for (int i = 0; i < 9; ++i)
            press(*stage.window, "2  Right is better");
        QVERIFY(shows(stage, "after 20 verdicts"));
        press(*stage.window, "2  Right is better");
        QVERIFY(shows(stage, "n = 30, 95 % interval, after 30 verdicts"));
        QTRY_COMPARE(stored(stage).size(), std::size_t(30));
    }

    void anUndoneVerdictComesAgain() {
        Stage stage(*m_theme);
        prepare(stage);
        press(*stage.window, "1  Left is better");
        press(*stage.window, "4  Both bad");
        press(*stage.window, "U  Undo");
        QTRY_VERIFY(shows(stage, "Pair 2 of "));
        press(*stage.window, "3  Equally good");
        QTRY_COMPARE(stored(stage).size(), std::size_t(2));
        QCOMPARE(stored(stage)[0].verdict, Verdict::Left);
        QCOMPARE(stored(stage)[1].verdict, Verdict::Tie);
    }
};

ATTUNE_TEST(ReviewViewTest)
#include "tst_review_view.moc"
