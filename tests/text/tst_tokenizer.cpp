// The tokenizers of real models against ids that another program wrote, and the promises of tokenizer.h.
#include <thread>

#include "core/text/tokenizer_material.h"
#include "tests/support/test_main.h"
#include "tests/text/tokenizer_folder.h"

using namespace attune;

class TokenizerTest : public QObject {
    Q_OBJECT

    std::shared_ptr<const Tokenizer> load(const fs::path& from) {
        QTemporaryDir folder;
        const fs::path path = folder.path().toStdString();
        if (!test::unpackFolder(from, path))
            return nullptr;
        auto loaded = Tokenizer::load(path);
        if (!loaded)
            qWarning("%s", loaded.error().message.c_str());
        return loaded ? *loaded : nullptr;
    }

    // The folder with only the named files.
    std::shared_ptr<const Tokenizer> loadOnly(const fs::path& from, std::initializer_list<const char*> names) {
        QTemporaryDir folder;
        const fs::path path = folder.path().toStdString();
        for (const char* name : names)
            fs::copy_file(from / name, path / name);
        auto loaded = Tokenizer::load(path);
        if (!loaded)
            qWarning("%s", loaded.error().message.c_str());
        return loaded ? *loaded : nullptr;
    }

    static Json goldenCases() {
        const auto golden = readJsonFile(fs::path(ATTUNE_SOURCE_DIR) / "tests/golden/tokenizer_cases.json");
        return golden ? *golden : Json();
    }

    void compareCases(const Tokenizer& tokenizer, const Json& golden, const char* kind, const char* name) {
        const Json& texts = golden["texts"];
        const Json& rows = golden[kind][name];
        QVERIFY(texts.size() > 50);
        QCOMPARE(rows["ids"].size(), texts.size());
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const auto text = texts[i].get<std::string>();
            const auto encoding = tokenizer.encode(text, {.addSpecialTokens = false, .parseSpecialTokens = false});
            QVERIFY2(encoding, text.c_str());
            QVERIFY2(encoding->ids == rows["ids"][i].get<std::vector<TokenId>>(), text.c_str());
            if (rows.contains("decoded"))
                QCOMPARE(tokenizer.decode(encoding->ids, false), rows["decoded"][i].get<std::string>());
            std::size_t at = 0; // in order and inside the text
            for (const auto& span : encoding->offsets) {
                QVERIFY(span.begin >= at && span.end >= span.begin && span.end <= text.size());
                at = span.end;
            }
        }
    }

    // Every row's ids; decoding gives the text back unless the vocabulary lacks a character; offsets tile the text.
    void compare(const Tokenizer& tokenizer, const Json& rows, bool special, bool lossless, bool tiles = true) {
        QVERIFY(rows.size() > 40);
        for (const auto& row : rows) {
            const auto text = row["text"].get<std::string>();
            EncodeOptions options;
            options.addSpecialTokens = special;
            const auto encoding = tokenizer.encode(text, options);
            QVERIFY2(encoding, text.c_str());
            QVERIFY2(encoding->ids == row["ids"].get<std::vector<TokenId>>(), text.c_str());
            if (lossless)
                QCOMPARE(tokenizer.decode(encoding->ids), text);
            QCOMPARE(encoding->offsets.size(), encoding->ids.size());
            if (!tiles)
                continue;
            std::size_t at = 0;
            for (const auto& span : encoding->offsets) {
                QCOMPARE(span.begin, at);
                QVERIFY(span.end >= span.begin);
                at = span.end;
            }
            QCOMPARE(at, text.size());
        }
    }

