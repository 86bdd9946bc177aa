// Importers and mappings: the shapes datasets come in, hostile rows, and the real files.
#include <fstream>
#include <set>

#include <QtTest>

#include "core/data/import_file.h"
#include "core/data/sample_text.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

struct Import {
    Result<ImportSummary> summary = fail(ErrorCode::Internal, "not run");
    std::vector<Sample> samples;
    std::vector<ImportProblem> problems;
};

Import import(const fs::path& file, ImportOptions options = {}) {
    Import result;
    result.summary = importFile(
        file, options,
        [&](Sample&& sample) -> Status {
            result.samples.push_back(std::move(sample));
            return {};
        },
        [&](const ImportProblem& problem) { result.problems.push_back(problem); });
    return result;
}

} // namespace

class ImportFileTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    fs::path write(const std::string& name, const std::string& content) {
        const fs::path file = fs::path(m_folder.path().toStdString()) / name;
        std::ofstream(file, std::ios::binary) << content;
        return file;
    }

private Q_SLOTS:
    void formatsAreRecognisedByTheirKeys_data();
    void formatsAreRecognisedByTheirKeys();
    void alpacaJoinsInstructionInputSystemAndHistory();
    void toolCallsAndObservationsBecomeText();
    void implicitPreferenceSharesThePrompt();
    void csvKeepsQuotedNewlinesSpacesAndLineNumbers();
    void csvDelimiterIsFound_data();
    void csvDelimiterIsFound();
    void byteOrderMarkAndCarriageReturnsDoNotMatter();
    void badRowsAreReportedAndTheRestImported();
    void jsonListSurvivesABrokenElement();
    void objectWithAListIsRead();
    void hostileRowsAreProblems_data();
    void hostileRowsAreProblems();
    void unclosedQuoteIsAProblem();
    void wholeFileFaultsAreClear_data();
    void wholeFileFaultsAreClear();
    void cancelEndsTheImport();
    void idsAreStableAndUnique();
    void userMappingWins();
    void banking77();
    void llamaFactoryFiles_data();
    void llamaFactoryFiles();
    void gsm8k();
};

void ImportFileTest::formatsAreRecognisedByTheirKeys_data() {
    QTest::addColumn<QString>("row");
    QTest::addColumn<QString>("format");
    QTest::addColumn<int>("kind");
    QTest::addColumn<QString>("prompt");
    QTest::addColumn<QString>("completion");
    const auto row = [](const char* name, const char* json, const char* format, SampleKind kind, const char* prompt,
                        const char* completion) {
        QTest::newRow(name) << json << format << static_cast<int>(kind) << prompt << completion;
    };
    row("alpaca", R"({"instruction":"a","input":"b","output":"c"})", "alpaca", SampleKind::Chat, "a\nb", "c");
    row("sharegpt", R"({"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"c"}]})", "sharegpt",
        SampleKind::Chat, "a", "c");
    row("chat", R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"c"}]})", "chat",
        SampleKind::Chat, "a", "c");
    row("chat parts",
        R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":"c"}]})",
        "chat", SampleKind::Chat, "a", "c");
    row("prompt completion", R"({"prompt":"a","completion":"c"})", "prompt_completion", SampleKind::Chat, "a", "c");
    row("prompt completion lists",
        R"({"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"c"}]})",
        "prompt_completion", SampleKind::Chat, "a", "c");
    row("text", R"({"text":"c"})", "text", SampleKind::Text, "", "c");
    row("preference", R"({"prompt":"a","chosen":"c","rejected":"d"})", "preference", SampleKind::Preference, "a", "c");
    row("alpaca preference", R"({"instruction":"a","input":"","chosen":"c","rejected":"d"})", "alpaca_preference",
        SampleKind::Preference, "a", "c");
    row("sharegpt preference",
        R"({"conversations":[{"from":"human","value":"a"}],"chosen":{"from":"gpt","value":"c"},"rejected":{"from":"gpt","value":"d"}})",
        "chat_preference", SampleKind::Preference, "a", "c");
    row("implicit preference",
        R"({"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"c"}],"rejected":[{"role":"user","content":"a"},{"role":"assistant","content":"d"}]})",
        "preference_implicit", SampleKind::Preference, "a", "c");
    row("implicit preference as text",
        R"({"chosen":"\n\nHuman: a\n\nAssistant: c","rejected":"\n\nHuman: a\n\nAssistant: d"})", "preference_implicit",
        SampleKind::Preference, "a", "c");
    row("preference with conversations",
        R"({"prompt":"a","chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"c"}],"rejected":[{"role":"user","content":"a"},{"role":"assistant","content":"d"}]})",
        "preference", SampleKind::Preference, "a", "c");
    row("kto", R"({"prompt":"a","completion":"c","label":true})", "unpaired", SampleKind::Unpaired, "a", "c");
    row("sharegpt kto",
        R"({"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"c"}],"kto_tag":false})", "chat_kto",
        SampleKind::Unpaired, "a", "c");
    row("prompt only", R"({"prompt":"a"})", "prompt_only", SampleKind::PromptOnly, "a", "");
    row("question answer", R"({"id":7,"question":"a","answer":"c"})", "prompt_completion", SampleKind::Chat, "a", "c");
    row("text category", R"({"text":"a","category":"c"})", "prompt_completion", SampleKind::Chat, "a", "c");
    row("numbers as class", R"({"sentence":"a","label":3})", "prompt_completion", SampleKind::Chat, "a", "3");
    row("context question answer", R"({"context":"b","question":"a","answer":"c"})", "prompt_completion",
        SampleKind::Chat, "b\n\na", "c");
    row("two unknown beside one known", R"({"Kundenfrage":"a","response":"c"})", "prompt_completion", SampleKind::Chat,
        "a", "c");
}

