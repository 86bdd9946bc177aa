#include "core/store/sample_codec.h"

#include "core/base/json.h"
#include "core/data/sample_text.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

Status checkText(std::string_view text, const char* field) {
    if (text.find('\0') != std::string_view::npos)
        return fail(ErrorCode::InvalidArgument, std::string("The ") + field + " holds a NUL character", "Remove it.");
    if (utf8::firstInvalid(text) != text.size())
        return fail(ErrorCode::InvalidArgument, std::string("The ") + field + " is not valid UTF-8 text",
                    "Save the source as UTF-8 and try again.");
    return {};
}

} // namespace

void appendJsonString(std::string& out, std::string_view text) {
    static constexpr char kDigits[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            (out += '\\') += c;
        else if (byte >= 0x20)
            out += c;
        else if (c == '\n')
            out += "\\n";
        else
            ((out += "\\u00") += kDigits[byte >> 4]) += kDigits[byte & 15];
    }
    out += '"';
}

std::string encodeMessages(const std::vector<Message>& messages) {
    std::string out = "[";
    for (const Message& message : messages) {
        out += out.size() > 1 ? ",{\"role\":" : "{\"role\":";
        appendJsonString(out, message.role);
        out += ",\"content\":";
        appendJsonString(out, message.content);
        if (message.toolCalls > 0)
            out += ",\"calls\":" + std::to_string(message.toolCalls);
        if (!message.learn)
            out += ",\"weight\":0";
        out += '}';
    }
    return out += ']';
}

Result<std::vector<Message>> decodeMessages(std::string_view text) {
    std::vector<Message> messages;
    if (text.size() <= 2)
        return messages;
    ATTUNE_ASSIGN(const Json json, parseJson(text, "A stored conversation"));
    for (const Json& item : json) {
        if (!item.is_object() || !item.contains("role") || !item.contains("content") || !item["role"].is_string() ||
            !item["content"].is_string())
            return fail(ErrorCode::InvalidData, "A stored conversation is damaged", "Import the dataset again.");
        const auto calls = item.find("calls"), weight = item.find("weight");
        messages.push_back({item["role"].get<std::string>(), item["content"].get<std::string>(),
                            calls != item.end() && calls->is_number_integer() ? calls->get<int>() : 0,
                            weight == item.end() || *weight != 0});
    }
    return messages;
}

std::string encodeTags(const std::vector<std::string>& tags) {
    if (tags.empty())
        return {};
    std::string out = "[";
    for (const std::string& tag : tags) {
        if (out.size() > 1)
            out += ',';
        appendJsonString(out, tag);
    }
    return out += ']';
}

Result<std::vector<std::string>> decodeTags(std::string_view text) {
    std::vector<std::string> tags;
    if (text.empty())
        return tags;
    ATTUNE_ASSIGN(const Json json, parseJson(text, "A stored list of tags"));
    for (const Json& item : json)
        if (item.is_string())
            tags.push_back(item.get<std::string>());
    return tags;
}

Result<EncodedSample> encodeSample(const Sample& sample) {
    for (const Message& message : sample.messages) {
        ATTUNE_CHECK(checkText(message.role, "role of a message"));
        ATTUNE_CHECK(checkText(message.content, "content of a message"));
    }
    ATTUNE_CHECK(checkText(sample.text, "text"));
    ATTUNE_CHECK(checkText(sample.chosen, "chosen answer"));
    ATTUNE_CHECK(checkText(sample.rejected, "rejected answer"));
    ATTUNE_CHECK(checkText(sample.id, "id"));
    for (const std::string& tag : sample.tags)
        ATTUNE_CHECK(checkText(tag, "tag"));
    EncodedSample row;
    row.sampleId = sample.id;
    row.messages = sample.messages.empty() ? std::string() : encodeMessages(sample.messages);
    row.text = sample.text;
    row.chosen = sample.chosen;
    row.rejected = sample.rejected;
    row.tags = encodeTags(sample.tags);
    row.hash = contentHash(sample);
    row.sourceRow = sample.sourceRow;
    row.length = textBytes(sample);
    row.margin = sample.margin;
    row.chosenCalls = sample.chosenCalls;
    row.rejectedCalls = sample.rejectedCalls;
    row.kind = static_cast<int>(sample.kind);
    row.split = static_cast<int>(sample.split);
    row.label = sample.label;
    return row;
}

} // namespace attune
