#include "core/data/row_reader.h"

#include <algorithm>
#include <optional>

#include "core/base/space.h"
#include "core/base/words.h"
#include "core/data/annotation_rows.h"
#include "core/data/conversation.h"
#include "core/data/judged_pair.h"
#include "core/data/sample_text.h"

namespace attune {

namespace {

// One row being read; each step sets `problem` and the following ones then do nothing.
class Reader {
public:
    Reader(const Json& row, const Mapping& mapping) : m_row(row), m_mapping(mapping) {}

    tl::expected<Sample, ImportProblem> read(const MappingFormat& format);

private:
    const Json* value(const char* role) const {
        const auto found = m_row.find(std::string(m_mapping.column(role)));
        return found == m_row.end() || found->is_null() ? nullptr : &*found;
    }
    std::string field(const char* role) const { return std::string(m_mapping.column(role)); }
    void stop(std::string field, std::string reason) {
        if (!m_problem)
            m_problem = ImportProblem{0, 0, std::move(field), std::move(reason)};
    }
    template <class T>
    T take(RowResult<T> result) {
        if (!result)
            stop(result.error().field, result.error().reason);
        return result ? std::move(*result) : T{};
    }

    std::string text(const char* role, bool required);
    bool flag(const char* role);
    void addSystem();
    void addHistory();
    void addConversation();
    void addPromptMessages();
    Message completion(const char* role, bool allowConversation);
    void endWithAnswer(Message answer);
    void takeChosen(Message answer);
    void takeRejected(Message answer);
    Message popAnswer();
    void readAlpacaPrompt();
    void readImplicit();
    void readImplicitText();
    void readJudged();
    void readSteps();
    void readCommon();
    void check();

