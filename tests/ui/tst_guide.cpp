// The guide: a page for every station, found by words, opened by F1 and by the button beside a title.
#include <QListWidget>
#include <QTextBrowser>
#include <QToolButton>

#include "gallery_stage.h"
#include "tests/support/test_main.h"
#include "ui/help/guide_window.h"

using namespace attune;
using namespace attune::gallery;

class GuideTest : public QObject {
    Q_OBJECT
    std::unique_ptr<Theme> m_theme;

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void everyStationHasAPage() {
        for (const ViewEntry& entry : registeredViews()) {
            const auto pages = readGuidePages({entry.id});
            QVERIFY2(pages.size() == 1, qPrintable(entry.id));
            QVERIFY2(!pages[0].title.isEmpty() && pages[0].text.size() > 600, qPrintable(entry.id));
            for (const char* part : {"**What it is for.**", "## The steps", "## Words"})
                QVERIFY2(pages[0].text.contains(part), qPrintable(entry.id + ": " + part));
        }
        QVERIFY(readGuidePages({"no_such_station"}).empty());
    }

    void wordsNarrowTheList() {
        GuideWindow guide(readGuidePages({"home", "data", "train", "ship"}));
        QCOMPARE(guide.page(), QString("home"));
        QCOMPARE(guide.listed(), 4);
        guide.search("learning RATE");
        QCOMPARE(guide.listed(), 1);
        QCOMPARE(guide.page(), QString("train"));
        guide.search("nothing of this kind stands anywhere");
        QCOMPARE(guide.listed(), 0);
        guide.search({});
        QCOMPARE(guide.listed(), 4);
        guide.open("ship");
        QCOMPARE(guide.page(), QString("ship"));
        guide.open("unknown");
        QCOMPARE(guide.page(), QString("ship"));
    }

    void theButtonBesideTheTitleOpensItsPage() {
        Stage stage(*m_theme);
        for (const ViewEntry& entry : registeredViews()) {
            QVERIFY(stage.window->showStation(entry.id));
            QToolButton* help = nullptr;
            for (QToolButton* button : stage.window->view(entry.id)->findChildren<QToolButton*>())
                if (button->accessibleName() == "Guide to this station")
                    help = button;
            QVERIFY2(help && help->isVisible(), qPrintable(entry.id));
            help->click();
            auto* guide = stage.window->findChild<GuideWindow*>();
            QVERIFY(guide && guide->isVisible());
            QCOMPARE(guide->page(), entry.id);
        }
        QCOMPARE(stage.window->findChildren<GuideWindow*>().size(), 1);
    }
};

ATTUNE_TEST(GuideTest)
#include "tst_guide.moc"
