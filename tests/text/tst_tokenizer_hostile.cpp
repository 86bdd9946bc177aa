// Broken and malicious tokenizer files and texts: a named error in time, never a crash or a hang.
#include <chrono>

#include "tests/support/test_main.h"
#include "tests/text/tokenizer_folder.h"

using namespace attune;

class TokenizerHostileTest : public QObject {
    Q_OBJECT

    static double seconds(std::chrono::steady_clock::time_point since) {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
    }

private Q_SLOTS:
    void brokenFilesAreNamedErrors_data() {
        QTest::addColumn<QByteArray>("file");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("named");
        const auto row = [](const char* name, const std::string& file, ErrorCode code, const char* named) {
            QTest::newRow(name) << QByteArray::fromStdString(file) << static_cast<int>(code) << QByteArray(named);
        };
        const auto bpe = [](const std::string& inside) {
            return std::string(R"({"model":{"type":"BPE",)") + inside + "}}";
        };
        const auto with = [](const std::string& part) {
            return "{" + part + R"(,"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})";
        };
        const auto split = [](const std::string& regex) {
            const Json json = {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}};
            return "\"pre_tokenizer\":" + json.dump();
        };
        const auto bad = ErrorCode::InvalidData, unknown = ErrorCode::Unsupported;
        row("not JSON", "{", bad, "tokenizer.json");
        row("not an object", "[]", bad, "object");
        row("deep", std::string(100000, '['), bad, "nested");
        row("no model", "{}", bad, "model");
        row("id too large", bpe(R"("vocab":{"a":2147483648},"merges":[])"), bad, "id of token");
        row("id huge gap", bpe(R"("vocab":{"a":0,"b":99999999},"merges":[])"), bad, "id of token");
        row("id negative", bpe(R"("vocab":{"a":-1},"merges":[])"), bad, "id of token");
        row("id fraction", bpe(R"("vocab":{"a":0.5},"merges":[])"), bad, "id of token");
        row("id twice", bpe(R"("vocab":{"a":1,"b":1},"merges":[])"), bad, "another token");
        row("unknown left", bpe(R"("vocab":{"a":0},"merges":["b a"])"), bad, "merges[0]");
        row("unknown result", bpe(R"("vocab":{"a":0,"b":1},"merges":["a b"])"), bad, "\"ab\"");
        row("merge of three", bpe(R"("vocab":{"a":0},"merges":["a a a"])"), bad, "merges[0]");
        row("merge of numbers", bpe(R"("vocab":{"a":0},"merges":[[1,2]])"), bad, "merges[0]");
        row("short right part", bpe(R"("vocab":{"a":0},"continuing_subword_prefix":"####","merges":["a a"])"), bad,
            "shorter");
        row("unk missing", bpe(R"("vocab":{"a":0},"unk_token":"<unk>","merges":[])"), bad, "<unk>");
        row("dropout", bpe(R"("vocab":{"a":0},"dropout":0.1,"merges":[])"), unknown, "dropout");
        row("other model", R"({"model":{"type":"Brand new"}})", unknown, "Brand new");
        row("empty added token", with(R"("added_tokens":[{"id":1,"content":""}])"), bad, "added_tokens[0]");
        row("added token id", with(R"("added_tokens":[{"id":4294967296,"content":"x"}])"), bad, "added_tokens[0]");
        row("added twice", with(R"("added_tokens":[{"id":1,"content":"x"},{"id":1,"content":"y"}])"), bad, "same id");
        row("template",
            with(R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},)"
                 R"({"Sequence":{"id":"A"}}],"special_tokens":{}})"),
            bad, "<s>");
        row("template id",
            with(R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"s"}},)"
                 R"({"Sequence":{"id":"A"}}],"special_tokens":{"s":{"ids":[7]}}})"),
            bad, "7");
        row("normalizer", with(R"("normalizer":{"type":"Odd"})"), unknown, "Odd");
        row("pre-tokenizer", with(R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Odd"}]})"), unknown,
            "Odd");
        row("decoder", with(R"("decoder":{"type":"Odd"})"), unknown, "Odd");
        row("strip underflow", with(R"("decoder":{"type":"Strip","content":" ","start":-1,"stop":0})"), bad, "start");
        row("fixed length 0", with(R"("pre_tokenizer":{"type":"FixedLength","length":0})"), bad, "length");
        row("regex", with(split("(a")), bad, "compile");
        row("empty pattern", with(R"("normalizer":{"type":"Replace","pattern":{"String":""},"content":"x"})"), bad,
            "empty");
        row("behavior", with(R"("pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Odd"})"), unknown,
            "Odd");
    }
    void brokenFilesAreNamedErrors() {
        QFETCH(QByteArray, file);
        QFETCH(int, code);
        QFETCH(QByteArray, named);
        const auto start = std::chrono::steady_clock::now();
        const auto loaded = test::loadFrom(file.toStdString());
        QVERIFY(seconds(start) < 2);
        QVERIFY(!loaded);
        QVERIFY2(loaded.error().message.find(named.toStdString()) != std::string::npos, loaded.error().message.c_str());
        QCOMPARE(static_cast<int>(loaded.error().code), code);
        QVERIFY(!loaded.error().hint.empty());
    }

    void idGapsAndRepeatedMergesLoad() {
        const auto tokenizer = test::loadFrom(
            R"({"model":{"type":"BPE","vocab":{"a":0,"b":7,"ab":9,"ba":8},"merges":["a b","b a","a b"]}})");
        QVERIFY(tokenizer);
        QCOMPARE((*tokenizer)->vocabularySize(), std::size_t{10});
        QVERIFY(!(*tokenizer)->idToToken(5));
        QCOMPARE((*tokenizer)->encode("aba")->ids, (std::vector<TokenId>{0, 8})); // the later rank of "a b" counts
        QCOMPARE((*tokenizer)->decode({0, 5, 7, 1000, -3}), std::string("a b"));
    }

    void mergesThatFeedEachOtherEnd() {
        // every concatenation of x is a token and every way to build it a merge
        Json vocab, merges = Json::array();
        for (int n = 1; n <= 64; ++n) {
            vocab[std::string(static_cast<std::size_t>(n), 'x')] = n;
            for (int left = 1; left < n; ++left)
                merges.push_back({std::string(static_cast<std::size_t>(left), 'x'),
                                  std::string(static_cast<std::size_t>(n - left), 'x')});
        }
        const auto tokenizer =
            test::loadFrom(Json{{"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}}.dump());
        QVERIFY(tokenizer);
        const std::string text(200000, 'x');
        const auto start = std::chrono::steady_clock::now();
        const auto encoding = (*tokenizer)->encode(text);
        QVERIFY(encoding && seconds(start) < 2);
        QCOMPARE(encoding->ids.size(), text.size() / 64);
    }

    void oneCharacterTextsTakeLinearTime() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const auto tokenizer = Tokenizer::load(dataPath);
        QVERIFY(tokenizer);
        for (const char c : {'a', ' ', '\n'}) {
            const std::string text(1000000, c);
            const auto start = std::chrono::steady_clock::now();
            const auto encoding = (*tokenizer)->encode(text);
            QVERIFY(encoding && seconds(start) < 4);
            QCOMPARE((*tokenizer)->decode(encoding->ids), text);
        }
    }

    void patternThatExplodesGivesUp() {
        const auto tokenizer = test::loadFrom(
            "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+$\"},\"behavior\":\"Isolated\"},"
            "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}");
        QVERIFY(tokenizer);
        const auto start = std::chrono::steady_clock::now();
        const auto encoding = (*tokenizer)->encode(std::string(60, 'a') + "b");
        QVERIFY(seconds(start) < 2);
        QVERIFY(!encoding);
        QCOMPARE(encoding.error().code, ErrorCode::InvalidData);
        QVERIFY(encoding.error().message.find("gave up") != std::string::npos);
    }

    void longRunsOfMarksNormalizeInTime() {
        const auto tokenizer =
            test::loadFrom(R"({"normalizer":{"type":"NFC"},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})");
        QVERIFY(tokenizer);
        std::string text = "a";
        for (int i = 0; i < 100000; ++i)
            text += i % 2 ? "\xCC\xA3" : "\xCC\x81"; // dot below must come before acute
        const auto start = std::chrono::steady_clock::now();
        QVERIFY((*tokenizer)->encode(text));
        QVERIFY(seconds(start) < 2);
    }

    void missingFolderIsNotFound() {
        const auto loaded = Tokenizer::load("no such folder");
        QVERIFY(!loaded);
        QCOMPARE(loaded.error().code, ErrorCode::NotFound);
    }
};

ATTUNE_TEST(TokenizerHostileTest)
#include "tst_tokenizer_hostile.moc"
