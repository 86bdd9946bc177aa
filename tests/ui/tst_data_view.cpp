// What a user does with the Data station, through its own controls, checked against the project's store.
#include <QClipboard>
#include <QComboBox>
#include <QFile>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTableWidget>
#include <QUndoStack>

#include "gallery_data.h"
#include "tests/support/test_main.h"
#include "tests/support/thread_time.h"
#include "ui/models/sample_table_model.h"
#include "ui/views/data/filter_bar.h"
#include "ui/views/data/import_page.h"
#include "ui/views/data/problems_panel.h"
#include "ui/views/data/row_inspector.h"
#include "ui/views/data/split_panel.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/token_view.h"

using namespace attune;
using namespace attune::gallery;

class DataViewTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;
    std::unique_ptr<Stage> m_stage;
    std::shared_ptr<Project> m_project;

    DataView& view() { return *m_stage->window->findChild<DataView*>(); }
    Workspace& workspace() { return workspaceOf(*m_stage); }
    DatasetStore& store() { return m_project->datasets(); }
    std::int64_t dataset() { return workspace().datasetId(); }

    /// The visible button of the station with this text.
    QPushButton* button(const QString& text) {
        for (QPushButton* candidate : view().findChildren<QPushButton*>())
            if (candidate->isVisible() && candidate->text() == text)
                return candidate;
        return nullptr;
    }
    void press(const QString& text) {
        QTRY_VERIFY2(button(text) && button(text)->isEnabled(), qPrintable("no button " + text));
        QTest::mouseClick(button(text), Qt::LeftButton);
    }
    QString write(const QString& name, const QByteArray& content) {
        const QString path = m_stage->folder.filePath(name);
        QFile file(path);
        if (!file.open(QIODevice::WriteOnly) || file.write(content) != content.size())
            qFatal("cannot write %s", qPrintable(path));
        return path;
    }
    static QByteArray chatRow(int number) {
        return QByteArray(R"({"messages":[{"role":"user","content":"Question )") + QByteArray::number(number) +
               R"( about kettle )" + QByteArray::number(number) + R"("},{"role":"assistant","content":"Answer )" +
               QByteArray::number(number) + "\"}]}\n";
    }
    /// Forty rows; line 17 is not JSON.
    QByteArray rowsWithABadOne() {
        QByteArray rows;
        for (int i = 1; i <= 40; ++i)
            rows += i == 17 ? QByteArray("{\"messages\": [oops\n") : chatRow(i);
        return rows;
    }
    void importFile(const QString& path) {
        QVERIFY(view().openFiles({path}));
        press("Import");
        QTRY_VERIFY(dataset() != 0 && workspace().statistics().rows > 0);
        QTRY_VERIFY(settledRows(*m_stage));
    }
    void undo() {
        QVERIFY(m_stage->undo.activeStack());
        m_stage->undo.undo();
    }
    Sample sampleAt(int row) { return store().sample(workspace().tableModel().idAt(row))->sample; }

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }
    void init() {
        m_stage = std::make_unique<Stage>(*m_theme);
        QVERIFY(m_stage->window->showStation("data"));
        m_project = m_stage->openProject();
        QTest::qWait(50);
    }
    void cleanup() {
        m_project.reset();
        m_stage.reset();
    }

    void withoutRowsTheStationOffersTheImport() {
        QTRY_VERIFY(button("Import…"));
        QVERIFY(button("Try with the sample"));
    }

    void badRow17IsSetAsideWithItsReasonAndTheRestIsImported() {
        importFile(write("rows.jsonl", rowsWithABadOne()));
        QCOMPARE(workspace().statistics().rows, 39);
        QCOMPARE(workspace().statistics().problems, 1);
        press("1 set aside");
        auto* panel = view().findChild<ProblemsPanel*>();
        auto* table = panel->findChild<QTableWidget*>();
        QTRY_COMPARE(table->rowCount(), 1);
        QCOMPARE(table->item(0, 0)->text(), QStringLiteral("17"));
        QCOMPARE(table->item(0, 1)->text(), QStringLiteral("17"));
        QVERIFY2(table->item(0, 3)->text().contains("JSON"), qPrintable(table->item(0, 3)->text()));
        press("Back to the rows");
        QVERIFY(workspace().table().isVisible());
    }

    void theMappingCanBeChangedBeforeTheImport() {
        QVERIFY(view().openFiles({write("t.csv", "frage,antwort,rest\nWie spät?,Zwölf,x\nWarum?,Darum,y\n")}));
        auto* page = view().findChild<ImportPage*>();
        const auto part = [&](const QString& column) -> QComboBox* {
            for (QComboBox* box : page->findChildren<QComboBox*>())
                if (box->isVisible() && box->accessibleName() == "Part of column " + column)
                    return box;
            return nullptr;
        };
        QTRY_VERIFY(part("frage"));
        const auto choose = [&](const QString& column, const char* role) {
            QComboBox* box = part(column);
            const int index = box->findData(QString::fromLatin1(role));
            QVERIFY2(index >= 0, role);
            box->setCurrentIndex(index);
            Q_EMIT box->activated(index);
        };
        auto* format = page->findChild<QComboBox*>();
        const int pairs = format->findData(QStringLiteral("prompt_completion"));
        format->setCurrentIndex(pairs);
        Q_EMIT format->activated(pairs);
        QTRY_VERIFY(part("rest"));
        choose("frage", "completion");
        choose("antwort", "prompt");
        choose("rest", "tags");
        press("Import");
        QTRY_VERIFY(dataset() != 0 && settledRows(*m_stage));
        const Sample first = sampleAt(0);
        QCOMPARE(qstr(first.messages.back().content), QStringLiteral("Wie spät?"));
        QCOMPARE(qstr(first.messages.front().content), QStringLiteral("Zwölf"));
        QCOMPARE(first.tags.size(), std::size_t(1));
    }

    void anUnreadableFileIsNamedAndNothingIsLeft() {
        view().openFiles({write("holiday.jsonl", QByteArray("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16))});
        auto* messages = view().findChild<MessageArea*>();
        QTRY_VERIFY(messages->has("import"));
        QVERIFY(messages->findChild<MessageBar*>()->message().contains("holiday.jsonl"));
        QVERIFY(!messages->findChild<MessageBar*>()->hint().isEmpty());
        QCOMPARE(store().list()->size(), std::size_t(0));
    }

    void pastedRowsAreImported() {
        QApplication::clipboard()->setText(QString::fromUtf8(chatRow(1) + chatRow(2) + chatRow(3)));
        QTRY_VERIFY(button("Import…"));
        m_stage->window->activateWindow();
        view().setFocus();
        button("Import…")->setFocus();
        QTest::keyClick(button("Import…"), Qt::Key_V, Qt::ControlModifier);
        press("Import");
        QTRY_COMPARE(workspace().statistics().rows, 3);
        QCOMPARE(store().get(dataset())->name, std::string("Pasted rows"));
    }

    void anEditInTheBubbleIsStoredAndUndone() {
        importFile(write("rows.jsonl", chatRow(1) + chatRow(2)));
        workspace().table().goTo(1);
        Q_EMIT workspace().table().openWanted(true);
        RowInspector& inspector = workspace().inspector();
        QTRY_VERIFY(inspector.sample() && inspector.sample()->rowId == workspace().tableModel().idAt(1));
        QTRY_VERIFY(!inspector.findChildren<BubbleEdit*>().isEmpty());
        BubbleEdit* answer = inspector.findChildren<BubbleEdit*>().back();
        QCOMPARE(answer->toPlainText(), QStringLiteral("Answer 2"));
        answer->selectAll();
        answer->insertPlainText(QStringLiteral("A better answer"));
        QTest::keyClick(answer, Qt::Key_Return, Qt::ControlModifier);
        QTRY_COMPARE(qstr(sampleAt(1).messages.back().content), QStringLiteral("A better answer"));
        QVERIFY(store().sample(inspector.row())->edited);
        undo();
        QTRY_COMPARE(qstr(sampleAt(1).messages.back().content), QStringLiteral("Answer 2"));
        QTRY_COMPARE(inspector.findChildren<BubbleEdit*>().back()->toPlainText(), QStringLiteral("Answer 2"));
        m_stage->undo.redo();
        QTRY_COMPARE(qstr(sampleAt(1).messages.back().content), QStringLiteral("A better answer"));
    }

    void escapePutsTheFormerTextBack() {
        importFile(write("rows.jsonl", chatRow(1)));
        Q_EMIT workspace().table().openWanted(true);
        RowInspector& inspector = workspace().inspector();
        QTRY_VERIFY(!inspector.findChildren<BubbleEdit*>().isEmpty());
        BubbleEdit* prompt = inspector.findChildren<BubbleEdit*>().front();
        const QString former = prompt->toPlainText();
        prompt->insertPlainText(QStringLiteral("no "));
        QTest::keyClick(prompt, Qt::Key_Escape);
        QCOMPARE(prompt->toPlainText(), former);
        QCOMPARE(m_stage->undo.activeStack()->count(), 0);
    }

    void deletedRowsComeBackWithUndo() {
        importFile(write("rows.jsonl", rowsWithABadOne()));
        workspace().table().goTo(0);
        QTest::keyClick(&workspace().table(), Qt::Key_Delete);
        QTRY_COMPARE(workspace().statistics().rows, 38);
        QTRY_COMPARE(workspace().tableModel().rowCount(), 38);
        undo();
        QTRY_COMPARE(workspace().statistics().rows, 39);
        QTRY_COMPARE(workspace().tableModel().rowCount(), 39);
    }

    void rowsAreSplitAsAskedAndUndone() {
        importFile(write("rows.jsonl", rowsWithABadOne()));
        press("Split the rows…");
        QVERIFY(workspace().splits().isFormOpen());
        press("Row counts");
        auto fields = workspace().splits().findChildren<QSpinBox*>();
        QVERIFY(fields.size() >= 2);
        int set = 0;
        for (QSpinBox* field : fields)
            if (field->accessibleName() == "Validation" || field->accessibleName() == "Test") {
                field->setValue(field->accessibleName() == "Test" ? 6 : 4);
                ++set;
            }
        QCOMPARE(set, 2);
        press("Split the rows");
        QTRY_COMPARE(workspace().statistics().bySplit[std::size_t(Split::Test)], 6);
        QCOMPARE(workspace().statistics().bySplit[std::size_t(Split::Validation)], 4);
        QCOMPARE(workspace().statistics().bySplit[std::size_t(Split::Train)], 29);
        undo();
        QTRY_COMPARE(workspace().statistics().bySplit[std::size_t(Split::None)], 39);
        QCOMPARE(store().statistics(dataset())->bySplit[std::size_t(Split::Train)], 0);
    }

    void freezingMakesOneVersionUntilSomethingChanges() {
        importFile(write("rows.jsonl", rowsWithABadOne()));
        workspace().splits().apply();
        press("Freeze version 1");
        QTRY_COMPARE(workspace().versions().size(), std::size_t(1));
        const std::string hash = workspace().versions().front().hash;
        QCOMPARE(hash.size(), std::size_t(32));
        press("Freeze version 2"); // nothing changed: the first one stays
        QTRY_VERIFY(button("Train on it"));
        QTRY_VERIFY(!workspace().isReading());
        QCOMPARE(store().versions(dataset())->size(), std::size_t(1));
        workspace().table().goTo(0);
        QTest::keyClick(&workspace().table(), Qt::Key_Delete);
        QTRY_COMPARE(workspace().statistics().rows, 38);
        press("Freeze version 2");
        QTRY_COMPARE(workspace().versions().size(), std::size_t(2));
        QVERIFY(workspace().versions().front().hash != hash);
    }

    void searchShowsTheRowsThatContainTheWords() {
        importFile(write("rows.jsonl", rowsWithABadOne()));
        auto* search = workspace().filters().findChild<QLineEdit*>();
        QTest::keyClick(&workspace().table(), Qt::Key_F, Qt::ControlModifier);
        QTRY_VERIFY(search->hasFocus());
        QTest::keyClicks(search, QStringLiteral("KETTLE 23"));
        QTRY_COMPARE(workspace().tableModel().rowCount(), 1);
        QTRY_VERIFY(workspace().tableModel().cellsAt(0));
        QCOMPARE(workspace().tableModel().cellsAt(0)->sourceRow, 23);
        search->setText(QStringLiteral("nothing has this"));
        QTRY_COMPARE(workspace().tableModel().rowCount(), 0);
        search->clear();
        QTRY_COMPARE(workspace().tableModel().rowCount(), 39);
    }

    void theModelsTokensAreCountedAndShown() {
        importFile(write("rows.jsonl", chatRow(1) + chatRow(2) + chatRow(3)));
        QVERIFY(m_project->setSetting("model.path", sstr(writeTinyModel(m_stage->folder.path(), 20))));
        m_stage->project.noteChange("settings");
        QTRY_VERIFY(workspace().health() && workspace().health()->statistics.counted == 3);
        QCOMPARE(workspace().health()->contextLength, 20);
        // Independent of our code: with a byte-level vocabulary no text has more tokens than bytes, and these words
        // have merges.
        const std::int64_t tokens = workspace().health()->statistics.maxTokens;
        QVERIFY(tokens > 20 && tokens < std::int64_t(sampleAt(0).messages[0].content.size() +
                                                     sampleAt(0).messages[1].content.size() + 3));
        QCOMPARE(workspace().health()->tooLong, 3);
        workspace().table().goTo(0);
        auto* view = workspace().findChild<TokenView*>();
        QTRY_VERIFY(!view->tokens().empty());
        QString learned, read;
        for (const TokenView::Token& token : view->tokens())
            if (!token.special)
                (token.trained ? learned : read) += token.text;
        QCOMPARE(learned.trimmed(), QStringLiteral("Answer 1"));
        QVERIFY2(read.contains("Question 1 about kettle 1"), qPrintable(read));
    }

    void findingsListTheirRowsAndOfferTheirFix() {
        importFile(write("rows.jsonl", chatRow(1) + chatRow(2) + chatRow(1) + chatRow(3)));
        QTRY_VERIFY(workspace().health() && workspace().health()->quality.exactDuplicates == 1);
        auto* panel = workspace().findChild<HealthPanel*>();
        Q_EMIT panel->findingClicked(HealthFinding::Duplicates);
        QTRY_COMPARE(workspace().tableModel().rowCount(), 1);
        QTRY_VERIFY(workspace().tableModel().cellsAt(0));
        QCOMPARE(workspace().tableModel().cellsAt(0)->sourceRow, 3);
        press("Delete the repetitions");
        QTRY_COMPARE(workspace().statistics().rows, 3);
        QTRY_COMPARE(workspace().tableModel().rowCount(), 3);
        QTRY_COMPARE(workspace().health()->quality.exactDuplicates, 0);
    }

    void controlTokensOfTheChosenModelAreListedAndTakenOut() {
        QByteArray rows = chatRow(1) + chatRow(2) + chatRow(3);
        rows.replace("Answer 2", "Answer 2<|end|>"); // a control token of the tiny model and one in wide use
        rows.replace("Answer 3", "Answer 3 </s>");   // none of the tiny model's
        importFile(write("rows.jsonl", rows));
        QTRY_VERIFY(workspace().health() && workspace().health()->quality.withControlTokens == 2);
        QVERIFY(m_project->setSetting("model.path", sstr(writeTinyModel(m_stage->folder.path(), 200))));
        m_stage->project.noteChange("settings");
        QTRY_COMPARE(workspace().health()->quality.withControlTokens, 1);
        QCOMPARE(workspace().health()->quality.firstControlToken, std::string("<|end|>"));
        auto* panel = workspace().findChild<HealthPanel*>();
        Q_EMIT panel->findingClicked(HealthFinding::ControlTokens);
        QTRY_COMPARE(workspace().tableModel().rowCount(), 1);
        QTRY_VERIFY(workspace().tableModel().cellsAt(0));
        QCOMPARE(workspace().tableModel().cellsAt(0)->sourceRow, 2);
        const RowId row = workspace().tableModel().idAt(0);
        press("Take them out");
        QTRY_COMPARE(workspace().tableModel().rowCount(), 3);
        QTRY_COMPARE(workspace().health()->quality.withControlTokens, 0);
        QCOMPARE(store().sample(row)->sample.messages[1].content, std::string("Answer 2"));
        undo();
        QTRY_COMPARE(store().sample(row)->sample.messages[1].content, std::string("Answer 2<|end|>"));
        QTRY_COMPARE(workspace().health()->quality.withControlTokens, 1);
    }

    void tenThousandRowsScrollWithoutHoldingTheWindow() {
        QByteArray rows;
        for (int i = 1; i <= 10'000; ++i)
            rows += chatRow(i);
        importFile(write("many.jsonl", rows));
        test::ThreadTime clock;
        double longest = 0;
        for (int i = 0; i < 40; ++i) {
            clock.restart();
            workspace().table().scrollTo(workspace().tableModel().index((i * 6'311) % 10'000, 0));
            workspace().table().viewport()->repaint();
            longest = std::max(longest, clock.restart());
            QTest::qWait(5);
        }
        QVERIFY2(longest < 200, qPrintable(QString::number(longest))); // reading a page here would show
        QTRY_VERIFY(workspace().tableModel().cellsAt((39 * 6'311) % 10'000));
        QCOMPARE(workspace().tableModel().cellsAt((39 * 6'311) % 10'000)->sourceRow, (39 * 6'311) % 10'000 + 1);
    }
};

ATTUNE_TEST(DataViewTest)
#include "tst_data_view.moc"
