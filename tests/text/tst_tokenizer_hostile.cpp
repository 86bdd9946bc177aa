// Broken and malicious tokenizer files and texts: a named error in time, never a crash or a hang.
#include <ctime>

#include "core/text/sentencepiece_file.h"
#include "core/text/utf8.h"
#include "tests/support/test_main.h"
#include "tests/text/tokenizer_folder.h"

using namespace attune;

class TokenizerHostileTest : public QObject {
    Q_OBJECT

    // Of the processor, so that a busy machine does not make a fast call slow.
    static double seconds(std::clock_t since) { return static_cast<double>(std::clock() - since) / CLOCKS_PER_SEC; }

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
        row("truncation", with(R"("truncation":{"max_length":4,"stride":4,"strategy":"LongestFirst"})"), bad, "stride");
        row("charsmap not base64", with(R"("normalizer":{"type":"Precompiled","precompiled_charsmap":"a*b"})"), bad,
            "base64");
        row("charsmap too short", with(R"("normalizer":{"type":"Precompiled","precompiled_charsmap":"AAA="})"), bad,
            "cut off");
        row("charsmap declares too much",
            with(R"("normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAAAQAA"})"), bad, "declares");
        row("unigram without scores", R"({"model":{"type":"Unigram","vocab":[["a"]]}})", bad, "vocab[0]");
        row("unigram unknown id", R"({"model":{"type":"Unigram","unk_id":1,"vocab":[["a",-1]]}})", bad, "unk_id");
        row("unigram empty", R"({"model":{"type":"Unigram","vocab":[]}})", bad, "empty");
        row("unigram long piece",
            Json{{"model",
                  {{"type", "Unigram"}, {"vocab", Json::array({Json::array({std::string(2000, 'a'), -1.0})})}}}}
                .dump(),
            unknown, "1024");
        row("word list without ids", R"({"model":{"type":"WordPiece"}})", bad, "vocab");
        row("merge longer than every token", bpe(R"("vocab":{"a":0,"b":1},"merges":["aaaaaaaaaaaaaaaa b"])"), bad,
            "merges[0]");
        row("a million levels", std::string(1000000, '[') + std::string(1000000, ']'), bad, "nested");
        row("deep in the model", R"({"model":)" + std::string(1000000, '[') + std::string(1000000, ']') + "}", bad,
            "nested");
        row("behavior", with(R"("pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Odd"})"), unknown,
            "Odd");
    }
    void brokenFilesAreNamedErrors() {
        QFETCH(QByteArray, file);
        QFETCH(int, code);
        QFETCH(QByteArray, named);
        const auto start = std::clock();
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
        const auto start = std::clock();
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
            const auto start = std::clock();
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
        const auto start = std::clock();
        const auto encoding = (*tokenizer)->encode(std::string(60, 'a') + "b");
        QVERIFY(seconds(start) < 2);
        QVERIFY(!encoding);
        QCOMPARE(encoding.error().code, ErrorCode::InvalidData);
        QVERIFY(encoding.error().message.find("gave up") != std::string::npos);
    }

    void stripDecoderNeverCutsMoreThanThereIs() {
        const auto tokenizer = test::loadFrom(
            R"({"decoder":{"type":"Strip","content":" ","start":5,"stop":5},"model":{"type":"BPE","vocab":{" ":0,"a":1},"merges":[]}})");
        QVERIFY(tokenizer);
        QCOMPARE((*tokenizer)->decode({0, 1, 0}), std::string("a"));
    }

    // Arrays of a charsmap whose links point anywhere: every step stays inside.
    void charsmapsOfNoiseDoNotCrash() {
        std::uint32_t seed = 7;
        for (int round = 0; round < 300; ++round) {
            std::string blob = {static_cast<char>(0), 4, 0, 0}; // 256 units
            for (int i = 0; i < 1024 + 64; ++i) {
                seed = seed * 1664525u + 1013904223u;
                blob += static_cast<char>(i < 1024 ? seed >> 24 : (seed >> 24) % 64);
            }
            const Json file = {{"normalizer",
                                {{"type", "Precompiled"},
                                 {"precompiled_charsmap", QByteArray::fromStdString(blob).toBase64().toStdString()}}},
                               {"model", {{"type", "BPE"}, {"vocab", {{"a", 0}}}, {"merges", Json::array()}}}};
            const auto tokenizer = test::loadFrom(file.dump());
            QVERIFY2(tokenizer, tokenizer ? "" : tokenizer.error().message.c_str());
            std::string text;
            for (int c = 1; c < 0x500; ++c)
                utf8::append(text, static_cast<char32_t>(c));
            QVERIFY((*tokenizer)->encode(text));
        }
    }

    void textsThatExplodeAreRefused() {
        Json parts = Json::array();
        for (int i = 0; i < 60; ++i)
            parts.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
        const Json model = {{"type", "BPE"}, {"vocab", {{"a", 0}}}, {"merges", Json::array()}};
        const auto doubling = test::loadFrom(
            Json{{"normalizer", {{"type", "Sequence"}, {"normalizers", parts}}}, {"model", model}}.dump());
        const auto huge = test::loadFrom(Json{{"normalizer",
                                               {{"type", "Replace"},
                                                {"pattern", {{"String", "a"}}},
                                                {"content", std::string(1 << 20, 'b')}}},
                                              {"model", model}}
                                             .dump());
        QVERIFY(doubling && huge);
        const std::string text(100000, 'a');
        for (const auto& tokenizer : {*doubling, *huge}) {
            const auto start = std::clock();
            const auto encoding = tokenizer->encode(text);
            QVERIFY(!encoding && seconds(start) < 2);
            QCOMPARE(encoding.error().code, ErrorCode::InvalidData);
        }
    }

    void unigramAndWordPieceTakeLinearTime() {
        Json vocab = Json::array(), words = Json::object();
        vocab.push_back({"<unk>", -20.0});
        for (int n = 1; n <= 64; ++n) {
            vocab.push_back({std::string(static_cast<std::size_t>(n), 'x'), -static_cast<double>(n)});
            words["##" + std::string(static_cast<std::size_t>(n), 'x')] = n;
        }
        words["x"] = 0;
        words["[UNK]"] = 65;
        const auto unigram =
            test::loadFrom(Json{{"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocab}}}}.dump());
        const auto wordPiece = test::loadFrom(
            Json{{"model", {{"type", "WordPiece"}, {"vocab", words}, {"max_input_chars_per_word", 1u << 30}}}}.dump());
        QVERIFY(unigram && wordPiece);
        for (const auto& tokenizer : {*unigram, *wordPiece})
            for (const std::string& text : {std::string(1000000, 'x'), std::string(1000000, 'y')}) {
                const auto start = std::clock();
                QVERIFY(tokenizer->encode(text));
                QVERIFY(seconds(start) < 4);
            }
    }

    // Every beginning of a real sentencepiece model, and the model with broken bytes.
    void brokenSentencepieceModelsAreErrors() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K/tokenizer.model");
        const auto file = readFile(dataPath);
        QVERIFY(file && readSentencepiece(*file, "test"));
        for (std::size_t size = 0; size < file->size(); size += 7)
            if (auto material = readSentencepiece(std::string_view(*file).substr(0, size), "test"))
                (void)buildTokenizer(std::move(*material), "test"); // cut between two fields: fewer pieces
        std::uint32_t seed = 3;
        int refused = 0;
        for (int round = 0; round < 500; ++round) {
            std::string broken = *file;
            for (int i = 0; i < 4; ++i) {
                seed = seed * 1664525u + 1013904223u;
                broken[(seed >> 8) % broken.size()] = static_cast<char>(seed);
            }
            auto material = readSentencepiece(broken, "test");
            if (material) {
                const auto built = buildTokenizer(std::move(*material), "test");
                refused += !built;
                if (built)
                    QVERIFY((*built)->encode("Once upon a time \u00e9"));
            } else {
                ++refused;
                QVERIFY(!material.error().hint.empty());
            }
        }
        QVERIFY(refused > 0);
        const auto words = readSentencepiece("IQ== 0\nIg== 1\n", "test");
        QVERIFY(!words && words.error().code == ErrorCode::Unsupported);
    }

    void longRunsOfMarksNormalizeInTime() {
        const auto tokenizer =
            test::loadFrom(R"({"normalizer":{"type":"NFC"},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})");
        QVERIFY(tokenizer);
        std::string text = "a";
        for (int i = 0; i < 100000; ++i)
            text += i % 2 ? "\xCC\xA3" : "\xCC\x81"; // dot below must come before acute
        const auto start = std::clock();
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
