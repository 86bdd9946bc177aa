#include <QtTest>

#include "core/data/convert_sample.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Sample pairRow() {
    Sample sample;
    sample.kind = SampleKind::Preference;
    sample.messages = {{"system", "Be brief."}, {"user", "Why is the sky blue?"}};
    sample.chosen = "Air scatters blue light.", sample.rejected = "It is not.";
    sample.tags = {"physics"}, sample.split = Split::Validation;
    return sample;
}

} // namespace

class ConvertSampleTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void pairsBecomeConversationsOfTheBetterAnswer() {
        const auto made = convertSample(pairRow(), SampleKind::Chat);
        QCOMPARE(made.size(), std::size_t{1});
        QCOMPARE(made[0].kind, SampleKind::Chat);
        QCOMPARE(made[0].messages.size(), std::size_t{3});
        QCOMPARE(made[0].messages.back().role, std::string("assistant"));
        QCOMPARE(made[0].messages.back().content, std::string("Air scatters blue light."));
        QCOMPARE(made[0].split, Split::Validation);
        QCOMPARE(made[0].tags, std::vector<std::string>{"physics"});
        QVERIFY(made[0].chosen.empty() && made[0].rejected.empty());
    }
    void pairsBecomeTwoMarkedAnswers() {
        const auto made = convertSample(pairRow(), SampleKind::Unpaired);
        QCOMPARE(made.size(), std::size_t{2});
        QVERIFY(made[0].label && !made[1].label);
        QCOMPARE(made[1].chosen, std::string("It is not."));
        QCOMPARE(made[1].messages, pairRow().messages);
    }
    void badAnswersAreNoExamples() {
        Sample bad = convertSample(pairRow(), SampleKind::Unpaired)[1];
        QVERIFY(convertSample(bad, SampleKind::Chat).empty());
        bad.label = true;
        QCOMPARE(convertSample(bad, SampleKind::Chat).size(), std::size_t{1});
    }
    void promptsEndBeforeTheAnswer() {
        Sample chat;
        chat.messages = {{"user", "One"}, {"assistant", "Two"}, {"user", "Three"}, {"assistant", "Four"}};
        const auto made = convertSample(chat, SampleKind::PromptOnly);
        QCOMPARE(made.size(), std::size_t{1});
        QCOMPARE(made[0].messages.size(), std::size_t{3});
        QCOMPARE(made[0].messages.back().content, std::string("Three"));
        chat.messages = {{"assistant", "Alone"}};
        QVERIFY(convertSample(chat, SampleKind::PromptOnly).empty());
    }
    void nothingIsMadeUp() {
        Sample chat;
        chat.messages = {{"user", "One"}, {"assistant", "Two"}};
        for (const SampleKind kind : {SampleKind::Preference, SampleKind::Unpaired, SampleKind::Chat}) {
            QVERIFY(!canConvert(SampleKind::Chat, kind));
            QVERIFY(convertSample(chat, kind).empty());
        }
        QCOMPARE(convertSample(chat, SampleKind::Text)[0].text, std::string("One\n\nTwo"));
    }
};

ATTUNE_TEST(ConvertSampleTest)
#include "tst_convert_sample.moc"
