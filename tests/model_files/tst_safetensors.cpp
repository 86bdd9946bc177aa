// The strict safetensors reader against hostile files, and the writer against the reader and against bytes laid out by
// hand.
#include <QTemporaryDir>
#include <QtTest>
#include <cstring>
#include <fstream>
#include <sys/stat.h>

#include "core/base/rng.h"
#include "core/model_files/safetensors.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

// A file by hand: length, header, data.
std::string compose(const std::string& header, std::size_t dataBytes) {
    std::string bytes(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        bytes[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
    return bytes + header + std::string(dataBytes, 'x');
}

std::string quoted(const std::string& text) {
    return "\"" + text + "\"";
}

std::string withLength(std::uint64_t length, const std::string& rest) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + rest;
}

} // namespace

class TestSafetensors : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;

    fs::path put(const std::string& bytes, const char* name = "file.safetensors") {
        const fs::path path = fs::path(m_folder.path().toStdString()) / name;
        fs::remove(path); // rewriting in place would make some file systems flush each time
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }

private Q_SLOTS:
    void hostileFileIsRefused_data() {
        QTest::addColumn<std::string>("bytes");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* name, const std::string& bytes, const char* says) {
            QTest::newRow(name) << bytes << QString(says);
        };
        const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
        row("empty", "", "truncated");
        row("seven bytes", "1234567", "truncated");
        row("length only", withLength(2, ""), "truncated");
        row("header longer than file", withLength(1000, "{}"), "truncated");
        row("header length 2^63", withLength(std::uint64_t{1} << 63, "{}"), "more than the format allows");
        row("header length all ones", withLength(~std::uint64_t{0}, "{}"), "more than the format allows");
        row("header over the limit", withLength(100000001, "{}"), "more than the format allows");
        row("header length 0", withLength(0, ""), "start with {");
        row("leading space", compose(" " + good, 8), "start with {");
        row("an array", compose("[]", 0), "start with {");
        row("tail after }", compose(good + "\n", 8), "end with }");
        row("not JSON", compose("{not json}", 0), "not valid JSON");
        row("not UTF-8", compose("{\"\xff\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4),
            "not valid JSON");
        row("cut JSON", compose("{\"a\":{}", 0), "not valid JSON");
        row("two documents", compose("{}{}", 0), "not valid JSON");
        row("deep", compose("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}", 0), "nested");
        row("duplicate tensor",
            compose(
                R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                8),
            "twice");
        row("duplicate key inside",
            compose(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4), "twice");
        row("no dtype", compose(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4), "exactly");
        row("no shape", compose(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4), "exactly");
        row("no offsets", compose(R"({"a":{"dtype":"F32","shape":[1]}})", 4), "exactly");
        row("extra key", compose(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"b":1}})", 4), "exactly");
        row("tensor is a number", compose(R"({"a":1})", 0), "object");
        row("unknown type", compose(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4), "number type");
        row("type is a number", compose(R"({"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}})", 4), "dtype");
        row("negative size", compose(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "shape");
        row("fractional size", compose(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4), "shape");
        row("size beyond 2^63",
            compose(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4), "shape");
        row("size beyond 2^64",
            compose(R"({"a":{"dtype":"F32","shape":[36893488147419103232],"data_offsets":[0,4]}})", 4), "shape");
        row("product overflows",
            compose(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
            "impossibly large");
        row("product overflows to fit",
            compose(R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", 4), "does not fit");
        row("rank 9", compose(R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4), "shape");
        row("shape is an object", compose(R"({"a":{"dtype":"F32","shape":{},"data_offsets":[0,4]}})", 4), "shape");
        row("three offsets", compose(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4), "pair");
        row("negative offset", compose(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4), "ascending");
        row("offsets swapped", compose(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4), "ascending");
        row("offset fractional", compose(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0.0,4]}})", 4),
            "ascending");
        row("shape does not fit bytes", compose(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
            "does not fit");
        row("hole at the start", compose(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8), "hole");
        row("hole between",
            compose(
                R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                12),
            "hole");
        row("overlap",
            compose(
                R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                12),
            "overlaps");
        row("same bytes twice",
            compose(
                R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                4),
            "overlaps");
        row("data cut", compose(good, 7), "truncated");
        row("data missing", compose(good, 0), "truncated");
        row("bytes after the end", compose(good, 9), "after its last tensor");
        row("bytes without tensors", compose("{}", 1), "after its last tensor");
        row("offset beyond file",
            compose(R"({"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}})", 8),
            "truncated");
        row("metadata is a list", compose(R"({"__metadata__":[]})", 0), "__metadata__");
        row("metadata value is a number", compose(R"({"__metadata__":{"a":1}})", 0), "not a string");
        row("empty name", compose(R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4), "name");
        row("control character", compose("{\"a\\u0007\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4),
            "name");
        row("zero byte in name", compose("{\"a\\u0000\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4),
            "name");
        row("name of 5000 bytes",
            compose("{" + quoted(std::string(5000, 'n')) + R"(:{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
            "name");
        row("a zip file", "PK\x03\x04" + std::string(100, 'z'), "more than the format allows");
        std::string many = "{";
        for (int i = 0; i <= 100000; ++i)
            many += (i ? "," : "") + quoted(std::to_string(i)) + R"(:{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
        row("100,001 tensors", compose(many + ",\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0),
            "100000");
    }
    void hostileFileIsRefused() {
        QFETCH(std::string, bytes);
        QFETCH(QString, says);
        const fs::path path = put(bytes);
        const auto file = SafetensorsFile::open(path);
        QVERIFY(!file);
        const QString message = QString::fromStdString(file.error().message);
        QVERIFY2(message.contains(says), message.left(300).toUtf8().constData());
        QVERIFY(message.contains(QString::fromStdString(path.string())));
        QVERIFY(message.size() < 1000);
        QVERIFY(!file.error().hint.empty());
    }

    void truncationNamesBothSizes() {
        const std::string whole = compose(R"({"a":{"dtype":"F32","shape":[100],"data_offsets":[0,400]}})", 400);
        const auto file = SafetensorsFile::open(put(whole.substr(0, whole.size() - 50)));
        QVERIFY(!file);
        const QString message = QString::fromStdString(file.error().message);
        QVERIFY(message.contains(QString::number(whole.size() - 50)) &&
                message.contains(QString::number(whole.size())));
    }

    void everyShorterFileIsRefused() { // any cut, at any byte
        const std::string whole = compose(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
        QVERIFY(SafetensorsFile::open(put(whole)));
        for (std::size_t size = 0; size < whole.size(); ++size)
            QVERIFY(!SafetensorsFile::open(put(whole.substr(0, size))));
    }

    void flippedBytesNeverCrash() { // accepted or refused, but every accepted file keeps the rules
        const std::string whole = compose(
            R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]}})",
            14);
        Rng rng(11);
        for (int i = 0; i < 4000; ++i) {
            std::string changed = whole;
            for (std::uint64_t k = 0; k <= rng.below(3); ++k)
                changed[rng.below(changed.size())] = static_cast<char>(rng.below(256));
            const auto file = SafetensorsFile::open(put(changed));
            if (!file)
                continue;
            std::uint64_t position = 0;
            for (const TensorInfo& tensor : (*file)->tensors()) {
                QCOMPARE(tensor.begin, position);
                position = tensor.end;
                std::string data(tensor.end - tensor.begin, '\0');
                QVERIFY((*file)->read(tensor, std::as_writable_bytes(std::span(data))));
            }
        }
    }

    void legalOddFilesAreRead() {
        QVERIFY(SafetensorsFile::open(put(compose("{}", 0))));
        QVERIFY(SafetensorsFile::open(put(compose("{}      ", 0)))); // padding
        const auto scalar =
            SafetensorsFile::open(put(compose(R"({"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})", 8)));
        QVERIFY(scalar);
        QCOMPARE((*scalar)->find("s")->elements(), 1u);
        const auto nothing = SafetensorsFile::open(put(compose(
            R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"z":{"dtype":"F32","shape":[0,5],"data_offsets":[4,4]}})",
            4)));
        QVERIFY(nothing);
        QCOMPARE((*nothing)->find("z")->elements(), 0u);
        QCOMPARE((*nothing)->metadata().at("format"), std::string("pt"));
        QVERIFY(!(*nothing)->find("__metadata__"));
    }

    void linksAreFollowedButOnlyToFiles() {
        const fs::path real = put(compose("{}", 0), "blob");
        const fs::path folder = m_folder.path().toStdString();
        fs::create_symlink(real, folder / "link.safetensors");
        QVERIFY(SafetensorsFile::open(folder / "link.safetensors"));
        QVERIFY(!SafetensorsFile::open(folder)); // a folder
        QCOMPARE(::mkfifo((folder / "pipe").c_str(), 0600), 0);
        const auto pipe = SafetensorsFile::open(folder / "pipe"); // would hang if opened naively
        QVERIFY(!pipe);
        const auto missing = SafetensorsFile::open(folder / "none");
        QVERIFY(!missing);
        QCOMPARE(missing.error().code, ErrorCode::NotFound);
    }

    void shrunkWhileOpenIsAnError() {
        const fs::path path = put(compose(R"({"a":{"dtype":"U8","shape":[4096],"data_offsets":[0,4096]}})", 4096));
        const auto file = SafetensorsFile::open(path);
        QVERIFY(file);
        fs::resize_file(path, 1000);
        std::string data(4096, '\0');
        const Status status = (*file)->read(*(*file)->find("a"), std::as_writable_bytes(std::span(data)));
        QVERIFY(!status);
        QCOMPARE(status.error().code, ErrorCode::InvalidData);
    }

    void readingPastATensorIsRefused() {
        const auto file =
            SafetensorsFile::open(put(compose(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4)));
        std::string data(5, '\0');
        QVERIFY(!(*file)->read(*(*file)->find("a"), std::as_writable_bytes(std::span(data))));
        QVERIFY(!(*file)->read(*(*file)->find("a"), std::as_writable_bytes(std::span(data).first(1)), 4));
        QVERIFY((*file)->read(*(*file)->find("a"), std::as_writable_bytes(std::span(data).first(1)), 3));
    }

    void writtenFileIsReadBack() {
        const fs::path path = fs::path(m_folder.path().toStdString()) / "written.safetensors";
        const std::string first = "abcdefgh", second = "123456";
        const auto bytes = [](const std::string& text) {
            return [&text]() -> Result<std::span<const std::byte>> { return std::as_bytes(std::span(text)); };
        };
        QVERIFY(writeSafetensors(path, {{"z.first", TensorType::F32, {2, 1}, bytes(first)},
                                        {"a.second", TensorType::BF16, {3}, bytes(second)}}));
        const auto raw = readFile(path);
        QVERIFY(raw);
        std::uint64_t headerBytes = 0;
        std::memcpy(&headerBytes, raw->data(), 8);
        QCOMPARE(headerBytes % 8, 0u);
        QCOMPARE(raw->substr(8 + headerBytes), first + second);
        QVERIFY(raw->substr(8).starts_with(
            R"({"__metadata__":{"format":"pt"},"z.first":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"a.second":)"));
        const auto file = SafetensorsFile::open(path);
        QVERIFY(file);
        const TensorInfo* tensor = (*file)->find("a.second");
        QVERIFY(tensor && tensor->type == TensorType::BF16 && tensor->shape == std::vector<std::int64_t>{3});
        std::string data(4, '\0');
        QVERIFY((*file)->read(*tensor, std::as_writable_bytes(std::span(data)), 2));
        QCOMPARE(data, std::string("3456"));
    }

    void failedWriteLeavesTheOldFile() {
        const fs::path path = put("old");
        const std::string four = "abcd";
        const auto bytes = [&four]() -> Result<std::span<const std::byte>> { return std::as_bytes(std::span(four)); };
        QVERIFY(!writeSafetensors(path, {{"a", TensorType::F32, {2}, bytes}})); // too few bytes
        QVERIFY(
            !writeSafetensors(path, {{"a", TensorType::F32, {1}, bytes}, {"a", TensorType::F32, {1}, bytes}})); // twice
        const auto failing = []() -> Result<std::span<const std::byte>> { return fail(ErrorCode::Cancelled, "no"); };
        QVERIFY(!writeSafetensors(path, {{"a", TensorType::F32, {1}, bytes}, {"b", TensorType::F32, {1}, failing}}));
        QVERIFY(!writeSafetensors(path, {{"\xff", TensorType::F32, {1}, bytes}})); // not UTF-8
        QCOMPARE(*readFile(path), std::string("old"));
        int files = 0;
        for ([[maybe_unused]] const auto& entry : fs::directory_iterator(path.parent_path()))
            files += entry.path().extension() == ".tmp";
        QCOMPARE(files, 0);
    }
};

ATTUNE_TEST(TestSafetensors)
#include "tst_safetensors.moc"
