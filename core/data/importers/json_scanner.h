// Finds the elements of the one list of rows in a JSON document while it streams by: `[...]` itself, or the first
// member of the top-level object that is a list of objects. Looks at brackets and strings only; each element is parsed
// by the caller. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

class JsonListScanner {
public:
    struct Element {
        std::string_view text; // valid during the call
        std::int64_t line = 0; // where it begins
        bool tooLong = false;  // text is then empty
    };
    /// `onElement` returns false to end.
    JsonListScanner(std::size_t maxBytes, std::function<bool(const Element&)> onElement)
        : m_maxBytes(maxBytes), m_onElement(std::move(onElement)) {}

    /// Returns false when onElement ended it or the list is complete.
    bool feed(std::string_view block);

    bool foundList() const { return m_foundList; }
    bool complete() const { return m_state == State::Done; }
    /// The document ended in the middle of an element: where that one began.
    std::int64_t openElementLine() const { return m_inElement ? m_elementLine : 0; }
    char firstByte() const { return m_firstByte; }

private:
    enum class State { Start, Members, ListStart, List, Done };
    bool step(char c);
    bool finishElement();
    void put(char c);

    std::size_t m_maxBytes;
    std::function<bool(const Element&)> m_onElement;
    State m_state = State::Start;
    char m_firstByte = 0;
    bool m_foundList = false;
    bool m_inString = false, m_escaped = false, m_inElement = false, m_tooLong = false, m_afterColon = false,
         m_stopped = false;
    std::size_t m_depth = 0; // of brackets inside the current element, or of skipped members
    std::string m_element;
    std::int64_t m_line = 1, m_elementLine = 0;
};

} // namespace attune
