// Runs and reviews in a project.
#include <cmath>
#include <csignal>
#include <limits>
#include <sys/wait.h>
#include <unistd.h>

#include <QtTest>

#include "core/store/project.h"
#include "tests/support/test_main.h"

using namespace attune;

class RunReviewStoreTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_temporary;
    int m_number = 0;
    std::unique_ptr<Project> m_project;
    fs::path folder() const {
        return fs::path(m_temporary.path().toStdString()) / ("p" + std::to_string(m_number) + ".attune");
    }
    std::int64_t addRun(const std::string& state = "running") {
        RunRecord run;
        run.name = "first";
        run.recipe = "method: {id: lora}\n";
        run.state = state;
        run.model = "models/x";
        run.numbers = {{"validation_loss", 1.5}};
        return m_project->runs().add(run).value_or(0);
    }

private Q_SLOTS:
    void init() {
        ++m_number;
        auto project = Project::create(folder());
        QVERIFY(project);
        m_project = std::move(*project);
    }
    void cleanup() { m_project.reset(); }
    void runsKeepTheirRecord();
    void curvesKeepEveryPointAndReplaceOnResume();
    void logCheckpointsAndSamplesComeBack();
    void unknownRunsAreErrors();
    void runsOfADeadProcessAreInterrupted();
    void votesUndoAndResume();
    void exportNamesWinnersWhateverTheSide();
};

void RunReviewStoreTest::runsKeepTheirRecord() {
    RunStore& runs = m_project->runs();
    const std::int64_t id = addRun();
    QVERIFY(runs.setNumbers(id, {{"best_step", 40}, {"validation_loss", 1.25}}));
    QCOMPARE(runs.setNotes(id, "looks good").value(), std::string());
    QCOMPARE(runs.setNotes(id, "better").value(), std::string("looks good"));
    QCOMPARE(runs.rename(id, "renamed").value(), std::string("first"));
    QVERIFY(runs.setFolder(id, "runs/1"));
    QVERIFY(runs.setState(id, "failed", "the reason"));
    const auto run = runs.get(id);
    QVERIFY(run);
    QCOMPARE(run->numbers, (std::map<std::string, double>{{"best_step", 40}, {"validation_loss", 1.25}}));
    QCOMPARE(run->notes, std::string("better"));
    QCOMPARE(run->error, std::string("the reason"));
    QCOMPARE(run->recipe, std::string("method: {id: lora}\n"));
    QVERIFY(run->finished >= run->created && run->created > 0);
    const std::int64_t second = addRun("queued");
    QCOMPARE(runs.list()->at(0).id, second);
    QVERIFY(runs.setRemoved(second, true));
    QCOMPARE(runs.list()->size(), std::size_t{1});
    QCOMPARE(runs.list(true)->size(), std::size_t{2});
}

