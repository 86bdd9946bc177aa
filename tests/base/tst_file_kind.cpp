// What a file is by its first bytes: signatures from the formats' specifications, and files written by other programs.
#include <QtTest>

#include <QFile>

#include "core/base/file_kind.h"
#include "tests/support/test_main.h"

using namespace attune;

class FileKindTest : public QObject {
    Q_OBJECT

    static QString kindName(const QByteArray& bytes) {
        const auto kind = foreignKind(std::string_view(bytes.constData(), std::size_t(bytes.size())));
        return kind ? QString::fromStdString(kind->what) : QString();
    }

private Q_SLOTS:
    void signatures_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<QString>("what");
        const QByteArray noise = QByteArray::fromHex("0001020304050607f8f9fafbfcfdfeff00000000");
        QTest::newRow("gzip") << QByteArray::fromHex("1f8b0800") + noise << "a gzip archive";
        QTest::newRow("xz") << QByteArray::fromHex("fd377a585a00") + noise << "an xz archive";
        QTest::newRow("zstd") << QByteArray::fromHex("28b52ffd") + noise << "a Zstandard archive";
        QTest::newRow("bzip2") << QByteArray("BZh91AY&SY") + noise << "a bzip2 archive";
        QTest::newRow("pdf") << QByteArray("%PDF-1.7\n") << "a PDF document";
        QTest::newRow("sqlite") << QByteArray("SQLite format 3\0", 16) + noise << "an SQLite database";
        QTest::newRow("parquet") << "PAR1" + noise << "a Parquet table";
        QTest::newRow("arrow") << QByteArray("ARROW1\0\0", 8) + noise << "an Arrow table";
        QTest::newRow("old excel") << QByteArray::fromHex("d0cf11e0a1b11ae1") + noise << "an old Excel or Word file";
        QTest::newRow("xlsx") << "PK\x03\x04" + noise + "[Content_Types].xml" + noise + "xl/workbook.xml" + noise << "a spreadsheet";
        QTest::newRow("docx") << "PK\x03\x04" + noise + "[Content_Types].xml" + noise + "word/document.xml" << "a word processor's document";
        QTest::newRow("zip") << "PK\x03\x04" + noise + "rows.csv" << "a ZIP archive";
        QTest::newRow("gguf") << "GGUF" + noise << "a GGUF model";
        QTest::newRow("safetensors") << QByteArray::fromHex("4000000000000000") + "{\"a\":{\"dtype\":\"F32\"}}" << "a safetensors model";
        QTest::newRow("pickle") << QByteArray::fromHex("80049502000000") << "a Python pickle";
        QTest::newRow("utf-16 with mark") << QByteArray::fromHex("fffe61006200") << "text in UTF-16";
        QByteArray wide;
        for (const char c : QByteArray("question,answer\nHow are you?,Fine\n"))
            wide += c, wide += '\0';
        QTest::newRow("utf-16 without mark") << wide << "text in UTF-16";
        QTest::newRow("noise") << noise + noise << "binary data, not a text";
        QTest::newRow("csv") << QByteArray("question,answer\nHow are you?,Fine\n") << QString();
        QTest::newRow("a heading of capitals") << QByteArray("ORC,GGUF\nPAR1,BZh\n") << QString();
        QTest::newRow("a text about a format") << QByteArray("PAR1 is how such a file begins.") << QString();
        QTest::newRow("other scripts") << QByteArray("ἀρχή, 問い, السؤال\n") << QString();
        QTest::newRow("latin-1") << QByteArray("frage;antwort\nGr\xF6\xDF" "e?;\xC4hnlich\n") << QString(); // told row by row
        QTest::newRow("empty") << QByteArray() << QString();
    }
    void signatures() {
        QFETCH(QByteArray, bytes);
        QFETCH(QString, what);
        QCOMPARE(kindName(bytes), what);
    }

    void aPictureOfAnotherProgram() {
        QFile file(ATTUNE_SOURCE_DIR "/resources/help/compare.png");
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(kindName(file.read(4096)), QString("a PNG picture"));
    }

    void everyBeginningIsSafe() {
        QByteArray bytes;
        for (int i = 0; i < 600; ++i) {
            (void)kindName(bytes);
            bytes += char(i * 37 % 256);
        }
        QCOMPARE(kindName("PK\x03\x04"), QString("a ZIP archive"));
        const Status refused = refuseForeign("%PDF-1.4", "import a.csv");
        QVERIFY(!refused);
        QCOMPARE(refused.error().message, std::string("Cannot import a.csv: it is a PDF document"));
        QVERIFY(!refused.error().hint.empty());
        QVERIFY(refuseForeign("a,b\n1,2\n", "import a.csv"));
    }
};

ATTUNE_TEST(FileKindTest)
#include "tst_file_kind.moc"
