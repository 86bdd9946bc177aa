#include "core/data/mapping.h"

#include <algorithm>
#include <set>

#include "core/data/annotation_rows.h"

namespace attune {

namespace {

const MappingRole kSystem{"system", "System message", false};
const MappingRole kTools{"tools", "Tools the model may call", false};
const MappingRole kHistory{"history", "Earlier turns", false};
const MappingRole kChosen{"chosen", "Better answer"};
const MappingRole kRejected{"rejected", "Worse answer"};
const MappingRole kConversation{"conversation", "The turns"};
const MappingRole kPrompt{"prompt", "What the user says"};
const MappingRole kCompletion{"completion", "What the model should answer"};
const MappingRole kMargin{"margin", "How much better", false};
const MappingRole kLabel{"label", "Good or bad"};
const MappingRole kInstruction{"instruction", "Instruction"};
const MappingRole kInput{"input", "Input", false};
const MappingRole kReasoning{"reasoning", "Reasoning before the answer", false};
const MappingRole kTurnId{"turn_id", "Number of the row, for rows that follow it", false};
const MappingRole kParentId{"parent_id", "Number of the row before it in the conversation", false};

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "\"" : ", \"") + name + "\"";
    return text.empty() ? "none" : text;
}

} // namespace

const std::vector<MappingFormat>& mappingFormats() {
    static const std::vector<MappingFormat> formats{
        {"chat",
         "Chat messages",
         "A list of turns with role and content.",
         SampleKind::Chat,
         {kConversation, kSystem, kTools}},
        {"sharegpt",
         "ShareGPT",
         "A list of turns with from and value.",
         SampleKind::Chat,
         {kConversation, kSystem, kTools}},
        {"alpaca",
         "Alpaca",
         "Instruction, optional input, and output.",
         SampleKind::Chat,
         {kInstruction, kInput, {"output", "Output"}, kSystem, kHistory, kReasoning, kTurnId, kParentId}},
        {"prompt_completion",
         "Prompt and completion",
         "A question and its answer.",
         SampleKind::Chat,
         {kPrompt, kCompletion, kSystem, kReasoning, kTurnId, kParentId}},
        {"text",
         "Plain text",
         "Text to continue training on, without questions.",
         SampleKind::Text,
         {{"text", "Text"}}},
        {"preference",
         "Preference pairs",
         "A prompt with a better and a worse answer.",
         SampleKind::Preference,
         {kPrompt, kChosen, kRejected, kSystem, kMargin, kTurnId, kParentId}},
        {"alpaca_preference",
         "Alpaca preference pairs",
         "Instruction and input with a better and a worse output.",
         SampleKind::Preference,
         {kInstruction, kInput, kChosen, kRejected, kSystem, kHistory, kMargin, kTurnId, kParentId}},
        {"chat_preference",
         "ShareGPT preference pairs",
         "A conversation with a better and a worse last turn.",
         SampleKind::Preference,
         {kConversation, kChosen, kRejected, kSystem, kTools, kMargin}},
        {"preference_implicit",
         "Preference conversations",
         "Two whole conversations that differ in the last answer.",
         SampleKind::Preference,
         {kChosen, kRejected, kMargin}},
        {"judged_pairs",
         "Judged pairs",
         "A prompt, two answers and which of them is better.",
         SampleKind::Preference,
         {kPrompt, {"left", "First answer"}, {"right", "Second answer"}, {"choice", "Which is better"}, kSystem}},
        {"ranked",
         "Ranked answers",
         "A prompt and answers in an order; the best and the worst become a pair.",
         SampleKind::Preference,
         {kPrompt, {"ranking", "Order of the answers"}, kSystem}},
        {"unpaired",
         "Labelled answers (KTO)",
         "A prompt and an answer that is marked good or bad.",
         SampleKind::Unpaired,
         {kPrompt, kCompletion, kLabel, kSystem}},
        {"chat_kto",
         "Labelled conversations (KTO)",
         "A conversation whose last answer is marked good or bad.",
         SampleKind::Unpaired,
         {kConversation, kLabel, kSystem, kTools}},
        {"stepwise",
         "Judged steps (KTO)",
         "An answer in steps, each marked right or wrong; it is good when every step is right.",
         SampleKind::Unpaired,
         {kPrompt, {"steps", "Steps of the answer"}, {"step_labels", "Whether each step is right"}, kSystem}},
        {"prompt_only", "Prompts only", "Questions without answers.", SampleKind::PromptOnly, {kPrompt, kSystem}},
    };
    return formats;
}

const std::vector<MappingRole>& commonRoles() {
    static const std::vector<MappingRole> roles{
        {"tags", "Tags", false}, {"split", "Split (train, validation, test)", false}, {"id", "Own id", false}};
    return roles;
}

const MappingFormat* findMappingFormat(std::string_view id) {
    for (const MappingFormat& format : mappingFormats())
        if (format.id == id)
            return &format;
    return nullptr;
}

std::string_view Mapping::column(std::string_view role) const {
    for (const ColumnRole& item : columns)
        if (item.role == role)
            return item.column;
    return {};
}

