// Datasets: import, queries, edits with undo, versions.
#include <fstream>

#include <QtTest>

#include "core/data/sample_text.h"
#include "core/store/dataset_appender.h"
#include "core/store/import_dataset.h"
#include "core/store/project.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Sample chat(const std::string& prompt, const std::string& completion) {
    Sample sample;
    sample.messages = {{"user", prompt}, {"assistant", completion}};
    return sample;
}

} // namespace

class DatasetStoreTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_temporary;
    std::unique_ptr<Project> m_project;
    DatasetStore* m_store = nullptr;
    std::int64_t m_dataset = 0;
    std::vector<RowId> m_ids;

    std::int64_t import(const std::string& name, const std::vector<Sample>& samples) {
        const auto appender = m_store->beginImport(name, name + ".jsonl", "{}");
        for (const Sample& sample : samples)
            if (!(*appender)->add(sample))
                return 0;
        return (*appender)->commit() ? (*appender)->datasetId() : 0;
    }
    std::vector<RowId> found(SampleQuery query) {
        query.datasetId = m_dataset;
        auto result = m_store->ids(query);
        return result ? *result : std::vector<RowId>{-1};
    }
    fs::path folder() const { return m_temporary.path().toStdString(); }

private Q_SLOTS:
    void init();
    void cleanup();
    void samplesComeBackAsGiven();
    void queriesFilterAndSort();
    void textSearchSeesTextsNotTheirJson();
    void editsReturnWhatUndoesThem();
    void splitsTagsAndDeletionUndo();
    void invalidTextIsRefused();
    void statisticsCountWhatIsThere();
    void tokenCountsBelongToOneTokenizer();
    void versionsStayAsFrozen();
    void versionHashIsStableAcrossProjects();
    void cancelledImportLeavesNothing();
    void problemsAreKept();
    void banking77IntoAProject();
    void pagingAHugeTableIsFast();
};

void DatasetStoreTest::init() {
    static int number = 0;
    auto project = Project::create(folder() / ("p" + std::to_string(number++)));
    QVERIFY2(project, project ? "" : project.error().message.c_str());
    m_project = std::move(*project);
    m_store = &m_project->datasets();
    std::vector<Sample> rows{chat("Where is my card?", "card"), chat("ÄRGER mit \"Konto\"\nzwei", "account"),
                             chat("short", "x")};
    rows[0].tags = {"art", "two words"};
    rows[1].tags = {"part"};
    rows[1].split = Split::Test;
    for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i].sourceRow = static_cast<std::int64_t>(10 - i), rows[i].id = "id" + std::to_string(i);
    m_dataset = import("first", rows);
    QVERIFY(m_dataset > 0);
    m_ids = found({});
    QCOMPARE(m_ids.size(), std::size_t{3});
}

void DatasetStoreTest::cleanup() {
    m_project.reset();
}

