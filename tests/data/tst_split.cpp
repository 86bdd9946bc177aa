// Splits, quality and export.
#include <fstream>
#include <map>
#include <set>

#include <QtTest>

#include "core/data/import_file.h"
#include "core/data/jsonl_export.h"
#include "core/data/quality.h"
#include "core/data/sample_text.h"
#include "core/data/split.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Sample chat(const std::string& prompt, const std::string& completion) {
    Sample sample;
    sample.messages = {{"user", prompt}, {"assistant", completion}};
    return sample;
}

std::vector<Sample> manyRows(int count) {
    std::vector<Sample> rows;
    for (int i = 0; i < count; ++i)
        rows.push_back(chat("question " + std::to_string(i), i % 10 == 0 ? "rare" : "common"));
    return rows;
}

SplitOptions shares(double validation, double test) {
    SplitOptions options;
    options.validation = validation;
    options.test = test;
    return options;
}

std::map<Split, int> counts(const std::vector<Sample>& rows) {
    std::map<Split, int> result;
    for (const Sample& row : rows)
        ++result[row.split];
    return result;
}

} // namespace

class SplitTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void sharesAreKeptAndTheSeedDecides();
    void countsAreKept();
    void equalRowsNeverSeparate();
    void samePromptGroupsToo();
    void strataGetTheSameShares();
    void impossibleWishesAreRefused();
    void banking77SplitsWithoutLeak();
    void qualityCountsWhatIsPlanted();
    void rowsThatSpellControlTokensAreListed();
    void controlTokensAreTakenOutOfTexts();
    void exportReadsBackEqual();
    void exportIsAllOrNothing();
};

void SplitTest::sharesAreKeptAndTheSeedDecides() {
    auto rows = manyRows(1000), again = rows, other = rows;
    SplitOptions options;
    QVERIFY(splitSamples(rows, options) && splitSamples(again, options));
    QCOMPARE(counts(rows), (std::map<Split, int>{{Split::Train, 800}, {Split::Validation, 100}, {Split::Test, 100}}));
    QVERIFY(rows == again);
    options.seed = 43;
    QVERIFY(splitSamples(other, options));
    QVERIFY(rows != other);
}

void SplitTest::countsAreKept() {
    auto rows = manyRows(500);
    SplitOptions options;
    options.validationRows = 37;
    options.testRows = 150;
    QVERIFY(splitSamples(rows, options));
    QCOMPARE(counts(rows), (std::map<Split, int>{{Split::Train, 313}, {Split::Validation, 37}, {Split::Test, 150}}));
}

void SplitTest::equalRowsNeverSeparate() {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        std::vector<Sample> rows;
        for (int i = 0; i < 40; ++i)
            for (int copy = 0; copy <= i % 5; ++copy) // copies differ in case and spaces only
                rows.push_back(
                    chat((copy % 2 ? "  ROW  " : "row ") + std::to_string(i), copy % 3 ? "Answer" : "answer"));
        SplitOptions options = shares(0.2, 0.2);
        options.seed = seed;
        QVERIFY(splitSamples(rows, options));
        std::map<std::string, std::set<Split>> places; // recomputed here, without the hashes of the code
        for (const Sample& row : rows) {
            const QString key = QString::fromStdString(promptText(row)).simplified().toLower();
            places[key.toStdString()].insert(row.split);
        }
        QCOMPARE(places.size(), std::size_t{40});
        for (const auto& [key, splits] : places)
            QCOMPARE(splits.size(), std::size_t{1});
    }
}

void SplitTest::samePromptGroupsToo() {
    std::vector<Sample> rows;
    for (int i = 0; i < 200; ++i)
        rows.push_back(chat("prompt " + std::to_string(i / 2), "answer " + std::to_string(i)));
    SplitOptions options;
    options.group = GroupRows::SamePrompt;
    QVERIFY(splitSamples(rows, options));
    for (std::size_t i = 0; i < rows.size(); i += 2)
        QCOMPARE(rows[i].split, rows[i + 1].split);
}

