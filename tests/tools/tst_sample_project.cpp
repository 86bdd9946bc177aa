#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "core/base/json.h"
#include "tests/support/test_main.h"
#include "tools/starter/corpus.h"
#include "tools/starter/sample_project.h"

using namespace attune;
using namespace attune::starter;

namespace {

// What a reader makes of a message, by rules written for this test alone (not by the generator's tables).
bool says(const std::string& text, const char* pattern) {
    return std::regex_search(text, std::regex(pattern, std::regex::icase));
}

std::string urgencyOf(const std::string& text) {
    if (says(text, "no hurry|take your time|not urgent|next month is early|no rush|can wait until|whenever you have "
                   "time|when it suits|and can "
                   "wait|not important|no need to answer quickly"))
        return "low";
    if (says(text, "very urgent|help me today|by tomorrow|solved today|at once|trip tomorrow|cannot wait|third "
                   "time|patience is at an end|birthday is "
                   "tomorrow|emergency|next few hours|every hour counts"))
        return "high";
    return "medium";
}

std::string categoryOf(const std::string& text) {
    if (says(text, "account(?! for)|password|log in") && !says(text, "bank account"))
        return "account";
    if (says(text, "charged twice|two times|appears twice|invoice|a bill for|on the bill|the bill for|my bill|off the "
                   "bill|discount|voucher|percent|paid \\S+ euros more"))
        return "billing";
    if (says(text, "refund|money back|return the money|get my money|waiting for my money|pay back"))
        return "refund";
    if (says(text, "not arrived|still not here|waiting for my|postman brought nothing|no sign of|tracking|wrong "
                   "address|another street|old address|to a "
                   "stranger|marked as delivered|was delivered, yet|handed over|says delivered"))
        return "delivery";
    if (says(text, "but it came in|had chosen|you sent me|in the box was|there was an? [a-z ]+ in the box|not the [a-z "
                   "]+ I had ordered|came in the parcel, but|not the "
                   "model|another model|model that I picked"))
        return "wrong item";
    if (says(text, "turn on|stays dead|no longer starts|nothing happens|stopped working|gave up|then it "
                   "broke|broken|crack|damaged|part|piece|noise"))
        return says(text, "clean the") ? "question" : "defect";
    return "question";
}

std::string withoutSideRemarks(std::string text) {
    for (const char* remark :
         {"the [a-z ]+ from the same order is fine\\.", "I also have an? [a-z ]+ from you, and it works well\\.",
          "the [a-z ]+ that I bought in [a-z]+ was no problem\\.",
          "my [a-z]+ has an? [a-z ]+ from you and is very happy with it\\.",
          "by the way, the [a-z ]+ arrived safely\\.", "everything is fine with the [a-z ]+\\."})
        text = std::regex_replace(text, std::regex(remark, std::regex::icase), "");
    return text;
}

std::set<std::string> productsIn(const std::string& text) {
    std::set<std::string> found;
    for (const char* name :
         {"kettle", "toaster", "blender", "hair dryer", "alarm clock", "headset", "speaker", "keyboard", "smart watch",
          "backpack", "rain jacket", "office chair", "bookshelf", "tent", "water bottle"})
        if (says(text, (std::string("\\b") + name + "\\b").c_str()))
            found.insert(name);
    const std::map<std::string, const char*> longer{{"desk lamp", "\\blamp\\b"},
                                                    {"coffee machine", "coffee ma"},
                                                    {"vacuum cleaner", "vacuum"},
                                                    {"fan", "\\bfan\\b"},
                                                    {"phone charger", "charger\\b"}};
    for (const auto& [name, pattern] : longer)
        if (says(text, pattern))
            found.insert(name);
    return found;
}

fs::path shipped(const char* name) {
    return fs::path(ATTUNE_SOURCE_DIR) / "resources" / "sample_project" / name;
}

std::vector<Json> rowsOf(const fs::path& file) {
    std::vector<Json> rows;
    const std::string text = readFile(file).value();
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        rows.push_back(parseJson(std::string_view(text).substr(begin, end - begin), "row").value());
        begin = end + 1;
    }
    return rows;
}

std::string messageOf(const Json& row) {
    const std::string content = row["messages"][0]["content"];
    return content.substr(content.find("\n\n") + 2);
}

} // namespace

class TestSampleProject : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void shippedFilesAreWhatTheGeneratorWrites();
    void answersAreStrictRecordsInFixedOrder();
    void classesAreBalanced();
    void noRowIsNearARowOfAnotherSplit();
    void labelsFollowFromTheMessage();
    void jaccardCountsCommonFiveGrams();
    void noMessageIsInTheCorpus();
    void generalRowsHaveNothingOfTheTask();
};

void TestSampleProject::shippedFilesAreWhatTheGeneratorWrites() {
    QTemporaryDir folder;
    QVERIFY(writeSampleProject(folder.path().toStdString(), 7).has_value());
    for (const char* name : {"train.jsonl", "validation.jsonl", "test.jsonl", "general/chat.jsonl", "general/text.jsonl"})
        QCOMPARE(hashFile(fs::path(folder.path().toStdString()) / name).value(), hashFile(shipped(name)).value());
}