Status checkMapping(const Mapping& mapping) {
    const MappingFormat* format = findMappingFormat(mapping.format);
    if (!format) {
        std::vector<std::string> ids;
        for (const MappingFormat& known : mappingFormats())
            ids.push_back(known.id);
        return fail(ErrorCode::InvalidArgument, "There is no format \"" + mapping.format + "\"",
                    "Use one of " + listed(ids) + ".");
    }
    for (const MappingRole& role : format->roles)
        if (role.required && mapping.column(role.id).empty())
            return fail(ErrorCode::InvalidArgument,
                        format->title + ": no column is \"" + role.label + "\" (" + role.id + ")",
                        "Choose the column that plays this part.");
    for (const ColumnRole& item : mapping.columns) {
        const auto knows = [&](const std::vector<MappingRole>& roles) {
            return std::any_of(roles.begin(), roles.end(),
                               [&](const MappingRole& role) { return role.id == item.role; });
        };
        if (!knows(format->roles) && !knows(commonRoles()))
            return fail(ErrorCode::InvalidArgument, format->title + " has no part named \"" + item.role + "\"",
                        "Leave the column \"" + item.column + "\" out or choose another part.");
    }
    return {};
}

std::string describe(const Mapping& mapping) {
    const MappingFormat* format = findMappingFormat(mapping.format);
    std::string text = format ? format->title : mapping.format;
    const auto labelOf = [&](const std::string& role) {
        for (const auto* roles : {format ? &format->roles : nullptr, &commonRoles()})
            if (roles)
                for (const MappingRole& known : *roles)
                    if (known.id == role)
                        return known.label;
        return role;
    };
    for (std::size_t i = 0; i < mapping.columns.size(); ++i)
        text += (i == 0 ? ": \"" : ", \"") + mapping.columns[i].column + "\" is \"" + labelOf(mapping.columns[i].role) +
                "\"";
    return text + ".";
}

std::vector<std::string> columnsOf(std::span<const Json> rows) {
    std::set<std::string> names;
    for (const Json& row : rows)
        if (row.is_object())
            for (const auto& [name, value] : row.items())
                if (name != kUnjudgedColumn)
                    names.insert(name);
    return {names.begin(), names.end()};
}

std::vector<std::string> unusedColumns(const std::vector<std::string>& columns, const Mapping& mapping) {
    std::vector<std::string> unused;
    for (const std::string& column : columns)
        if (std::none_of(mapping.columns.begin(), mapping.columns.end(), [&](const ColumnRole& item) { return item.column == column; }))
            unused.push_back(column);
    return unused;
}

Json toJson(const Mapping& mapping) {
    Json columns = Json::array();
    for (const ColumnRole& item : mapping.columns)
        columns.push_back({{"column", item.column}, {"role", item.role}});
    return {{"format", mapping.format}, {"columns", std::move(columns)}};
}

Result<Mapping> mappingFromJson(const Json& json) {
    const auto broken = [] {
        return fail(ErrorCode::InvalidData, "This is not a mapping of columns", "Choose the columns again.");
    };
    const auto isText = [](const Json& object, const char* key) {
        return object.contains(key) && object[key].is_string();
    };
    if (!json.is_object() || !isText(json, "format") || !json.contains("columns") || !json["columns"].is_array())
        return broken();
    Mapping mapping{json["format"].get<std::string>(), {}};
    for (const Json& item : json["columns"]) {
        if (!item.is_object() || !isText(item, "column") || !isText(item, "role"))
            return broken();
        mapping.columns.push_back({item["column"].get<std::string>(), item["role"].get<std::string>()});
    }
    ATTUNE_CHECK(checkMapping(mapping));
    return mapping;
}

Result<Mapping> parseMapping(std::string_view text, std::span<const Json> rows) {
    if (text.empty())
        return detectMapping(rows);
    if (text.find('=') == std::string_view::npos)
        return mappingFor(text, rows);
    Mapping mapping;
    const std::vector<std::string> known = columnsOf(rows);
    while (!text.empty()) {
        const auto comma = text.find(',');
        const std::string_view item = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        const auto equals = item.rfind('=');
        if (equals == std::string_view::npos || equals == 0 || equals + 1 == item.size())
            return fail(ErrorCode::InvalidArgument, "The mapping \"" + std::string(item) + "\" is not COLUMN=PART",
                        "Write for example text=prompt,category=completion.");
        ColumnRole pair{std::string(item.substr(0, equals)), std::string(item.substr(equals + 1))};
        if (std::find(known.begin(), known.end(), pair.column) == known.end())
            return fail(ErrorCode::InvalidArgument, "The file has no column \"" + pair.column + "\"",
                        "Its columns are " + listed(known) + ".");
        mapping.columns.push_back(std::move(pair));
    }
    for (const MappingFormat& format : mappingFormats()) {
        mapping.format = format.id;
        if (checkMapping(mapping))
            return mapping;
    }
    return fail(ErrorCode::InvalidArgument, "No format has exactly these parts",
                "Parts that go together: prompt and completion; text; prompt, chosen and rejected; prompt, completion "
                "and label.");
}

} // namespace attune