private Q_SLOTS:
    void equalsReferenceIds_data() {
        QTest::addColumn<QString>("folder");
        QTest::addColumn<QString>("rows");
        for (const char* name : {"gpt2", "llama2", "llama3.2", "qwen2.5"})
            QTest::newRow(name) << QString("tokenizers/") + name << QString(name);
        QTest::newRow("vocab.json and merges.txt") << "models/tiny-gpt2-random"
                                                   << "gpt2";
    }
    void equalsReferenceIds() {
        ATTUNE_REQUIRE_TEST_DATA("tokenizers/golden_ids.json");
        QFETCH(QString, folder);
        QFETCH(QString, rows);
        const auto golden = readJsonFile(dataPath);
        QVERIFY(golden);
        const auto tokenizer = load(test::testData() / folder.toStdString());
        QVERIFY(tokenizer);
        compare(*tokenizer, (*golden)[rows.toStdString()], false, true);
    }

    void wordPieceEqualsReferenceIds() {
        ATTUNE_REQUIRE_TEST_DATA("tokenizers/golden_ids.json");
        const auto golden = readJsonFile(dataPath);
        const fs::path folder = test::testData() / "tokenizers/bert-base-uncased";
        QVERIFY(golden);
        for (const auto& tokenizer : {load(folder), loadOnly(folder, {"vocab.txt", "tokenizer_config.json"})}) {
            QVERIFY(tokenizer);
            compare(*tokenizer, (*golden)["bert-base-uncased"], false, false, false); // lower case, blanks are dropped
            EncodeOptions special;
            special.addSpecialTokens = true;
            QCOMPARE(tokenizer->encode("a", special)->ids, (std::vector<TokenId>{101, 1037, 102}));
            compareCases(*tokenizer, goldenCases(), "json", "bert-base-uncased");
        }
    }

    void sentencepieceModelEqualsReferenceIds() {
        ATTUNE_REQUIRE_TEST_DATA("tokenizers/golden_ids.json");
        const auto golden = readJsonFile(dataPath);
        const fs::path folder = test::testData() / "tokenizers";
        const auto llama = loadOnly(folder / "llama2", {"tokenizer.model", "tokenizer_config.json"});
        QVERIFY(golden && llama);
        compare(*llama, (*golden)["llama2"], false, true);
        compareCases(*llama, goldenCases(), "sentencepiece", "llama2");
        QVERIFY(llama->addsBos());
        QCOMPARE(llama->encode("<s>")->ids, (std::vector<TokenId>{1}));
        const auto json = load(folder / "llama2");
        QVERIFY(json);
        QCOMPARE(llama->vocabularySize(), json->vocabularySize());
        const auto t5 = loadOnly(folder / "t5-small", {"spiece.model", "tokenizer_config.json"});
        QVERIFY(t5);
        compareCases(*t5, goldenCases(), "sentencepiece", "t5-small");
        QCOMPARE(t5->encode("<extra_id_0>")->ids, (std::vector<TokenId>{32099}));
    }

    void unigramAndGemmaEqualReferenceIds() {
        ATTUNE_REQUIRE_TEST_DATA("tokenizers");
        for (const char* name : {"t5-small", "gemma2"}) {
            const auto tokenizer = load(dataPath / name);
            QVERIFY(tokenizer);
            compareCases(*tokenizer, goldenCases(), "json", name);
        }
    }

    // The models of tests that need no files: what Viterbi and the longest match must find by hand.
    void smallModels() {
        const auto unigram = test::loadFrom(R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.0],
            ["b",-1.5],["ab",-3.0],["abc",-2.0],["c",-4.0],["bc",-1.0]]}})");
        QVERIFY(unigram);
        QCOMPARE((*unigram)->encode("abc")->ids, (std::vector<TokenId>{4}));
        QCOMPARE((*unigram)->encode("ab")->ids, (std::vector<TokenId>{1, 2}));
        QCOMPARE((*unigram)->encode("aabcb")->ids, (std::vector<TokenId>{1, 4, 2}));
        QCOMPARE((*unigram)->encode("axyb")->ids, (std::vector<TokenId>{1, 0, 2})); // unknown ones join
        const auto none = test::loadFrom(R"({"model":{"type":"Unigram","vocab":[["a",-1.0]]}})");
        QVERIFY(none);
        QCOMPARE((*none)->encode("x").error().code, ErrorCode::InvalidData);
        const auto words = test::loadFrom(R"({"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordPiece",
            "vocab":{"[UNK]":0,"un":1,"##aff":2,"##able":3,"u":4,"##n":5},"max_input_chars_per_word":9}})");
        QVERIFY(words);
        QCOMPARE((*words)->encode("unaffable un uaff unaffables xun unx")->ids,
                 (std::vector<TokenId>{1, 2, 3, 1, 4, 2, 0, 0, 0}));
        const auto level = test::loadFrom(R"({"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordLevel",
            "vocab":{"hi":1,"you":2,"<unk>":0},"unk_token":"<unk>"}})");
        QVERIFY(level);
        QCOMPARE((*level)->encode("hi there you")->ids, (std::vector<TokenId>{1, 0, 2}));
    }

    void aTokenizerFromItsParts() {
        TokenizerMaterial material;
        material.pieces = {{"<unk>", 0, PieceKind::Unknown},   {"<s>", 0, PieceKind::Control},
                           {"</s>", 0, PieceKind::Control},    {"<0xC3>", 0, PieceKind::Byte},
                           {"<0xA9>", 0, PieceKind::Byte},     {"\u2581", -9},
                           {"a", -8},                          {"b", -7},
                           {"ab", -1},                         {"\u2581a", -2},
                           {"<|x|>", 0, PieceKind::UserDefined}, {"ba", -0.5F}};
        material.bos = 1;
        material.eos = 2;
        material.addBos = true;
        const auto built = buildTokenizer(material, "test");
        QVERIFY2(built, built ? "" : built.error().message.c_str());
        const Tokenizer& tokenizer = **built;
        QVERIFY(tokenizer.addsBos());
        QCOMPARE(tokenizer.eosToken(), std::string("</s>"));
        QCOMPARE(tokenizer.encode("aba")->ids, (std::vector<TokenId>{9, 11}));        // "ba" has the best score
        QCOMPARE(tokenizer.encode("\u00e9")->ids, (std::vector<TokenId>{5, 3, 4}));   // as bytes
        QCOMPARE(tokenizer.encode("a\u00e8")->ids, (std::vector<TokenId>{9, 0}));     // not all bytes are there
        QCOMPARE(tokenizer.encode("a<|x|>b</s>")->ids, (std::vector<TokenId>{9, 10, 7, 2}));
        const auto plain = tokenizer.encode("a<|x|>b</s>", {.addSpecialTokens = false, .parseSpecialTokens = false});
        QVERIFY(plain);
        for (const TokenId id : plain->ids)
            QVERIFY(id == 0 || !tokenizer.isSpecial(id));
        QCOMPARE(tokenizer.decode({1, 9, 11}), std::string("aba"));
        material.pieces.push_back({"xb", -3});
        const auto refused = buildTokenizer(material, "test");
        QVERIFY(!refused && refused.error().code == ErrorCode::Unsupported);
    }

    void equalsReferenceIdsOfEveryModel() {
        ATTUNE_REQUIRE_TEST_DATA("models");
        int models = 0;
        for (const auto& entry : fs::directory_iterator(dataPath)) {
            if (!fs::exists(entry.path() / "golden_tokenization.json"))
                continue;
            const auto golden = readJsonFile(entry.path() / "golden_tokenization.json");
            const auto tokenizer = Tokenizer::load(entry.path());
            QVERIFY(golden && tokenizer);
            QVERIFY((*tokenizer)->addsBos());
            const bool lossless = (*tokenizer)->tokenToId("<0x00>").has_value();
            compare(**tokenizer, *golden, true, lossless);
            ++models;
        }
        QVERIFY(models >= 2);
    }

    void tokenBytesJoinToTheText() {
        ATTUNE_REQUIRE_TEST_DATA("tokenizers/qwen2.5");
        const std::string text = "caf\xC3\xA9 \xF0\x9F\x98\x80 \xE4\xBD\xA0\xE5\xA5\xBD\n";
        for (const char* name : {"qwen2.5", "llama2"}) {
            const auto tokenizer = load(test::testData() / "tokenizers" / name);
            QVERIFY(tokenizer);
            std::string bytes;
            const auto encoding = tokenizer->encode(text);
            for (const TokenId id : encoding->ids)
                bytes += tokenizer->tokenBytes(id);
            QCOMPARE(bytes, std::string(name) == "llama2" ? " " + text : text);
        }
    }

    void spelledControlTokensAreTextWhenNotParsed() {
        ATTUNE_REQUIRE_TEST_DATA("tokenizers");
        EncodeOptions content;
        content.parseSpecialTokens = false;
        for (const char* name : {"gpt2", "llama2", "llama3.2", "qwen2.5", "gemma2", "t5-small", "bert-base-uncased"}) {
            const auto tokenizer = load(dataPath / name);
            QVERIFY(tokenizer);
            const bool lossless = name != std::string("t5-small") && name != std::string("bert-base-uncased");
            int parsed = 0;
            for (TokenId id = 0; id < static_cast<TokenId>(tokenizer->vocabularySize()); ++id) {
                if (!tokenizer->isSpecial(id))
                    continue;
                const std::string token = *tokenizer->idToToken(id);
                const std::string text = "a" + token + " b" + token + token;
                const auto plain = tokenizer->encode(text, content);
                QVERIFY(plain);
                const auto unknown = tokenizer->encode("\xF3\xB0\x80\x80", content); // stays itself, whatever it is
                for (const TokenId got : plain->ids)
                    QVERIFY2(!tokenizer->isSpecial(got) || got == unknown->ids.back(), text.c_str());
                if (lossless)
                    QCOMPARE(tokenizer->decode(plain->ids), text);
                const auto trusted = tokenizer->encode(text);
                parsed += static_cast<int>(std::count(trusted->ids.begin(), trusted->ids.end(), id) == 3);
            }
            QVERIFY2(parsed > 0, name);
        }
    }

    void mergesAndWholeWordsNeverMakeAControlToken() {
        const std::string file = R"({"added_tokens":[{"id":4,"content":"<s>","special":true}],
            "pre_tokenizer":{"type":"WhitespaceSplit"},"decoder":{"type":"Fuse"},
            "model":{"type":"BPE","ignore_merges":true,"vocab":{"<":0,"s":1,">":2,"<s":3,"<s>":4},"merges":["< s","<s >"]}})";
        const auto tokenizer = test::loadFrom(file);
        QVERIFY(tokenizer);
        EncodeOptions content;
        content.parseSpecialTokens = false;
        QCOMPARE((*tokenizer)->encode("<s>", content)->ids, (std::vector<TokenId>{3, 2}));
        QCOMPARE((*tokenizer)->encode("<s>")->ids, (std::vector<TokenId>{4}));
        QCOMPARE((*tokenizer)->encode("<s>", content)->ids, (std::vector<TokenId>{3, 2}));
    }

    void addedTokensHonourStripAndSingleWord() {
        const std::string file = R"({"added_tokens":[{"id":3,"content":"<l>","lstrip":true,"special":true},
            {"id":4,"content":"<r>","rstrip":true,"special":true},{"id":5,"content":"ab","single_word":true,"normalized":false}],
            "model":{"type":"BPE","vocab":{"a":0,"b":1," ":2},"merges":[]}})";
        const auto tokenizer = test::loadFrom(file);
        QVERIFY(tokenizer);
        QCOMPARE((*tokenizer)->encode("a  <l> b")->ids, (std::vector<TokenId>{0, 3, 2, 1}));
        QCOMPARE((*tokenizer)->encode("a <r>  b")->ids, (std::vector<TokenId>{0, 2, 4, 1}));
        QCOMPARE((*tokenizer)->encode("ab aab")->ids, (std::vector<TokenId>{5, 2, 0, 0, 1}));
    }

    void invalidUtf8IsAnErrorNotAToken() {
        const auto tokenizer = test::loadFrom(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})");
        QVERIFY(tokenizer);
        for (const std::string text : {"a\xFF", "\xC0\x80", "\xED\xA0\x80", "a\xE2\x82", "\xF4\x90\x80\x80"}) {
            const auto encoding = (*tokenizer)->encode(text);
            QVERIFY(!encoding);
            QCOMPARE(encoding.error().code, ErrorCode::InvalidData);
        }
    }

    void configNamesTokensAndTemplate() {
        const std::string file =
            R"({"added_tokens":[{"id":1,"content":"<s>","special":true},{"id":2,"content":"</s>","special":true}],
            "model":{"type":"BPE","vocab":{"a":0},"merges":[]}})";
        const auto tokenizer =
            test::loadFrom(file, R"({"bos_token":{"content":"<s>"},"eos_token":"</s>","pad_token":null,
            "add_bos_token":true,"chat_template":[{"name":"tool_use","template":"T"},{"name":"default","template":"D"}]})");
        QVERIFY(tokenizer);
        QCOMPARE((*tokenizer)->bosId(), std::optional<TokenId>(1));
        QCOMPARE((*tokenizer)->eosId(), std::optional<TokenId>(2));
        QVERIFY(!(*tokenizer)->padId());
        QVERIFY((*tokenizer)->addsBos());
        QCOMPARE((*tokenizer)->chatTemplate(), std::string("D"));
        QCOMPARE((*tokenizer)->vocabularySize(), std::size_t{3});
        QCOMPARE((*tokenizer)->namedChatTemplates(), (std::vector<std::pair<std::string, std::string>>{{"tool_use", "T"}}));
        const auto other = test::loadFrom(file, R"({"bos_token":"<s>"})");
        QVERIFY(other && (*other)->hash() != (*tokenizer)->hash());
    }

    // Which file counts, as transformers reads them: .jinja files before tokenizer_config.json; chat_template.json where nothing else is.
    void templatesComeFromEveryFileThatMayHoldThem() {
        const std::string tokenizerJson = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}";
        const auto loadWith = [&](const std::vector<std::pair<std::string, std::string>>& files) {
            const QTemporaryDir folder;
            const fs::path path = folder.path().toStdString();
            fs::create_directories(path / "additional_chat_templates");
            (void)writeFileAtomic(path / "tokenizer.json", tokenizerJson);
            for (const auto& [name, text] : files)
                (void)writeFileAtomic(path / name, text);
            return Tokenizer::load(path);
        };
        const std::pair<std::string, std::string> config{"tokenizer_config.json", "{\"chat_template\":\"config\"}"},
            jinja{"chat_template.jinja", "jinja"}, json{"chat_template.json", "{\"chat_template\":\"json\"}"},
            tools{"additional_chat_templates/tool_use.jinja", "tools"};
        using Named = std::vector<std::pair<std::string, std::string>>;
        const auto both = loadWith({config, jinja, json, tools});
        QVERIFY(both);
        QCOMPARE((*both)->chatTemplate(), std::string("jinja"));
        QCOMPARE((*both)->namedChatTemplates(), (Named{{"tool_use", "tools"}}));
        QCOMPARE((*loadWith({config, json}))->chatTemplate(), std::string("config"));
        QCOMPARE((*loadWith({json}))->chatTemplate(), std::string("json"));
        QCOMPARE((*loadWith({config, tools}))->chatTemplate(), std::string());
        QVERIFY((*loadWith({jinja}))->hash() != (*loadWith({jinja, tools}))->hash());
        const auto object = loadWith({{"tokenizer_config.json", "{\"chat_template\":{\"default\":\"d\",\"tool_use\":\"t\"}}"}});
        QCOMPARE((*object)->chatTemplate(), std::string("d"));
        QCOMPARE((*object)->namedChatTemplates(), (Named{{"tool_use", "t"}}));
        const auto broken = loadWith({{"tokenizer_config.json", "{\"chat_template\":[{\"name\":\"default\"}]}"}});
        QVERIFY(!broken && broken.error().message.find("chat_template[0]") != std::string::npos);
    }

    void everySpecialTokenIsNamed() {
        const auto tokenizer = test::loadFrom(
            "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
            "{\"bos_token\":\"<s>\",\"unk_token\":{\"content\":\"<u>\"},\"pad_token\":\"<p>\",\"mask_token\":\"<m>\",\"sep_token\":null,"
            "\"additional_special_tokens\":[\"<x>\",{\"content\":\"<y>\"}],\"extra_special_tokens\":{\"image_token\":\"<i>\"}}");
        QVERIFY(tokenizer);
        const OrderedJson expected{{"bos_token", "<s>"},   {"unk_token", "<u>"}, {"pad_token", "<p>"},
                                   {"mask_token", "<m>"},  {"image_token", "<i>"}, {"additional_special_tokens", {"<x>", "<y>"}}};
        QCOMPARE(QString::fromStdString((*tokenizer)->specialTokens().dump()), QString::fromStdString(expected.dump()));
    }

    void oneTokenizerServesManyThreads() {
        ATTUNE_REQUIRE_TEST_DATA("tokenizers/golden_ids.json");
        const auto golden = readJsonFile(dataPath);
        const auto tokenizer = load(test::testData() / "tokenizers/gpt2");
        QVERIFY(golden && tokenizer);
        std::atomic<int> wrong = 0;
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int round = 0; round < 20; ++round)
                    for (const auto& row : (*golden)["gpt2"])
                        wrong += tokenizer->encode(row["text"].get<std::string>())->ids !=
                                 row["ids"].get<std::vector<TokenId>>();
            });
        threads.clear();
        QCOMPARE(wrong.load(), 0);
    }
};

ATTUNE_TEST(TokenizerTest)
#include "tst_tokenizer.moc"
