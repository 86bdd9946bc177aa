// Which mapping rows like these have: by the usual names first, then by scoring the names of unknown columns.
#include <algorithm>
#include <array>
#include <set>

#include "core/data/judged_pair.h"
#include "core/data/mapping.h"
#include "core/data/row_reader.h"

namespace attune {

namespace {

constexpr std::size_t kValues = 8; // more are no choice between two answers

// What the first rows hold in one column.
struct Column {
    std::string name;
    std::size_t texts = 0, turnLists = 0, shareGptTurns = 0, flags = 0, objects = 0, numbers = 0, present = 0;
    std::size_t rankings = 0, flagLists = 0;
    std::vector<Json> values{}; // the first different short ones
};

bool isTurn(const Json& value, bool& shareGpt) {
    if (!value.is_object())
        return false;
    shareGpt = value.contains("from") && value.contains("value");
    return shareGpt || value.contains("role");
}

Column lookAt(const std::string& name, std::span<const Json> rows) {
    Column column{name};
    for (const Json& row : rows) {
        const auto found = row.find(name);
        if (found == row.end() || found->is_null())
            continue;
        ++column.present;
        if (column.values.size() < kValues && (!found->is_string() || found->get_ref<const std::string&>().size() <= 40) &&
            std::find(column.values.begin(), column.values.end(), *found) == column.values.end())
            column.values.push_back(*found);
        column.rankings += isRanking(*found);
        column.flagLists += found->is_array() && !found->empty() && found->front().is_boolean();
        bool shareGpt = false;
        if (found->is_string())
            ++column.texts;
        else if (found->is_boolean())
            ++column.flags;
        else if (found->is_number())
            ++column.numbers;
        else if (found->is_object())
            ++column.objects;
        else if (found->is_array() && !found->empty() && isTurn(found->front(), shareGpt)) {
            ++column.turnLists;
            column.shareGptTurns += shareGpt;
        }
        // CSV knows texts only.
        if (found->is_string() && (*found == "true" || *found == "false" || *found == "True" || *found == "False"))
            ++column.flags;
    }
    return column;
}

class Columns {
public:
    explicit Columns(std::span<const Json> rows) {
        for (const std::string& name : columnsOf(rows))
            m_columns.push_back(lookAt(name, rows));
    }
    const std::vector<Column>& all() const { return m_columns; }
    const Column* named(std::initializer_list<const char*> names) const {
        for (const char* name : names)
            for (const Column& column : m_columns)
                if (column.name == name && column.present > 0)
                    return &column;
        return nullptr;
    }
    const Column* turns() const {
        for (const char* name : {"messages", "conversations", "conversation", "texts", "dialogue", "dialog", "turns"})
            if (const Column* column = named({name}); column && column->turnLists > 0)
                return column;
        for (const Column& column : m_columns)
            if (column.turnLists > 0 && column.name != "chosen" && column.name != "rejected" &&
                column.name != "prompt" && column.name != "completion" && column.name != "tools")
                return &column;
        return nullptr;
    }
    const Column* ranking() const {
        for (const Column& column : m_columns)
            if (column.rankings > 0)
                return &column;
        return nullptr;
    }
    // Two answers whose names differ in their last character or word, and a column that chooses one; null where there is none.
    struct Judged {
        const Column *left = nullptr, *right = nullptr, *choice = nullptr;
    };
    Judged judged() const {
        static constexpr std::array<std::pair<const char*, const char*>, 5> kEnds{
            {{"1", "2"}, {"0", "1"}, {"a", "b"}, {"A", "B"}, {"left", "right"}}};
        for (const Column& left : m_columns)
            for (const auto& [first, second] : kEnds) {
                if (!left.name.ends_with(first) || left.texts == 0)
                    continue;
                const std::string stem = left.name.substr(0, left.name.size() - std::string_view(first).size());
                const Column* right = named({(stem + second).c_str()});
                if (!right || right->texts == 0)
                    continue;
                for (const bool words : {true, false}) // numbers may be anything, so only under a name that says what they are
                    for (const Column& choice : m_columns)
                        if (&choice != &left && &choice != right && (words ? !onlyNumbers(choice) : namesAJudgement(choice.name)) &&
                            chooses(choice, left.name, right->name))
                            return {&left, right, &choice};
            }
        return {};
    }
    const Column* flag() const {
        const Column* column = named({"kto_tag", "label"});
        return column && (column->flags > 0 || column->numbers > 0) ? column : nullptr;
    }

private:
    static bool onlyNumbers(const Column& column) {
        return std::all_of(column.values.begin(), column.values.end(), [](const Json& value) {
            return value.is_number() || (value.is_string() && value.get_ref<const std::string&>().find_first_not_of("0123456789") == std::string::npos);
        });
    }
    static bool namesAJudgement(const std::string& name) {
        static constexpr std::array kWords{"choice",   "chosen", "preference", "preferred", "winner", "better", "best",
                                           "selected", "label",  "comparison", "verdict",   "vote",   "judgement"};
        return std::any_of(kWords.begin(), kWords.end(), [&](const char* word) { return name == word; });
    }
    static bool chooses(const Column& column, const std::string& left, const std::string& right) {
        const auto chosen = [&](const Json& value) { return value == left || value == right || isChoice(value); };
        return !column.values.empty() && column.values.size() < kValues &&
               std::all_of(column.values.begin(), column.values.end(), chosen);
    }

