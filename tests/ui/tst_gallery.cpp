// Draws every station in its states, light and dark, to build/gallery, and checks what a machine can check about a picture:
// not blank, nothing clipped, enough contrast. The pictures are for looking at.
#include <set>

#include <QAbstractButton>
#include <QApplication>
#include <QDir>
#include <QLabel>
#include <QPushButton>

#include "gallery_advisor.h"
#include "gallery_compare.h"
#include "gallery_data.h"
#include "gallery_home.h"
#include "gallery_model.h"
#include "gallery_review.h"
#include "gallery_ship.h"
#include "gallery_sweep.h"
#include "gallery_train.h"
#include "gallery_widgets.h"
#include "tests/support/test_main.h"
#include "ui/widgets/card.h"

using namespace attune;
using namespace attune::gallery;

namespace {

/// One line for each view: add yours here.
std::vector<Scene> allScenes() {
    std::vector<Scene> scenes;
    for (const auto& ofView : {homeScenes(), advisorScenes(), dataScenes(), trainScenes(), modelScenes(), sweepScenes(), compareScenes(), reviewScenes(), shipScenes()})
        scenes.insert(scenes.end(), ofView.begin(), ofView.end());
    return scenes;
}

/// Lets timers fire, then every pending layout finish: layouts ask each other in several rounds, however busy the machine is.
void settle(int milliseconds) {
    QTest::qWait(milliseconds);
    for (int round = 0; round < 20; ++round) {
        QCoreApplication::sendPostedEvents();
        QCoreApplication::processEvents();
    }
}

QPixmap picture(QWidget& widget, double scale) {
    QPixmap image(widget.size() * scale);
    image.setDevicePixelRatio(scale);
    widget.render(&image);
    return image;
}

std::size_t colorsIn(const QPixmap& pixmap, const QRect& area) {
    const QImage image = pixmap.toImage();
    std::set<QRgb> colors;
    for (int y = area.top(); y < area.bottom(); y += 3)
        for (int x = area.left(); x < area.right(); x += 3)
            colors.insert(image.pixel(x, y));
    return colors.size();
}

/// Visible words that have less room than they need.
QStringList clipped(QWidget& root) {
    QStringList found;
    const auto note = [&found](const QWidget& widget, const QString& text, QSize needs) {
        found << QStringLiteral("\"%1\" has %2x%3, needs %4x%5")
                     .arg(text)
                     .arg(widget.width())
                     .arg(widget.height())
                     .arg(needs.width())
                     .arg(needs.height());
    };
    for (QLabel* label : root.findChildren<QLabel*>()) {
        if (!label->isVisibleTo(&root) || label->text().isEmpty() || qobject_cast<ElidedLabel*>(label))
            continue;
        const QSize needs = label->wordWrap() ? QSize(label->minimumSizeHint().width(), label->heightForWidth(label->width())) : label->sizeHint();
        if (label->width() < needs.width() - 1 || label->height() < needs.height() - 1)
            note(*label, label->text(), needs);
    }
    for (QPushButton* button : root.findChildren<QPushButton*>())
        if (button->isVisibleTo(&root) && (button->width() < button->sizeHint().width() - 1 || button->height() < button->sizeHint().height() - 1))
            note(*button, button->text(), button->sizeHint());
    return found;
}

} // namespace

class GalleryTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;
    QDir m_folder;

