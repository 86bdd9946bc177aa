#include "core/data/importers/json_scanner.h"

namespace attune {

namespace {
bool isSpace(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
} // namespace

bool JsonListScanner::feed(std::string_view block) {
    for (const char c : block) {
        if (!step(c))
            return false;
        if (c == '\n')
            ++m_line;
    }
    return !m_stopped && m_state != State::Done;
}

void JsonListScanner::put(char c) {
    if (m_tooLong)
        return;
    if (m_element.size() >= m_maxBytes) {
        m_tooLong = true;
        m_element.clear();
        m_element.shrink_to_fit();
        return;
    }
    m_element += c;
}

bool JsonListScanner::finishElement() {
    m_inElement = false;
    std::string_view text = m_element;
    while (!text.empty() && isSpace(text.back()))
        text.remove_suffix(1);
    const bool more = m_onElement({m_tooLong ? std::string_view() : text, m_elementLine, m_tooLong});
    m_element.clear();
    m_tooLong = false;
    m_stopped = !more;
    return more;
}

bool JsonListScanner::step(char c) {
    if (m_inString) { // in an element or in a skipped member
        if (m_inElement)
            put(c);
        if (m_escaped)
            m_escaped = false;
        else if (c == '\\')
            m_escaped = true;
        else if (c == '"')
            m_inString = false;
        return true;
    }
    switch (m_state) {
    case State::Start:
        if (isSpace(c))
            return true;
        m_firstByte = c;
        if (c == '[')
            m_state = State::List, m_foundList = true;
        else if (c == '{')
            m_state = State::Members;
        else
            return false;
        return true;
    case State::Members:
        // Only a list right behind a colon of the top level can be the rows.
        if (m_depth == 0 && m_afterColon && c == '[') {
            m_state = State::ListStart;
            m_afterColon = false;
            return true;
        }
        if (!isSpace(c))
            m_afterColon = m_depth == 0 && c == ':';
        if (c == '"')
            m_inString = true;
        else if (c == '{' || c == '[')
            ++m_depth;
        else if ((c == '}' || c == ']') && m_depth > 0)
            --m_depth;
        return true;
    case State::ListStart:
        if (isSpace(c))
            return true;
        if (c == '{') {
            m_state = State::List;
            m_foundList = true;
            return step(c);
        }
        m_state = State::Members; // a list of something else: skipped
        if (c != ']') {
            m_depth = 1;
            return step(c);
        }
        return true;
    case State::List:
        if (!m_inElement) {
            if (isSpace(c))
                return true;
            if (c == ']') {
                m_state = State::Done;
                return false;
            }
            m_inElement = true;
            m_elementLine = m_line;
            m_depth = 0;
            if (c == ',') // an element with nothing in it
                return finishElement();
        } else if (m_depth == 0 && (c == ',' || c == ']')) {
            if (!finishElement())
                return false;
            if (c == ']') {
                m_state = State::Done;
                return false;
            }
            return true;
        }
        put(c);
        if (c == '"')
            m_inString = true;
        else if (c == '{' || c == '[')
            ++m_depth;
        else if ((c == '}' || c == ']') && m_depth > 0)
            --m_depth;
        return true;
    case State::Done:
        break;
    }
    return false;
}

} // namespace attune
