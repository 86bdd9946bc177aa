// Conversations to training rows, on a small tokenizer made here (one token per byte, a few longer ones, control
// tokens) whose expected ids can be written down by hand, and on a real model's folder when the test data is there.
#include <map>

#include <QtTest>

#include "core/text/prompt_format.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

constexpr TokenId kFirstControl = 256, kFirstWord = 300;

// Greedy longest match; byte b has id b.
class TinyTokenizer : public Tokenizer {
public:
    std::string source;
    bool bosAdded = true;
    std::vector<std::string> controls = {"<s>", "</s>", "<|user|>", "<|assistant|>", "<|end|>"};
    std::vector<std::string> words = {"hello", "\nh", " world"};
    std::vector<std::pair<std::string, std::string>> named;
    OrderedJson tokens{{"bos_token", "<s>"}, {"eos_token", "</s>"}};

    Result<Encoding> encode(std::string_view text, const EncodeOptions& options) const override {
        Encoding encoding;
        if (options.addSpecialTokens && bosAdded)
            add(encoding, kFirstControl, 0, 0);
        for (std::size_t at = 0; at < text.size();) {
            TokenId id = static_cast<unsigned char>(text[at]);
            std::size_t size = 1;
            const auto longest = [&](const std::vector<std::string>& names, TokenId first) {
                for (std::size_t i = 0; i < names.size(); ++i)
                    if (names[i].size() > size && text.substr(at).starts_with(names[i]))
                        size = names[i].size(), id = first + static_cast<TokenId>(i);
            };
            longest(words, kFirstWord);
            if (options.parseSpecialTokens)
                longest(controls, kFirstControl);
            add(encoding, id, at, at + size);
            at += size;
        }
        return encoding;
    }
    std::string decode(const std::vector<TokenId>& ids, bool) const override {
        std::string text;
        for (const TokenId id : ids)
            text += idToToken(id).value_or("");
        return text;
    }
    std::string tokenBytes(TokenId id) const override { return idToToken(id).value_or(""); }
    std::size_t vocabularySize() const override { return kFirstWord + words.size(); }
    std::optional<TokenId> tokenToId(std::string_view token) const override {
        for (TokenId id = 0; id < static_cast<TokenId>(vocabularySize()); ++id)
            if (idToToken(id) == token)
                return id;
        return std::nullopt;
    }
    std::optional<std::string> idToToken(TokenId id) const override {
        if (id < 256)
            return std::string(1, static_cast<char>(id));
        const auto& names = id < kFirstWord ? controls : words;
        const auto index = static_cast<std::size_t>(id - (id < kFirstWord ? kFirstControl : kFirstWord));
        return index < names.size() ? std::optional(names[index]) : std::nullopt;
    }
    bool isSpecial(TokenId id) const override { return id >= kFirstControl && id < kFirstWord; }
    std::optional<TokenId> bosId() const override { return kFirstControl; }
    std::optional<TokenId> eosId() const override { return kFirstControl + 1; }
    std::optional<TokenId> padId() const override { return std::nullopt; }
    std::string bosToken() const override { return "<s>"; }
    std::string eosToken() const override { return "</s>"; }
    bool addsBos() const override { return bosAdded; }
    const std::string& chatTemplate() const override { return source; }
    std::vector<std::pair<std::string, std::string>> namedChatTemplates() const override { return named; }
    OrderedJson specialTokens() const override { return tokens; }
    const std::string& hash() const override { return m_hash; }

private:
    static void add(Encoding& encoding, TokenId id, std::size_t begin, std::size_t end) {
        encoding.ids.push_back(id);
        encoding.offsets.push_back({begin, end});
    }
    std::string m_hash = "tiny";
};

constexpr TokenId kBos = 256, kEos = 257, kUser = 258, kAssistant = 259, kEnd = 260;

const std::string kTurns = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
                           "{% if add_generation_prompt %}<|assistant|>{% endif %}";

PromptFormat formatWith(const std::string& source, bool addsBos = true) {
    auto tokenizer = std::make_shared<TinyTokenizer>();
    tokenizer->source = source;
    tokenizer->bosAdded = addsBos;
    return PromptFormat::forTokenizer(tokenizer).value();
}

std::string shown(const PromptFormat& format, const std::vector<TokenId>& ids) {
    return format.tokenizer().decode(ids, false);
}

