// The GGUF reader against files laid out by hand and hostile ones, dequantisation against the formats' definitions worked out again in
// another way, the weights' order of rows, the config, and the vocabularies of real files against reference ids.
#include <QTemporaryDir>
#include <QtTest>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>

#include "core/base/rng.h"
#include "core/families/model_family.h"
#include "core/model_files/gguf_model.h"
#include "core/model_files/model_source.h"
#include "core/model_files/safetensors.h"
#include "core/model_files/gguf_names.h"
#include "core/model_files/gguf_quantise.h"
#include "core/model_files/gguf_writer.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

template <class T>
std::string raw(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
}
std::string u32(std::uint32_t value) { return raw(value); }
std::string u64(std::uint64_t value) { return raw(value); }
std::string str(const std::string& text) { return u64(text.size()) + text; }
std::string head(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) { return "GGUF" + u32(version) + u64(tensors) + u64(keys); }
std::string key(const std::string& name, std::uint32_t type, const std::string& value) { return str(name) + u32(type) + value; }
std::string list(std::uint32_t type, std::uint64_t length, const std::string& values) { return u32(type) + u64(length) + values; }
std::string tensor(const std::string& name, const std::vector<std::uint64_t>& dims, std::uint32_t type, std::uint64_t offset) {
    std::string bytes = str(name) + u32(static_cast<std::uint32_t>(dims.size()));
    for (const auto size : dims)
        bytes += u64(size);
    return bytes + u32(type) + u64(offset);
}
std::string withData(std::string bytes, std::size_t data) {
    bytes.append((32 - bytes.size() % 32) % 32, '\0');
    return bytes + std::string(data, '\1');
}

// The value of number `index` of a row, straight from the struct definitions, without sharing anything with the reader: one number at a
// time, bits picked by arithmetic.
double definedValue(GgmlType type, const std::vector<std::uint8_t>& row, std::size_t index) {
    const auto half = [](const std::uint8_t* p) {
        const unsigned bits = p[0] + 256u * p[1];
        const int exponent = static_cast<int>(bits / 1024 % 32);
        const double fraction = bits % 1024 / 1024.0, sign = bits >= 32768 ? -1 : 1;
        return exponent == 0 ? sign * fraction * std::pow(2.0, -14) : sign * (1 + fraction) * std::pow(2.0, exponent - 15);
    };
    const auto nibble = [](unsigned byte, bool high) { return high ? byte / 16 : byte % 16; };
    const auto small = [&](std::size_t size, std::size_t scalars, bool fifth, double middle) {
        const std::uint8_t* b = row.data() + index / 32 * size;
        const std::size_t i = index % 32;
        const std::uint8_t* high = b + 2 * scalars;
        const std::uint8_t* codes = high + (fifth ? 4 : 0);
        double code = nibble(codes[i % 16], i >= 16);
        if (fifth)
            code += 16 * (high[i / 8] >> (i % 8) & 1);
        return half(b) * (code - middle) + (scalars == 2 ? half(b + 2) : 0.0);
    };
    switch (type) {
    case GgmlType::Q4_0:
        return small(18, 1, false, 8);
    case GgmlType::Q4_1:
        return small(20, 2, false, 0);
    case GgmlType::Q5_0:
        return small(22, 1, true, 16);
    case GgmlType::Q5_1:
        return small(24, 2, true, 0);
    case GgmlType::Q8_0: {
        const std::uint8_t* b = row.data() + index / 32 * 34;
        const int code = b[2 + index % 32];
        return half(b) * (code > 127 ? code - 256 : code);
    }
    case GgmlType::Q4_K:
    case GgmlType::Q5_K: {
        const bool five = type == GgmlType::Q5_K;
        const std::uint8_t* b = row.data() + index / 256 * (five ? 176 : 144);
        const std::size_t i = index % 256, group = i / 32;
        const std::uint8_t* s = b + 4;
        const unsigned scale = group < 4 ? s[group] % 64 : s[group + 4] % 16 + s[group - 4] / 64 * 16;
        const unsigned minimum = group < 4 ? s[group + 4] % 64 : s[group + 4] / 16 + s[group] / 64 * 16;
        double code = nibble(b[(five ? 48 : 16) + i / 64 * 32 + i % 32], i % 64 >= 32);
        if (five)
            code += 16 * (b[16 + i % 32] >> group & 1);
        return half(b) * scale * code - half(b + 2) * minimum;
    }
    case GgmlType::Q6_K: {
        const std::uint8_t* b = row.data() + index / 256 * 210;
        const std::size_t i = index % 256, part = i / 128, within = i % 128, lane = within % 32, quarter = within / 32;
        const double low = nibble(b[part * 64 + (quarter % 2) * 32 + lane], quarter >= 2);
        const double high = b[128 + part * 32 + lane] / (1u << (2 * quarter)) % 4;
        const int scale = b[192 + i / 16];
        return half(b + 208) * (scale > 127 ? scale - 256 : scale) * (low + 16 * high - 32);
    }
    default:
        return NAN;
    }
}

} // namespace

