// Sampling, stop strings, streaming and batches: the sampler against probabilities computed here, texts against a real
// model.
// Designated initialisers leave the other members at their defaults on purpose.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include <QtTest>
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/base/json.h"
#include "core/engine/generate.h"
#include "core/engine/ngram_draft.h"
#include "core/engine/sampler.h"
#include "core/engine/text_stream.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

// Hugging Face's chain written the slow way: penalty, temperature, top-k, top-p, softmax.
std::vector<double> expectedShares(std::vector<double> scores, const Sampling& s,
                                   const std::vector<std::int64_t>& seen) {
    for (std::size_t id = 0; id < scores.size(); ++id)
        if (std::count(seen.begin(), seen.end(), static_cast<std::int64_t>(id)))
            scores[id] = scores[id] < 0 ? scores[id] * s.repetitionPenalty : scores[id] / s.repetitionPenalty;
    for (double& score : scores)
        score /= s.temperature;
    if (s.topK > 0) {
        std::vector<double> sorted = scores;
        std::sort(sorted.rbegin(), sorted.rend());
        const double limit = sorted[static_cast<std::size_t>(
            std::min<std::int64_t>(s.topK, static_cast<std::int64_t>(sorted.size())) - 1)];
        for (double& score : scores)
            if (score < limit)
                score = -INFINITY;
    }
    const auto softmax = [&] {
        std::vector<double> shares;
        double total = 0;
        for (const double score : scores)
            total += std::exp(score);
        for (const double score : scores)
            shares.push_back(std::exp(score) / total);
        return shares;
    };
    std::vector<double> shares = softmax();
    if (s.topP < 1) {
        std::vector<std::size_t> order(scores.size());
        std::iota(order.begin(), order.end(), 0);
        // Equal shares: the lowest id counts as the better one, as it does in the greedy choice.
        std::sort(order.begin(), order.end(),
                  [&](std::size_t a, std::size_t b) { return shares[a] != shares[b] ? shares[a] < shares[b] : a > b; });
        double below = 0;
        for (std::size_t i = 0; i + 1 < order.size(); ++i) {
            below += shares[order[i]];
            if (below <= 1 - s.topP)
                scores[order[i]] = -INFINITY;
        }
        shares = softmax();
    }
    return shares;
}

LoadedModel load(const fs::path& folder, const char* precision = "f32") {
    auto model = loadModel({.model = folder.string(), .precision = precision});
    if (!model)
        qFatal("%s", model.error().message.c_str());
    return std::move(*model);
}

} // namespace

