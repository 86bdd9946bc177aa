// Parts of tokenizer.json that no model of the test data has, against what the reference library did with them
// (tests/golden/tokenizer_parts.json): the pre-tokenizer UnicodeScripts over all characters, the decoder CTC.
#include "core/text/utf8.h"
#include "tests/support/test_main.h"
#include "tests/text/tokenizer_folder.h"

using namespace attune;

namespace {

Json partsGolden() {
    const auto json = readJsonFile(fs::path(ATTUNE_SOURCE_DIR) / "tests/golden/tokenizer_parts.json");
    return json ? *json : Json::object();
}

// One token for each piece: its span is the piece.
std::shared_ptr<const Tokenizer> tokenizerOfPieces(const Json& preTokenizer) {
    const Json file = {{"pre_tokenizer", preTokenizer},
                       {"model", {{"type", "WordLevel"}, {"vocab", {{"?", 0}}}, {"unk_token", "?"}}}};
    auto loaded = test::loadFrom(file.dump());
    return loaded ? *loaded : nullptr;
}

std::shared_ptr<const Tokenizer> scriptTokenizer() {
    return tokenizerOfPieces({{"type", "UnicodeScripts"}});
}

// Empty where every row has the pieces that the reference gave it, else the first text that has others.
QByteArray firstDifference(const Tokenizer& tokenizer, const Json& rows) {
    for (const Json& row : rows) {
        const std::string text = row["text"];
        const auto encoding = tokenizer.encode(text);
        std::vector<std::string> pieces;
        if (encoding)
            for (const ByteSpan& span : encoding->offsets)
                pieces.push_back(text.substr(span.begin, span.end - span.begin));
        if (!encoding || Json(pieces) != row["pieces"])
            return QByteArray::fromStdString("\"" + text + "\": " + Json(pieces).dump());
    }
    return {};
}

} // namespace

class TokenizerPartsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void scriptsCutAsTheReference() {
        const auto tokenizer = scriptTokenizer();
        QVERIFY(tokenizer);
        const Json golden = partsGolden();
        QVERIFY(golden["scripts"].size() >= 20);
        const QByteArray difference = firstDifference(*tokenizer, golden["scripts"]);
        QVERIFY2(difference.isEmpty(), difference.constData());
    }

    // Scripts that came with Unicode 15 and 16, whatever the system's libraries know.
    void newLettersAndNumbersAreKnown() {
        const auto tokenizer = tokenizerOfPieces(
            {{"type", "Split"},
             {"pattern",
              {{"Regex", "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}}},
             {"behavior", "Isolated"}});
        QVERIFY(tokenizer);
        const Json golden = partsGolden();
        QVERIFY(golden["letters"].size() >= 30);
        const QByteArray difference = firstDifference(*tokenizer, golden["letters"]);
        QVERIFY2(difference.isEmpty(), difference.constData());
    }

    void allCharactersCutAsTheReference() {
        const auto tokenizer = scriptTokenizer();
        QVERIFY(tokenizer);
        std::string text;
        for (char32_t c = 1; c < 0xE0200; ++c)
            if ((c < 0xD800 || c > 0xDFFF) && (c < 0x30000 || c > 0xDFFFF))
                utf8::append(text, c);
        const auto encoding = tokenizer->encode(text);
        QVERIFY(encoding);
        std::vector<std::uint32_t> cuts;
        for (const ByteSpan& span : encoding->offsets)
            cuts.push_back(static_cast<std::uint32_t>(utf8::decode(text, span.begin).value));
        QCOMPARE(cuts, partsGolden()["cuts"].get<std::vector<std::uint32_t>>());
    }

    void ctcDecodesAsTheReference() {
        const Json golden = partsGolden();
        Json vocab;
        for (const Json& word : golden["words"])
            vocab[word.get<std::string>()] = vocab.size();
        QVERIFY(golden["ctc"].size() >= 16);
        for (const bool cleanup : {true, false}) {
            const Json file = {{"decoder", {{"type", "CTC"}, {"pad_token", "<pad>"}, {"word_delimiter_token", "|"}, {"cleanup", cleanup}}},
                               {"model", {{"type", "WordLevel"}, {"vocab", vocab}, {"unk_token", "<unk>"}}}};
            const auto tokenizer = test::loadFrom(file.dump());
            QVERIFY(tokenizer);
            for (const Json& row : golden["ctc"])
                if (row["cleanup"] == cleanup)
                    QCOMPARE((*tokenizer)->decode(row["ids"].get<std::vector<TokenId>>(), false), row["text"].get<std::string>());
        }
    }

    void brokenCtcIsNamed() {
        const Json file = {{"decoder", {{"type", "CTC"}, {"pad_token", ""}}},
                           {"model", {{"type", "WordLevel"}, {"vocab", {{"a", 0}}}, {"unk_token", "a"}}}};
        const auto loaded = test::loadFrom(file.dump());
        QVERIFY(!loaded && loaded.error().message.find("pad_token") != std::string::npos);
    }
};

ATTUNE_TEST(TokenizerPartsTest)
#include "tst_tokenizer_parts.moc"
