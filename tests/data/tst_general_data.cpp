// General data from files of every kind: what becomes a row, where texts are cut, what is refused.
#include <QTemporaryDir>
#include <QtTest>

#include "core/data/general_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

std::string joined(const std::vector<std::string>& pieces) {
    std::string all;
    for (const std::string& piece : pieces)
        all += piece;
    all.erase(std::remove_if(all.begin(), all.end(), [](char c) { return c == ' ' || c == '\n'; }), all.end());
    return all;
}

} // namespace

class TestGeneralData : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void textsAreCutAtParagraphs() {
        const std::string paragraph(700, 'a'), longLine = [] {
            std::string text;
            while (text.size() < 9'000)
                text += "word\xC3\xA9 ";
            return text;
        }();
        const std::string text = paragraph + "\n\n" + paragraph + "\n\n\n" + paragraph + "\n\n" + "last\n\n" + longLine + "\n";
        const auto pieces = textPieces(text);
        QVERIFY(pieces.size() >= 4);
        QCOMPARE(pieces[0], paragraph + "\n\n" + paragraph + "\n\n\n" + paragraph);
        for (const std::string& piece : pieces)
            QVERIFY(piece.size() <= 4'001 && !piece.empty());
        std::string all = text;
        all.erase(std::remove_if(all.begin(), all.end(), [](char c) { return c == ' ' || c == '\n'; }), all.end());
        QCOMPARE(joined(pieces), all); // nothing is lost, no character is cut
        QVERIFY(textPieces("").empty());
        QVERIFY(textPieces(" \n\n \r\n").empty());
        QCOMPARE(textPieces(std::string(5'000, 'x')).size(), std::size_t{2});
    }

    void aFolderHoldsSeveralKinds() {
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString();
        QVERIFY(writeFileAtomic(root / "b.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n"));
        QVERIFY(writeFileAtomic(root / "a.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"r\"}]}\n"));
        QVERIFY(writeFileAtomic(root / "c.txt", "three"));
        QVERIFY(writeFileAtomic(root / "ignored.bin", "\x01"));
        const auto source = loadGeneralData(root);
        QVERIFY2(source.has_value(), source ? "" : source.error().message.c_str());
        QCOMPARE((*source)->size(), std::size_t{4});
        QVERIFY((*source)->at(0)->kind == SampleKind::Chat);
        QCOMPARE((*source)->at(1)->text, std::string("one"));
        QCOMPARE((*source)->at(3)->text, std::string("three"));
        QVERIFY(writeFileAtomic(root / "c.txt", "four"));
        QVERIFY((*loadGeneralData(root))->hash() != (*source)->hash());
    }

    void whatIsNoGeneralDataIsRefused() {
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString();
        QVERIFY(loadGeneralData(root / "missing").error().code == ErrorCode::NotFound);
        QVERIFY(loadGeneralData(root).error().code == ErrorCode::NotFound);
        QVERIFY(writeFileAtomic(root / "pairs.jsonl", "{\"prompt\": \"p\", \"chosen\": \"c\", \"rejected\": \"r\"}\n"));
        const auto pairs = loadGeneralData(root / "pairs.jsonl");
        QVERIFY(!pairs && pairs.error().code == ErrorCode::Unsupported);
        QVERIFY(pairs.error().message.find("row 1") != std::string::npos && pairs.error().message.find("preference") != std::string::npos);
        QVERIFY(writeFileAtomic(root / "latin.txt", "caf\xE9"));
        QVERIFY(loadGeneralData(root / "latin.txt").error().message.find("byte 4") != std::string::npos);
        QVERIFY(writeFileAtomic(root / "empty.txt", "\n \n"));
        QVERIFY(loadGeneralData(root / "empty.txt").error().code == ErrorCode::InvalidData);
    }
};

ATTUNE_TEST(TestGeneralData)
#include "tst_general_data.moc"