class TestGenerate : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void sharesFollowTheDefinition_data() {
        QTest::addColumn<double>("temperature");
        QTest::addColumn<int>("topK");
        QTest::addColumn<double>("topP");
        QTest::addColumn<double>("penalty");
        QTest::newRow("plain") << 1.0 << 0 << 1.0 << 1.0;
        QTest::newRow("hot") << 2.5 << 0 << 1.0 << 1.0;
        QTest::newRow("top-k") << 1.0 << 4 << 1.0 << 1.0;
        QTest::newRow("top-k beyond vocabulary") << 1.0 << 100 << 1.0 << 1.0;
        QTest::newRow("top-p") << 1.0 << 0 << 0.7 << 1.0;
        QTest::newRow("tiny top-p") << 1.0 << 0 << 0.01 << 1.0;
        QTest::newRow("penalty") << 0.8 << 0 << 1.0 << 1.7;
        QTest::newRow("all") << 0.7 << 6 << 0.85 << 1.3;
    }
    void sharesFollowTheDefinition() {
        QFETCH(double, temperature);
        QFETCH(int, topK);
        QFETCH(double, topP);
        QFETCH(double, penalty);
        const Sampling sampling{
            .temperature = temperature, .topK = topK, .topP = topP, .repetitionPenalty = penalty, .seed = 9};
        const std::vector<float> logits{1.5f, -0.5f, 2.0f, 0.25f, 2.0f, -3.0f, 0.75f, 1.0f, -1.25f, 0.1f};
        const std::vector<std::int64_t> prompt{2, 8};
        const auto expected = expectedShares({logits.begin(), logits.end()}, sampling, prompt);
        constexpr int kDraws = 20000;
        std::vector<int> counts(logits.size());
        for (int i = 0; i < kDraws; ++i) { // a fresh sampler each: the penalty must see the prompt only
            Sampler sampler(sampling, static_cast<std::uint64_t>(i), prompt);
            ++counts[static_cast<std::size_t>(*sampler.next(logits))];
        }
        for (std::size_t id = 0; id < counts.size(); ++id) {
            const double sigma = std::sqrt(expected[id] * (1 - expected[id]) / kDraws);
            QVERIFY2(std::abs(counts[id] / static_cast<double>(kDraws) - expected[id]) <= 4.5 * sigma + 1e-12,
                     QByteArray::number(static_cast<qulonglong>(id)));
        }
    }

    void greedyTakesLowestIdOnTies() {
        Sampler sampler({}, 0, {});
        QCOMPARE(*sampler.next(std::vector<float>{1, 3, 2, 3}), 1);
        QVERIFY(!sampler.next(std::vector<float>{1, NAN, 2}));
        Sampler penalised({.repetitionPenalty = 2}, 0, {});
        QCOMPARE(*penalised.next(std::vector<float>{1, 3, 2, 2.5f}), 1);
        QCOMPARE(*penalised.next(std::vector<float>{1, 3, 2, 2.5f}), 3); // 3 / 2 < 2.5
        QCOMPARE(*penalised.next(std::vector<float>{1, 3, 2, 2.5f}), 2);
    }

    void stopStringsAreFoundAcrossPieces() {
        TextStream stream({"END", "\n\n"});
        std::string shown;
        for (const char* piece : {"go E", "N", "X E", "ND rest"})
            shown += stream.append(piece);
        QVERIFY(stream.stopped());
        shown += stream.finish();
        QCOMPARE(shown, std::string("go ENX "));
        QCOMPARE(stream.text(), shown);
        TextStream held({"abc"});
        QCOMPARE(held.append("xab"), std::string("x"));
        QCOMPARE(held.finish(), std::string("ab"));
    }

    void piecesAreWholeCharacters() {
        const std::string text = "aé€😀z";
        TextStream stream({});
        std::string shown;
        for (const char byte : text) {
            const std::string piece = stream.append(std::string_view(&byte, 1));
            QVERIFY(QString::fromUtf8(piece.data(), static_cast<int>(piece.size())).toUtf8().toStdString() == piece);
            QVERIFY(!QString::fromStdString(piece).contains(QChar(0xFFFD)));
            shown += piece;
        }
        QCOMPARE(shown + stream.finish(), text);
        TextStream cut({});
        QCOMPARE(cut.append("a\xE2\x82"), std::string("a"));
        QCOMPARE(cut.finish(), std::string("\xEF\xBF\xBD"));
    }

    // On real weights the most likely next token is nearly always the same with weights in 8 bits.
    void eightBitsMostlyAgree() {
        const LoadedModel model = load(ATTUNE_SOURCE_DIR "/resources/starter_model");
        std::vector<std::vector<std::int64_t>> prompts;
        for (const char* text : {"Once upon a time there was", "The dog ran to the", "My order has not", "It was a cold",
                                 "She opened the box and", "In the morning the children", "He wanted to buy", "The answer is"}) {
            auto ids = promptIds(model, {{}, text, {}});
            QVERIFY(ids);
            prompts.push_back(std::move(*ids));
        }
        GenerateOptions options;
        options.sampling.temperature = 0, options.sampling.maxTokens = 12;
        const auto exact = generateTexts(model, prompts, options, {}, {});
        options.eightBit = true;
        const auto rounded = generateTexts(model, prompts, options, {}, {});
        QVERIFY(exact && rounded);
        int same = 0;
        for (std::size_t i = 0; i < prompts.size(); ++i) // until they part, both have seen the same text
            for (std::size_t t = 0; t < std::min((*exact)[i].tokens.size(), (*rounded)[i].tokens.size()); ++t) {
                if ((*exact)[i].tokens[t] != (*rounded)[i].tokens[t])
                    break;
                ++same;
            }
        QVERIFY2(same >= 60, QByteArray::number(same)); // of 96
    }

    void goldenTextsBatchedAndAlone() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const LoadedModel model = load(dataPath);
        const Json golden = *readJsonFile(dataPath / "golden_forward.json");
        GenerateRequest request;
        request.sampling.maxTokens = 80;
        for (const Json& entry : golden["cases"])
            request.prompts.push_back({{}, entry["prompt"].get<std::string>(), {}});
        std::map<int, std::string> streamed;
        std::map<int, int> ends;
        const Emit collect = [&](const TrainingEvent& event) {
            const auto& piece = std::get<TextGenerated>(event);
            streamed[piece.index] += piece.text;
            ends[piece.index] += piece.finished;
        };
        const auto texts = generateTexts(model, request, {}, collect);
        QVERIFY2(texts, texts ? "" : texts.error().message.c_str());
        for (std::size_t i = 0; i < texts->size(); ++i) {
            const Json& entry = golden["cases"][i];
            QCOMPARE((*texts)[i].tokens, entry["greedy_ids"].get<std::vector<std::int64_t>>());
            QCOMPARE((*texts)[i].finish, std::string("length"));
            // greedy_text is prompt and answer decoded together; a leading space is the decoder's
            const std::string whole = entry["greedy_text"].get<std::string>();
            QVERIFY2(whole.ends_with((*texts)[i].text) && (*texts)[i].text.size() > 50, (*texts)[i].text.c_str());
            QCOMPARE(streamed[static_cast<int>(i)], (*texts)[i].text);
            QCOMPARE(ends[static_cast<int>(i)], 1);
        }
    }

    void endTokenStopsAndIsKept() {
        ATTUNE_REQUIRE_TEST_DATA("models/TinyStories-656K");
        const LoadedModel model = load(dataPath);
        const Json golden = *readJsonFile(dataPath / "golden_forward.json");
        const Json& entry = golden["cases"][1];
        const auto texts = generateTexts(model, {entry["prompt_ids"].get<std::vector<std::int64_t>>()},
                                         {.sampling = {.maxTokens = 80}}, {}, {});
        QVERIFY(texts);
        QCOMPARE((*texts)[0].tokens, entry["greedy_ids"].get<std::vector<std::int64_t>>());
        QCOMPARE((*texts)[0].finish, std::string("stop"));
    }

    void answerDoesNotDependOnNeighbours() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const LoadedModel model = load(dataPath);
        GenerateOptions options{.sampling = {.temperature = 1.0, .topK = 50, .topP = 0.95, .seed = 4, .maxTokens = 40}};
        const std::vector<std::int64_t> a{1, 403, 407, 261}, b{1, 385, 328}, c{1, 317, 286, 296, 418, 329};
        const auto together = *generateTexts(model, {a, b, c, b}, options, {}, {});
        QCOMPARE((*generateTexts(model, {b}, options, {}, {}))[0].tokens, together[1].tokens);
        QCOMPARE((*generateTexts(model, {c, a}, options, {}, {}))[1].tokens, together[0].tokens);
        QVERIFY(together[1].tokens != together[3].tokens); // asked twice, answered twice
        options.cacheBytes = 1;                            // every prompt a batch of its own
        QCOMPARE((*generateTexts(model, {a, b, c, b}, options, {}, {}))[3].tokens, together[3].tokens);
        options.sampling.seed = 5;
        QVERIFY((*generateTexts(model, {b}, options, {}, {}))[0].tokens != together[1].tokens);
    }

    // Guessed tokens: the same answers without them, greedy and drawn, alone and together.
    void guessesChangeNothing_data() {
        QTest::addColumn<QByteArray>("name");
        QTest::addColumn<QByteArray>("precision");
        QTest::addColumn<double>("temperature");
        QTest::addColumn<bool>("eightBit");
        for (const char* name : {"starter", "models/stories260K", "models/TinyStories-656K"})
            for (const double temperature : {0.0, 0.8}) {
                QTest::addRow("%s f32 %g", name, temperature) << QByteArray(name) << QByteArray("f32") << temperature << false;
                QTest::addRow("%s bf16 %g", name, temperature) << QByteArray(name) << QByteArray("bf16") << temperature << false;
                QTest::addRow("%s 8 bits %g", name, temperature) << QByteArray(name) << QByteArray("bf16") << temperature << true;
            }
    }
    void guessesChangeNothing() {
        QFETCH(QByteArray, name);
        QFETCH(QByteArray, precision);
        QFETCH(double, temperature);
        QFETCH(bool, eightBit);
        fs::path folder = ATTUNE_SOURCE_DIR "/resources/starter_model";
        if (name != "starter") {
            ATTUNE_REQUIRE_TEST_DATA(name.constData());
            folder = dataPath;
        }
        const LoadedModel model = load(folder, precision.constData());
        std::vector<std::vector<std::int64_t>> prompts;
        for (const char* text : {"Once upon a time there was a dog. The dog ran. The dog ran. The dog", "red blue red blue red blue red",
                                 "She opened the box and", "1 2 3 1 2 3 1 2 3 1 2", "The cat", "It was a cold day"}) {
            auto ids = promptIds(model, {{}, text, {}});
            QVERIFY(ids);
            prompts.push_back(std::move(*ids));
        }
        GenerateOptions options;
        options.sampling.temperature = temperature, options.sampling.maxTokens = 40;
        options.eightBit = eightBit;
        for (const std::size_t together : {1, 3, 6}) {
            for (std::size_t begin = 0; begin + together <= prompts.size(); begin += together) {
                const std::vector<std::vector<std::int64_t>> some(prompts.begin() + static_cast<std::ptrdiff_t>(begin),
                                                                 prompts.begin() + static_cast<std::ptrdiff_t>(begin + together));
                options.speculate = false;
                const auto plain = generateTexts(model, some, options, {}, {});
                options.speculate = true;
                const auto guessed = generateTexts(model, some, options, {}, {});
                QVERIFY(plain && guessed);
                for (std::size_t i = 0; i < together; ++i) {
                    QCOMPARE((*guessed)[i].tokens, (*plain)[i].tokens);
                    QCOMPARE((*guessed)[i].text, (*plain)[i].text);
                    QCOMPARE((*guessed)[i].finish, (*plain)[i].finish);
                }
            }
        }
    }

    // Long enough to reach the context, with a penalty (its memory must not see rejected tokens).
    void guessesEndAtTheContext() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const LoadedModel model = load(dataPath);
        for (const double penalty : {1.0, 1.1}) {
            GenerateOptions options{.sampling = {.repetitionPenalty = penalty, .maxTokens = 700}};
            const std::vector<std::int64_t> prompt{1, 403, 407, 261};
            const auto guessed = generateTexts(model, {prompt}, options, {}, {});
            options.speculate = false;
            const auto plain = generateTexts(model, {prompt}, options, {}, {});
            QVERIFY(plain && guessed);
            QCOMPARE((*guessed)[0].tokens, (*plain)[0].tokens);
            QCOMPARE((*guessed)[0].finish, (*plain)[0].finish);
        }
    }

    void draftsFollowTheText() {
        NgramDraft draft(std::vector<std::int64_t>{1, 2, 3, 4, 5, 9, 1, 2, 3});
        const auto proposed = draft.propose(7);
        QVERIFY(!proposed.empty());
        const std::vector<std::int64_t> follows{4, 5, 9, 1, 2, 3};
        QVERIFY(proposed.size() <= follows.size() && std::equal(proposed.begin(), proposed.end(), follows.begin()));
        QVERIFY(draft.propose(0).empty());
        QVERIFY(draft.propose(1).size() <= 1);
        QVERIFY(NgramDraft(std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7}).propose(7).empty()); // nothing repeats
        // Always right: longer proposals. Always wrong: hardly any.
        NgramDraft good(std::vector<std::int64_t>{}), bad(std::vector<std::int64_t>{});
        std::size_t longest = 0, tokens = 0;
        for (std::int64_t i = 0; i < 400; ++i) {
            good.append(i % 20);
            const std::vector<std::int64_t> guess = good.propose(7);
            longest = std::max(longest, guess.size());
            if (!guess.empty())
                good.judge(static_cast<std::int64_t>(guess.size()), static_cast<std::int64_t>(guess.size()));
            bad.append(i % 2 == 0 ? 7 : i % 8 < 4 ? 8 : 1000 + i); // pairs that never go on as before
            const std::vector<std::int64_t> wrong = bad.propose(7);
            tokens += wrong.size();
            if (!wrong.empty())
                bad.judge(static_cast<std::int64_t>(wrong.size()), 0);
        }
        QCOMPARE(longest, std::size_t{7});
        QVERIFY2(tokens < 60, QByteArray::number(static_cast<qulonglong>(tokens)));
    }

    void limitsEndTexts() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const LoadedModel model = load(dataPath);
        const std::vector<std::int64_t> prompt{1, 403, 407, 261};
        auto texts = generateTexts(model, {prompt}, {.sampling = {.maxTokens = 60, .stop = {"little girl"}}}, {}, {});
        QVERIFY(texts);
        QCOMPARE((*texts)[0].finish, std::string("stop"));
        QVERIFY((*texts)[0].text.find("little") == std::string::npos || !(*texts)[0].text.ends_with("little girl"));
        texts = generateTexts(model, {std::vector<std::int64_t>(510, 403)}, {.sampling = {.maxTokens = 60}}, {}, {});
        QVERIFY(texts);
        QVERIFY((*texts)[0].tokens.size() <= 3); // context 512: one after each of 510, 511 and 512 tokens
        QVERIFY(!generateTexts(model, {std::vector<std::int64_t>(513, 403)}, {}, {}, {}));
        QVERIFY(!generateTexts(model, {prompt}, {.sampling = {.topP = 0}}, {}, {}));
        QVERIFY(!generateTexts(model, {prompt}, {.sampling = {.temperature = NAN}}, {}, {}));
        texts = generateTexts(model, {prompt}, {.sampling = {.maxTokens = 0}}, {}, {});
        QVERIFY(texts && (*texts)[0].tokens.empty());
        std::stop_source source;
        int pieces = 0;
        texts = generateTexts(model, {prompt, prompt}, {.sampling = {.maxTokens = 300}}, source.get_token(),
                              [&](const TrainingEvent&) {
                                  if (++pieces == 10)
                                      source.request_stop();
                              });
        QVERIFY(texts);
        QCOMPARE((*texts)[0].finish, std::string("cancelled"));
        QVERIFY(!(*texts)[0].text.empty() && (*texts)[0].tokens.size() < 30);
    }
};

ATTUNE_TEST(TestGenerate)
#include "tst_generate.moc"