void SplitTest::strataGetTheSameShares() {
    auto rows = manyRows(1000);
    SplitOptions options;
    options.stratify = Stratify::Completion;
    QVERIFY(splitSamples(rows, options));
    int rareTest = 0, rareValidation = 0;
    for (const Sample& row : rows)
        if (completionText(row) == "rare")
            rareTest += row.split == Split::Test, rareValidation += row.split == Split::Validation;
    QCOMPARE(rareTest, 10);
    QCOMPARE(rareValidation, 10);
    QCOMPARE(counts(rows)[Split::Test], 100);
}

void SplitTest::impossibleWishesAreRefused() {
    auto rows = manyRows(10);
    const auto refused = [&](SplitOptions options, ErrorCode code) {
        auto copy = rows;
        const auto status = splitSamples(copy, options);
        return !status && status.error().code == code && !status.error().hint.empty();
    };
    QVERIFY(refused(shares(0.5, 0.5), ErrorCode::InvalidArgument));
    QVERIFY(refused(shares(-0.1, 0.5), ErrorCode::InvalidArgument));
    QVERIFY(refused({0, 0, 5, 5, 1, GroupRows::SameContent, Stratify::No}, ErrorCode::InvalidArgument));
    rows.assign(10, chat("same", "same"));
    QVERIFY(refused(shares(0.1, 0.1), ErrorCode::InvalidData));
    rows.clear();
    QVERIFY(refused({}, ErrorCode::InvalidData));
}

void SplitTest::banking77SplitsWithoutLeak() {
    ATTUNE_REQUIRE_TEST_DATA("finetune/banking77/train.csv");
    auto rows = loadSamples(dataPath);
    QVERIFY(rows);
    SplitOptions options;
    options.stratify = Stratify::Completion;
    QVERIFY(splitSamples(*rows, options));
    std::map<std::string, std::set<Split>> places;
    QualityCheck check;
    for (const Sample& row : *rows) {
        places[promptText(row) + '\0' + completionText(row)].insert(row.split);
        check.add(row);
    }
    for (const auto& [key, splits] : places)
        QCOMPARE(splits.size(), std::size_t{1});
    QCOMPARE(check.report().leaked, std::int64_t{0});
    QVERIFY(std::abs(counts(*rows)[Split::Test] - 1000) <= 2);
}

void SplitTest::qualityCountsWhatIsPlanted() {
    std::vector<Sample> rows{chat("a", "1"), chat("a", "1"), chat(" A ", "1"),
                             chat("a", "2"), chat("b", " "), chat("", "x")};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].sourceRow = static_cast<std::int64_t>(i + 1);
        rows[i].split = i == 0 || i == 4 || i == 5 ? Split::Train : Split::Test;
    }
    QualityCheck check([](const Sample& sample) { return textBytes(sample); }, 2);
    for (const Sample& row : rows)
        check.add(row);
    const QualityReport report = check.report();
    QCOMPARE(report.rows, std::int64_t{6});
    QCOMPARE(report.exactDuplicates, std::int64_t{1});
    QCOMPARE(report.nearDuplicates, std::int64_t{1});
    QCOMPARE(report.conflicting, std::int64_t{1});
    QCOMPARE(report.emptyCompletion, std::int64_t{1});
    QCOMPARE(report.emptyPrompt, std::int64_t{1});
    QCOMPARE(report.leaked, std::int64_t{2});
    QCOMPARE(report.leakedPrompts, std::int64_t{1});
    QCOMPARE(report.duplicateRows, std::vector<std::int64_t>{2});
    QCOMPARE(report.leakedRows, (std::vector<std::int64_t>{2, 3}));
    QCOMPARE(report.tokens->max, std::int64_t{4});
    QCOMPARE(report.tokens->longerThanLimit, std::int64_t{1});
}

