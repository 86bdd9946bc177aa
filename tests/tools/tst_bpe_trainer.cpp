#include <QTemporaryDir>
#include <QtTest>

#include <set>

#include "core/base/json.h"
#include "core/text/tokenizer.h"
#include "tests/support/test_main.h"
#include "tools/starter/bpe_trainer.h"
#include "tools/starter/corpus.h"
#include "tools/starter/model_files.h"

using namespace attune;
using namespace attune::starter;

class TestBpeTrainer : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_folder;
    BpeModel m_model;
    fs::path folder() const { return m_folder.path().toStdString(); }

private Q_SLOTS:
    void initTestCase();
    void textSplitsAsGpt2DoesWithSingleDigits();
    void mergesFollowCountsWorkedOutByHand();
    void vocabularyIsCompleteAndIdsAreDense();
    void textSurvivesEncodingAndDecoding();
    void programReadsTheTokenizerAsTrained();
    void foreignCharactersAreRefusedWithTheirRow();
};

void TestBpeTrainer::initTestCase() {
    QVERIFY(writeCorpus(folder(), {1, 300'000}).has_value());
    auto model = trainOnCorpus(folder() / "train", 1500);
    QVERIFY(model.has_value());
    m_model = std::move(*model);
    QVERIFY(writeModelFiles(folder(), m_model).has_value());
}

void TestBpeTrainer::textSplitsAsGpt2DoesWithSingleDigits() {
    const std::vector<std::string_view> words = splitIntoWords("I'm  12, \"it's\"\n\n x_y 7up");
    QCOMPARE(words, (std::vector<std::string_view>{"I", "'m", "  ", "1", "2", ",", " \"", "it", "'s", "\"", "\n\n",
                                                   " x", "_", "y", " ", "7", "up"}));
}

void TestBpeTrainer::mergesFollowCountsWorkedOutByHand() {
    // aab x3, ab x2: "ab" 5, "aa" 3 (once per word) -> ab; then a+ab 3 -> aab.
    const BpeModel model = trainBpe({{"aab", 3}, {"ab", 2}}, 1000);
    const std::size_t first = kSpecialTokens.size() + 256;
    QCOMPARE(model.tokens.size(), first + 2);
    QCOMPARE(model.tokens[first], std::string("ab"));
    QCOMPARE(model.tokens[first + 1], std::string("aab"));
}

void TestBpeTrainer::vocabularyIsCompleteAndIdsAreDense() {
    const Json file = readJsonFile(folder() / "tokenizer.json").value();
    const Json& vocabulary = file["model"]["vocab"];
    QCOMPARE(vocabulary.size(), std::size_t{1500});
    std::set<int> ids;
    for (const auto& [token, id] : vocabulary.items())
        ids.insert(id.get<int>());
    QCOMPARE(ids.size(), std::size_t{1500});
    QCOMPARE(*ids.rbegin(), 1499);
    QCOMPARE(vocabulary["<|begin|>"].get<int>(), 0);
    QCOMPARE(vocabulary["<|end|>"].get<int>(), 1);
    QVERIFY(vocabulary.contains("\xC4\xA0the")); // " the"
    QCOMPARE(readJsonFile(folder() / "config.json").value()["vocab_size"].get<int>(), 1500);
}

void TestBpeTrainer::textSurvivesEncodingAndDecoding() {
    BpeEncoder encoder(m_model);
    for (std::uint64_t i = 0; i < 300; ++i) {
        const Document document = corpusDocument(77, i); // a seed that the tokenizer has not seen
        std::string decoded;
        for (const std::int32_t id : encoder.encode(document.text))
            decoded += m_model.tokens[static_cast<std::size_t>(id)];
        QCOMPARE(decoded, document.text);
    }
}

void TestBpeTrainer::programReadsTheTokenizerAsTrained() {
    const auto tokenizer = Tokenizer::load(folder());
    QVERIFY2(tokenizer.has_value(), tokenizer ? "" : tokenizer.error().message.c_str());
    QVERIFY((*tokenizer)->addsBos());
    QCOMPARE((*tokenizer)->bosId().value(), 0);
    QCOMPARE((*tokenizer)->eosId().value(), 1);
    QCOMPARE((*tokenizer)->padId().value(), 5);
    BpeEncoder encoder(m_model);
    for (std::uint64_t i = 0; i < 300; ++i) {
        const std::string text = toJsonLine(corpusDocument(78, i)); // with braces, quotes and backslashes
        const Encoding encoding = (*tokenizer)->encode(text).value();
        QCOMPARE(encoding.ids, encoder.encode(text));
        QCOMPARE((*tokenizer)->decode(encoding.ids), text);
    }
    const Encoding chat = (*tokenizer)->encode("<|user|>\nHi<|end|>").value();
    QCOMPARE(chat.ids.front(), 3);
    QCOMPARE(chat.ids.back(), 1);
}

void TestBpeTrainer::foreignCharactersAreRefusedWithTheirRow() {
    QVERIFY(
        writeFileAtomic(folder() / "foreign.jsonl", "{\"text\": \"fine\"}\n{\"text\": \"caf\xC3\xA9\"}\n").has_value());
    const auto model = trainOnCorpus(folder() / "foreign.jsonl", 300);
    QVERIFY(!model.has_value());
    QVERIFY(model.error().message.find("row 2") != std::string::npos);
}

ATTUNE_TEST(TestBpeTrainer)
#include "tst_bpe_trainer.moc"
