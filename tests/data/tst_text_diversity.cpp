// Figures counted by hand from the definitions.
#include <cmath>

#include <QtTest>

#include "core/data/text_diversity.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

using Texts = std::vector<std::string>;

bool close(double value, double expected) { return std::abs(value - expected) < 1e-9; }

} // namespace

class TextDiversityTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void wordsAreLowerCaseWithoutMarks() {
        QCOMPARE(wordsOf("The  kettle, it's DEAD!"), (Texts{"the", "kettle", "it", "s", "dead"}));
        QCOMPARE(wordsOf("Größe 42"), (Texts{"größe", "42"}));
        QVERIFY(wordsOf(" ,.! ").empty());
    }
    void distinctCountsDifferentGrams() {
        const Texts texts{"a b a b", "a b c"}; // 7 words of 3 kinds; pairs ab ba ab | ab bc: 5 of 3 kinds
        QVERIFY(close(distinctN(texts, 1), 3.0 / 7));
        QVERIFY(close(distinctN(texts, 2), 3.0 / 5));
        QVERIFY(close(distinctN(Texts{"one"}, 2), 1.0));
        QVERIFY(close(distinctN(Texts{}, 1), 1.0));
    }
    void selfBleuOfEqualTextsIsOne() {
        QVERIFY(close(selfBleu(Texts{"the cat sat on the mat", "The cat sat on the mat."}), 1.0));
    }
    void selfBleuByHand() {
        // "a b c d e" against "a b c x y": 3 of 5 words, 2 of 4 pairs, 1 of 3 triples, none (0.1) of 2 quadruples; equal length.
        const double expected = std::pow((3.0 / 5) * (2.0 / 4) * (1.0 / 3) * (0.1 / 2), 0.25);
        QVERIFY(close(selfBleu(Texts{"a b c d e", "a b c x y"}), expected));
        // With words alone: 1/2 of the short text, and the penalty exp(1 - 4/2); 1/4 of the long one.
        QVERIFY(close(selfBleu(Texts{"a z", "a b c d"}, 1), ((1.0 / 2) * std::exp(1 - 4.0 / 2) + 1.0 / 4) / 2));
    }
    void countsAreClipped() {
        // "the the" finds one "the" in the other text.
        QVERIFY(close(selfBleu(Texts{"the the", "the cat"}, 1), 0.5));
    }
    void fewerThanTwoTextsSayNothing() {
        QVERIFY(close(selfBleu(Texts{"alone"}), 0));
        QVERIFY(close(selfBleu(Texts{"alone", "  "}), 0));
    }
};

ATTUNE_TEST(TextDiversityTest)
#include "tst_text_diversity.moc"
