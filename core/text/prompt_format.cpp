#include "core/text/prompt_format.h"

#include <algorithm>
#include <utility>

#include "core/base/files.h"
#include "core/base/space.h"
#include "core/text/rendered_encoding.h"

namespace attune {

namespace {

// A conversation without a template: one piece, all of it content.
RenderedChat asContent(std::string text) {
    RenderedChat chat;
    chat.text = std::move(text);
    if (!chat.text.empty())
        chat.pieces.push_back({0, chat.text.size(), TextOrigin::Content, false});
    return chat;
}

std::string plainText(const std::vector<Message>& given, bool endsWithAnswer) {
    const std::vector<Message> messages = withToolsAsText(given);
    std::string text;
    std::size_t first = 0;
    if (!messages.empty() && messages.front().role == "system") {
        text = messages.front().content + "\n\n";
        first = 1;
    }
    for (std::size_t i = first; i < messages.size(); ++i) {
        text += messages[i].content;
        if (i + 1 < messages.size() || !endsWithAnswer)
            text += "\n";
    }
    return text;
}

// Where a message's content stands in the text, from byte `from` on: the first place, or the last. Never inside what
// the template wrote.
std::size_t findContent(const RenderedChat& chat, std::string_view content, std::size_t from, bool last) {
    std::size_t found = std::string::npos;
    if (content.empty())
        return found;
    for (std::size_t at = chat.text.find(content, from); at != std::string::npos;
         at = chat.text.find(content, at + 1)) {
        const auto piece =
            std::upper_bound(chat.pieces.begin(), chat.pieces.end(), at,
                             [](std::size_t byte, const RenderedPiece& candidate) { return byte < candidate.end; });
        if (piece == chat.pieces.end() || piece->origin != TextOrigin::Content)
            continue;
        found = at;
        if (!last)
            break;
    }
    return found;
}

// The first `end` bytes of a conversation.
RenderedChat headOf(const RenderedChat& chat, std::size_t end) {
    RenderedChat head;
    head.text = chat.text.substr(0, end);
    for (RenderedPiece piece : chat.pieces) {
        piece.end = std::min(piece.end, end);
        if (piece.begin < piece.end)
            head.pieces.push_back(piece);
    }
    return head;
}

} // namespace

struct PromptFormat::Turn {
    std::size_t begin = 0, end = 0; // bytes of the text
    bool learn = true;
};

struct PromptFormat::Row {
    RenderedChat chat;
    std::size_t completionBegin = 0; // byte of chat.text
    std::vector<TokenId> ids;
    std::vector<ByteSpan> spans; // of ids; BOS in front has an empty one
    std::size_t promptTokens = 0;
    std::vector<Turn> turns; // in the text's order; one that is context only may follow the marks around it
    bool controlTokensInContent = false;
};

Result<PromptFormat> PromptFormat::forTokenizer(std::shared_ptr<const Tokenizer> tokenizer) {
    PromptFormat format;
    format.m_tokenizer = std::move(tokenizer);
    format.m_hash = "plain";
    if (const auto eos = format.m_tokenizer->eosId())
        format.m_stopIds.push_back(*eos);
    const std::string& source = format.m_tokenizer->chatTemplate();
    const auto others = format.m_tokenizer->namedChatTemplates();
    if (source.empty() && !others.empty()) {
        std::string names;
        for (const auto& [name, text] : others)
            names += (names.empty() ? "\"" : ", \"") + name + "\"";
        return fail(ErrorCode::InvalidData, "The model has chat templates named " + names + ", but none named \"default\"",
                    "Name the one to use \"default\" in the model's tokenizer_config.json, or save it as chat_template.jinja.");
    }
    if (source.empty())
        return format;
    ATTUNE_ASSIGN(ChatTemplate parsed, ChatTemplate::parse(source));
    format.m_template = std::make_shared<const ChatTemplate>(std::move(parsed));
    format.m_hash = hashBytes(source);
    for (const auto& [name, text] : others)
        if (name == "tool_use") {
            ATTUNE_ASSIGN(ChatTemplate forTools, ChatTemplate::parse(text));
            format.m_toolTemplate = std::make_shared<const ChatTemplate>(std::move(forTools));
            format.m_hash = hashBytes(source + '\0' + text);
        }
    format.findEndOfTurn();
    return format;
}

bool PromptFormat::hasChatTemplate() const {
    return m_template != nullptr;
}

bool PromptFormat::isStop(TokenId id) const {
    return std::find(m_stopIds.begin(), m_stopIds.end(), id) != m_stopIds.end();
}

void PromptFormat::addStopIds(const std::vector<TokenId>& ids) {
    for (const TokenId id : ids)
        if (!isStop(id))
            m_stopIds.push_back(id);
}

Result<RenderedChat> PromptFormat::render(const std::vector<Message>& messages, bool generationPrompt) const {
    if (messages.empty())
        return fail(ErrorCode::InvalidArgument, "A conversation needs at least one message");
    if (!m_template)
        return asContent(plainText(messages, !generationPrompt));
    // As in Hugging Face's library: a conversation with functions takes the template named "tool_use" where there is one.
    const bool tools = m_toolTemplate && messages.front().role == "tools";
    const ChatTemplate& chosen = tools ? *m_toolTemplate : *m_template;
    TemplateReads reads{chosen.reads("tools"), chosen.reads("tool_calls")};
    auto chat = print(chosen, messages, reads, generationPrompt);
    const auto calls = [](const Message& message) { return message.toolCalls > 0; };
    if (!chat && reads.toolCalls && std::any_of(messages.begin(), messages.end(), calls)) {
        reads.argumentsAsText = true; // some templates put the arguments together as text (DeepSeek)
        if (auto other = print(chosen, messages, reads, generationPrompt))
            return other;
    }
    return chat;
}

Result<RenderedChat> PromptFormat::print(const ChatTemplate& chosen, const std::vector<Message>& messages, TemplateReads reads,
                                         bool generationPrompt) const {
    OrderedJson variables = chatVariables(messages, reads);
    variables["documents"] = nullptr; // Hugging Face always passes the name
    variables.update(m_tokenizer->specialTokens());
    RenderOptions options;
    options.addGenerationPrompt = generationPrompt;
    return chosen.render(variables, options);
}

// The control token right behind an answer, seen in an answer of our own.
void PromptFormat::findEndOfTurn() {
    const std::string answer = "Forty-two.";
    const auto chat = render({{"user", "What is the answer?"}, {"assistant", answer}}, false);
    if (!chat)
        return; // a template that wants other conversations; the end of text still stops
    const std::size_t at = chat->text.rfind(answer);
    if (at == std::string::npos)
        return;
    const auto tail = encodeRendered(*m_tokenizer, *chat, at + answer.size());
    if (!tail)
        return;
    const auto control =
        std::find_if(tail->ids.begin(), tail->ids.end(), [&](TokenId id) { return m_tokenizer->isSpecial(id); });
    if (control != tail->ids.end() && m_tokenizer->bosId() != *control)
        addStopIds({*control});
}

void PromptFormat::addBos(std::vector<TokenId>& ids) const {
    const auto bos = m_tokenizer->bosId();
    if (bos && m_tokenizer->addsBos() && (ids.empty() || ids.front() != *bos))
        ids.insert(ids.begin(), *bos);
}

Result<std::string> PromptFormat::promptText(const std::vector<Message>& messages) const {
    ATTUNE_ASSIGN(RenderedChat chat, render(messages, true));
    return std::move(chat.text);
}

Result<std::vector<TokenId>> PromptFormat::promptIds(const std::vector<Message>& messages) const {
    ATTUNE_ASSIGN(const RenderedChat chat, render(messages, true));
    ATTUNE_ASSIGN(RenderedTokens tokens, encodeRendered(*m_tokenizer, chat));
    addBos(tokens.ids);
    return std::move(tokens.ids);
}

Result<PromptFormat::Row> PromptFormat::split(const std::vector<Message>& messages) const {
    Row row;
    ATTUNE_ASSIGN(row.chat, render(messages, false));
    const std::vector<Message> before(messages.begin(), messages.end() - 1);
    auto generation = before.empty() ? Result<RenderedChat>(RenderedChat()) : render(before, true);
    RenderedChat prompt;
    if (generation && row.chat.text.starts_with(generation->text)) {
        prompt = std::move(*generation);
    } else {
        // The template writes the last turn differently once it is complete: the answer begins where its content does.
        const std::size_t at = findContent(row.chat, trimmed(messages.back().content), 0, true);
        if (at == std::string::npos)
            return fail(ErrorCode::InvalidData,
                        "The chat template does not print the last answer as it was written, so what to train on "
                        "cannot be told",
                        "Use another chat template, or data without whatever the template rewrites.");
        prompt = headOf(row.chat, at);
    }
    row.completionBegin = prompt.text.size();
    ATTUNE_ASSIGN(RenderedTokens head, encodeRendered(*m_tokenizer, prompt));
    ATTUNE_ASSIGN(const RenderedTokens whole, encodeRendered(*m_tokenizer, row.chat));
    row.controlTokensInContent = whole.controlTokensInContent;
    // The answer continues exactly what generation sees. Its own tokens are those of the whole text when a token ends
    // at the border; when one reaches over it, the answer is tokenised by itself.
    std::size_t border = 0;
    while (border < whole.ids.size() && whole.spans[border].begin < row.completionBegin)
        ++border;
    const bool clean = border == 0 || whole.spans[border - 1].end <= row.completionBegin;
    RenderedTokens alone;
    if (!clean) {
        ATTUNE_ASSIGN(alone, encodeRendered(*m_tokenizer, row.chat, row.completionBegin));
        border = 0;
    }
    const RenderedTokens& tail = clean ? whole : alone;
    row.ids = std::move(head.ids);
    row.spans = std::move(head.spans);
    const std::size_t textTokens = row.ids.size();
    addBos(row.ids);
    row.spans.insert(row.spans.begin(), row.ids.size() - textTokens, ByteSpan{});
    row.promptTokens = row.ids.size();
    row.ids.insert(row.ids.end(), tail.ids.begin() + static_cast<std::ptrdiff_t>(border), tail.ids.end());
    row.spans.insert(row.spans.end(), tail.spans.begin() + static_cast<std::ptrdiff_t>(border), tail.spans.end());
    return row;
}

// Where every turn of the assistant stands in the text, by rendering the conversation up to it.
Result<std::vector<PromptFormat::Turn>> PromptFormat::assistantTurns(const std::vector<Message>& messages, const Row& row) const {
    std::vector<Turn> turns;
    std::size_t searched = 0;
    for (std::size_t i = 0; i + 1 < messages.size(); ++i) {
        if (messages[i].role != "assistant")
            continue;
        const auto until = messages.begin() + static_cast<std::ptrdiff_t>(i);
        const auto before = i == 0 ? Result<RenderedChat>(RenderedChat()) : render({messages.begin(), until}, true);
        const auto after = render({messages.begin(), until + 1}, false);
        const bool prefixes = before && after && row.chat.text.starts_with(before->text) &&
                              row.chat.text.starts_with(after->text) && after->text.size() >= before->text.size();
        std::size_t begin = prefixes ? before->text.size() : 0, end = prefixes ? after->text.size() : 0;
        if (!prefixes) {
            // written differently in the middle of a conversation: take the content and the end of turn behind it
            const std::string_view content = trimmed(messages[i].content);
            const std::size_t at = findContent(row.chat, content, searched, false);
            if (at == std::string::npos)
                return fail(ErrorCode::InvalidData,
                            "The chat template does not print answer " + std::to_string(i + 1) + " as it was written",
                            "Train on the last answer only, or use another chat template.");
            begin = at;
            end = at + content.size();
            for (std::size_t token = 0; token < row.ids.size(); ++token) {
                if (row.spans[token].begin >= end && m_tokenizer->isSpecial(row.ids[token])) {
                    if (isStop(row.ids[token]))
                        end = row.spans[token].end;
                    break;
                }
            }
        }
        turns.push_back({begin, end, messages[i].learn});
        searched = end;
    }
    turns.push_back({row.completionBegin, row.chat.text.size(), messages.back().learn});
    return turns;
}

// The turns that are learned, by {% generation %} marks where the template has them; and those that are context only.
Status PromptFormat::markTurns(const std::vector<Message>& messages, TrainOn trainOn, Row& row) const {
    if (trainOn == TrainOn::Completion) {
        row.turns.push_back({row.completionBegin, row.chat.text.size(), messages.back().learn});
        return {};
    }
    const bool contextOnly = std::any_of(messages.begin(), messages.end(), [](const Message& message) { return !message.learn; });
    if (trainOn == TrainOn::AllAssistant)
        for (const RenderedPiece& piece : row.chat.pieces)
            if (piece.generation)
                row.turns.push_back({piece.begin, piece.end, true});
    const bool marked = !row.turns.empty();
    if (!contextOnly && (marked || trainOn == TrainOn::Everything))
        return {};
    ATTUNE_ASSIGN(const std::vector<Turn> turns, assistantTurns(messages, row));
    for (const Turn& turn : turns)
        if (!turn.learn || (!marked && trainOn == TrainOn::AllAssistant))
            row.turns.push_back(turn);
    return {};
}

Result<TokenizedRow> PromptFormat::finish(Row row, TrainOn trainOn, std::size_t maxLength) const {
    TokenizedRow result;
    const auto promptTokens = static_cast<std::ptrdiff_t>(row.promptTokens);
    // Without any end in the text the model would never learn to stop.
    if (const auto eos = m_tokenizer->eosId();
        eos && std::none_of(row.ids.begin() + promptTokens, row.ids.end(), [&](TokenId id) { return isStop(id); })) {
        row.ids.push_back(*eos);
        row.spans.push_back({row.chat.text.size(), row.chat.text.size()});
        // The empty span behind the text belongs to the last turn, even if its marks close before a newline of the template.
        const auto last = std::max_element(row.turns.begin(), row.turns.end(), [](const Turn& a, const Turn& b) { return a.end < b.end; });
        if (last != row.turns.end())
            for (const std::size_t end = last->end; Turn& turn : row.turns)
                if (turn.end == end)
                    turn.end = row.chat.text.size() + 1;
    }
    result.ids = std::move(row.ids);
    result.promptTokens = row.promptTokens;
    result.controlTokensInContent = row.controlTokensInContent;
    result.trained.assign(result.ids.size(), trainOn == TrainOn::Everything);
    for (const auto& [begin, end, learn] : row.turns) {
        std::size_t first = 0;
        while (first < result.ids.size() && row.spans[first].begin < begin)
            ++first;
        std::size_t last = first;
        while (last < result.ids.size() && row.spans[last].begin < end)
            ++last;
        // line breaks behind the end of the turn are the template's, not the answer's
        std::size_t stop = last;
        while (stop > first && !isStop(result.ids[stop - 1]))
            --stop;
        for (std::size_t i = first; i < (stop > first ? stop : last); ++i)
            result.trained[i] = learn;
    }
    if (!result.trained.empty())
        result.trained.front() = false;
    if (maxLength > 0 && result.promptTokens >= maxLength)
        return fail(ErrorCode::InvalidData,
                    "The prompt alone has " + std::to_string(result.promptTokens) + " tokens, the maximum length is " +
                        std::to_string(maxLength),
                    "Raise the maximum length, or shorten the prompt.");
    if (maxLength > 0 && result.ids.size() > maxLength) {
        result.ids.resize(maxLength);
        result.trained.resize(maxLength);
        result.truncated = true;
    }
    for (std::size_t i = 0; i < result.ids.size(); ++i)
        result.endTokenTrained = result.endTokenTrained || (result.trained[i] && isStop(result.ids[i]));
    return result;
}

Result<TokenizedRow> PromptFormat::trainingRow(const std::vector<Message>& messages, TrainOn trainOn,
                                               std::size_t maxLength) const {
    if (messages.empty() || messages.back().role != "assistant")
        return fail(ErrorCode::InvalidArgument, "A training conversation must end with the assistant's answer",
                    "Check the mapping of the columns.");
    ATTUNE_ASSIGN(Row row, split(messages));
    ATTUNE_CHECK(markTurns(messages, trainOn, row));
    return finish(std::move(row), trainOn, maxLength);
}

Result<TokenizedRow> PromptFormat::textRow(std::string_view text, std::size_t maxLength) const {
    Row row;
    row.chat = asContent(std::string(text));
    ATTUNE_ASSIGN(RenderedTokens tokens, encodeRendered(*m_tokenizer, row.chat));
    row.controlTokensInContent = tokens.controlTokensInContent;
    row.ids = std::move(tokens.ids);
    row.spans = std::move(tokens.spans);
    const std::size_t textTokens = row.ids.size();
    addBos(row.ids);
    row.spans.insert(row.spans.begin(), row.ids.size() - textTokens, ByteSpan{});
    return finish(std::move(row), TrainOn::Everything, maxLength);
}

} // namespace attune