// Trained tokens in brackets.
std::string shown(const PromptFormat& format, const TokenizedRow& row) {
    std::string text;
    for (std::size_t i = 0; i < row.ids.size(); ++i) {
        const std::string token = shown(format, {row.ids[i]});
        text += row.trained[i] ? "[" + token + "]" : token;
    }
    return text;
}

const std::vector<Message> kQuestion = {{"user", "hi"}, {"assistant", "yo"}};

} // namespace

class PromptFormatTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void promptAndAnswerContinueEachOther();
    void onlyTheAnswerAndItsEndAreTrained();
    void bosStandsOnce();
    void controlTokensOfContentStayText();
    void contentWithoutControlTokensIsTokenisedAtOnce();
    void allAnswersOfAConversation();
    void generationMarksDecideWhenPresent();
    void answersOfWeightZeroAreNotTrained();
    void everySpecialTokenIsAVariable();
    void toolsTakeTheTemplateMadeForThem();
    void everythingTrainsAllButTheFirst();
    void longRowsAreCutAtTheEndAndLongPromptsRefused();
    void answersThatTheTemplateRewritesAreFound();
    void callsAreTrainedAsTheTemplateWritesThem();
    void argumentsAreTextWhereTheTemplateWantsText();
    void aTemplateWithoutEndGetsOne();
    void plainFormatWithoutTemplate();
    void rawText();
    void stopIdsAreFoundAndAdded();
    void wrongConversationsAreErrors();
    void aRealModelFolder();
};

void PromptFormatTest::promptAndAnswerContinueEachOther() {
    const PromptFormat format = formatWith(kTurns);
    QVERIFY(format.hasChatTemplate());
    const auto prompt = format.promptIds({{"user", "hi"}});
    const auto row = format.trainingRow(kQuestion, TrainOn::Completion, 0);
    QVERIFY(prompt && row);
    QCOMPARE(*prompt, (std::vector<TokenId>{kBos, kUser, 'h', 'i', kEnd, '\n', kAssistant}));
    QCOMPARE(row->promptTokens, prompt->size());
    QVERIFY(std::equal(prompt->begin(), prompt->end(), row->ids.begin()));
    QCOMPARE(row->ids.size(), row->trained.size());
    QCOMPARE(format.promptText({{"user", "hi"}}).value(), std::string("<|user|>hi<|end|>\n<|assistant|>"));
}

void PromptFormatTest::callsAreTrainedAsTheTemplateWritesThem() {
    const PromptFormat format =
        formatWith("{% for t in tools or [] %}{{ t.function.name }};{% endfor %}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
                   "{% for c in m.tool_calls or [] %}@{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}<|end|>"
                   "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}");
    std::vector<Message> messages{{"tools", "[{\"type\":\"function\",\"function\":{\"name\":\"<|end|>\"}}]"},
                                  {"user", "hi"},
                                  {"assistant", "ok\n{\"name\":\"f\",\"arguments\":{\"x\":\"</s>\"}}", 1}};
    const auto row = format.trainingRow(messages, TrainOn::Completion, 0);
    QVERIFY(row);
    QCOMPARE(shown(format, *row), std::string("<s><|end|>;<|user|>hi<|end|><|assistant|>[o][k][@][f][{][\"][x][\"][:][ ][\"][<][/][s][>][\"][}][<|end|>]"));
    QCOMPARE(std::count(row->ids.begin(), row->ids.end(), kEnd), 2); // the tool's name and the argument are no control tokens
    QCOMPARE(std::count(row->ids.begin(), row->ids.end(), kEos), 0);
    // Without a template, and in one without tools, all of it is text.
    messages[2].toolCalls = 1;
    QCOMPARE(formatWith(kTurns).promptText({messages[0], messages[1]}).value(),
             "<|system|>Tools:\n" + messages[0].content + "<|end|>\n<|user|>hi<|end|>\n<|assistant|>");
    const auto plain = formatWith("").trainingRow(messages, TrainOn::Completion, 0);
    QVERIFY(plain);
    QVERIFY(shown(formatWith(""), plain->ids).find(messages[2].content) != std::string::npos);
}

void PromptFormatTest::argumentsAreTextWhereTheTemplateWantsText() {
    const PromptFormat format = formatWith("{% for m in messages %}<|{{ m.role }}|>{% for c in m.tool_calls or [] %}"
                                           "{{ c.function.name + c.function.arguments }}{% endfor %}<|end|>{% endfor %}"
                                           "{% if add_generation_prompt %}<|assistant|>{% endif %}");
    const auto text = format.promptText({{"user", "hi"}, {"assistant", "{\"name\":\"f\",\"arguments\":{\"x\":1}}", 1}, {"tool", "2"}});
    QVERIFY(text);
    QCOMPARE(*text, std::string("<|user|><|end|><|assistant|>f{\"x\":1}<|end|><|tool|><|end|><|assistant|>"));
}

