// Reading what is not a plain file, and writing that leaves the old content when it fails.
#include <QTemporaryDir>

#include <sys/stat.h>

#include "core/base/files.h"
#include "tests/support/test_main.h"

using namespace attune;

class TestFiles : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    fs::path path(const char* name) const { return fs::path(m_folder.path().toStdString()) / name; }

private Q_SLOTS:
    void pipesFoldersAndDevicesAreRefusedAtOnce() {
        const fs::path pipe = path("config.json");
        QCOMPARE(::mkfifo(pipe.c_str(), 0600), 0);
        for (const fs::path& file : {pipe, fs::path("/dev/zero"), fs::path(m_folder.path().toStdString())}) {
            const auto content = readFile(file);
            QVERIFY(!content && content.error().message.find(file.string()) != std::string::npos);
            QVERIFY(!content.error().hint.empty());
            QVERIFY(!hashFile(file));
        }
    }

    void tooLargeFilesAreRefused() {
        QVERIFY(writeFileAtomic(path("large"), std::string(100, 'x')));
        QVERIFY(!readFile(path("large"), 99));
        QCOMPARE(readFile(path("large"), 100).value().size(), std::size_t{100});
    }

    void anUncommittedFileLeavesTheOldOne() {
        QVERIFY(writeFileAtomic(path("kept"), "old"));
        {
            auto file = AtomicFile::create(path("kept"));
            QVERIFY(file && file->write("new"));
        }
        QCOMPARE(readFile(path("kept")).value(), std::string("old"));
        const auto entries = std::distance(fs::directory_iterator(path("")), fs::directory_iterator());
        QVERIFY(writeFileAtomic(path("kept"), "new"));
        QCOMPARE(readFile(path("kept")).value(), std::string("new"));
        QCOMPARE(std::distance(fs::directory_iterator(path("")), fs::directory_iterator()), entries); // no temporary file stays
    }

    // A name that is taken by the wrong kind of thing is no fault of the disk.
    void whatIsInTheWayIsNamed() {
        QVERIFY(writeFileAtomic(path("file"), "x"));
        const Status below = writeFileAtomic(path("file") / "below", "x"), folder = writeFileAtomic(path(""), "x");
        const Status tooLong = writeFileAtomic(path(std::string(300, 'n').c_str()), "x");
        QVERIFY(below.error().message.find("there is a file where a folder is needed") != std::string::npos);
        QVERIFY(tooLong.error().message.find("too long") != std::string::npos);
        for (const Status& status : {below, folder, tooLong})
            QVERIFY2(status.error().hint.find("disk") == std::string::npos, status.error().hint.c_str());
    }

    // XXH3-128 of the empty input, from the reference implementation's test vectors.
    void hashesAreXxh3() {
        QCOMPARE(hashBytes(""), std::string("99aa06d3014798d86001c324468d497f"));
        QVERIFY(writeFileAtomic(path("abc"), "abc"));
        QCOMPARE(hashFile(path("abc")).value(), hashBytes("abc"));
    }
};

ATTUNE_TEST(TestFiles)
#include "tst_files.moc"
