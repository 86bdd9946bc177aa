#include <QtTest>

#include "core/store/convert_dataset.h"
#include "core/store/dataset_appender.h"
#include "core/store/project.h"
#include "tests/support/test_main.h"

using namespace attune;

class ConvertDatasetTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    std::unique_ptr<Project> m_project;

    DatasetVersion frozenPairs(int rows) {
        auto appender = *m_project->datasets().beginImport("pairs", "pairs.jsonl", "{}");
        for (int i = 0; i < rows; ++i) {
            Sample sample;
            sample.kind = SampleKind::Preference;
            sample.messages = {{"user", "Question " + std::to_string(i)}};
            sample.chosen = "Good " + std::to_string(i), sample.rejected = "Bad " + std::to_string(i);
            sample.split = i % 4 == 0 ? Split::Validation : Split::Train;
            (void)appender->add(sample);
        }
        (void)appender->commit();
        return *m_project->datasets().freeze(appender->datasetId());
    }

private Q_SLOTS:
    void init() {
        static int number = 0;
        m_project = std::move(*Project::create(fs::path(m_folder.path().toStdString()) / ("p" + std::to_string(++number) + ".attune")));
    }
    void cleanup() { m_project.reset(); }

    void aVersionBecomesAnother() {
        const DatasetVersion pairs = frozenPairs(40);
        const auto made = convertDataset(m_project->datasets(), pairs.id, SampleKind::Unpaired, "thumbs");
        QVERIFY(made.has_value());
        QVERIFY(made->datasetId != pairs.datasetId);
        QCOMPARE(made->bySplit[std::size_t(Split::Train)], 60);
        QCOMPARE(made->bySplit[std::size_t(Split::Validation)], 20);
        const auto source = m_project->datasets().source(made->id, Split::Train);
        QVERIFY(source.has_value());
        const auto first = (*source)->at(0);
        QVERIFY(first.has_value());
        QCOMPARE(first->kind, SampleKind::Unpaired);
        QCOMPARE(m_project->datasets().version(pairs.id)->hash, pairs.hash); // untouched
    }
    void whatCannotBecomeTheKindLeavesNothing() {
        const DatasetVersion pairs = frozenPairs(8);
        const auto made = convertDataset(m_project->datasets(), pairs.id, SampleKind::Text, "texts");
        QVERIFY(!made);
        QCOMPARE(made.error().code, ErrorCode::InvalidArgument);
        QCOMPARE(m_project->datasets().list()->size(), std::size_t{1});
    }
    void aCancelledConversionLeavesNothing() {
        const DatasetVersion pairs = frozenPairs(8);
        std::stop_source stop;
        stop.request_stop();
        const auto made = convertDataset(m_project->datasets(), pairs.id, SampleKind::Chat, "chats", Progress{stop.get_token()});
        QVERIFY(!made);
        QCOMPARE(made.error().code, ErrorCode::Cancelled);
        QCOMPARE(m_project->datasets().list()->size(), std::size_t{1});
    }
};

ATTUNE_TEST(ConvertDatasetTest)
#include "tst_convert_dataset.moc"