void SplitTest::rowsThatSpellControlTokensAreListed() {
    std::vector<Sample> rows{chat("a < b", "1"), chat("a", "done<|im_end|>"), chat("<s>[INST]", "x"), chat("im_end", "<|im_"), chat("<|mine|>", "")};
    QualityCheck usual;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].sourceRow = static_cast<std::int64_t>(i + 1);
        usual.add(rows[i]);
    }
    QCOMPARE(usual.report().withControlTokens, std::int64_t{2});
    QCOMPARE(usual.report().controlTokenRows, (std::vector<std::int64_t>{2, 3}));
    QCOMPARE(usual.report().firstControlToken, std::string("<|im_end|>"));
    QTemporaryDir folder; // the tokens of a tokenizer, and only those
    const fs::path path = folder.path().toStdString();
    QVERIFY(writeFileAtomic(path / "tokenizer.json",
                            "{\"added_tokens\":[{\"id\":1,\"content\":\"<|mine|>\",\"special\":true},{\"id\":2,\"content\":\"done\"}],"
                            "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}"));
    const auto tokenizer = Tokenizer::load(path);
    QVERIFY(tokenizer);
    QualityCheck exact({}, 0, ControlTokens::of(**tokenizer));
    for (const Sample& row : rows)
        exact.add(row);
    QCOMPARE(exact.report().controlTokenRows, std::vector<std::int64_t>{5});
}

void SplitTest::controlTokensAreTakenOutOfTexts() {
    const ControlTokens tokens = ControlTokens::usual();
    QCOMPARE(tokens.without(" a < b </ s> "), std::string(" a < b </ s> ")); // nothing to take out: unchanged
    QCOMPARE(tokens.without("<s>[INST] Why? [/INST] So.</s>\n"), std::string("Why?  So."));
    QCOMPARE(tokens.without("<|im_<|im_end|>end|>x<</<s>SYS>>"), std::string("x")); // what a removal joins is a token as well
    QCOMPARE(tokens.without("<|im_end|>"), std::string());
    std::string nested; // 100,000 tokens inside one another: linear
    for (int i = 0; i < 100'000; ++i)
        nested += "<|im_";
    for (int i = 0; i < 100'000; ++i)
        nested += "end|>";
    QCOMPARE(tokens.without(nested + "!"), std::string("!"));
    Sample row = chat("q<|eot_id|>", "a");
    row.chosen = "good</s>", row.rejected = "<bos>bad", row.text = "[INST]";
    row = tokens.without(row);
    QCOMPARE(row.messages[0].content + "|" + row.messages[1].content, std::string("q|a"));
    QCOMPARE(row.chosen + "|" + row.rejected + "|" + row.text, std::string("good|bad|"));
    QVERIFY(tokens.firstIn(row).empty());
}

void SplitTest::exportReadsBackEqual() {
    QTemporaryDir folder;
    Sample chatRow = chat("ask \"quoted\"\nüñ 日本", "answer\t");
    chatRow.messages.insert(chatRow.messages.begin(), {"system", "be brief"});
    chatRow.tags = {"t1", "t2"};
    Sample text, preference, unpaired, prompt;
    text.kind = SampleKind::Text, text.text = "plain";
    preference.kind = SampleKind::Preference, preference.messages = {{"user", "q"}}, preference.chosen = "good";
    preference.rejected = "bad", preference.margin = 1.5;
    unpaired.kind = SampleKind::Unpaired, unpaired.messages = {{"user", "q"}}, unpaired.chosen = "c",
    unpaired.label = false;
    prompt.kind = SampleKind::PromptOnly, prompt.messages = {{"user", "q"}};
    for (const Sample& row : {chatRow, text, preference, unpaired, prompt}) {
        const fs::path file = fs::path(folder.path().toStdString()) / "out.jsonl";
        const auto written = writeJsonl(file, std::vector{row});
        QVERIFY(written);
        QCOMPARE(*written, std::int64_t{1});
        auto read = loadSamples(file);
        QVERIFY2(read, read ? "" : read.error().message.c_str());
        Sample expected = row;
        expected.id = read->at(0).id, expected.sourceRow = 1;
        QVERIFY(read->at(0) == expected);
    }
}

void SplitTest::exportIsAllOrNothing() {
    QTemporaryDir folder;
    const fs::path file = fs::path(folder.path().toStdString()) / "out.jsonl";
    std::ofstream(file) << "old";
    int given = 0;
    const auto failed = writeJsonl(file, [&]() -> Result<std::optional<Sample>> {
        if (++given == 3)
            return fail(ErrorCode::Io, "source gone", "retry");
        return chat("a", "b");
    });
    QVERIFY(!failed);
    std::ifstream kept(file);
    std::string content;
    kept >> content;
    QCOMPARE(content, std::string("old"));
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files).size(), 1);
}

ATTUNE_TEST(SplitTest)
#include "tst_split.moc"
