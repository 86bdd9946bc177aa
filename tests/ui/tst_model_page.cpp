// The model page: what is dropped on the window reaches it, a good model can be tried and used, a bad one says why not.
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QLineEdit>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QUrl>

#include "gallery_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::gallery;

class ModelPageTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;
    const QString m_starter = QStringLiteral(ATTUNE_SOURCE_DIR "/resources/starter_model");

    static QPushButton* button(Stage& stage, const QString& text) {
        for (QPushButton* each : trainView(stage).findChildren<QPushButton*>())
            if (each->text() == text && each->isVisible())
                return each;
        return nullptr;
    }
    static void drop(Stage& stage, const QString& path) {
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(path)});
        QDragEnterEvent enter(QPoint(300, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(stage.window.get(), &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent event(QPointF(300, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(stage.window.get(), &event);
    }

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void aModelDroppedAnywhereIsReadTriedAndUsed() {
        Stage stage(*m_theme);
        stage.knowComputer();
        stage.openProject([](Project& project) { fillSample(project, true); });
        QVERIFY(stage.window->showStation("data"));
        drop(stage, m_starter);
        QCOMPARE(stage.window->currentStation(), QString("train"));
        QTRY_VERIFY(!modelPage(stage).isReading() && modelPage(stage).report());
        QVERIFY(modelPage(stage).report()->isUsable());
        modelPage(stage).trial().prompt().setText("Hello");
        QTRY_VERIFY(button(stage, "Answer") && button(stage, "Answer")->isEnabled());
        button(stage, "Answer")->click();
        QTRY_VERIFY(button(stage, "Answer"));
        bool answered = false;
        for (const QPlainTextEdit* edit : modelPage(stage).findChildren<QPlainTextEdit*>())
            answered = answered || edit->toPlainText().contains("Base: This is a made-up answer.");
        QVERIFY(answered);
        QTRY_VERIFY(button(stage, "Use this model") && button(stage, "Use this model")->isEnabled());
        button(stage, "Use this model")->click();
        QTRY_COMPARE(QString::fromStdString(trainView(stage).setup().config().model), m_starter);
        QTRY_COMPARE(QString::fromStdString(stage.project.get()->setting("model.path")->value_or("")), m_starter);
    }

    void aRefusedModelSaysWhyAndCannotBeUsed() {
        Stage stage(*m_theme);
        stage.openProject([](Project& project) { fillSample(project, true); });
        QVERIFY(stage.window->showStation("train"));
        const QString file = stage.folder.path() + "/weights.pth";
        QFile out(file);
        QVERIFY(out.open(QIODevice::WriteOnly) && out.write("PK\x03\x04 archive/data.pkl") > 0);
        out.close();
        drop(stage, file);
        QTRY_VERIFY(!modelPage(stage).isReading() && modelPage(stage).report());
        QVERIFY(!modelPage(stage).report()->isUsable());
        QTRY_VERIFY(button(stage, "Use this model") && !button(stage, "Use this model")->isEnabled());
        QVERIFY(!modelPage(stage).trial().prompt().isEnabled());
        bool said = false;
        for (const QLabel* label : modelPage(stage).findChildren<QLabel*>())
            said = said || label->text().contains("can run code");
        QVERIFY(said);
    }

    void rowsStillGoToData() {
        Stage stage(*m_theme);
        stage.openProject();
        QVERIFY(stage.window->showStation("home"));
        drop(stage, sampleFile("test.jsonl"));
        QCOMPARE(stage.window->currentStation(), QString("data"));
        QVERIFY(!ModelPage::isModelPath(sampleFile("test.jsonl")));
        QVERIFY(!ModelPage::isModelPath(stage.folder.path()));
    }
};

ATTUNE_TEST(ModelPageTest)
#include "tst_model_page.moc"