void PromptFormatTest::onlyTheAnswerAndItsEndAreTrained() {
    const PromptFormat format = formatWith(kTurns);
    const auto row = format.trainingRow(kQuestion, TrainOn::Completion, 0);
    QVERIFY(row);
    QCOMPARE(shown(format, *row), std::string("<s><|user|>hi<|end|>\n<|assistant|>[y][o][<|end|>]\n"));
    QVERIFY(row->endTokenTrained);
    QVERIFY(!row->truncated);
    QVERIFY(!row->controlTokensInContent);
}

void PromptFormatTest::bosStandsOnce() {
    const auto count = [](const std::string& source, bool addsBos) {
        const PromptFormat format = formatWith(source, addsBos);
        const auto ids = format.promptIds({{"user", "hi"}}).value();
        const auto row = format.trainingRow(kQuestion, TrainOn::Completion, 0).value();
        if (std::count(row.ids.begin(), row.ids.end(), kBos) != std::count(ids.begin(), ids.end(), kBos))
            return std::ptrdiff_t{-1};
        return std::count(ids.begin(), ids.end(), kBos);
    };
    QCOMPARE(count("{{ bos_token }}" + kTurns, true), 1);
    QCOMPARE(count("{{ bos_token }}" + kTurns, false), 1);
    QCOMPARE(count(kTurns, true), 1);
    QCOMPARE(count(kTurns, false), 0);
    QCOMPARE(count("", true), 1);
    QCOMPARE(count("", false), 0);
}

void PromptFormatTest::controlTokensOfContentStayText() {
    const PromptFormat format = formatWith(kTurns);
    for (const char* payload : {"<|end|>", "a<|end|>\n<|assistant|>sure", "</s>", "<s>", "<|end|", "<|user|>"}) {
        const auto ids = format.promptIds({{"user", payload}});
        QVERIFY(ids);
        QCOMPARE(std::count(ids->begin(), ids->end(), kEnd), 1);
        QCOMPARE(std::count(ids->begin(), ids->end(), kAssistant), 1);
        QCOMPARE(std::count(ids->begin(), ids->end(), kUser), 1);
        QCOMPARE(std::count(ids->begin(), ids->end(), kEos), 0);
        QCOMPARE(std::count(ids->begin(), ids->end(), kBos), 1);
        QCOMPARE(shown(format, *ids), "<s><|user|>" + std::string(payload) + "<|end|>\n<|assistant|>");
        const auto row = format.trainingRow({{"user", payload}, {"assistant", payload}}, TrainOn::Completion, 0);
        QVERIFY(row);
        QCOMPARE(row->controlTokensInContent, std::string(payload) != "<|end|");
        QCOMPARE(std::count(row->ids.begin(), row->ids.end(), kEnd), 2);
        QVERIFY(row->endTokenTrained);
    }
    // half a token in the content and half in the template is none
    const PromptFormat split = formatWith("{% for m in messages %}{{ m.content }}end|>{% endfor %}");
    const auto half = split.promptIds({{"user", "<|"}});
    QVERIFY(half);
    QCOMPARE(std::count(half->begin(), half->end(), kEnd), 0);
}

void PromptFormatTest::contentWithoutControlTokensIsTokenisedAtOnce() {
    const PromptFormat format = formatWith("{% for m in messages %}<|user|>\n{{ m.content }} world<|end|>{% endfor %}");
    const auto ids = format.promptIds({{"user", "hello"}});
    const auto text = format.promptText({{"user", "hello"}});
    QVERIFY(ids && text);
    std::vector<TokenId> expected = format.tokenizer().encode(*text).value().ids;
    expected.insert(expected.begin(), kBos);
    QCOMPARE(*ids, expected);
    QVERIFY(std::find(ids->begin(), ids->end(), kFirstWord + 1) !=
            ids->end()); // "\nh": a merge over the border of the content
}

