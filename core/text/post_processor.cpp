#include "core/text/post_processor.h"

#include "core/text/json_fields.h"
#include "core/text/vocabulary.h"

namespace attune {

namespace {

Status appendSpecial(const Json& description, const std::string& name, std::vector<TokenId>& out,
                     const std::string& where) {
    const Json* known = fields::member(description, "special_tokens");
    const Json* token = known ? fields::member(*known, name.c_str()) : nullptr;
    if (!token)
        return fields::broken(where,
                              "the template names \"" + name.substr(0, 80) + "\", which special_tokens does not hold");
    ATTUNE_ASSIGN(const Json* ids, fields::list(*token, "ids", where));
    for (const auto& id : *ids) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() > kMaxTokenId)
            return fields::broken(where, "an id of \"" + name.substr(0, 80) + "\" is not a token id");
        out.push_back(static_cast<TokenId>(id.get<std::uint64_t>()));
    }
    return {};
}

Result<AddedFrame> readTemplate(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(const Json* single, fields::list(description, "single", where));
    AddedFrame frame;
    bool seen = false;
    for (const auto& part : *single) {
        if (const Json* special = fields::member(part, "SpecialToken")) {
            ATTUNE_ASSIGN(const auto name, fields::text(*special, "id", where));
            ATTUNE_CHECK(appendSpecial(description, name, seen ? frame.after : frame.before, where));
        } else if (const Json* sequence = fields::member(part, "Sequence")) {
            ATTUNE_ASSIGN(const auto name, fields::text(*sequence, "id", where));
            if (name != "A" || seen)
                return fields::broken(where, "the template for one text must hold sequence A exactly once");
            seen = true;
        } else {
            return fields::broken(where, "a part of the template is neither SpecialToken nor Sequence");
        }
    }
    if (!seen)
        return fields::broken(where, "the template for one text must hold sequence A exactly once");
    return frame;
}

// ["</s>", 2]
Result<TokenId> readPair(const Json& description, const char* key, const std::string& where) {
    ATTUNE_ASSIGN(const Json* pair, fields::list(description, key, where));
    if (pair->size() != 2 || !(*pair)[1].is_number_unsigned() || (*pair)[1].get<std::uint64_t>() > kMaxTokenId)
        return fields::broken(where, std::string("\"") + key + "\" must be a token and its id");
    return static_cast<TokenId>((*pair)[1].get<std::uint64_t>());
}

} // namespace

Result<AddedFrame> readPostProcessor(const Json& description, const std::string& where) {
    if (description.is_null())
        return AddedFrame();
    ATTUNE_ASSIGN(const auto type, fields::text(description, "type", where));
    if (type == "ByteLevel")
        return AddedFrame();
    if (type == "TemplateProcessing")
        return readTemplate(description, where);
    if (type == "BertProcessing" || type == "RobertaProcessing") {
        ATTUNE_ASSIGN(const auto before, readPair(description, "cls", where));
        ATTUNE_ASSIGN(const auto after, readPair(description, "sep", where));
        return AddedFrame{{before}, {after}};
    }
    if (type == "Sequence") {
        ATTUNE_ASSIGN(const Json* parts, fields::list(description, "processors", where));
        AddedFrame frame;
        for (std::size_t i = 0; i < parts->size(); ++i) {
            ATTUNE_ASSIGN(const auto part,
                          readPostProcessor((*parts)[i], where + ".processors[" + std::to_string(i) + "]"));
            frame.before.insert(frame.before.begin(), part.before.begin(), part.before.end());
            frame.after.insert(frame.after.end(), part.after.begin(), part.after.end());
        }
        return frame;
    }
    return fields::unknown(where, "the post-processor \"" + type + "\"");
}

} // namespace attune