void ImportFileTest::formatsAreRecognisedByTheirKeys() {
    QFETCH(QString, row);
    QFETCH(QString, format);
    QFETCH(int, kind);
    QFETCH(QString, prompt);
    QFETCH(QString, completion);
    const auto result = import(write("rows.jsonl", row.toStdString() + "\n"));
    QVERIFY2(result.summary, result.summary ? "" : result.summary.error().message.c_str());
    QCOMPARE(QString::fromStdString(result.summary->mapping.format), format);
    QCOMPARE(result.samples.size(), std::size_t{1});
    QCOMPARE(static_cast<int>(result.samples[0].kind), kind);
    QCOMPARE(QString::fromStdString(promptText(result.samples[0])), prompt);
    QCOMPARE(QString::fromStdString(completionText(result.samples[0])), completion);
    if (row.contains("kto_tag"))
        QVERIFY(!result.samples[0].label);
    if (row.contains("\"rejected\""))
        QCOMPARE(result.samples[0].rejected, std::string("d"));
    const auto again = mappingFromJson(toJson(result.summary->mapping));
    QVERIFY(again && *again == result.summary->mapping);
}

void ImportFileTest::alpacaJoinsInstructionInputSystemAndHistory() {
    const auto result = import(write("a.json", R"([{"instruction":"i","input":"x","output":"o","system":"s",
        "history":[["q1","a1"],["q2","a2"]]}])"));
    QVERIFY(result.summary);
    const std::vector<Message> expected{{"system", "s"},     {"user", "q1"},   {"assistant", "a1"}, {"user", "q2"},
                                        {"assistant", "a2"}, {"user", "i\nx"}, {"assistant", "o"}};
    QVERIFY(result.samples.at(0).messages == expected);
}