    std::vector<Column> m_columns;
};

void addIf(Mapping& mapping, const Column* column, const char* role) {
    if (column)
        mapping.columns.push_back({column->name, role});
}

void addCommon(Mapping& mapping, const Columns& columns) {
    const MappingFormat* format = findMappingFormat(mapping.format);
    const auto optional = [&](const char* role, std::initializer_list<const char*> names) {
        const bool known = std::any_of(format->roles.begin(), format->roles.end(),
                                       [&](const MappingRole& item) { return item.id == role; });
        if (!known || !mapping.column(role).empty())
            return;
        const Column* column = columns.named(names);
        const bool taken = column && std::any_of(mapping.columns.begin(), mapping.columns.end(),
                                                 [&](const ColumnRole& item) { return item.column == column->name; });
        if (!taken)
            addIf(mapping, column, role);
    };
    optional("system", {"system", "system_prompt", "system_message"});
    optional("tools", {"tools", "functions"});
    optional("reasoning", {"reasoning_content", "reasoning", "thinking", "Complex_CoT"});
    optional("history", {"history"});
    optional("margin", {"margin"});
    if (columns.named({"parent_id"}) && columns.named({"id", "message_id"})) {
        optional("turn_id", {"id", "message_id"});
        optional("parent_id", {"parent_id"});
    }
    addIf(mapping, columns.named({"tags"}), "tags");
    addIf(mapping, columns.named({"split"}), "split");
}

constexpr std::array kAnswerWords{"output",         "answer",  "response",    "assistant", "completion",
                                  "expected",       "reply",   "result",      "target",    "solution",
                                  "recommendation", "summary", "translation", "answers",   "outputs"};
constexpr std::array kClassWords{"category", "intent", "class", "label", "sentiment", "topic", "classification"};
constexpr std::array kUserWords{"prompt",  "question", "instruction", "query",       "input",     "user",   "request",
                                "problem", "message",  "text",        "sentence",    "utterance", "source", "document",
                                "article", "content",  "context",     "description", "body",      "title"};
constexpr std::array kIgnored{"id",       "idx",     "index",       "timestamp", "date", "time",
                              "metadata", "meta",    "source_file", "score",     "url",  "language",
                              "lang",     "version", "split",       "tags",      "uuid", "user_id"};

std::string lowered(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

// Earlier words weigh more; the whole name more than a part of it.
template <class Words>
double scoreOf(const std::string& name, const Words& words) {
    double best = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string word = words[i];
        const double weight = 1.0 - 0.5 * static_cast<double>(i) / static_cast<double>(words.size());
        if (name == word)
            best = std::max(best, 10 * weight);
        else if (name.starts_with(word + "_") || name.ends_with("_" + word) || name.starts_with(word + " ") ||
                 name.ends_with(" " + word))
            best = std::max(best, 5 * weight);
        else if (word.size() > 4 && name.find(word) != std::string::npos)
            best = std::max(best, 2 * weight);
    }
    return best;
}

Result<Mapping> byKeywords(const Columns& columns) {
    const Column *prompt = nullptr, *completion = nullptr;
    double bestUser = 0, bestAnswer = 0;
    std::vector<const Column*> candidates;
    for (const Column& column : columns.all()) {
        const std::string name = lowered(column.name);
        const bool ignored = std::find(kIgnored.begin(), kIgnored.end(), name) != kIgnored.end();
        if (ignored || column.texts + column.numbers == 0)
            continue;
        candidates.push_back(&column);
        const double answer = std::max(scoreOf(name, kAnswerWords), 0.6 * scoreOf(name, kClassWords));
        const double user = column.texts > 0 ? scoreOf(name, kUserWords) : 0;
        if (answer > bestAnswer && answer >= user)
            completion = &column, bestAnswer = answer;
        else if (user > bestUser)
            prompt = &column, bestUser = user;
    }
    // With two columns, knowing one is enough.
    if (candidates.size() == 2 && (prompt != nullptr) != (completion != nullptr)) {
        const Column* other = candidates[0] == (prompt ? prompt : completion) ? candidates[1] : candidates[0];
        if (prompt)
            completion = other;
        else if (other->texts > 0)
            prompt = other;
    }
    Mapping mapping;
    if (prompt && completion) {
        mapping.format = "prompt_completion";
        // What a question is about stands before it.
        for (const char* name : {"context", "passage"})
            if (const Column* column = columns.named({name});
                column && column != prompt && column != completion && column->texts > 0)
                mapping.columns.push_back({column->name, "prompt"});
        addIf(mapping, prompt, "prompt");
        addIf(mapping, completion, "completion");
        return mapping;
    }
    if (candidates.size() == 1 && candidates[0]->texts > 0) {
        mapping.format = lowered(candidates[0]->name) == "prompt" || lowered(candidates[0]->name) == "question"
                             ? "prompt_only"
                             : "text";
        addIf(mapping, candidates[0], mapping.format == "text" ? "text" : "prompt");
        return mapping;
    }
    std::string names;
    for (const Column& column : columns.all())
        names += (names.empty() ? "\"" : ", \"") + column.name + "\"";
    return fail(ErrorCode::InvalidData,
                "It is not clear what the columns mean (" + (names.empty() ? "none" : names) + ")",
                "Say which column is the prompt and which the completion.");
}

Result<Mapping> detect(const Columns& columns) {
    const Column* turns = columns.turns();
    const Column *chosen = columns.named({"chosen", "chosen_response", "chosen_answer", "response_chosen"}),
                 *rejected = columns.named({"rejected", "rejected_response", "rejected_answer", "response_rejected"});
    const Column* instruction = columns.named({"instruction"});
    const Column* prompt = columns.named({"prompt", "question", "query", "input"});
    const Column* completion = columns.named({"completion", "response"});
    Mapping mapping;
    const auto make = [&](const char* format, std::initializer_list<std::pair<const Column*, const char*>> roles) {
        mapping.format = format;
        for (const auto& [column, role] : roles)
            addIf(mapping, column, role);
        return mapping;
    };
    if (rejected && !chosen) // H2O LLM Studio: the usual answer is the better one
        chosen = columns.named({"answer", "response", "output", "completion"});
    if (const Column* ranking = columns.ranking(); ranking && prompt)
        return make("ranked", {{prompt, "prompt"}, {ranking, "ranking"}});
    if (const auto [left, right, choice] = columns.judged(); choice && prompt)
        return make("judged_pairs", {{prompt, "prompt"}, {left, "left"}, {right, "right"}, {choice, "choice"}});
    if (const Column *steps = columns.named({"completions", "steps"}), *marks = columns.named({"labels"});
        prompt && steps && marks && marks->flagLists > 0)
        return make("stepwise", {{prompt, "prompt"}, {steps, "steps"}, {marks, "step_labels"}});
    if (chosen && rejected) {
        if (turns)
            return make("chat_preference", {{turns, "conversation"}, {chosen, "chosen"}, {rejected, "rejected"}});
        if (instruction)
            return make("alpaca_preference", {{instruction, "instruction"},
                                              {columns.named({"input"}), "input"},
                                              {chosen, "chosen"},
                                              {rejected, "rejected"}});
        if (prompt)
            return make("preference", {{prompt, "prompt"}, {chosen, "chosen"}, {rejected, "rejected"}});
        return make("preference_implicit", {{chosen, "chosen"}, {rejected, "rejected"}});
    }
    if (turns && columns.flag())
        return make("chat_kto", {{turns, "conversation"}, {columns.flag(), "label"}});
    if (turns)
        return make(turns->shareGptTurns > 0 ? "sharegpt" : "chat", {{turns, "conversation"}});
    if (const Column* output = columns.named({"output"}); instruction && output)
        return make("alpaca", {{instruction, "instruction"}, {columns.named({"input"}), "input"}, {output, "output"}});
    if (prompt && completion && columns.flag())
        return make("unpaired", {{prompt, "prompt"}, {completion, "completion"}, {columns.flag(), "label"}});
    if (columns.named({"prompt"}) && completion)
        return make("prompt_completion", {{prompt, "prompt"}, {completion, "completion"}});
    if (const Column* only = columns.named({"prompt"}); only && only->turnLists > 0)
        return make("prompt_only", {{only, "prompt"}});
    return byKeywords(columns);
}

} // namespace

Result<Mapping> detectMapping(std::span<const Json> rows) {
    const Columns columns(rows);
    ATTUNE_ASSIGN(Mapping mapping, detect(columns));
    addCommon(mapping, columns);
    return mapping;
}

Result<Mapping> mappingFor(std::string_view formatId, std::span<const Json> rows) {
    const MappingFormat* format = findMappingFormat(formatId);
    if (!format)
        return fail(checkMapping(Mapping{std::string(formatId), {}}).error());
    if (auto detected = detectMapping(rows); detected && detected->format == formatId)
        return detected;
    const Columns columns(rows);
    Mapping mapping{std::string(formatId), {}};
    for (const MappingRole& role : format->roles) {
        const Column* column = columns.named({role.id.c_str()});
        if (!column && role.id == "conversation")
            column = columns.turns();
        if (!column && role.id == "label")
            column = columns.flag();
        addIf(mapping, column, role.id.c_str());
    }
    // Prompt and completion may have any names; the guess fills what is missing.
    if (const auto guess = byKeywords(columns))
        for (const ColumnRole& item : guess->columns)
            if (mapping.column(item.role).empty() &&
                std::any_of(format->roles.begin(), format->roles.end(),
                            [&](const MappingRole& role) { return role.id == item.role; }))
                mapping.columns.push_back(item);
    addCommon(mapping, columns);
    if (auto status = checkMapping(mapping); !status)
        return fail(ErrorCode::InvalidData, status.error().message,
                    "Name the columns, for example question=prompt,answer=completion.");
    return mapping;
}

} // namespace attune
