#include "core/text/aligned_text.h"

namespace attune {

AlignedText AlignedText::slice(std::size_t begin, std::size_t end) const {
    if (m_starts.empty())
        return {m_input.substr(begin, end - begin), m_base + begin};
    AlignedText part;
    part.m_inputSize = m_inputSize;
    part.m_owned = m_owned.substr(begin, end - begin);
    part.m_starts.assign(m_starts.begin() + static_cast<std::ptrdiff_t>(begin),
                         m_starts.begin() + static_cast<std::ptrdiff_t>(end) + 1);
    return part;
}

void AlignedBuilder::keep(std::size_t begin, std::size_t end) {
    m_out.m_owned.append(m_from.view().substr(begin, end - begin));
    for (std::size_t at = begin; at < end; ++at)
        m_out.m_starts.push_back(static_cast<std::uint32_t>(m_from.originOf(at)));
}

void AlignedBuilder::replace(std::size_t begin, std::size_t end, std::string_view content) {
    if (content.empty())
        return;
    m_out.m_owned.append(content);
    // the first byte stands for the whole replaced part, so that the spans of the others are empty and still tile
    m_out.m_starts.push_back(static_cast<std::uint32_t>(m_from.originOf(begin)));
    m_out.m_starts.insert(m_out.m_starts.end(), content.size() - 1, static_cast<std::uint32_t>(m_from.originOf(end)));
}

Status tooLong() {
    return fail(ErrorCode::InvalidData, "The tokenizer's normalizer makes the text more than 64 times longer",
                "Get the tokenizer files again from the model's publisher.");
}

AlignedText AlignedBuilder::finish() {
    m_out.m_starts.push_back(static_cast<std::uint32_t>(m_from.originOf(m_from.view().size())));
    return std::move(m_out);
}

} // namespace attune