void DatasetStoreTest::samplesComeBackAsGiven() {
    Sample preference;
    preference.id = "p", preference.kind = SampleKind::Preference,
    preference.messages = {{"system", "s\t\x01"}, {"assistant", "{\"name\":\"f\"}", 1, false}, {"user", "q\\"}};
    preference.chosen = "好", preference.rejected = "\"", preference.margin = 0.25, preference.tags = {"a\"b"};
    preference.chosenCalls = 1, preference.rejectedCalls = 2;
    preference.sourceRow = 7;
    Sample text;
    text.id = "t", text.kind = SampleKind::Text, text.text = "only text", text.label = false;
    const std::int64_t id = import("kinds", {preference, text});
    QVERIFY(id > 0);
    SampleQuery query;
    query.datasetId = id;
    const auto rows = m_store->samples(*m_store->ids(query));
    QVERIFY(rows);
    QVERIFY(rows->at(0).sample == preference);
    QVERIFY(rows->at(1).sample == text);
    QCOMPARE(m_store->get(id)->rows, std::int64_t{2});
    QCOMPARE(m_store->list()->at(0).name, std::string("kinds"));
    QVERIFY(m_store->setRemoved(id, true));
    QCOMPARE(m_store->list()->size(), std::size_t{1});
    QVERIFY(!m_store->sample(999'999));
}

void DatasetStoreTest::queriesFilterAndSort() {
    using Ids = std::vector<RowId>;
    const auto query = [](auto&& change) {
        SampleQuery q;
        change(q);
        return q;
    };
    QCOMPARE(found(query([](auto& q) { q.tag = "art"; })), Ids{m_ids[0]});
    QCOMPARE(found(query([](auto& q) { q.split = Split::Test; })), Ids{m_ids[1]});
    QCOMPARE(found(query([](auto& q) { q.kind = SampleKind::Text; })), Ids{});
    QCOMPARE(found(query([](auto& q) { q.order = SampleOrder::SourceRow; })), (Ids{m_ids[2], m_ids[1], m_ids[0]}));
    QCOMPARE(found(query([](auto& q) { q.order = SampleOrder::Length, q.descending = true; })),
             (Ids{m_ids[1], m_ids[0], m_ids[2]}));
    QCOMPARE(found(query([](auto& q) { q.order = SampleOrder::Split, q.descending = true; })).front(), m_ids[1]);
    SampleQuery all;
    all.datasetId = m_dataset;
    QCOMPARE(m_store->count(all).value(), std::int64_t{3});
}

void DatasetStoreTest::textSearchSeesTextsNotTheirJson() {
    using Ids = std::vector<RowId>;
    const auto search = [&](const std::string& text) {
        SampleQuery query;
        query.text = text;
        return found(query);
    };
    QCOMPARE(search("MY CARD"), Ids{m_ids[0]});
    QCOMPARE(search("ärger"), Ids{m_ids[1]});
    QCOMPARE(search("\"konto\"\nZwei"), Ids{m_ids[1]});
    QCOMPARE(search("role"), Ids{});
    QCOMPARE(search("assistant"), Ids{});
    QCOMPARE(search("%"), Ids{});
    QCOMPARE(search("x"), Ids{m_ids[2]});
}

void DatasetStoreTest::editsReturnWhatUndoesThem() {
    const StoredSample original = *m_store->sample(m_ids[0]);
    QVERIFY(!original.edited);
    Sample changed = original.sample;
    changed.messages[1].content = "changed";
    const auto before = m_store->update(m_ids[0], changed);
    QVERIFY(before && before->sample == original.sample);
    QVERIFY(m_store->sample(m_ids[0])->sample == changed);
    QVERIFY(m_store->sample(m_ids[0])->edited);
    const auto after = m_store->update(m_ids[0], before->sample);
    QVERIFY(after->sample == changed);
    QVERIFY(m_store->sample(m_ids[0])->sample == original.sample);
    QVERIFY(!m_store->sample(m_ids[0])->edited);
    const auto missing = m_store->update(999'999, changed);
    QVERIFY(!missing && missing.error().code == ErrorCode::NotFound);
}

void DatasetStoreTest::splitsTagsAndDeletionUndo() {
    const std::vector<SplitAssignment> wish{
        {m_ids[0], Split::Train}, {m_ids[1], Split::Train}, {m_ids[0], Split::Validation}};
    const auto undo = m_store->assignSplits(wish);
    QVERIFY(undo);
    QCOMPARE(m_store->sample(m_ids[0])->sample.split, Split::Validation);
    QVERIFY(m_store->assignSplits(*undo));
    QCOMPARE(m_store->sample(m_ids[0])->sample.split, Split::None);
    QCOMPARE(m_store->sample(m_ids[1])->sample.split, Split::Test);
    // One row that does not exist: none is changed.
    QVERIFY(!m_store->assignSplits(std::vector<SplitAssignment>{{m_ids[2], Split::Train}, {999'999, Split::Train}}));
    QCOMPARE(m_store->sample(m_ids[2])->sample.split, Split::None);

    const auto tags = m_store->setTags(std::vector<TagAssignment>{{m_ids[0], {"new"}}});
    QCOMPARE(m_store->sample(m_ids[0])->sample.tags, std::vector<std::string>{"new"});
    QVERIFY(m_store->setTags(*tags));
    QCOMPARE(m_store->sample(m_ids[0])->sample.tags, (std::vector<std::string>{"art", "two words"}));

    const auto deleted = m_store->setDeleted(m_ids, true);
    QCOMPARE(deleted->size(), std::size_t{3});
    QVERIFY(found({}).empty());
    SampleQuery trash;
    trash.deleted = true;
    QCOMPARE(found(trash), m_ids);
    QVERIFY(m_store->setDeleted(*deleted, false));
    QCOMPARE(found({}), m_ids);
}

void DatasetStoreTest::invalidTextIsRefused() {
    QVERIFY(!m_store->update(m_ids[0], chat("a\xFF", "b")));
    QVERIFY(!m_store->update(m_ids[0], chat(std::string("a\0b", 3), "b")));
    const auto id = m_store->add(m_dataset, chat("new", "row"));
    QVERIFY(id);
    QCOMPARE(promptText(m_store->sample(*id)->sample), std::string("new"));
    QVERIFY(!m_store->add(999, chat("new", "row")));
}

void DatasetStoreTest::statisticsCountWhatIsThere() {
    QVERIFY(m_store->add(m_dataset, chat("short", "x")));
    QVERIFY(m_store->setDeleted(std::vector<RowId>{m_ids[0]}, true));
    const std::vector<TokenCount> counts{{m_ids[1], 100}, {m_ids[2], 7}};
    QVERIFY(m_store->setTokenCounts(m_dataset, "tok", counts));
    const auto statistics = m_store->statistics(m_dataset);
    QVERIFY(statistics);
    QCOMPARE(statistics->rows, std::int64_t{3});
    QCOMPARE(statistics->deleted, std::int64_t{1});
    QCOMPARE(statistics->duplicates, std::int64_t{1});
    QCOMPARE(statistics->bySplit[static_cast<int>(Split::Test)], std::int64_t{1});
    QCOMPARE(statistics->byKind[static_cast<int>(SampleKind::Chat)], std::int64_t{3});
    QCOMPARE(statistics->counted, std::int64_t{2});
    QCOMPARE(statistics->tokens, std::int64_t{107});
    QCOMPARE(statistics->binWidth, std::int64_t{2});
    QCOMPARE(statistics->tokenHistogram.size(), std::size_t{51});
    QCOMPARE(statistics->tokenHistogram[3], std::int64_t{1});
    QCOMPARE(statistics->tokenHistogram[50], std::int64_t{1});
}

void DatasetStoreTest::tokenCountsBelongToOneTokenizer() {
    QVERIFY(m_store->setTokenCounts(m_dataset, "one", std::vector<TokenCount>{{m_ids[0], 5}, {m_ids[1], 6}}));
    SampleQuery longer;
    longer.minTokens = 6;
    QCOMPARE(found(longer), std::vector<RowId>{m_ids[1]});
    QVERIFY(m_store->setTokenCounts(m_dataset, "two", std::vector<TokenCount>{{m_ids[0], 9}}));
    QCOMPARE(m_store->sample(m_ids[0])->tokenCount.value_or(0), std::int64_t{9});
    QVERIFY(!m_store->sample(m_ids[1])->tokenCount);
    Sample changed = m_store->sample(m_ids[0])->sample;
    changed.messages[0].content += "!";
    QVERIFY(m_store->update(m_ids[0], changed));
    QVERIFY(!m_store->sample(m_ids[0])->tokenCount);
}

void DatasetStoreTest::versionsStayAsFrozen() {
    QVERIFY(m_store->assignSplits(std::vector<SplitAssignment>{{m_ids[0], Split::Train}, {m_ids[2], Split::Train}}));
    const Sample original = m_store->sample(m_ids[0])->sample;
    const auto version = m_store->freeze(m_dataset, "first");
    QVERIFY(version);
    QCOMPARE(version->number, 1);
    QCOMPARE(m_store->freeze(m_dataset)->id, version->id); // nothing changed
    Sample changed = original;
    changed.messages[1].content = "changed later";
    QVERIFY(m_store->update(m_ids[0], changed));
    QVERIFY(m_store->setDeleted(std::vector<RowId>{m_ids[2]}, true));
    QVERIFY(m_store->assignSplits(std::vector<SplitAssignment>{{m_ids[0], Split::Test}}));
    const auto second = m_store->freeze(m_dataset);
    QCOMPARE(second->number, 2);
    QVERIFY(second->hash != version->hash);

    const auto source = m_store->source(version->id, Split::Train);
    QVERIFY(source);
    QCOMPARE((*source)->size(), std::size_t{2});
    QVERIFY(*(*source)->at(0) == original);
    QCOMPARE(promptText(*(*source)->at(1)), std::string("short"));
    QVERIFY(!(*source)->at(2));
    const auto later = m_store->source(second->id, Split::Test);
    QCOMPARE((*later)->size(), std::size_t{2});
    QCOMPARE(completionText(*(*later)->at(0)), std::string("changed later"));
    QVERIFY((*later)->hash() != (*source)->hash());
    QVERIFY(!m_store->source(second->id, Split::Train));
    QCOMPARE(m_store->versions(m_dataset)->size(), std::size_t{2});
}

void DatasetStoreTest::versionHashIsStableAcrossProjects() {
    const std::string here = m_store->freeze(m_dataset)->hash;
    QCOMPARE(here.size(), std::size_t{32});
    std::vector<Sample> rows;
    for (const RowId id : m_ids)
        rows.push_back(m_store->sample(id)->sample);
    init(); // another project
    QVERIFY(import("shifts the ids", {chat("a", "b")}));
    for (Sample& row : rows)
        row.tags.clear(); // not part of the content
    m_dataset = import("again", rows);
    QCOMPARE(m_store->freeze(m_dataset)->hash, here);
    std::swap(rows[0], rows[1]);
    QVERIFY(m_store->freeze(import("other order", rows))->hash != here);
}

void DatasetStoreTest::cancelledImportLeavesNothing() {
    const fs::path file = folder() / "cancel.jsonl";
    {
        std::ofstream out(file);
        for (int i = 0; i < 50'000; ++i)
            out << "{\"text\":\"row " << i << "\"}\n";
    }
    std::stop_source stop;
    Progress progress{stop.get_token()};
    progress.report = [&](double fraction, const std::string&) {
        if (fraction > 0.4)
            stop.request_stop();
    };
    const auto result = importDataset(*m_store, file, "cancelled", {}, progress);
    QVERIFY(!result && result.error().code == ErrorCode::Cancelled);
    QCOMPARE(m_store->list()->size(), std::size_t{1});
    const auto before = m_store->statistics(m_dataset)->rows;
    QCOMPARE(before, std::int64_t{3});
}

void DatasetStoreTest::problemsAreKept() {
    const fs::path file = folder() / "bad.jsonl";
    std::ofstream(file) << "{\"text\":\"a\"}\nnonsense\n{\"text\":\"\"}\n";
    const auto result = importDataset(*m_store, file, "", {});
    QVERIFY(result);
    const auto info = m_store->get(result->datasetId);
    QCOMPARE(info->name, std::string("bad"));
    QCOMPARE(info->problems, std::int64_t{2});
    const auto problems = m_store->problems(result->datasetId);
    QCOMPARE(problems->at(0).row, std::int64_t{2});
    QCOMPARE(problems->at(1).reason, std::string("empty"));
    const auto mapping = mappingFromJson(Json::parse(info->mapping));
    QVERIFY(mapping && mapping->format == "text");
}

void DatasetStoreTest::banking77IntoAProject() {
    ATTUNE_REQUIRE_TEST_DATA("finetune/banking77/train.csv");
    const auto result = importDataset(*m_store, dataPath, "banking77", {});
    QVERIFY(result);
    QCOMPARE(m_store->get(result->datasetId)->rows, std::int64_t{10'003});
    QCOMPARE(m_store->statistics(result->datasetId)->duplicates, std::int64_t{0});
}

void DatasetStoreTest::pagingAHugeTableIsFast() {
    constexpr int rows = 200'000;
    const auto appender = m_store->beginImport("huge", "", "{}");
    for (int i = 0; i < rows; ++i)
        QVERIFY((*appender)->add(
            chat("question number " + std::to_string(i) + std::string(200, 'q'), std::to_string(i % 77))));
    QVERIFY((*appender)->commit());
    SampleQuery query;
    query.datasetId = (*appender)->datasetId();
    QElapsedTimer timer;
    timer.start();
    const auto ids = m_store->ids(query);
    const auto listed = timer.restart();
    QCOMPARE(ids->size(), std::size_t{rows});
    for (int page = 0; page < 100; ++page) {
        const auto begin = static_cast<std::size_t>(page) * 1999;
        const auto samples = m_store->samples(std::span(*ids).subspan(begin, 50));
        QVERIFY(promptText(samples->at(3).sample).starts_with("question number " + std::to_string(begin + 3)));
    }
    const auto paged = timer.restart();
    query.text = "number 123456";
    QCOMPARE(m_store->ids(query)->size(), std::size_t{1});
    const auto searched = timer.restart();
    query.text.clear();
    query.order = SampleOrder::Length;
    QCOMPARE(m_store->ids(query)->size(), std::size_t{rows});
    const auto sorted = timer.elapsed();
    qInfo("200,000 rows: list %lld ms, 100 pages of 50 rows %lld ms, search %lld ms, sort by length %lld ms", listed,
          paged, searched, sorted);
    QVERIFY2(paged < 2000, "a page of 50 rows must take less than 20 ms");
    QVERIFY(listed < 2000 && searched < 5000 && sorted < 3000);
}

ATTUNE_TEST(DatasetStoreTest)
#include "tst_dataset_store.moc"