class TestGguf : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;

    fs::path put(const std::string& bytes, const char* name = "file.gguf") {
        const fs::path path = fs::path(m_folder.path().toStdString()) / name;
        fs::remove(path);
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }

private Q_SLOTS:
    void hostileFileIsRefused_data() {
        QTest::addColumn<std::string>("bytes");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* name, const std::string& bytes, const char* says) { QTest::newRow(name) << bytes << QString(says); };
        row("empty", "", "truncated");
        row("magic only", "GGUF", "truncated");
        row("other magic", "GGML" + u32(3) + u64(0) + u64(0), "not a GGUF file");
        row("version 1", head(0, 0, 1), "version 1");
        row("version 4", head(0, 0, 4), "version 4");
        row("big endian", "GGUF" + std::string("\0\0\0\3", 4) + u64(0) + u64(0), "big endian");
        row("tensor count all ones", head(~0ull, 0), "tensors");
        row("key count all ones", head(0, ~0ull), "keys");
        row("keys that are not there", head(0, 1000), "truncated");
        row("key of 2^40 bytes", head(0, 1) + u64(1ull << 40), "would have");
        row("key of 2^63 bytes", head(0, 1) + u64(1ull << 63), "would have");
        row("key longer than the file", head(0, 1) + u64(60'000) + "abc", "truncated");
        row("empty key", head(0, 1) + key("", 4, u32(1)), "empty");
        row("control character in key", head(0, 1) + key("a\nb", 4, u32(1)), "control characters");
        row("key twice", head(0, 2) + key("a", 4, u32(1)) + key("a", 4, u32(1)), "twice");
        row("unknown value type", head(0, 1) + key("a", 13, u32(1)), "value type 13");
        row("bool of 7", head(0, 1) + key("a", 7, "\7"), "true or false");
        row("text of 2^62 bytes", head(0, 1) + key("a", 8, u64(1ull << 62)), "would have");
        row("text longer than the file", head(0, 1) + key("a", 8, u64(1000) + "abc"), "truncated");
        row("list of 2^60 bytes", head(0, 1) + key("a", 9, list(0, 1ull << 60, "")), "entries");
        row("list longer than the file", head(0, 1) + key("a", 9, list(10, 1000, "")), "truncated");
        row("list of texts longer than the file", head(0, 1) + key("a", 9, list(8, 1u << 20, "")), "truncated");
        row("list of lists", head(0, 1) + key("a", 9, list(9, 1, list(4, 1, u32(1)))), "list of lists");
        row("uint64 beyond int64", head(0, 1) + key("a", 10, u64(~0ull)), "impossibly large");
        row("alignment 0", head(0, 1) + key("general.alignment", 4, u32(0)), "power of two");
        row("alignment 24", head(0, 1) + key("general.alignment", 4, u32(24)), "power of two");
        row("alignment 2^31", head(0, 1) + key("general.alignment", 4, u32(1u << 31)), "whole number up to");
        row("alignment is a text", head(0, 1) + key("general.alignment", 8, str("32")), "whole number up to");
        row("one part of a split file", head(0, 1) + key("split.count", 2, raw<std::uint16_t>(3)), "one part of 3");
        row("no dimensions", withData(head(1, 0) + tensor("a", {}, 0, 0), 64), "dimensions");
        row("nine dimensions", withData(head(1, 0) + tensor("a", {1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, 0), 64), "dimensions");
        row("dimension 0", withData(head(1, 0) + tensor("a", {0}, 0, 0), 64), "impossible");
        row("dimensions overflow", withData(head(1, 0) + tensor("a", {1ull << 32, 1ull << 32}, 0, 0), 64), "impossible");
        row("negative dimension", withData(head(1, 0) + tensor("a", {~0ull}, 0, 0), 64), "impossible");
        row("bytes overflow", withData(head(1, 0) + tensor("a", {1ull << 62}, 0, 0), 64), "impossible");
        row("type that does not exist", withData(head(1, 0) + tensor("a", {32}, 4, 0), 64), "number type 4");
        row("type all ones", withData(head(1, 0) + tensor("a", {32}, ~0u, 0), 64), "number type");
        row("half a block", withData(head(1, 0) + tensor("a", {48}, 2, 0), 64), "no whole number of Q4_0 blocks");
        row("beyond the end", withData(head(1, 0) + tensor("a", {16}, 0, 0), 63), "beyond the end");
        row("no data at all", head(1, 0) + tensor("a", {16}, 0, 0), "beyond the end");
        row("offset beyond the end", withData(head(1, 0) + tensor("a", {16}, 0, 1ull << 40), 64), "hole");
        row("offset all ones", withData(head(1, 0) + tensor("a", {16}, 0, ~0ull), 64), "hole");
        row("overlap", withData(head(2, 0) + tensor("a", {16}, 0, 0) + tensor("b", {16}, 0, 32), 128), "overlaps");
        row("hole", withData(head(2, 0) + tensor("a", {16}, 0, 0) + tensor("b", {16}, 0, 96), 256), "hole");
        row("tensor twice", withData(head(2, 0) + tensor("a", {16}, 0, 0) + tensor("a", {16}, 0, 64), 128), "twice");
        row("tensor without name", withData(head(1, 0) + tensor("", {16}, 0, 0), 64), "empty");
        row("tensor name of 2^33 bytes", head(1, 0) + u64(1ull << 33), "would have");
    }
    void hostileFileIsRefused() {
        QFETCH(std::string, bytes);
        QFETCH(QString, says);
        const auto file = GgufFile::open(put(bytes));
        QVERIFY(!file);
        QVERIFY2(QString::fromStdString(file.error().message).contains(says), file.error().message.c_str());
        QVERIFY(file.error().message.find("file.gguf") != std::string::npos);
        QVERIFY(!file.error().hint.empty());
    }

    void everyCutOfAGoodFileIsAnError() {
        const std::string good = withData(head(1, 3) + key("general.architecture", 8, str("llama")) + key("list", 9, list(8, 2, str("a") + str("b"))) +
                                              key("x", 6, raw(1.5f)) + tensor("token_embd.weight", {32, 2}, 8, 0),
                                          68);
        const auto whole = GgufFile::open(put(good));
        QVERIFY2(whole, whole ? "" : whole.error().message.c_str());
        QCOMPARE((*whole)->tensors().size(), 1u);
        QCOMPARE((*whole)->tensors()[0].shape, (std::vector<std::int64_t>{2, 32}));
        QCOMPARE(*(*whole)->texts("list").value(), (std::vector<std::string>{"a", "b"}));
        for (std::size_t size = 0; size < good.size(); ++size)
            QVERIFY2(!GgufFile::open(put(good.substr(0, size))), QByteArray::number(qulonglong(size)));
    }

    void randomDamageNeverCrashes() {
        std::string good = withData(head(2, 4) + key("general.architecture", 8, str("llama")) + key("tokenizer.ggml.model", 8, str("llama")) +
                                        key("tokenizer.ggml.tokens", 9, list(8, 3, str("<unk>") + str("<s>") + str("</s>"))) +
                                        key("tokenizer.ggml.scores", 9, list(6, 3, raw(0.f) + raw(0.f) + raw(0.f))) +
                                        tensor("token_embd.weight", {32, 3}, 8, 0) + tensor("output_norm.weight", {32}, 0, 128),
                                    256);
        Rng rng(11);
        for (int round = 0; round < 3000; ++round) {
            std::string bytes = good;
            for (std::uint64_t i = 0, count = 1 + rng.below(4); i < count; ++i)
                bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(4) == 0 ? 0xFF : rng.below(256));
            const fs::path path = put(bytes);
            if (const auto file = GgufFile::open(path)) {
                (void)ggufConfig(**file);
                (void)ggufTokenizer(**file);
                if (const auto weights = ggufWeights(*file))
                    for (const TensorInfo& info : (*weights)->tensors()) {
                        std::vector<std::byte> out(std::min<std::uint64_t>(info.end - info.begin, 4096));
                        (void)(*weights)->read(info, out);
                    }
            }
        }
    }

    void halfPrecisionIsExact() {
        for (std::uint32_t bits = 0; bits < 65536; ++bits) {
            const float value = halfToFloat(static_cast<std::uint16_t>(bits));
            if (std::isnan(value))
                continue;
            QCOMPARE(floatToHalf(value), static_cast<std::uint16_t>(bits));
            const unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
            const double expected = exponent == 31 ? INFINITY : exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, static_cast<int>(exponent) - 25);
            QCOMPARE(static_cast<double>(std::abs(value)), expected);
        }
        // Between two halves: the nearer one, the even one in the middle.
        for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {
            const float low = halfToFloat(static_cast<std::uint16_t>(bits)), high = halfToFloat(static_cast<std::uint16_t>(bits + 1));
            const float middle = (low + high) / 2;
            QCOMPARE(floatToHalf(middle), static_cast<std::uint16_t>(bits % 2 == 0 ? bits : bits + 1));
            QCOMPARE(floatToHalf(std::nextafter(middle, low)), static_cast<std::uint16_t>(bits));
            QCOMPARE(floatToHalf(std::nextafter(middle, high)), static_cast<std::uint16_t>(bits + 1));
        }
    }

    void dequantisationFollowsTheDefinition_data() {
        QTest::addColumn<int>("type");
        for (const GgmlType type : {GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1, GgmlType::Q8_0, GgmlType::Q4_K, GgmlType::Q5_K, GgmlType::Q6_K})
            QTest::newRow(ggmlTypeFacts(type).name) << static_cast<int>(type);
    }
    void dequantisationFollowsTheDefinition() {
        QFETCH(int, type);
        const auto which = static_cast<GgmlType>(type);
        const GgmlTypeFacts& facts = ggmlTypeFacts(which);
        Rng rng(static_cast<std::uint64_t>(type));
        std::vector<std::uint8_t> row(facts.blockBytes * 5);
        for (auto& byte : row)
            byte = static_cast<std::uint8_t>(rng.below(256));
        // Scales of random bits may be NaN: give every half a finite exponent.
        const std::size_t scalars = which == GgmlType::Q4_1 || which == GgmlType::Q5_1 || which == GgmlType::Q4_K || which == GgmlType::Q5_K ? 2 : 1;
        for (std::size_t block = 0; block < 5; ++block)
            for (std::size_t i = 0; i < scalars; ++i)
                row[block * facts.blockBytes + (which == GgmlType::Q6_K ? 208 : 2 * i) + 1] &= 0xBF;
        std::vector<float> numbers(facts.blockLength * 5);
        dequantiseBlocks(which, std::as_bytes(std::span(row)), numbers);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            const double expected = definedValue(which, row, i);
            QVERIFY2(std::abs(numbers[i] - expected) <= 1e-6 * std::abs(expected) + 1e-7, qPrintable(QString("%1: %2 %3").arg(i).arg(numbers[i]).arg(expected)));
        }
    }

    void quantisationStaysWithinTheFormatsError_data() { dequantisationFollowsTheDefinition_data(); }
    void quantisationStaysWithinTheFormatsError() {
        QFETCH(int, type);
        const auto which = static_cast<GgmlType>(type);
        if (!canQuantise(which))
            QSKIP("read only");
        const GgmlTypeFacts& facts = ggmlTypeFacts(which);
        // What the codes can resolve, as a share of the data's root mean square, for normally distributed weights. An even grid of b bits
        // over a normal distribution leaves about 0.0115 (4 bits, Lloyd) as relative squared error; ours has to share scales.
        const double bound = which == GgmlType::Q8_0   ? 0.007
                             : which == GgmlType::Q6_K ? 0.022
                             : which == GgmlType::Q5_K || which == GgmlType::Q5_1 || which == GgmlType::Q5_0 ? 0.046
                                                       : 0.095;
        Rng rng(5);
        const auto normal = [&] {
            double sum = -6;
            for (int i = 0; i < 12; ++i)
                sum += rng.uniform();
            return sum;
        };
        for (const double size : {0.002, 0.02, 300.0}) { // much smaller weights meet the limits of f16 scales
            std::vector<float> numbers(256 * 40);
            for (float& each : numbers)
                each = static_cast<float>(normal() * size);
            std::vector<std::uint8_t> bytes(numbers.size() / facts.blockLength * facts.blockBytes);
            quantiseRow(which, numbers, std::as_writable_bytes(std::span(bytes)));
            double error = 0, total = 0;
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                const double difference = definedValue(which, bytes, i) - numbers[i];
                error += difference * difference, total += double(numbers[i]) * numbers[i];
            }
            const double relative = std::sqrt(error / total);
            QVERIFY2(relative < bound, qPrintable(QString("%1 at %2: %3").arg(facts.name).arg(size).arg(relative)));
        }
        // Edge cases: zeros stay zeros; one number alone, all equal, only positive, only negative.
        for (const auto& make : std::vector<std::function<float(std::size_t)>>{[](std::size_t) { return 0.0f; }, [](std::size_t i) { return i == 7 ? 3.0f : 0.0f; },
                                                                               [](std::size_t) { return 0.5f; }, [](std::size_t i) { return 1.0f + 0.01f * float(i % 32); },
                                                                               [](std::size_t i) { return -1.0f - 0.01f * float(i % 32); }}) {
            std::vector<float> numbers(256);
            double largest = 0;
            for (std::size_t i = 0; i < 256; ++i)
                numbers[i] = make(i), largest = std::max(largest, std::abs(double(numbers[i])));
            std::vector<std::uint8_t> bytes(numbers.size() / facts.blockLength * facts.blockBytes);
            quantiseRow(which, numbers, std::as_writable_bytes(std::span(bytes)));
            for (std::size_t i = 0; i < 256; ++i)
                QVERIFY2(std::abs(definedValue(which, bytes, i) - numbers[i]) <= largest / 12, qPrintable(QString("%1: %2 %3").arg(facts.name).arg(numbers[i]).arg(definedValue(which, bytes, i))));
        }
    }

    void weightsComeInHuggingFaceOrder() {
        // 2 heads of 4: the file has row 2i + t of a head where the model has row t * 2 + i.
        std::vector<float> q(8 * 3), bias(8);
        for (std::size_t row = 0; row < 8; ++row) {
            bias[row] = 10.0f * float(row);
            for (std::size_t column = 0; column < 3; ++column)
                q[row * 3 + column] = float(row) + 0.1f * float(column);
        }
        const fs::path path = fs::path(m_folder.path().toStdString()) / "order.gguf";
        const auto bytes = [](const std::vector<float>& numbers) { return [&]() -> Result<std::span<const std::byte>> { return std::as_bytes(std::span(numbers)); }; };
        QVERIFY(writeGguf(path, {{"general.architecture", std::string("llama")}, {"llama.attention.head_count", std::uint32_t{2}}},
                          {{"blk.0.attn_q.weight", GgmlType::F32, {8, 3}, bytes(q)}, {"blk.0.attn_q.bias", GgmlType::F32, {8}, bytes(bias)}, {"blk.0.attn_v.weight", GgmlType::F32, {8, 3}, bytes(q)}}));
        const auto file = GgufFile::open(path);
        QVERIFY2(file, file ? "" : file.error().message.c_str());
        const auto weights = ggufWeights(*file);
        QVERIFY(weights);
        std::vector<float> out(24), outBias(8), plain(24);
        QVERIFY((*weights)->read(*(*weights)->find("blk.0.attn_q.weight"), std::as_writable_bytes(std::span(out))));
        QVERIFY((*weights)->read(*(*weights)->find("blk.0.attn_q.bias"), std::as_writable_bytes(std::span(outBias))));
        QVERIFY((*weights)->read(*(*weights)->find("blk.0.attn_v.weight"), std::as_writable_bytes(std::span(plain))));
        QCOMPARE(plain, q);
        const std::vector<std::size_t> from{0, 2, 1, 3, 4, 6, 5, 7};
        for (std::size_t row = 0; row < 8; ++row) {
            QCOMPARE(outBias[row], bias[from[row]]);
            for (std::size_t column = 0; column < 3; ++column)
                QCOMPARE(out[row * 3 + column], q[from[row] * 3 + column]);
        }
        std::vector<float> piece(2); // a piece in the middle of a row, over a row's end
        QVERIFY((*weights)->read(*(*weights)->find("blk.0.attn_q.weight"), std::as_writable_bytes(std::span(piece)), 5 * sizeof(float)));
        QCOMPARE(piece, (std::vector<float>{out[5], out[6]}));
    }

    void unknownMathematicsIsRefused_data() {
        QTest::addColumn<std::string>("extra");
        QTest::addColumn<QString>("says");
        QTest::newRow("shared experts") << key("llama.expert_shared_count", 4, u32(2)) << "llama.expert_shared_count";
        QTest::newRow("logit scale") << key("llama.logit_scale", 6, raw(0.5f)) << "llama.logit_scale";
        QTest::newRow("partial rotation") << key("llama.rope.dimension_count", 4, u32(8)) << "rope.dimension_count";
        QTest::newRow("longrope") << key("llama.rope.scaling.type", 8, str("longrope")) << "longrope";
        QTest::newRow("keys and values differ") << key("llama.attention.value_length", 4, u32(4)) << "different sizes";
    }
    void unknownMathematicsIsRefused() {
        QFETCH(std::string, extra);
        QFETCH(QString, says);
        const auto config = [&](const std::string& more, std::uint64_t count) {
            const std::string bytes = withData(head(1, 8 + count) + key("general.architecture", 8, str("llama")) + key("llama.embedding_length", 4, u32(32)) +
                                                   key("llama.block_count", 4, u32(2)) + key("llama.attention.head_count", 4, u32(2)) + key("llama.context_length", 4, u32(64)) +
                                                   key("llama.feed_forward_length", 4, u32(40)) + key("llama.attention.layer_norm_rms_epsilon", 6, raw(1e-5f)) +
                                                   key("llama.expert_used_count", 4, u32(0)) + more + tensor("token_embd.weight", {32, 2}, 8, 0),
                                               68);
            const auto file = GgufFile::open(put(bytes));
            return file ? ggufConfig(**file) : Result<Json>(fail(file.error()));
        };
        const auto good = config("", 0);
        QVERIFY2(good, good ? "" : good.error().message.c_str());
        QCOMPARE((*good)["rms_norm_eps"].get<double>(), 1e-5);
        QCOMPARE((*good)["tie_word_embeddings"].get<bool>(), true);
        QCOMPARE((*good)["vocab_size"].get<int>(), 2);
        const auto bad = config(extra, 1);
        QVERIFY(!bad);
        QCOMPARE(bad.error().code, ErrorCode::Unsupported);
        QVERIFY2(QString::fromStdString(bad.error().message).contains(says), bad.error().message.c_str());
    }

    void formatsThatRunCodeAreRefused() {
        const fs::path folder = fs::path(m_folder.path().toStdString());
        const std::string zip = std::string("PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00\x00\x00", 14) + std::string(16, '\0') + "archive/data.pkl";
        for (const auto& [name, bytes] : std::vector<std::pair<const char*, std::string>>{{"model.bin", "x"}, {"model.PTH", "x"}, {"model.ckpt", "x"}, {"renamed.gguf", zip}, {"old.gguf", "\x80\x02}q"}}) {
            const auto source = ModelSource::open(put(bytes, name));
            QVERIFY(!source);
            QVERIFY2(source.error().message.find("can run code") != std::string::npos, source.error().message.c_str());
            QVERIFY(source.error().hint.find(".safetensors") != std::string::npos);
        }
        // A pickle that calls itself model.safetensors.
        const auto disguised = SafetensorsFile::open(put(zip + std::string(200, 'x'), "model.safetensors"));
        QVERIFY(!disguised && disguised.error().message.find("can run code") != std::string::npos);
        const auto text = ModelSource::open(put("hello", "notes.txt"));
        QVERIFY(!text && text.error().message.find("not a model") != std::string::npos);
    }
};

ATTUNE_TEST(TestGguf)
#include "tst_gguf.moc"
