// The memory of earlier runs: every row of every run has the same chance to stay, files come back as they were, damage is named.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <map>

#include "core/data/replay_memory.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

VectorSampleSource texts(const std::string& prefix, int count) {
    std::vector<Sample> rows;
    for (int i = 0; i < count; ++i) {
        Sample sample;
        sample.kind = SampleKind::Text;
        sample.text = prefix + std::to_string(i);
        rows.push_back(sample);
    }
    return {std::move(rows), prefix};
}

} // namespace

class TestReplayMemory : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyRowOfEveryRunHasTheSameChance() {
        constexpr int kTrials = 3'000;
        constexpr std::size_t kCapacity = 10;
        std::map<std::string, int> kept;
        for (int trial = 0; trial < kTrials; ++trial) {
            ReplayMemory memory;
            const auto seed = static_cast<std::uint64_t>(trial);
            QVERIFY(memory.addRun(texts("a", 30), kCapacity, seed, "first").has_value());
            QVERIFY(memory.addRun(texts("b", 70), kCapacity, seed, "second").has_value());
            QCOMPARE(memory.rows.size(), kCapacity);
            QCOMPARE(memory.seen, 100);
            for (const Sample& row : memory.rows)
                ++kept[row.text];
        }
        QCOMPARE(kept.size(), std::size_t{100});
        double chi = 0; // 99 degrees of freedom: 160 is exceeded once in 10,000 times
        const double expected = kTrials * 0.1;
        for (const auto& [text, count] : kept)
            chi += (count - expected) * (count - expected) / (expected * 0.9);
        QVERIFY2(chi < 160, qPrintable(QString::number(chi)));
    }

    void aRunIsAddedOnce() {
        ReplayMemory memory;
        QVERIFY(memory.addRun(texts("a", 5), 3, 1, "run").has_value());
        const ReplayMemory before = memory;
        QVERIFY(memory.addRun(texts("a", 5), 3, 1, "run").has_value());
        QCOMPARE(memory, before);
        QVERIFY(memory.addRun(texts("b", 1), 2, 1, "other").has_value()); // a smaller memory than before
        QCOMPARE(memory.rows.size(), std::size_t{2});
    }

    void goodAnswersAreRemembered() {
        Sample pair, bad, chat;
        pair.kind = SampleKind::Preference, pair.messages = {{"user", "q"}}, pair.chosen = "good", pair.rejected = "worse";
        bad.kind = SampleKind::Unpaired, bad.messages = {{"user", "q"}}, bad.chosen = "bad", bad.label = false;
        chat.messages = {{"user", "x"}, {"assistant", "y"}}, chat.tags = {"tag"};
        ReplayMemory memory;
        QVERIFY(memory.addRun(VectorSampleSource({pair, bad, chat}, "h"), 10, 1, "run").has_value());
        QCOMPARE(memory.rows.size(), std::size_t{2});
        QCOMPARE(memory.rows[0].messages, (std::vector<Message>{{"user", "q"}, {"assistant", "good"}}));
        QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "memory.jsonl";
        QVERIFY(writeReplayMemory(file, memory).has_value());
        QCOMPARE(readReplayMemory(file).value(), memory);
        QVERIFY(readReplayMemory(file.parent_path() / "absent.jsonl").value().rows.empty());
    }

    void damageIsNamed() {
        QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "memory.jsonl";
        for (const char* text : {"{\"text\": \"no head\"}\n", "{\"seen\": 1, \"runs\": []}\n{\"prompt\": \"p\"}\n",
                                 "{\"seen\": 1, \"runs\": []}\n{\"text\":", "[]\n", "{\"seen\": -1, \"runs\": []}\n"}) {
            QVERIFY(writeFileAtomic(file, text).has_value());
            const auto read = readReplayMemory(file);
            QVERIFY2(!read && read.error().message.find("line ") != std::string::npos, text);
        }
    }
};

ATTUNE_TEST(TestReplayMemory)
#include "tst_replay_memory.moc"
