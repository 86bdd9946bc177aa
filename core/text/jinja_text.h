// A string that remembers where each of its bytes came from (template or content). Value type, no thread of its own.
// The text is UTF-8 throughout; positions are bytes and must lie on code point borders.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/utf8.h"

namespace attune::jinja {

using Marks = std::uint8_t;
inline constexpr Marks kTemplate = 0;   // written in the template, or a token the tokenizer's configuration names
inline constexpr Marks kContent = 1;    // came out of a variable
inline constexpr Marks kGeneration = 2; // printed inside {% generation %}

class Text {
public:
    struct Run {
        std::size_t end = 0;
        Marks marks = kTemplate;
    };

    Text() = default;
    Text(std::string bytes, Marks marks);

    const std::string& bytes() const { return m_bytes; }
    const std::vector<Run>& runs() const { return m_runs; } // tile the bytes; none when empty
    std::size_t size() const { return m_bytes.size(); }
    bool empty() const { return m_bytes.empty(); }
    bool hasContent() const;
    Marks marksAt(std::size_t position) const;

    void append(std::string_view bytes, Marks marks);
    void append(const Text& other, Marks extra = 0);
    void append(const Text& other, std::size_t begin, std::size_t end, Marks extra = 0);
    Text slice(std::size_t begin, std::size_t end) const;
    /// The same bytes, all of one origin.
    Text marked(Marks marks) const { return Text(m_bytes, marks); }

    /// Replaces every code point by what `write(codePoint, out)` appends; the marks follow.
    template <class Write>
    Text mapped(Write write) const {
        Text result;
        std::string piece;
        std::size_t begin = 0;
        for (const Run& run : m_runs) {
            piece.clear();
            for (std::size_t at = begin; at < run.end;) {
                const utf8::CodePoint point = utf8::decode(m_bytes, at);
                write(point.value, piece);
                at += point.size;
            }
            result.append(piece, run.marks);
            begin = run.end;
        }
        return result;
    }

private:
    std::string m_bytes;
    std::vector<Run> m_runs;
};

/// What Python's str.isspace() says of one character.
bool isPythonSpace(char32_t codePoint);
std::size_t countCodePoints(std::string_view text);
/// Byte position of the code point `index` (text.size() when past the end).
std::size_t bytePosition(std::string_view text, std::size_t index);

} // namespace attune::jinja