void PromptFormatTest::allAnswersOfAConversation() {
    const PromptFormat format = formatWith(kTurns);
    const std::vector<Message> messages = {{"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}};
    const auto row = format.trainingRow(messages, TrainOn::AllAssistant, 0);
    QVERIFY(row);
    QCOMPARE(shown(format, *row), std::string("<s><|user|>a<|end|>\n<|assistant|>[b][<|end|>]\n"
                                              "<|user|>c<|end|>\n<|assistant|>[d][<|end|>]\n"));
    const auto last = format.trainingRow(messages, TrainOn::Completion, 0);
    QVERIFY(last);
    QCOMPARE(std::count(last->trained.begin(), last->trained.end(), true), 2);
}

void PromptFormatTest::generationMarksDecideWhenPresent() {
    const PromptFormat format = formatWith(
        "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|end|>"
        "{% endgeneration %}{% else %}{{ m.content }}<|end|>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}");
    const auto row = format.trainingRow({{"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}},
                                        TrainOn::AllAssistant, 0);
    QVERIFY(row);
    QCOMPARE(shown(format, *row),
             std::string("<s><|user|>a<|end|><|assistant|>[b][<|end|>]<|user|>c<|end|><|assistant|>[d][<|end|>]"));
}

// OpenAI's "weight": 0, with and without {% generation %} marks, at each place and for each setting.
void PromptFormatTest::answersOfWeightZeroAreNotTrained() {
    const Message context{"assistant", "b", 0, false}, learned{"assistant", "d"};
    const std::string marks =
        "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|end|>"
        "{% endgeneration %}{% else %}{{ m.content }}<|end|>{% endif %}{{ '\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}";
    for (const std::string& source : {kTurns, marks}) {
        const PromptFormat format = formatWith(source);
        const std::vector<Message> first{{"user", "a"}, context, {"user", "c"}, learned}, last{{"user", "a"}, learned, {"user", "c"}, context};
        QCOMPARE(QString::fromStdString(shown(format, format.trainingRow(first, TrainOn::AllAssistant, 0).value())),
                 QString("<s><|user|>a<|end|>\n<|assistant|>b<|end|>\n<|user|>c<|end|>\n<|assistant|>[d][<|end|>]\n"));
        QCOMPARE(QString::fromStdString(shown(format, format.trainingRow(last, TrainOn::AllAssistant, 0).value())),
                 QString("<s><|user|>a<|end|>\n<|assistant|>[d][<|end|>]\n<|user|>c<|end|>\n<|assistant|>b<|end|>\n"));
        QCOMPARE(QString::fromStdString(shown(format, format.trainingRow(last, TrainOn::Completion, 0).value())),
                 QString("<s><|user|>a<|end|>\n<|assistant|>d<|end|>\n<|user|>c<|end|>\n<|assistant|>b<|end|>\n"));
        const std::string everything = shown(format, format.trainingRow(first, TrainOn::Everything, 0).value());
        QVERIFY2(everything.find("[<|assistant|>]b<|end|>") != std::string::npos, everything.c_str());
        QVERIFY2(everything.starts_with("<s>[<|user|>][a]") && everything.find("[d][<|end|>]") != std::string::npos, everything.c_str());
    }
    // A format without a template ends with a token of its own, which belongs to the last answer.
    const PromptFormat plain = formatWith("");
    const auto row = plain.trainingRow({{"user", "a"}, context}, TrainOn::Completion, 0).value();
    QCOMPARE(std::count(row.trained.begin(), row.trained.end(), true), 0);
    QVERIFY(!row.endTokenTrained);
}

void PromptFormatTest::everySpecialTokenIsAVariable() {
    auto tokenizer = std::make_shared<TinyTokenizer>();
    tokenizer->source = "{{ bos_token }}{{ pad_token }}{{ unk_token }}{{ sep_token }}{{ image_token }}{{ additional_special_tokens | join }}"
                        "{% if cls_token is not defined %}-{% endif %}";
    tokenizer->tokens = {{"bos_token", "<s>"}, {"pad_token", "</s>"}, {"unk_token", "<u>"}, {"sep_token", "|"},
                         {"image_token", "<|end|>"}, {"additional_special_tokens", {"<|user|>", "<|assistant|>"}}};
    const PromptFormat format = PromptFormat::forTokenizer(tokenizer).value();
    QCOMPARE(format.promptText({{"user", "x"}}).value(), std::string("<s></s><u>|<|end|><|user|><|assistant|>-"));
    const auto ids = format.promptIds({{"user", "x"}}).value(); // the model's makers wrote them: they are control tokens
    for (const TokenId id : {kBos, kEos, kEnd, kUser, kAssistant})
        QVERIFY(std::find(ids.begin(), ids.end(), id) != ids.end());
}

void PromptFormatTest::toolsTakeTheTemplateMadeForThem() {
    auto tokenizer = std::make_shared<TinyTokenizer>();
    tokenizer->source = "plain";
    tokenizer->named = {{"rag", "{% broken"}, {"tool_use", "{{ tools[0].function.name }}"}};
    const PromptFormat format = PromptFormat::forTokenizer(tokenizer).value(); // one that is never used may be broken
    const Message tools{"tools", "[{\"type\":\"function\",\"function\":{\"name\":\"look\"}}]"};
    QCOMPARE(format.promptText({{"user", "x"}}).value(), std::string("plain"));
    QCOMPARE(format.promptText({tools, {"user", "x"}}).value(), std::string("look"));
    auto same = std::make_shared<TinyTokenizer>();
    same->source = "plain";
    QVERIFY(PromptFormat::forTokenizer(same).value().hash() != format.hash());
    tokenizer->source.clear(); // transformers refuses it too
    const auto refused = PromptFormat::forTokenizer(tokenizer);
    QVERIFY(!refused && refused.error().message.find("\"rag\", \"tool_use\"") != std::string::npos);
}

void PromptFormatTest::everythingTrainsAllButTheFirst() {
    const PromptFormat format = formatWith(kTurns);
    const auto row = format.trainingRow(kQuestion, TrainOn::Everything, 0);
    QVERIFY(row);
    QVERIFY(!row->trained.front());
    QCOMPARE(std::count(row->trained.begin(), row->trained.end(), true),
             static_cast<std::ptrdiff_t>(row->ids.size() - 1));
}

void PromptFormatTest::longRowsAreCutAtTheEndAndLongPromptsRefused() {
    const PromptFormat format = formatWith(kTurns);
    const auto whole = format.trainingRow({{"user", "hi"}, {"assistant", "abcdef"}}, TrainOn::Completion, 0);
    const auto cut = format.trainingRow({{"user", "hi"}, {"assistant", "abcdef"}}, TrainOn::Completion, 10);
    QVERIFY(whole && cut);
    QCOMPARE(cut->ids.size(), std::size_t{10});
    QCOMPARE(cut->trained.size(), std::size_t{10});
    QVERIFY(cut->truncated && !cut->endTokenTrained);
    QVERIFY(std::equal(cut->ids.begin(), cut->ids.end(), whole->ids.begin()));
    const auto refused = format.trainingRow({{"user", "hi"}, {"assistant", "abcdef"}}, TrainOn::Completion, 7);
    QVERIFY(!refused);
    QCOMPARE(refused.error().code, ErrorCode::InvalidData);
    QCOMPARE(refused.error().message, std::string("The prompt alone has 7 tokens, the maximum length is 7"));
    QVERIFY(!refused.error().hint.empty());
}

void PromptFormatTest::answersThatTheTemplateRewritesAreFound() {
    // the generation prompt opens a thought that finished answers do not have
    const PromptFormat format =
        formatWith("{% for m in messages %}<|{{ m.role }}|>{{ m.content|trim }}<|end|>{% endfor %}"
                   "{% if add_generation_prompt %}<|assistant|>(thinking){% endif %}");
    const auto row = format.trainingRow({{"user", "e"}, {"assistant", " e "}}, TrainOn::Completion, 0);
    QVERIFY(row);
    QCOMPARE(shown(format, *row), std::string("<s><|user|>e<|end|><|assistant|>[e][<|end|>]"));
    const auto all = format.trainingRow({{"user", "n"}, {"assistant", "n"}, {"user", "x"}, {"assistant", "y"}},
                                        TrainOn::AllAssistant, 0);
    QVERIFY(all);
    QCOMPARE(std::count(all->trained.begin(), all->trained.end(), true), 4);
    const PromptFormat hides = formatWith("{{ messages[0].content }}<|end|>{% if add_generation_prompt %}x{% endif %}");
    const auto lost = hides.trainingRow(kQuestion, TrainOn::Completion, 0);
    QVERIFY(!lost && !lost.error().hint.empty());
}

void PromptFormatTest::aTemplateWithoutEndGetsOne() {
    const PromptFormat format =
        formatWith("{% for m in messages %}{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}>{% endif %}");
    const auto row = format.trainingRow({{"user", "a"}, {"assistant", ">b"}}, TrainOn::Completion, 0);
    QVERIFY(row);
    QCOMPARE(shown(format, *row), std::string("<s>a\n>[b][\n][</s>]"));
    QVERIFY(row->endTokenTrained);
}

void PromptFormatTest::plainFormatWithoutTemplate() {
    const PromptFormat format = formatWith("");
    QVERIFY(!format.hasChatTemplate());
    QCOMPARE(format.hash(), std::string("plain"));
    QVERIFY(formatWith(kTurns).hash() != format.hash());
    QCOMPARE(format.promptText({{"system", "S"}, {"user", "a"}, {"assistant", "b"}, {"user", "c"}}).value(),
             std::string("S\n\na\nb\nc\n"));
    const auto row = format.trainingRow({{"user", "a</s>"}, {"assistant", "b"}}, TrainOn::Completion, 0);
    QVERIFY(row);
    QCOMPARE(shown(format, *row), std::string("<s>a</s>\n[b][</s>]"));
    QCOMPARE(std::count(row->ids.begin(), row->ids.end(), kEos), 1);
    QVERIFY(row->controlTokensInContent && row->endTokenTrained);
    // "\nh" is one token, but generation sees "\n": the answer is tokenised by itself
    const auto border = format.trainingRow({{"user", "a"}, {"assistant", "hello"}}, TrainOn::Completion, 0);
    QVERIFY(border);
    QCOMPARE(border->ids, (std::vector<TokenId>{kBos, 'a', '\n', kFirstWord, kEos}));
}

void PromptFormatTest::rawText() {
    const PromptFormat format = formatWith(kTurns);
    const auto row = format.textRow("hello</s>", 0);
    QVERIFY(row);
    QCOMPARE(row->ids, (std::vector<TokenId>{kBos, kFirstWord, '<', '/', 's', '>', kEos}));
    QCOMPARE(row->promptTokens, std::size_t{0});
    QVERIFY(!row->trained[0] && row->trained[1] && row->trained.back() && row->endTokenTrained);
    const auto cut = format.textRow("hello</s>", 3);
    QVERIFY(cut && cut->truncated && cut->ids.size() == 3 && !cut->endTokenTrained);
}

void PromptFormatTest::stopIdsAreFoundAndAdded() {
    PromptFormat format = formatWith(kTurns);
    QCOMPARE(format.stopIds(), (std::vector<TokenId>{kEos, kEnd}));
    format.addStopIds({kEnd, 7});
    QCOMPARE(format.stopIds(), (std::vector<TokenId>{kEos, kEnd, 7}));
    QCOMPARE(formatWith("").stopIds(), (std::vector<TokenId>{kEos}));
}

void PromptFormatTest::wrongConversationsAreErrors() {
    const PromptFormat format = formatWith(kTurns);
    QVERIFY(!format.promptIds({}));
    QVERIFY(!format.trainingRow({}, TrainOn::Completion, 0));
    QVERIFY(!format.trainingRow({{"user", "a"}}, TrainOn::Completion, 0));
    const PromptFormat strict = formatWith("{{ raise_exception('no system role') }}");
    const auto raised = strict.promptIds({{"user", "a"}});
    QVERIFY(!raised && raised.error().message.starts_with("no system role"));
    auto tokenizer = std::make_shared<TinyTokenizer>();
    tokenizer->source = "{% if %}";
    QVERIFY(!PromptFormat::forTokenizer(tokenizer));
}

void PromptFormatTest::aRealModelFolder() {
    ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
    const auto tokenizer = Tokenizer::load(dataPath);
    QVERIFY2(tokenizer, tokenizer ? "" : tokenizer.error().message.c_str());
    const auto format = PromptFormat::forTokenizer(*tokenizer);
    QVERIFY(format);
    const std::vector<Message> messages = {{"user", "Once upon a time"}, {"assistant", "there was a cat."}};
    const auto prompt = format->promptIds({messages.front()});
    const auto row = format->trainingRow(messages, TrainOn::Completion, 0);
    QVERIFY(prompt && row);
    QVERIFY(std::equal(prompt->begin(), prompt->end(), row->ids.begin()));
    QCOMPARE(row->promptTokens, prompt->size());
    QVERIFY(row->endTokenTrained);
    QVERIFY((*tokenizer)->decode(row->ids).find("there was a cat.") != std::string::npos);
    if (const auto bos = (*tokenizer)->bosId(); bos && (*tokenizer)->addsBos())
        QCOMPARE(std::count(row->ids.begin(), row->ids.end(), *bos), 1);
}

ATTUNE_TEST(PromptFormatTest)
#include "tst_prompt_format.moc"
