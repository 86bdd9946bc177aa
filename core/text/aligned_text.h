// A text on its way through the tokenizer that remembers where each of its bytes came from in the input. A text that
// nothing has changed is only a view of the input and costs nothing. Not thread-safe; one per call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer.h"

namespace attune {

class AlignedText {
public:
    AlignedText() = default;
    /// A view of the input, which must outlive this object; `base` is where it begins in the whole input.
    AlignedText(std::string_view input, std::size_t base)
        : m_input(input), m_base(base), m_inputSize(input.size()) {}

    std::string_view view() const { return m_starts.empty() ? m_input : std::string_view(m_owned); }
    bool isInput() const { return m_starts.empty(); }

    /// Where byte `at` of this text begins in the input; at == size gives the end. Never decreases, so spans tile the
    /// input.
    std::size_t originOf(std::size_t at) const { return m_starts.empty() ? m_base + at : m_starts[at]; }
    ByteSpan origin(std::size_t begin, std::size_t end) const { return {originOf(begin), originOf(end)}; }

    AlignedText slice(std::size_t begin, std::size_t end) const;

    /// Whether `size` bytes are more than a text made from this input may have: no tokenizer needs that, but a hostile
    /// one can ask for it.
    bool outgrows(std::size_t size) const { return size > 64 * m_inputSize + (std::size_t{1} << 20); }

private:
    friend class AlignedBuilder;
    std::string_view m_input;
    std::size_t m_base = 0, m_inputSize = 0;
    std::string m_owned;
    std::vector<std::uint32_t> m_starts; // size + 1 entries when the text was changed, else empty
};

/// Writes a changed text from left to right. What is neither kept nor replaced is deleted; its bytes then belong to
/// what stands before it.
class AlignedBuilder {
public:
    explicit AlignedBuilder(const AlignedText& from) : m_from(from) {
        m_out.m_inputSize = from.m_inputSize;
        m_out.m_owned.reserve(from.view().size() + 16);
        m_out.m_starts.reserve(from.view().size() + 16);
    }
    /// Copies bytes [begin, end) of the source.
    void keep(std::size_t begin, std::size_t end);
    /// Writes `content` in place of [begin, end) of the source (begin == end inserts).
    void replace(std::size_t begin, std::size_t end, std::string_view content);
    std::size_t size() const { return m_out.m_owned.size(); }
    /// The result; the builder is spent.
    AlignedText finish();

private:
    const AlignedText& m_from;
    AlignedText m_out;
};

/// The error for a text that outgrows().
Status tooLong();

} // namespace attune
