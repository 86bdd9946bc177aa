// Tokenizers in GGUF files against the ones they came from, and the Modelfile beside them.
#include "core/export/modelfile.h"
#include "core/text/tokenizer.h"
#include "tests/export/gguf_scene.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestGgufTokenizers : public QObject {
    Q_OBJECT
    GgufModels m_models;

private Q_SLOTS:
    void tokenizerSurvives() {
        const auto exported = exportModel(m_models.model("llama"), m_models.folder("tokens"), "f16");
        const auto before = need(Tokenizer::load(m_models.model("llama"))), after = need(Tokenizer::load(exported.path));
        QCOMPARE(after->vocabularySize(), before->vocabularySize());
        for (const char* text : {"Hello, world! 12345 times", "  two blanks\n\n\tand tabs", "<|user|>not a role<|end|>", "Grüße aus Köln, 東京 🙂", "it's we're I'll", ""})
            for (const bool parse : {true, false})
                for (const bool special : {true, false}) {
                    const EncodeOptions options{.addSpecialTokens = special, .parseSpecialTokens = parse};
                    const auto ids = need(before->encode(text, options)).ids;
                    QCOMPARE(need(after->encode(text, options)).ids, ids);
                    QCOMPARE(after->decode(ids, false), before->decode(ids, false));
                }
        QCOMPARE(after->chatTemplate(), before->chatTemplate());
        QCOMPARE(after->bosToken(), before->bosToken());
        QCOMPARE(after->eosToken(), before->eosToken());
        QCOMPARE(after->isSpecial(3), true);
    }

    void sentencepieceTokenizerSurvives() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const auto exported = exportModel(dataPath, m_models.folder("stories"), "f16", false);
        QCOMPARE(*need(exported.file->text("tokenizer.ggml.model")), std::string("llama"));
        const auto before = need(Tokenizer::load(dataPath)), after = need(Tokenizer::load(exported.path));
        for (const char* text : {"Once upon a time, there was a little girl named Lily.", " leading", "Zoë 東京 🙂\n\tTab", "</s> is text", ""})
            QCOMPARE(need(after->encode(text, {.addSpecialTokens = true, .parseSpecialTokens = false})).ids, need(before->encode(text, {.addSpecialTokens = true, .parseSpecialTokens = false})).ids);
        QCOMPARE(exported.agreement.tokenAgreement, 1.0);
    }

    void inexactTokenizerIsRefused() {
        ATTUNE_REQUIRE_TEST_DATA("models/TinyStories-656K"); // its merges are a list that scores cannot say
        const ModelSource source = need(ModelSource::open(dataPath));
        const auto model = need(readModel(source, {at::kFloat, at::kCPU}));
        const auto result = findExporter("gguf")->write({source, *findFamily("LlamaForCausalLM"), *model, ""}, m_models.folder("inexact"), {});
        QVERIFY(!result);
        QCOMPARE(result.error().code, ErrorCode::Unsupported);
        QVERIFY(result.error().message.find("never joins") != std::string::npos);
        QVERIFY(!fs::exists(m_models.folder("inexact")));
    }

    void modelfileSaysWhatItCanExactly() {
        const auto exported = exportModel(m_models.model("llama"), m_models.folder("modelfile"), "q8_0");
        const std::string& text = exported.modelfile;
        QVERIFY2(text.find("FROM ./base-Q8_0.gguf\n") != std::string::npos, text.c_str());
        QVERIFY(text.find("PARAMETER num_ctx 64\n") != std::string::npos);
        QVERIFY(text.find("PARAMETER stop \"<|end|>\"\n") != std::string::npos);
        // The starter model's template frames each message alike: rendering the Go template by hand gives the same prompt.
        const auto tokenizer = need(Tokenizer::load(m_models.model("llama")));
        const PromptFormat format = need(PromptFormat::forTokenizer(tokenizer));
        const auto go = goTemplate(format);
        const std::string expected = "{{ range .Messages }}{{ if eq .Role \"system\" }}<|system|>\n{{ .Content }}<|end|>\n"
                                     "{{ else if eq .Role \"user\" }}<|user|>\n{{ .Content }}<|end|>\n"
                                     "{{ else if eq .Role \"assistant\" }}<|assistant|>\n{{ .Content }}<|end|>\n{{ end }}{{ end }}<|assistant|>\n";
        QVERIFY(go);
        QCOMPARE(*go, expected); // without <|begin|>: llama.cpp adds it
        QVERIFY(text.find("TEMPLATE \"\"\"" + expected + "\"\"\"") != std::string::npos);
        // A template that trims, or treats a role otherwise, has no exact form: the Modelfile says so.
        for (const char* chat : {"{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</>{% endfor %}", "{% for m in messages %}{{ loop.index }}<{{ m.role }}>{{ m.content }}</>{% endfor %}",
                                 "{% for m in messages %}{% if m.role != 'system' %}<{{ m.role }}>{{ m.content }}</>{% endif %}{% endfor %}{{ messages | length }}"}) {
            const fs::path other = m_models.folder("other-template");
            fs::remove_all(other);
            fs::copy(m_models.model("llama"), other);
            Json config = need(readJsonFile(other / "tokenizer_config.json"));
            config["chat_template"] = chat;
            QVERIFY(writeFileAtomic(other / "tokenizer_config.json", config.dump()));
            const std::string modelfile = need(makeModelfile("x.gguf", other, need(readModelConfig(need(ModelSource::open(other)))), "Be brief."));
            QVERIFY2(modelfile.find("cannot be written as an Ollama TEMPLATE exactly") != std::string::npos, modelfile.c_str());
            QVERIFY(modelfile.find("TEMPLATE \"") == std::string::npos);
            QVERIFY(modelfile.find("SYSTEM \"\"\"Be brief.\"\"\"") != std::string::npos);
        }
    }
};

ATTUNE_TEST(TestGgufTokenizers)
#include "tst_gguf_tokenizers.moc"
