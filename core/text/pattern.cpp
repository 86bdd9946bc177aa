#include "core/text/pattern.h"

#include "core/text/json_fields.h"

namespace attune {

Result<Pattern> Pattern::read(const Json& object, const char* key, const std::string& where) {
    const Json* value = fields::member(object, key);
    Pattern pattern;
    if (value && value->is_string()) {
        pattern.m_plain = value->get<std::string>();
    } else if (value && fields::member(*value, "String")) {
        ATTUNE_ASSIGN(pattern.m_plain, fields::text(*value, "String", where));
    } else if (value && fields::member(*value, "Regex")) {
        ATTUNE_ASSIGN(pattern.m_source, fields::text(*value, "Regex", where));
        ATTUNE_ASSIGN(auto regex, Regex::compile(pattern.m_source, where));
        pattern.m_regex = std::move(regex);
        return pattern;
    } else {
        return fields::broken(where, std::string("\"") + key + "\" must be a String or a Regex");
    }
    if (pattern.m_plain.empty())
        return fields::broken(where, std::string("\"") + key + "\" is empty");
    return pattern;
}

Pattern Pattern::plain(std::string text) {
    Pattern pattern;
    pattern.m_plain = std::move(text);
    return pattern;
}

Status Pattern::findAll(std::string_view text, std::uint32_t base, std::vector<TextRange>& matches) const {
    if (m_regex)
        return m_regex->findAll(text, base, matches);
    for (auto at = text.find(m_plain); at != std::string_view::npos; at = text.find(m_plain, at + m_plain.size()))
        matches.push_back(
            {base + static_cast<std::uint32_t>(at), base + static_cast<std::uint32_t>(at + m_plain.size())});
    return {};
}

} // namespace attune