    const Json& m_row;
    const Mapping& m_mapping;
    Sample m_sample;
    std::optional<ImportProblem> m_problem;
};

// The text of all columns with this role.
std::string Reader::text(const char* role, bool required) {
    std::string joined;
    bool found = false;
    for (const ColumnRole& item : m_mapping.columns) {
        if (item.role != role)
            continue;
        const auto cell = m_row.find(item.column);
        if (cell == m_row.end() || cell->is_null())
            continue;
        std::string piece;
        if (cell->is_string())
            piece = cell->get<std::string>();
        else if (cell->is_number() || cell->is_boolean())
            piece = cell->dump();
        else {
            stop(item.column, "not text but " + kindOf(*cell));
            return {};
        }
        if (found && !isBlank(piece) && !joined.empty())
            joined += "\n\n";
        joined += piece;
        found = true;
    }
    if (required && !found)
        stop(field(role), "missing");
    return joined;
}

bool Reader::flag(const char* role) {
    const Json* cell = value(role);
    if (!cell) {
        stop(field(role), "missing");
        return false;
    }
    if (cell->is_boolean())
        return cell->get<bool>();
    if (cell->is_number() && (*cell == 0 || *cell == 1))
        return *cell == 1;
    if (cell->is_string()) {
        std::string word = cell->get<std::string>();
        std::transform(word.begin(), word.end(), word.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        if (word == "true" || word == "1" || word == "yes" || word == "good")
            return true;
        if (word == "false" || word == "0" || word == "no" || word == "bad")
            return false;
    }
    stop(field(role), "neither true nor false");
    return false;
}

// The system message, and the tools before it.
void Reader::addSystem() {
    auto& messages = m_sample.messages;
    if (std::string system = text("system", false); !isBlank(system)) {
        if (!messages.empty() && messages.front().role == "system")
            messages.front().content += "\n\n" + system;
        else
            messages.insert(messages.begin(), {"system", std::move(system)});
    }
    if (const Json* tools = value("tools"))
        addTools(messages, *tools);
}

void Reader::addHistory() {
    const Json* history = value("history");
    if (!history || (history->is_string() && isBlank(history->get_ref<const std::string&>())))
        return;
    if (!history->is_array())
        return stop(field("history"), "not a list of pairs");
    for (const Json& pair : *history) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
            return stop(field("history"), "not a list of pairs of texts");
        m_sample.messages.push_back({"user", pair[0].get<std::string>()});
        m_sample.messages.push_back({"assistant", pair[1].get<std::string>()});
    }
}

void Reader::addConversation() {
    const Json* turns = value("conversation");
    if (!turns)
        return stop(field("conversation"), "missing");
    m_sample.messages = take(readTurns(*turns, field("conversation")));
    if (!m_problem)
        addSystem();
}

// The prompt: a text, or a list of turns.
void Reader::addPromptMessages() {
    const Json* prompt = value("prompt");
    if (prompt && prompt->is_array()) {
        m_sample.messages = take(readTurns(*prompt, field("prompt")));
        if (!m_problem)
            addSystem();
        return;
    }
    addSystem();
    m_sample.messages.push_back({"user", text("prompt", true)});
}

// With the reasoning that stands in a column of its own.
void Reader::endWithAnswer(Message answer) {
    answer.content = withReasoning(text("reasoning", false), std::move(answer.content));
    m_sample.messages.push_back(std::move(answer));
}

void Reader::takeChosen(Message answer) {
    m_sample.chosen = std::move(answer.content);
    m_sample.chosenCalls = answer.toolCalls;
}

void Reader::takeRejected(Message answer) {
    m_sample.rejected = std::move(answer.content);
    m_sample.rejectedCalls = answer.toolCalls;
}

// An answer: a text, one turn, or a list of turns that ends with it.
Message Reader::completion(const char* role, bool allowConversation) {
    const Json* cell = value(role);
    if (!cell || (!cell->is_array() && !cell->is_object()))
        return {"assistant", text(role, true)};
    if (cell->is_object())
        return take(readTurn(*cell, field(role)));
    auto turns = take(readTurns(*cell, field(role)));
    if (m_problem)
        return {};
    if (turns.back().role != "assistant") {
        stop(field(role), "the last turn is not the assistant's");
        return {};
    }
    Message answer = std::move(turns.back());
    turns.pop_back();
    if (!turns.empty() && allowConversation) // a whole conversation: what stands before the answer is the prompt
        m_sample.messages = std::move(turns);
    else
        m_sample.messages.insert(m_sample.messages.end(), turns.begin(), turns.end());
    return answer;
}

Message Reader::popAnswer() {
    if (m_problem || m_sample.messages.empty() || m_sample.messages.back().role != "assistant") {
        stop(field("conversation"), "the last turn is not the assistant's");
        return {};
    }
    Message answer = std::move(m_sample.messages.back());
    m_sample.messages.pop_back();
    return answer;
}

void Reader::readAlpacaPrompt() {
    addSystem();
    addHistory();
    std::string prompt = text("instruction", true);
    if (const std::string input = text("input", false); !isBlank(input))
        prompt += (prompt.empty() ? "" : "\n") + input;
    m_sample.messages.push_back({"user", std::move(prompt)});
}

// Both sides are whole texts: the prompt is what they share, cut where a word begins.
void Reader::readImplicitText() {
    const std::string &chosen = value("chosen")->get_ref<const std::string&>(),
                      &rejected = value("rejected")->get_ref<const std::string&>();
    const auto differ = std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end()).first;
    const auto blank = std::string_view(chosen.data(), std::size_t(differ - chosen.begin())).find_last_of(" \n\t");
    if (blank == std::string_view::npos || isBlank(std::string_view(chosen).substr(0, blank)))
        return stop(field("chosen"), "the two texts share no beginning that could be the prompt");
    m_sample.messages = {{"user", chosen.substr(0, blank)}};
    m_sample.chosen = chosen.substr(blank + 1);
    m_sample.rejected = rejected.substr(blank + 1);
}

// Two or more answers and a judgement over them.
void Reader::readJudged() {
    addPromptMessages();
    const char* role = m_mapping.format == "ranked" ? "ranking" : "choice";
    const Json* judgement = value(role);
    if (!judgement)
        return stop(field(role), "missing");
    const auto [better, worse] =
        take(m_mapping.format == "ranked" ? bestAndWorst(*judgement, field(role))
                                          : betterAndWorse(*judgement, field("left"), field("right"), field(role)));
    for (const auto& [column, answer] : {std::pair{better, &m_sample.chosen}, std::pair{worse, &m_sample.rejected}}) {
        const auto cell = m_row.find(column);
        if (cell == m_row.end() || !cell->is_string())
            stop(column, "missing or not text");
        if (m_problem)
            return;
        *answer = cell->get<std::string>();
    }
}

// An answer in steps, each marked right or wrong.
void Reader::readSteps() {
    addPromptMessages();
    const Json *steps = value("steps"), *labels = value("step_labels");
    if (!steps || !steps->is_array() || steps->empty())
        return stop(field("steps"), "not a list of texts");
    if (!labels || !labels->is_array() || labels->size() != steps->size())
        return stop(field("step_labels"), "not a mark for each step");
    for (std::size_t i = 0; i < steps->size(); ++i) {
        const Json &step = (*steps)[i], &mark = (*labels)[i];
        if (!step.is_string())
            return stop(field("steps"), "not a list of texts");
        if (!mark.is_boolean() && mark != 0 && mark != 1)
            return stop(field("step_labels"), "neither true nor false");
        m_sample.chosen += (i == 0 ? "" : "\n") + step.get<std::string>();
        m_sample.label = m_sample.label && (mark.is_boolean() ? mark.get<bool>() : mark == 1);
    }
}

// Both sides are whole conversations: the prompt is what they share.
void Reader::readImplicit() {
    std::vector<Message> sides[2];
    const char* roles[2] = {"chosen", "rejected"};
    for (int i = 0; i < 2; ++i) {
        const Json* cell = value(roles[i]);
        if (!cell)
            return stop(field(roles[i]), "missing");
        if (cell->is_string())
            sides[i] = readHumanAssistantText(cell->get_ref<const std::string&>());
        if (i == 0 && cell->is_string() && sides[0].empty() && !cell->get_ref<const std::string&>().starts_with('[') &&
            value("rejected") && value("rejected")->is_string())
            return readImplicitText();
        if (sides[i].empty())
            sides[i] = take(readTurns(*cell, field(roles[i])));
        if (m_problem)
            return;
        if (sides[i].back().role != "assistant")
            return stop(field(roles[i]), "the last turn is not the assistant's");
    }
    std::size_t shared = 0;
    while (shared < std::min(sides[0].size(), sides[1].size()) && sides[0][shared] == sides[1][shared])
        ++shared;
    if (shared == sides[0].size() && shared == sides[1].size())
        return stop(field("rejected"), "both answers are equal");
    if (shared + 1 != sides[0].size() || shared + 1 != sides[1].size())
        return stop(field("rejected"), "the two conversations differ in more than the last answer");
    takeChosen(std::move(sides[0].back()));
    takeRejected(std::move(sides[1].back()));
    sides[0].pop_back();
    m_sample.messages = std::move(sides[0]);
}

void Reader::readCommon() {
    if (const Json* tags = value("tags")) {
        if (tags->is_array()) {
            for (const Json& tag : *tags)
                if (tag.is_string())
                    m_sample.tags.push_back(tag.get<std::string>());
        } else if (tags->is_string() && !isBlank(tags->get_ref<const std::string&>())) {
            std::string_view list = tags->get_ref<const std::string&>();
            while (!list.empty()) {
                const auto comma = list.find(',');
                const std::string_view tag = list.substr(0, comma);
                if (const auto first = tag.find_first_not_of(' '); first != std::string_view::npos)
                    m_sample.tags.emplace_back(tag.substr(first, tag.find_last_not_of(' ') - first + 1));
                list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
            }
        }
    }
    if (const Json* split = value("split"); split && split->is_string()) {
        const std::string& word = split->get_ref<const std::string&>();
        if (word == "train" || word == "training")
            m_sample.split = Split::Train;
        else if (word == "validation" || word == "valid" || word == "val" || word == "dev" || word == "eval")
            m_sample.split = Split::Validation;
        else if (word == "test")
            m_sample.split = Split::Test;
    }
    if (!m_mapping.column("id").empty())
        m_sample.id = text("id", false);
}

// What every sample must have, whatever it was read from.
void Reader::check() {
    forEachText(m_sample, [&](std::string_view piece) {
        if (piece.find('\0') != std::string_view::npos)
            stop({}, "holds a NUL character");
    });
    const auto& messages = m_sample.messages;
    switch (m_sample.kind) {
    case SampleKind::Text:
        if (isBlank(m_sample.text))
            stop(field("text"), "empty");
        return;
    case SampleKind::Chat:
        if (messages.empty() || messages.back().role != "assistant")
            return stop(field("conversation"), "the last turn is not the assistant's");
        if (isBlank(messages.back().content))
            stop(field("completion"), "the answer is empty");
        break;
    case SampleKind::Preference:
        if (isBlank(m_sample.chosen))
            stop(field("chosen"), "the better answer is empty");
        if (isBlank(m_sample.rejected))
            stop(field("rejected"), "the worse answer is empty");
        if (m_sample.chosen == m_sample.rejected)
            stop(field("rejected"), "both answers are equal");
        break;
    case SampleKind::Unpaired:
        if (isBlank(m_sample.chosen))
            stop(field("completion"), "the answer is empty");
        break;
    case SampleKind::PromptOnly:
        break;
    }
    const bool asked = std::any_of(messages.begin(), messages.end(), [](const Message& message) {
        return (message.role == "user" || message.role == "tool") && !isBlank(message.content);
    });
    if (!asked)
        stop(field("prompt"), "the prompt is empty");
}

tl::expected<Sample, ImportProblem> Reader::read(const MappingFormat& format) {
    m_sample.kind = format.kind;
    if (format.id == "chat" || format.id == "sharegpt") {
        addConversation();
    } else if (format.id == "alpaca") {
        readAlpacaPrompt();
        endWithAnswer({"assistant", text("output", true)});
    } else if (format.id == "prompt_completion") {
        addPromptMessages();
        endWithAnswer(completion("completion", false));
    } else if (format.id == "text") {
        m_sample.text = text("text", true);
    } else if (format.id == "preference_implicit") {
        readImplicit();
    } else if (format.id == "judged_pairs" || format.id == "ranked") {
        readJudged();
    } else if (format.id == "stepwise") {
        readSteps();
    } else if (format.kind == SampleKind::Preference) {
        if (format.id == "preference")
            addPromptMessages();
        else if (format.id == "alpaca_preference")
            readAlpacaPrompt();
        else
            addConversation();
        takeRejected(completion("rejected", true));
        takeChosen(completion("chosen", true));
    } else if (format.id == "unpaired") {
        addPromptMessages();
        takeChosen(completion("completion", false));
        m_sample.label = flag("label");
    } else if (format.id == "chat_kto") {
        addConversation();
        takeChosen(popAnswer());
        m_sample.label = flag("label");
    } else {
        addPromptMessages();
    }
    if (const Json* margin = value("margin"); margin && margin->is_number())
        m_sample.margin = margin->get<double>();
    readCommon();
    if (!m_problem)
        check();
    if (m_problem)
        return tl::unexpected(std::move(*m_problem));
    return std::move(m_sample);
}

} // namespace

tl::expected<Sample, ImportProblem> toSample(const Json& row, const Mapping& mapping) {
    const MappingFormat* format = findMappingFormat(mapping.format);
    if (!format)
        return tl::unexpected(ImportProblem{0, 0, {}, "unknown format \"" + mapping.format + "\""});
    auto sample = Reader(row, mapping).read(*format);
    if (const auto why = whyUnjudged(row); !sample && !why.empty())
        return tl::unexpected(ImportProblem{0, 0, {}, std::string(why)});
    return sample;
}

} // namespace attune