void RunReviewStoreTest::curvesKeepEveryPointAndReplaceOnResume() {
    RunStore& runs = m_project->runs();
    const std::int64_t id = addRun();
    std::vector<std::future<Status>> waiting;
    for (int batch = 0; batch < 100; ++batch) {
        std::vector<MetricPoint> points;
        for (int i = 0; i < 100; ++i)
            points.push_back({"loss", batch * 100 + i, std::sin(batch * 100 + i)});
        waiting.push_back(runs.appendMetrics(id, std::move(points)));
    }
    for (auto& future : waiting)
        QVERIFY(future.get());
    const auto curve = runs.curve(id, "loss");
    QCOMPARE(curve->size(), std::size_t{10'000});
    for (std::int64_t step = 0; step < 10'000; ++step)
        QVERIFY((*curve)[static_cast<std::size_t>(step)].step == step &&
                (*curve)[static_cast<std::size_t>(step)].value == std::sin(static_cast<double>(step)));
    constexpr double infinity = std::numeric_limits<double>::infinity();
    QVERIFY(runs.appendMetrics(id, {{"loss", 9'999, 7}, {"loss", 10'000, std::nan("")}, {"gradient_norm", 1, infinity}})
                .get());
    const auto tail = runs.curve(id, "loss", 9'998);
    QCOMPARE(tail->size(), std::size_t{2});
    QCOMPARE(tail->at(0).value, 7.0);
    QVERIFY(std::isnan(tail->at(1).value));
    QCOMPARE(runs.curve(id, "gradient_norm")->at(0).value, infinity);
    QCOMPARE(*runs.metricNames(id), (std::vector<std::string>{"gradient_norm", "loss"}));
}

void RunReviewStoreTest::logCheckpointsAndSamplesComeBack() {
    RunStore& runs = m_project->runs();
    const std::int64_t id = addRun();
    QVERIFY(runs.appendLog(id, {{0, 3, "warning", "numerical.skipped", "m", "h"}, {5, 4, "info", "", "n", ""}}).get());
    const auto log = runs.log(id);
    QCOMPARE(log->size(), std::size_t{2});
    QVERIFY(log->at(0).time > 0);
    QCOMPARE(log->at(1).time, std::int64_t{5});
    QCOMPARE(log->at(0).id, std::string("numerical.skipped"));
    QVERIFY(runs.addCheckpoint(id, {20, "step-20", true}).get());
    QVERIFY(runs.addCheckpoint(id, {40, "step-40", true}).get());
    QVERIFY(runs.addCheckpoint(id, {10, "step-10", false}).get());
    const auto checkpoints = runs.checkpoints(id);
    QCOMPARE(checkpoints->size(), std::size_t{3});
    QCOMPARE(checkpoints->at(0).step, std::int64_t{10});
    QVERIFY(!checkpoints->at(1).best && checkpoints->at(2).best);
    QVERIFY(runs.addSample(id, {20, 1, "p", "e", "later"}).get());
    QVERIFY(runs.addSample(id, {20, 0, "p", "e", "ümlaut"}).get());
    QCOMPARE(runs.samples(id)->at(0).completion, std::string("ümlaut"));
}

void RunReviewStoreTest::unknownRunsAreErrors() {
    RunStore& runs = m_project->runs();
    QCOMPARE(runs.get(77).error().code, ErrorCode::NotFound);
    QCOMPARE(runs.setState(77, "finished").error().code, ErrorCode::NotFound);
    QVERIFY(!runs.appendMetrics(77, {{"loss", 1, 1}}).get());
    RunRecord run;
    run.datasetVersion = 55;
    QVERIFY(!runs.add(run));
}

void RunReviewStoreTest::runsOfADeadProcessAreInterrupted() {
    m_project.reset();
    const pid_t child = ::fork();
    if (child == 0) {
        m_project = std::move(*Project::open(folder()));
        addRun("running"), addRun("finished"), addRun("paused"), addRun("queued");
        ::kill(::getpid(), SIGKILL);
    }
    ::waitpid(child, nullptr, 0);
    auto project = Project::open(folder());
    QVERIFY(project);
    std::vector<std::string> states;
    const auto runs = (*project)->runs().list();
    for (const RunRecord& run : *runs)
        states.push_back(run.state);
    QCOMPARE(states, (std::vector<std::string>{"queued", "interrupted", "finished", "interrupted"}));
}

void RunReviewStoreTest::votesUndoAndResume() {
    ReviewStore& reviews = m_project->reviews();
    constexpr std::uint64_t seed = 0xFFFF'FFFF'FFFF'FFF0;
    const std::int64_t id = reviews.create(addRun(), "blind", seed, std::vector<ReviewItem>(3)).value_or(0);
    const auto items = *reviews.items(id);
    QCOMPARE(reviews.get(id)->seed, seed);
    QCOMPARE(**reviews.nextPosition(id), 0);
    QVERIFY(reviews.vote({items[0].id, Verdict::Left, "note", {"tone"}, 0, 2.5}));
    QVERIFY(reviews.vote({items[2].id, Verdict::Tie, "", {}, 0, 0}));
    QCOMPARE(**reviews.nextPosition(id), 1);
    QVERIFY(reviews.vote({items[0].id, Verdict::Right, "", {}, 0, 0})); // a change of mind
    QCOMPARE(reviews.get(id)->votes, 2);
    QCOMPARE(reviews.votes(id)->at(0).verdict, Verdict::Right);
    QCOMPARE((*reviews.undo(id))->verdict, Verdict::Right);
    QCOMPARE(reviews.votes(id)->at(0).verdict, Verdict::Left);
    QCOMPARE(reviews.votes(id)->at(0).tags, std::vector<std::string>{"tone"});

    m_project.reset(); // resumed in another session
    m_project = std::move(*Project::open(folder()));
    ReviewStore& again = m_project->reviews();
    QCOMPARE(**again.nextPosition(id), 1);
    QCOMPARE((*again.undo(id))->itemId, items[2].id);
    QCOMPARE((*again.undo(id))->note, std::string("note"));
    QVERIFY(!again.undo(id)->has_value());
    QCOMPARE(**again.nextPosition(id), 0);
    QVERIFY(!again.vote({12345, Verdict::Left, "", {}, 0, 0}));
    for (const ReviewItem& item : items)
        QVERIFY(again.vote({item.id, Verdict::BothBad, "", {}, 0, 0}));
    QVERIFY(!again.nextPosition(id)->has_value());
}

void RunReviewStoreTest::exportNamesWinnersWhateverTheSide() {
    ReviewStore& reviews = m_project->reviews();
    std::vector<ReviewItem> items(3);
    for (std::size_t i = 0; i < items.size(); ++i)
        items[i].sampleId = "s" + std::to_string(i), items[i].baseAnswer = "base", items[i].tunedAnswer = "tuned";
    items[1].swapped = true;
    const std::int64_t id = *reviews.create(0, "r", 1, items);
    const auto stored = *reviews.items(id);
    QVERIFY(reviews.vote({stored[0].id, Verdict::Left, "a, \"b\"", {"x", "y"}, 1'700'000'000'000, 1.25}));
    QVERIFY(reviews.vote({stored[1].id, Verdict::Left, "", {}, 0, 0}));
    const auto rows = *reviews.exportRows(id);
    QCOMPARE(rows.size(), std::size_t{4});
    for (const auto& row : rows)
        QCOMPARE(row.size(), rows[0].size());
    const auto cell = [&](std::size_t row, const std::string& column) {
        const auto at = std::find(rows[0].begin(), rows[0].end(), column) - rows[0].begin();
        return rows[row].at(static_cast<std::size_t>(at));
    };
    QCOMPARE(cell(1, "left"), std::string("base"));
    QCOMPARE(cell(1, "winner"), std::string("base"));
    QCOMPARE(cell(1, "tags"), std::string("x; y"));
    QCOMPARE(cell(1, "time"), std::string("2023-11-14T22:13:20Z"));
    QCOMPARE(cell(2, "left"), std::string("tuned"));
    QCOMPARE(cell(2, "winner"), std::string("tuned"));
    QCOMPARE(cell(3, "verdict"), std::string());
}

ATTUNE_TEST(RunReviewStoreTest)
#include "tst_run_review_store.moc"
