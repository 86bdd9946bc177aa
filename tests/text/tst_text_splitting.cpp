// Word scanners against the regular expressions they stand for, normal forms against Qt's, and the split behaviours.
#include <random>

#include <QtTest>

#include "core/base/json.h"
#include "core/text/normalizers.h"
#include "core/text/pre_tokenizers.h"
#include "core/text/utf8.h"
#include "core/text/word_scanner.h"
#include "tests/support/test_main.h"

using namespace attune;

class TextSplittingTest : public QObject {
    Q_OBJECT

    std::mt19937 m_random{20};

    std::string randomText() {
        static constexpr std::pair<char32_t, char32_t> kRanges[] = {
            {0x20, 0x7E},       {0x61, 0x66},     {0x09, 0x0D},     {0x20, 0x20},     {0x27, 0x27},
            {0x80, 0xFF},       {0x130, 0x180},   {0x300, 0x340},   {0x600, 0x6FF},   {0x900, 0x97F},
            {0x1100, 0x11FF},   {0x1E00, 0x1EFF}, {0x2000, 0x206F}, {0x2150, 0x2189}, {0x3000, 0x30FF},
            {0xAC00, 0xAC20},   {0xF900, 0xF920}, {0xFB00, 0xFB06}, {0xFF61, 0xFF9F}, {0x1F600, 0x1F640},
            {0x1D400, 0x1D420}, {0x73, 0x74},     {0x53, 0x53},     {0x17F, 0x17F},   {0x0A, 0x0A}};
        std::string text;
        const auto below = [&](std::size_t n) { return static_cast<std::size_t>(m_random() % n); };
        for (std::size_t parts = below(12) + 1; parts > 0; --parts) {
            const auto [low, high] = kRanges[below(std::size(kRanges))];
            for (std::size_t n = below(4) + 1; n > 0; --n)
                utf8::append(text, low + static_cast<char32_t>(below(high - low + 1)));
        }
        return text;
    }

    static std::vector<std::string> split(const char* description, std::string_view text) {
        const auto preTokenizer = readPreTokenizer(Json::parse(description), "test");
        if (!preTokenizer)
            return {preTokenizer.error().message};
        Pieces pieces{AlignedText(text, 0), {{0, static_cast<std::uint32_t>(text.size())}}};
        if (!(*preTokenizer)->apply(pieces))
            return {"failed"};
        if (pieces.rawBytes)
            pieces.spellBytes();
        std::vector<std::string> out;
        for (const auto& range : pieces.ranges)
            out.emplace_back(pieces.piece(range));
        return out;
    }
    using Words = std::vector<std::string>;

private Q_SLOTS:
    void scannersEqualTheirExpressions() {
        for (const auto pattern :
             {WordScanner::gpt2Pattern(), WordScanner::llama3Pattern(), WordScanner::qwen2Pattern()}) {
            const auto scanner = WordScanner::forPattern(pattern);
            const auto regex = Regex::compile(pattern, "test");
            QVERIFY(scanner && regex);
            for (int i = 0; i < 20000; ++i) {
                const std::string text = randomText();
                std::vector<TextRange> scanned, matched;
                scanner->findAll(text, 3, scanned);
                QVERIFY(regex->findAll(text, 3, matched));
                QVERIFY2(scanned == matched, QByteArray::fromStdString(text).toHex(' ').constData());
            }
        }
        QVERIFY(!WordScanner::forPattern(R"(\w+)"));
    }

    void normalFormsEqualQt_data() {
        QTest::addColumn<QString>("form");
        QTest::addColumn<int>("qt");
        QTest::newRow("NFC") << "NFC" << static_cast<int>(QString::NormalizationForm_C);
        QTest::newRow("NFD") << "NFD" << static_cast<int>(QString::NormalizationForm_D);
        QTest::newRow("NFKC") << "NFKC" << static_cast<int>(QString::NormalizationForm_KC);
        QTest::newRow("NFKD") << "NFKD" << static_cast<int>(QString::NormalizationForm_KD);
    }
    void normalFormsEqualQt() {
        QFETCH(QString, form);
        QFETCH(int, qt);
        const auto normalizer = readNormalizer(Json{{"type", form.toStdString()}}, "test");
        QVERIFY(normalizer);
        for (int i = 0; i < 20000; ++i) {
            const std::string text = randomText();
            AlignedText aligned(text, 0);
            QVERIFY((*normalizer)->apply(aligned));
            const auto expected =
                QString::fromStdString(text).normalized(static_cast<QString::NormalizationForm>(qt)).toStdString();
            QCOMPARE(std::string(aligned.view()), expected);
            for (std::size_t at = 1; at <= aligned.view().size(); ++at)
                QVERIFY(aligned.originOf(at) >= aligned.originOf(at - 1));
            QCOMPARE(aligned.originOf(aligned.view().size()), text.size());
        }
    }

    // The examples of the reference's own documentation.
    void splitBehaviours() {
        const auto with = [](const char* behavior, const char* more = "") {
            return std::string(R"({"type":"Split","pattern":{"String":"-"},"behavior":")") + behavior + "\"" + more +
                   "}";
        };
        const char* text = "the-final--countdown";
        QCOMPARE(split(with("Removed").c_str(), text), (Words{"the", "final", "countdown"}));
        QCOMPARE(split(with("Isolated").c_str(), text), (Words{"the", "-", "final", "-", "-", "countdown"}));
        QCOMPARE(split(with("MergedWithPrevious").c_str(), text), (Words{"the-", "final-", "-", "countdown"}));
        QCOMPARE(split(with("MergedWithNext").c_str(), text), (Words{"the", "-final", "-", "-countdown"}));
        QCOMPARE(split(with("Contiguous").c_str(), text), (Words{"the", "-", "final", "--", "countdown"}));
        QCOMPARE(split(with("Removed", R"(,"invert":true)").c_str(), text), (Words{"-", "-", "-"}));
    }

    void otherPreTokenizers() {
        QCOMPARE(split(R"({"type":"Whitespace"})", "Hey man! x"), (Words{"Hey", "man", "!", "x"}));
        QCOMPARE(split(R"({"type":"Digits","individual_digits":true})", "a12b"), (Words{"a", "1", "2", "b"}));
        QCOMPARE(split(R"({"type":"Digits","individual_digits":false})", "a12b"), (Words{"a", "12", "b"}));
        QCOMPARE(split(R"({"type":"Punctuation"})", "a!?b"), (Words{"a", "!", "?", "b"}));
        QCOMPARE(split(R"({"type":"Metaspace","prepend_scheme":"always"})", "Hey  you"),
                 (Words{"\u2581Hey", "\u2581", "\u2581you"}));
        QCOMPARE(split(R"({"type":"ByteLevel","add_prefix_space":true})", "Hi \u00e9"),
                 (Words{"\u0120Hi", "\u0120\u00c3\u00a9"}));
        QCOMPARE(split(R"({"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false},
                           {"type":"Digits","individual_digits":true}]})",
                       "x 12"),
                 (Words{"x", "\u0120", "1", "2"}));
        QCOMPARE(split(R"({"type":"FixedLength","length":2})", "a\u00e9\u00e9b!"), (Words{"a\u00e9",
                                                                                          "\u00e9"
                                                                                          "b",
                                                                                          "!"}));
    }
};

ATTUNE_TEST(TextSplittingTest)
#include "tst_text_splitting.moc"
