// Sentence embeddings against tests/golden/encoders: tiny models of each kind whose vectors make_encoder_golden.py computed from the
// definition in double precision; texts through their own tokenizers.
#include <ATen/ATen.h>
#include <QTemporaryDir>
#include <QtTest>

#include "core/engine/text_embedder.h"
#include "core/export/encoder_reader.h"
#include "core/families/encoder_family.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

const fs::path kEncoders = fs::path(ATTUNE_SOURCE_DIR) / "tests" / "golden" / "encoders";

Json goldenRows(const fs::path& folder) {
    const auto json = readJsonFile(folder / "golden.json");
    if (!json || !(*json)["rows"].is_array() || (*json)["rows"].size() < 5)
        qFatal("golden.json is missing");
    return (*json)["rows"];
}

double largestDifference(const std::vector<float>& ours, const Json& expected) {
    double largest = ours.size() == expected.size() ? 0.0 : 1e9;
    for (std::size_t i = 0; i < std::min(ours.size(), expected.size()); ++i)
        largest = std::max(largest, std::abs(static_cast<double>(ours[i]) - expected[i].get<double>()));
    return largest;
}

// A copy of a model's folder, to change a file of it.
void copyEncoder(const fs::path& from, const fs::path& to) {
    fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
}

} // namespace

class TestTextEmbedder : public QObject {
    Q_OBJECT