private Q_SLOTS:
    void initTestCase() {
        m_folder = QDir(QStringLiteral(ATTUNE_SOURCE_DIR "/build/gallery"));
        QVERIFY(m_folder.mkpath("."));
        m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light);
    }
    void cleanupTestCase() { m_theme.reset(); }

    void everyRegisteredViewHasScenes() {
        std::set<QString> drawn;
        for (const Scene& scene : allScenes())
            drawn.insert(scene.view);
        for (const ViewEntry& entry : registeredViews())
            QVERIFY2(drawn.contains(entry.id), qPrintable("no scenes for " + entry.id));
    }

    void everyStateIsDrawnWithoutClipping_data() {
        QTest::addColumn<int>("index");
        const std::vector<Scene> scenes = allScenes();
        for (std::size_t i = 0; i < scenes.size(); ++i)
            QTest::newRow(qPrintable(scenes[i].view + "-" + scenes[i].state)) << int(i);
    }

    void everyStateIsDrawnWithoutClipping() {
        QFETCH(int, index);
        const Scene scene = allScenes().at(std::size_t(index));
        m_theme->setMode(ThemeMode::Light);
        Stage stage(*m_theme, scene.engine);
        QVERIFY(stage.window->showStation(scene.view));
        scene.arrange(stage);
        if (scene.settled)
            QTRY_VERIFY_WITH_TIMEOUT(scene.settled(stage), 60'000);
        settle(350); // queued deliveries and the score bars' movement
        QCOMPARE(stage.window->currentStation(), scene.view);

        const QString name = scene.view + "-" + scene.state;
        QStringList problems;
        for (const ThemeMode mode : {ThemeMode::Light, ThemeMode::Dark}) {
            m_theme->setMode(mode);
            const QString theme = mode == ThemeMode::Light ? "light" : "dark";
            stage.window->resize(1440, scene.height);
            settle(120);
            const QPixmap whole = picture(*stage.window, 1);
            QVERIFY(whole.save(m_folder.filePath(name + "-" + theme + ".png")));
            QVERIFY2(colorsIn(whole, QRect(220, 60, 1200, scene.height - 120)) > 12, "the page is blank");
            for (const QString& words : clipped(*stage.window))
                problems << theme + " 1440x900: " + words;
        }
        m_theme->setMode(ThemeMode::Light);
        stage.window->resize(1024, 700);
        settle(120);
        for (const QString& words : clipped(*stage.window))
            problems << "light 1024x700: " + words;
        if (scene.state == "full") {
            QVERIFY(picture(*stage.window, 1).save(m_folder.filePath(name + "-small.png")));
            QVERIFY(picture(*stage.window, 2).save(m_folder.filePath(name + "-200percent.png")));
        }
        QVERIFY2(problems.isEmpty(), qPrintable(problems.join('\n')));
    }

    void widgetsAreDrawnWithoutClipping() {
        for (const ThemeMode mode : {ThemeMode::Light, ThemeMode::Dark}) {
            m_theme->setMode(mode);
            MessageArea* messages = nullptr;
            const std::unique_ptr<QWidget> board = makeWidgetBoard(messages);
            board->resize(1440, 1700);
            board->show();
            settle(250);
            QVERIFY(picture(*board, 1).save(m_folder.filePath(mode == ThemeMode::Light ? "widgets-light.png" : "widgets-dark.png")));
            const QStringList problems = clipped(*board);
            QVERIFY2(problems.isEmpty(), qPrintable(problems.join('\n')));
        }
    }

    void wordsHaveEnoughContrast_data() {
        QTest::addColumn<bool>("dark");
        QTest::newRow("light") << false;
        QTest::newRow("dark") << true;
    }

    void wordsHaveEnoughContrast() {
        QFETCH(bool, dark);
        m_theme->setMode(dark ? ThemeMode::Dark : ThemeMode::Light);
        const ThemeTokens& t = m_theme->tokens();
        const auto check = [](const char* what, const QColor& ink, const QColor& ground, double least) {
            const double contrast = Theme::contrast(ink, ground);
            if (contrast < least)
                QTest::qFail(qPrintable(QStringLiteral("%1: %2").arg(what).arg(contrast)), __FILE__, __LINE__);
        };
        for (const QColor& ground : {t.background, t.panel, t.rail, t.accentWash}) {
            check("text", t.text, ground, 4.5);
            check("muted", t.muted, ground, 4.5);
        }
        check("primary button", t.onAccent, t.accent, 4.5);
        check("field outline", t.control, t.panel, 3.0);
        for (const Tone tone : {Tone::Accent, Tone::Good, Tone::Careful, Tone::Bad}) {
            const QColor color = m_theme->color(tone), wash = m_theme->wash(tone);
            check("tone as a shape", color, t.panel, 3.0);
            check("tone on its wash", readableTone(color, wash, t.text), wash, 4.5);
            check("tone on a panel", readableTone(color, t.panel, t.text), t.panel, 4.5);
        }
    }
};

ATTUNE_TEST(GalleryTest)
#include "tst_gallery.moc"
