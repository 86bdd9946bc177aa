#include <QtTest>

#include "tests/support/test_main.h"
#include "ui/widgets/word_diff.h"

using namespace attune;

namespace {

QString side(const std::vector<DiffPiece>& pieces, DiffPiece::Kind other) {
    QString text;
    for (const DiffPiece& piece : pieces)
        if (piece.kind != other)
            text += piece.text;
    return text;
}

} // namespace

class WordDiffTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void marksOnlyTheWordsThatDiffer() {
        const auto pieces = wordDiff("the red kettle is dead", "the blue kettle is dead");
        QCOMPARE(pieces.size(), std::size_t(4));
        QCOMPARE(pieces[0].text, QString("the "));
        QCOMPARE(pieces[1].text, QString("red"));
        QVERIFY(pieces[1].kind == DiffPiece::Kind::OnlyLeft);
        QCOMPARE(pieces[2].text, QString("blue"));
        QVERIFY(pieces[2].kind == DiffPiece::Kind::OnlyRight);
        QCOMPARE(pieces[3].text, QString(" kettle is dead"));
    }

    void bothSidesComeBackWhole_data() {
        QTest::addColumn<QString>("left");
        QTest::addColumn<QString>("right");
        QTest::newRow("empty") << ""
                               << "";
        QTest::newRow("only left") << "a b c"
                                   << "";
        QTest::newRow("only right") << ""
                                    << "{\"a\": 1}";
        QTest::newRow("nothing in common") << "one two three"
                                           << "4 5 6 7";
        QTest::newRow("json") << "{\"category\": \"billing\", \"urgency\": \"low\"}"
                              << "{\"category\":\"billing\",\n \"urgency\": \"high\"}";
        QTest::newRow("moved") << "a b c d e f g"
                               << "g a b d c e f";
        QTest::newRow("unicode") << QString::fromUtf8("Grüße, 世界 \xF0\x9F\x98\x80!")
                                 << QString::fromUtf8("Gruß, 世界 \xF0\x9F\x98\x81!");
        QString longLeft, longRight;
        for (int i = 0; i < 4000; ++i) {
            longLeft += QString::number(i * 7 % 13) + ' ';
            longRight += QString::number(i * 5 % 11) + "\n";
        }
        QTest::newRow("beyond the edit limit") << longLeft << longRight;
    }

    void bothSidesComeBackWhole() {
        QFETCH(QString, left);
        QFETCH(QString, right);
        const auto pieces = wordDiff(left, right, 300);
        QCOMPARE(side(pieces, DiffPiece::Kind::OnlyRight), left);
        QCOMPARE(side(pieces, DiffPiece::Kind::OnlyLeft), right);
    }

    // Against the longest common subsequence by dynamic programming, on random word strings.
    void keepsAsMuchAsPossible() {
        quint32 state = 12345;
        const auto next = [&state](quint32 below) {
            state = state * 1664525u + 1013904223u;
            return (state >> 16) % below;
        };
        for (int round = 0; round < 60; ++round) {
            QStringList a, b;
            for (quint32 i = next(14); i-- > 0;)
                a << QString(QChar(char16_t('a' + next(4))));
            for (quint32 i = next(14); i-- > 0;)
                b << QString(QChar(char16_t('a' + next(4))));
            std::vector<std::vector<int>> best(std::size_t(a.size() + 1),
                                               std::vector<int>(std::size_t(b.size() + 1), 0));
            // Words and the blanks between them both count: compare on the same units as the function splits into.
            const QString left = a.join('.'), right = b.join('.');
            best.assign(std::size_t(left.size() + 1), std::vector<int>(std::size_t(right.size() + 1), 0));
            for (int i = 1; i <= left.size(); ++i)
                for (int j = 1; j <= right.size(); ++j)
                    best[std::size_t(i)][std::size_t(j)] = left[i - 1] == right[j - 1]
                                                               ? best[std::size_t(i - 1)][std::size_t(j - 1)] + 1
                                                               : std::max(best[std::size_t(i - 1)][std::size_t(j)],
                                                                          best[std::size_t(i)][std::size_t(j - 1)]);
            qsizetype same = 0;
            for (const DiffPiece& piece : wordDiff(left, right))
                if (piece.kind == DiffPiece::Kind::Same)
                    same += piece.text.size();
            QCOMPARE(int(same), best.back().back());
        }
    }
};

ATTUNE_TEST(WordDiffTest)
#include "tst_word_diff.moc"