    static void encoders() {
        QTest::addColumn<QString>("name");
        for (const char* name : {"bert", "bert_cls", "roberta", "distilbert"})
            QTest::newRow(name) << QString(name);
    }
    static fs::path folder() {
        QFETCH(QString, name);
        return kEncoders / name.toStdString();
    }

private Q_SLOTS:
    void hiddenStatesAndVectorsAgree_data() { encoders(); }
    void hiddenStatesAndVectorsAgree() {
        const Json rows = goldenRows(folder());
        const auto source = ModelSource::open(folder());
        QVERIFY(source);
        const auto encoder = readEncoder(*source, at::kDouble);
        QVERIFY2(encoder, encoder ? "" : encoder.error().message.c_str());
        std::vector<std::vector<std::int64_t>> texts;
        for (const Json& row : rows)
            texts.push_back(row["ids"].get<std::vector<std::int64_t>>());
        const auto hidden = encoder->hidden(texts), vectors = encoder->embed(texts); // all of them at once: no text sees another
        QVERIFY(hidden && vectors);
        std::int64_t begin = 0;
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const auto first = rows[i]["first"].get<std::vector<double>>(), vector = rows[i]["embedding"].get<std::vector<double>>();
            QVERIFY(((*hidden)[begin] - at::tensor(first)).abs().max().item<double>() < 1e-8);
            QVERIFY(((*vectors)[static_cast<std::int64_t>(i)] - at::tensor(vector)).abs().max().item<double>() < 1e-8);
            begin += static_cast<std::int64_t>(texts[i].size());
        }
    }

    void textsBecomeTheSameVectors_data() { encoders(); }
    void textsBecomeTheSameVectors() {
        const Json rows = goldenRows(folder());
        const auto embedder = TextEmbedder::load(folder());
        QVERIFY2(embedder, embedder ? "" : embedder.error().message.c_str());
        std::vector<std::string> texts;
        for (const Json& row : rows)
            texts.push_back(row["text"]);
        const auto vectors = (*embedder)->embed(texts);
        QVERIFY2(vectors, vectors ? "" : vectors.error().message.c_str());
        QCOMPARE(static_cast<std::int64_t>((*vectors)[0].size()), (*embedder)->dimension());
        for (std::size_t i = 0; i < texts.size(); ++i)
            QVERIFY2(largestDifference((*vectors)[i], rows[i]["embedding"]) < 1e-5, texts[i].c_str());
        const auto alone = (*embedder)->embed({texts[2]});
        QVERIFY(alone && largestDifference((*alone)[0], rows[2]["embedding"]) < 1e-5);
        const auto none = (*embedder)->embed({});
        QVERIFY(none && none->empty());
    }

    void anotherPoolingGivesOtherVectors() {
        const auto mean = TextEmbedder::load(kEncoders / "bert"), first = TextEmbedder::load(kEncoders / "bert", Pooling::First);
        QVERIFY(mean && first);
        const auto a = (*mean)->embed({"hello world"}), b = (*first)->embed({"hello world"});
        QVERIFY(a && b && *a != *b);
        double length = 0; // [CLS] of the golden file, made a unit vector here
        const Json row = goldenRows(kEncoders / "bert")[0];
        for (const Json& value : row["first"])
            length += value.get<double>() * value.get<double>();
        for (std::size_t i = 0; i < (*b)[0].size(); ++i)
            QVERIFY(std::abs(static_cast<double>((*b)[0][i]) - row["first"][i].get<double>() / std::sqrt(length)) < 1e-5);
    }

    // The names of the first years, and a model saved with a head around it.
    void oldNamesAreRead() {
        const auto names = encoderTensorNames({.familyId = "bert"}, "layer.3.attention_norm.bias");
        QVERIFY(std::find(names.begin(), names.end(), "bert.encoder.layer.3.attention.output.LayerNorm.beta") != names.end());
        QCOMPARE(names.front(), std::string("encoder.layer.3.attention.output.LayerNorm.bias"));
        QCOMPARE(encoderTensorNames({.familyId = "distilbert"}, "layer.0.query.weight").back(), std::string("distilbert.transformer.layer.0.attention.q_lin.weight"));
        QCOMPARE(encoderTensorNames({.familyId = "roberta"}, "words").front(), std::string("embeddings.word_embeddings.weight"));
    }

    void whatIsNotKnownIsRefusedByName_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QByteArray>("change");
        QTest::addColumn<QByteArray>("says");
        QTest::newRow("relative positions") << "config.json" << QByteArray("{\"position_embedding_type\":\"relative_key\"}") << QByteArray("relative_key");
        QTest::newRow("decoder") << "config.json" << QByteArray("{\"is_decoder\":true}") << QByteArray("is_decoder");
        QTest::newRow("mathematics") << "config.json" << QByteArray("{\"rotary_base\":7}") << QByteArray("rotary_base");
        QTest::newRow("heads") << "config.json" << QByteArray("{\"num_attention_heads\":5}") << QByteArray("heads");
        QTest::newRow("other model") << "config.json" << QByteArray("{\"model_type\":\"t5\"}") << QByteArray("t5");
        QTest::newRow("size") << "config.json" << QByteArray("{\"intermediate_size\":64}") << QByteArray("intermediate.dense");
        QTest::newRow("missing layer") << "config.json" << QByteArray("{\"num_hidden_layers\":3}") << QByteArray("encoder.layer.2");
        QTest::newRow("pooling") << "1_Pooling/config.json" << QByteArray("{\"pooling_mode_weightedmean_tokens\":true}") << QByteArray("weightedmean");
        QTest::newRow("two poolings") << "1_Pooling/config.json" << QByteArray("{\"pooling_mode_cls_token\":true}") << QByteArray("more than one");
    }
    void whatIsNotKnownIsRefusedByName() {
        QFETCH(QString, file);
        QFETCH(QByteArray, change);
        QFETCH(QByteArray, says);
        const QTemporaryDir temporary;
        const fs::path copy = fs::path(temporary.path().toStdString()) / "model";
        copyEncoder(kEncoders / "bert", copy);
        auto json = readJsonFile(copy / file.toStdString());
        QVERIFY(json);
        json->update(Json::parse(change.toStdString()));
        QVERIFY(writeFileAtomic(copy / file.toStdString(), json->dump()));
        const auto embedder = TextEmbedder::load(copy);
        QVERIFY(!embedder);
        QVERIFY2(embedder.error().message.find(says.toStdString()) != std::string::npos, embedder.error().message.c_str());
        QVERIFY(!embedder.error().hint.empty());
    }

    void badTextsAreNamed() {
        const auto embedder = TextEmbedder::load(kEncoders / "bert");
        QVERIFY(embedder);
        const auto bad = (*embedder)->embed({"good", "\xff"});
        QVERIFY(!bad && bad.error().message.starts_with("Text 2: "));
        const auto decoder = TextEmbedder::load(fs::path(ATTUNE_SOURCE_DIR) / "tests/golden/families/llama");
        QVERIFY(!decoder && decoder.error().code == ErrorCode::Unsupported);
    }
};

ATTUNE_TEST(TestTextEmbedder)
#include "tst_text_embedder.moc"