void TestSampleProject::answersAreStrictRecordsInFixedOrder() {
    std::size_t rows = 0;
    for (const char* name : {"train.jsonl", "validation.jsonl", "test.jsonl"})
        for (const Json& row : rowsOf(shipped(name))) {
            ++rows;
            QCOMPARE(row["messages"].size(), std::size_t{2});
            const std::string prompt = row["messages"][0]["content"], answer = row["messages"][1]["content"];
            QVERIFY(prompt.rfind("Turn this customer message into a record.\n\n", 0) == 0);
            const auto record = parseOrderedJson(answer, "record");
            QVERIFY(record.has_value());
            std::vector<std::string> keys;
            for (const auto& [key, value] : record->items()) {
                keys.push_back(key);
                QVERIFY(value.is_string() && !value.get<std::string>().empty());
            }
            QCOMPARE(keys, (std::vector<std::string>{"category", "urgency", "product", "summary"}));
            const std::string summary = (*record)["summary"];
            QVERIFY2(summary.back() == '.' && std::count(summary.begin(), summary.end(), '.') == 1, summary.c_str());
        }
    QCOMPARE(rows, std::size_t{1200});
}

void TestSampleProject::classesAreBalanced() {
    const std::map<std::string, std::size_t> kinds{{"category", 7}, {"urgency", 3}, {"product", 20}};
    for (const auto& [name, total] : {std::pair("train.jsonl", 900.0), std::pair("test.jsonl", 150.0)}) {
        std::map<std::string, std::map<std::string, int>> counts;
        for (const Json& row : rowsOf(shipped(name))) {
            const Json record = Json::parse(row["messages"][1]["content"].get<std::string>());
            for (const auto& [key, unused] : kinds)
                ++counts[key][record[key].get<std::string>()];
        }
        for (const auto& [key, number] : kinds) {
            QCOMPARE(counts[key].size(), number);
            for (const auto& [value, count] : counts[key])
                QVERIFY2(std::abs(count - total / static_cast<double>(number)) <= 2.0, value.c_str());
        }
    }
}

void TestSampleProject::noRowIsNearARowOfAnotherSplit() {
    std::vector<std::vector<std::unordered_set<std::uint64_t>>> splits;
    for (const char* name : {"train.jsonl", "validation.jsonl", "test.jsonl"}) {
        splits.emplace_back();
        for (const Json& row : rowsOf(shipped(name)))
            splits.back().push_back(fiveGrams(messageOf(row)));
    }
    double nearest = 0;
    for (std::size_t a = 0; a < splits.size(); ++a)
        for (std::size_t b = a + 1; b < splits.size(); ++b)
            for (const auto& left : splits[a])
                for (const auto& right : splits[b])
                    nearest = std::max(nearest, jaccard(left, right));
    QVERIFY2(nearest < 0.5, std::to_string(nearest).c_str());
    QVERIFY(nearest > 0.0); // the measure sees the phrases that messages do share
}

void TestSampleProject::labelsFollowFromTheMessage() {
    int rows = 0;
    for (const char* name : {"train.jsonl", "validation.jsonl", "test.jsonl"})
        for (const Json& row : rowsOf(shipped(name))) {
            const std::string message = messageOf(row), text = withoutSideRemarks(message);
            const Json record = Json::parse(row["messages"][1]["content"].get<std::string>());
            const std::string said = message + "\n" + record.dump();
            QVERIFY2(urgencyOf(message) == record["urgency"].get<std::string>(), said.c_str());
            QVERIFY2(categoryOf(text) == record["category"].get<std::string>(),
                     (categoryOf(text) + ": " + said).c_str());
            const std::set<std::string> found = productsIn(text);
            QVERIFY2(found.count(record["product"].get<std::string>()) == 1, said.c_str());
            const bool other = record["summary"].get<std::string>().find("received a") != std::string::npos;
            QVERIFY2(found.size() == (other ? 2u : 1u), said.c_str());
            ++rows;
        }
    QCOMPARE(rows, 1200);
}

void TestSampleProject::jaccardCountsCommonFiveGrams() {
    // "a b c d e f" has 2 grams, "a b c d e g" has 2; one in common of three.
    QCOMPARE(jaccard(fiveGrams("a b c d e f"), fiveGrams("A b, c d e G")), 1.0 / 3.0);
    QCOMPARE(jaccard(fiveGrams("one two three four five"), fiveGrams("One two three, four five!")), 1.0);
    QCOMPARE(jaccard(fiveGrams("one two three four five"), fiveGrams("six seven eight nine ten")), 0.0);
}

void TestSampleProject::noMessageIsInTheCorpus() {
    std::set<std::string> messages;
    for (const SampleRow& row : sampleRows(7))
        messages.insert(row.message);
    QCOMPARE(messages.size(), std::size_t{1200});
    for (std::uint64_t i = 0; i < 5000; ++i) {
        const Document document = corpusDocument(1, i);
        QVERIFY(messages.count(document.text) == 0);
        for (const Turn& turn : document.messages)
            for (const std::string& message :
                 {turn.content,
                  turn.content.substr(turn.content.find("\n\n") == std::string::npos ? 0
                                                                                     : turn.content.find("\n\n") + 2)})
                QVERIFY(messages.count(message) == 0);
    }
}

void TestSampleProject::generalRowsHaveNothingOfTheTask() {
    std::size_t rows = 0;
    for (const char* name : {"general/chat.jsonl", "general/text.jsonl"})
        for (const Json& row : rowsOf(shipped(name))) {
            ++rows;
            const std::string text = row.dump();
            QVERIFY2(text.find("customer") == std::string::npos || text.find("record") == std::string::npos, text.c_str());
            QVERIFY(text.find("\\\"urgency\\\"") == std::string::npos);
        }
    QCOMPARE(rows, kGeneralRows);
}

ATTUNE_TEST(TestSampleProject)
#include "tst_sample_project.moc"