void ImportFileTest::toolCallsAndObservationsBecomeText() {
    const auto result = import(write(
        "t.jsonl",
        R"({"tools":"[{\"name\":\"f\"}]","messages":[{"role":"user","content":"go"},{"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","content":"2"},{"role":"assistant","content":"two"}]})"));
    QVERIFY(result.summary);
    const std::vector<Message> expected{{"tools", R"([{"type":"function","function":{"name":"f"}}])"},
                                        {"user", "go"},
                                        {"assistant", R"({"name":"f","arguments":{"x":1}})", 1},
                                        {"tool", "2"},
                                        {"assistant", "two"}};
    QVERIFY(result.samples.at(0).messages == expected);
}

void ImportFileTest::implicitPreferenceSharesThePrompt() {
    const auto result = import(write(
        "p.jsonl",
        R"({"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: good","rejected":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: bad"}
{"chosen":"\n\nHuman: a\n\nAssistant: same","rejected":"\n\nHuman: a\n\nAssistant: same"}
)"));
    QVERIFY(result.summary);
    QCOMPARE(result.samples.size(), std::size_t{1});
    const std::vector<Message> expected{{"user", "a"}, {"assistant", "b"}, {"user", "c"}};
    QVERIFY(result.samples[0].messages == expected);
    QCOMPARE(result.samples[0].rejected, std::string("bad"));
    QCOMPARE(describe(result.problems.at(0)), std::string("row 2, field \"rejected\": both answers are equal"));
}

void ImportFileTest::csvKeepsQuotedNewlinesSpacesAndLineNumbers() {
    const auto result = import(
        write("c.csv", "question,answer\r\n\"two\r\nlines, \"\"quoted\"\"\", spaced \r\n\r\nonly one\r\nlast,b\r\n"));
    QVERIFY(result.summary);
    QCOMPARE(result.samples.size(), std::size_t{2});
    QCOMPARE(promptText(result.samples[0]), std::string("two\r\nlines, \"quoted\""));
    QCOMPARE(completionText(result.samples[0]), std::string(" spaced "));
    QCOMPARE(completionText(result.samples[1]), std::string("b"));
    QCOMPARE(result.samples[1].sourceRow, std::int64_t{3});
    QCOMPARE(describe(result.problems.at(0)), std::string("row 2 (line 5): has 1 column, the heading has 2"));
}

void ImportFileTest::csvDelimiterIsFound_data() {
    QTest::addColumn<QString>("content");
    QTest::newRow("semicolon") << "prompt;completion\na, b, c;d\ne;f, g\n";
    QTest::newRow("tab") << "prompt\tcompletion\na, b, c\td\ne, x\tf, g\n";
    QTest::newRow("bar") << "prompt|completion\na, b, c|d\ne|f, g\n";
    QTest::newRow("comma") << "prompt,completion\n\"a, b, c\",d\ne;x,\"f, g\"\n";
}

void ImportFileTest::csvDelimiterIsFound() {
    QFETCH(QString, content);
    const auto result = import(write("d.csv", content.toStdString()));
    QVERIFY(result.summary);
    QCOMPARE(result.samples.size(), std::size_t{2});
    QCOMPARE(promptText(result.samples[0]), std::string("a, b, c"));
    QCOMPARE(completionText(result.samples[1]), std::string("f, g"));
}

void ImportFileTest::byteOrderMarkAndCarriageReturnsDoNotMatter() {
    const auto plain = import(write("a.jsonl", "{\"text\":\"é\"}\n{\"text\":\"b\"}"));
    const auto marked = import(write("b.jsonl", "\xEF\xBB\xBF{\"text\":\"é\"}\r\n\r\n{\"text\":\"b\"}\r\n"));
    QVERIFY(plain.summary && marked.summary);
    QCOMPARE(marked.samples.size(), std::size_t{2});
    for (std::size_t i = 0; i < 2; ++i)
        QCOMPARE(marked.samples[i].id, plain.samples[i].id);
    const auto csv = import(write("c.csv", "\xEF\xBB\xBFprompt,completion\r\na,b\r\n"));
    QVERIFY(csv.summary);
    QCOMPARE(csv.summary->mapping.columns.at(0).column, std::string("prompt"));
}

void ImportFileTest::badRowsAreReportedAndTheRestImported() {
    std::string content;
    for (int i = 1; i <= 20; ++i)
        content +=
            i == 17 ? "{\"prompt\": \"x\", \"completion\": }\n"
                    : R"({"prompt":"q)" + std::to_string(i) + R"(","completion":")" + (i == 9 ? "  " : "a") + "\"}\n";
    const auto result = import(write("bad.jsonl", content));
    QVERIFY(result.summary);
    QCOMPARE(result.summary->rows, std::int64_t{18});
    QCOMPARE(result.summary->problems, std::int64_t{2});
    QCOMPARE(describe(result.problems[0]), std::string("row 9, field \"completion\": the answer is empty"));
    QVERIFY(describe(result.problems[1]).starts_with("row 17: not valid JSON ("));
}

void ImportFileTest::jsonListSurvivesABrokenElement() {
    const auto result =
        import(write("l.json", "[{\"text\":\"a, [b] {c} \\\" ]\"},\n{\"text\": oops},\n3,\n{\"text\":\"d\"}]\n"));
    QVERIFY(result.summary);
    QCOMPARE(result.samples.size(), std::size_t{2});
    QCOMPARE(result.samples[0].text, std::string("a, [b] {c} \" ]"));
    QCOMPARE(result.samples[1].sourceRow, std::int64_t{4});
    QCOMPARE(result.problems.size(), std::size_t{2});
    QCOMPARE(result.problems[0].line, std::int64_t{2});
    QCOMPARE(describe(result.problems[1]), std::string("row 3: not a JSON object but a number"));
    const auto cut = import(write("cut.json", "[{\"text\":\"a\"},{\"text\":\"b"));
    QVERIFY(cut.summary);
    QCOMPARE(describe(cut.problems.at(0)), std::string("row 2 (line 1): the file ends in the middle of this row"));
}

void ImportFileTest::objectWithAListIsRead() {
    const auto result = import(write("o.json", R"({"version": 2, "names": ["x", "[{"], "meta": {"data": [{"no": 1}]},
        "data": [{"text": "a"}, {"text": "b"}], "after": 1})"));
    QVERIFY(result.summary);
    QCOMPARE(result.samples.size(), std::size_t{2});
    const auto single =
        import(write("one.json", R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})"));
    QVERIFY(single.summary);
    QCOMPARE(single.samples.size(), std::size_t{1});
}

void ImportFileTest::hostileRowsAreProblems_data() {
    QTest::addColumn<QByteArray>("row");
    QTest::addColumn<QString>("reason");
    QTest::newRow("deep") << QByteArray("{\"text\":") + QByteArray(100'000, '[') + QByteArray(100'000, ']') + "}"
                          << "nested deeper";
    QTest::newRow("NUL") << QByteArray("{\"text\":\"a\\u0000b\"}") << "holds a NUL character";
    QTest::newRow("raw NUL") << QByteArray("{\"text\":\"a\0b\"}", 14) << "not valid JSON";
    QTest::newRow("not UTF-8") << QByteArray("{\"text\":\"\xC3\x28\"}") << "not valid UTF-8";
    QTest::newRow("Latin-1") << QByteArray("{\"text\":\"zw\xF6lf\"}") << "save the file as UTF-8";
    QTest::newRow("lone surrogate") << QByteArray("{\"text\":\"\\ud800\"}") << "not valid JSON";
    QTest::newRow("same key twice") << QByteArray("{\"text\":\"a\",\"text\":\"b\"}") << "appears twice";
    QTest::newRow("long") << QByteArray("{\"text\":\"") + QByteArray(100 << 20, 'x') + "\"}"
                          << "longer than 16 MiB";
    QTest::newRow("wrong type") << QByteArray("{\"text\":{\"a\":1}}") << "not text but an object";
    QTest::newRow("null") << QByteArray("{\"text\":null}") << "missing";
    QTest::newRow("list") << QByteArray("[1]") << "not a JSON object";
}

void ImportFileTest::hostileRowsAreProblems() {
    QFETCH(QByteArray, row);
    QFETCH(QString, reason);
    const auto result =
        import(write("h.jsonl", "{\"text\":\"first\"}\n" + row.toStdString() + "\n{\"text\":\"last\"}\n"));
    QVERIFY(result.summary);
    QCOMPARE(result.samples.size(), std::size_t{2});
    QCOMPARE(result.samples[1].text, std::string("last"));
    QCOMPARE(result.problems.size(), std::size_t{1});
    QCOMPARE(result.problems[0].row, std::int64_t{2});
    QVERIFY2(result.problems[0].reason.find(reason.toStdString()) != std::string::npos,
             result.problems[0].reason.c_str());
}

void ImportFileTest::unclosedQuoteIsAProblem() {
    const auto result = import(write("q.csv", "prompt,completion\na,b\n\"open,c\nd,e\n"));
    QVERIFY(result.summary);
    QCOMPARE(result.samples.size(), std::size_t{1});
    QCOMPARE(describe(result.problems.at(0)),
             std::string("row 2 (line 3): a quotation mark that opens in this row is never closed"));
    ImportOptions options;
    options.limits.maxRowBytes = 1000;
    const auto large =
        import(write("q2.csv", "prompt,completion\na,b\n\"open,c\n" + std::string(5000, 'x') + "\nd,e\n"), options);
    QVERIFY(large.summary);
    QVERIFY(large.problems.at(0).reason.starts_with("longer than 1000 bytes"));
}

void ImportFileTest::wholeFileFaultsAreClear_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("message");
    QTest::newRow("empty") << "e.jsonl" << QByteArray() << "is empty";
    QTest::newRow("blank") << "b.json" << QByteArray(" \n ") << "is empty";
    QTest::newRow("empty list") << "l.json" << QByteArray("[]") << "it has no row";
    QTest::newRow("no list") << "o.json" << QByteArray("{\n\"a\": {\"b\": [1]}}") << "holds no list of rows";
    QTest::newRow("only bad rows") << "x.jsonl" << QByteArray("nothing\nhere\n") << "row 1: not valid JSON";
    QTest::newRow("unknown columns") << "u.csv" << QByteArray("foo,bar,baz\na,b,c\n")
                                     << "not clear what the columns mean";
    QTest::newRow("heading only") << "h.csv" << QByteArray("prompt,completion\n") << "it has no row";
    QTest::newRow("no usable row") << "n.csv" << QByteArray("prompt,completion\n,\n,\n") << "No row of";
    QTest::newRow("UTF-16") << "w.csv" << QByteArray("\xFF\xFEp\0r\0", 6) << "UTF-16";
    QTest::newRow("spreadsheet") << "s.xlsx" << QByteArray("PK\x03\x04rest") << "Cannot import";
    QTest::newRow("binary") << "z.bin" << QByteArray("\x01\x02\x03") << "Cannot tell what kind";
}

void ImportFileTest::wholeFileFaultsAreClear() {
    QFETCH(QString, name);
    QFETCH(QByteArray, content);
    QFETCH(QString, message);
    const auto result = import(write(name.toStdString(), content.toStdString()));
    QVERIFY(!result.summary);
    QVERIFY2(result.summary.error().message.find(message.toStdString()) != std::string::npos,
             result.summary.error().message.c_str());
    QVERIFY(!result.summary.error().hint.empty());
    const auto missing = import("/nowhere/at/all.csv");
    QVERIFY(!missing.summary && missing.summary.error().code == ErrorCode::NotFound);
}

void ImportFileTest::cancelEndsTheImport() {
    std::string content;
    for (int i = 0; i < 100'000; ++i)
        content += "{\"text\":\"row " + std::to_string(i) + "\"}\n";
    const fs::path file = write("many.jsonl", content);
    std::stop_source source;
    Progress progress{source.get_token()};
    std::size_t rows = 0;
    const auto summary = importFile(
        file, {},
        [&](Sample&&) -> Status {
            if (++rows == 1000)
                source.request_stop();
            return {};
        },
        {}, progress);
    QVERIFY(!summary && summary.error().code == ErrorCode::Cancelled);
    QVERIFY(rows < 50'000);
}

void ImportFileTest::idsAreStableAndUnique() {
    const auto first = import(write("i.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"a\"}\n"));
    const auto moved =
        import(write("j.jsonl", "{\"text\":\"new\"}\n{\"text\":\"b\"}\n{\"text\":\"a\"}\n{\"text\":\"a\"}\n"));
    QVERIFY(first.summary && moved.summary);
    QCOMPARE(first.samples[1].id, moved.samples[1].id);
    QCOMPARE(first.samples[0].id, moved.samples[2].id);
    QCOMPARE(first.samples[2].id, first.samples[0].id + "-2");
    QCOMPARE(moved.samples[3].id, first.samples[2].id);
}

void ImportFileTest::userMappingWins() {
    const fs::path file = write("m.csv", "foo,bar,baz\nq,a,t1\n");
    const auto samples = loadSamples(file, "foo=prompt,bar=completion,baz=tags");
    QVERIFY2(samples, samples ? "" : samples.error().message.c_str());
    QCOMPARE(promptText(samples->at(0)), std::string("q"));
    QCOMPARE(completionText(samples->at(0)), std::string("a"));
    QCOMPARE(samples->at(0).tags, std::vector<std::string>{"t1"});
    QVERIFY(!loadSamples(file, "nope=prompt,bar=completion"));
    QVERIFY(!loadSamples(file, "no_such_format"));
    QVERIFY(!loadSamples(file, "foo=prompt"
                               ",bar=margin"));
}

void ImportFileTest::banking77() {
    ATTUNE_REQUIRE_TEST_DATA("finetune/banking77/train.csv");
    QFile categories(QString::fromStdString((dataPath.parent_path() / "categories.json").string()));
    QVERIFY(categories.open(QIODevice::ReadOnly));
    std::set<std::string> intents;
    for (const auto& value : QJsonDocument::fromJson(categories.readAll()).array())
        intents.insert(value.toString().toStdString());
    const auto result = import(dataPath);
    QVERIFY(result.summary);
    QCOMPARE(result.summary->rows, std::int64_t{10'003});
    QCOMPARE(result.summary->problems, std::int64_t{0});
    std::set<std::string> seen;
    for (const Sample& sample : result.samples) {
        QVERIFY(intents.contains(completionText(sample)));
        seen.insert(completionText(sample));
    }
    QCOMPARE(seen.size(), std::size_t{77});
}

void ImportFileTest::llamaFactoryFiles_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("format");
    QTest::addColumn<int>("kind");
    QTest::newRow("alpaca en") << "alpaca_en_demo.json"
                               << "alpaca" << static_cast<int>(SampleKind::Chat);
    QTest::newRow("alpaca zh") << "alpaca_zh_demo.json"
                               << "alpaca" << static_cast<int>(SampleKind::Chat);
    QTest::newRow("identity") << "identity.json"
                              << "alpaca" << static_cast<int>(SampleKind::Chat);
    QTest::newRow("dpo") << "dpo_en_demo.json"
                         << "chat_preference" << static_cast<int>(SampleKind::Preference);
    QTest::newRow("kto") << "kto_en_demo.json"
                         << "chat_kto" << static_cast<int>(SampleKind::Unpaired);
}

void ImportFileTest::llamaFactoryFiles() {
    QFETCH(QString, name);
    QFETCH(QString, format);
    QFETCH(int, kind);
    ATTUNE_REQUIRE_TEST_DATA("finetune/llamafactory/" + name.toStdString());
    QFile file(QString::fromStdString(dataPath.string()));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QJsonArray reference = QJsonDocument::fromJson(file.readAll()).array();
    const auto result = import(dataPath);
    QVERIFY(result.summary);
    QCOMPARE(QString::fromStdString(result.summary->mapping.format), format);
    QCOMPARE(result.summary->rows + result.summary->problems, std::int64_t{reference.size()});
    for (const ImportProblem& problem : result.problems)
        qInfo("%s", describe(problem).c_str());
    QVERIFY(result.summary->problems <= 1);
    for (const Sample& sample : result.samples) {
        QCOMPARE(static_cast<int>(sample.kind), kind);
        const QJsonObject row = reference[static_cast<int>(sample.sourceRow - 1)].toObject();
        const QString answer = QString::fromStdString(completionText(sample));
        if (sample.kind == SampleKind::Chat)
            QCOMPARE(answer, row["output"].toString());
        else if (sample.kind == SampleKind::Preference)
            QCOMPARE(answer, row["chosen"].toObject()["value"].toString());
        else
            QCOMPARE(answer, row["messages"].toArray().last().toObject()["content"].toString());
        if (sample.kind == SampleKind::Unpaired)
            QCOMPARE(sample.label, row["label"].toBool());
    }
}

void ImportFileTest::gsm8k() {
    ATTUNE_REQUIRE_TEST_DATA("finetune/gsm8k/train.jsonl");
    const auto result = import(dataPath);
    QVERIFY(result.summary);
    std::ifstream file(dataPath);
    std::string line;
    std::int64_t lines = 0;
    while (std::getline(file, line))
        lines += !line.empty();
    QCOMPARE(result.summary->rows, lines);
    QVERIFY(promptText(result.samples[0]).starts_with("Natalia sold clips"));
    QVERIFY(completionText(result.samples[0]).ends_with("#### 72"));
}

ATTUNE_TEST(ImportFileTest)
#include "tst_import_file.moc"
