#include "core/data/control_tokens.h"

#include <algorithm>

#include "core/data/sample_text.h"

namespace attune {

ControlTokens::ControlTokens(std::vector<std::string> spellings) : m_spellings(std::move(spellings)) {
    std::erase_if(m_spellings, [](const std::string& spelling) { return spelling.empty(); });
    const auto first = [](const std::string& text) { return static_cast<unsigned char>(text.front()); };
    std::sort(m_spellings.begin(), m_spellings.end(), [&](const std::string& a, const std::string& b) {
        return first(a) != first(b) ? first(a) < first(b) : a.size() > b.size();
    });
    for (std::size_t i = 0; i < m_spellings.size(); ++i) {
        auto& [begin, end] = m_byFirst[first(m_spellings[i])];
        begin = end == 0 ? i : begin;
        end = i + 1;
    }
}

ControlTokens ControlTokens::usual() {
    return ControlTokens({"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>",
                          "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>",
                          "<|python_tag|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>",
                          "<|channel|>", "<|message|>", "<|return|>", "<|start_of_role|>", "<|end_of_role|>", "<|end_of_turn|>"});
}

ControlTokens ControlTokens::of(const Tokenizer& tokenizer) {
    std::vector<std::string> spellings;
    for (std::size_t id = 0; id < tokenizer.vocabularySize(); ++id)
        if (tokenizer.isSpecial(static_cast<TokenId>(id)))
            spellings.push_back(tokenizer.idToToken(static_cast<TokenId>(id)).value_or(std::string()));
    return ControlTokens(std::move(spellings));
}

std::string_view ControlTokens::firstIn(std::string_view text) const {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto [begin, end] = m_byFirst[static_cast<unsigned char>(text[at])];
        for (std::size_t i = begin; i < end; ++i)
            if (text.compare(at, m_spellings[i].size(), m_spellings[i]) == 0)
                return m_spellings[i];
    }
    return {};
}

std::string_view ControlTokens::firstIn(const Sample& sample) const {
    std::string_view found;
    forEachText(sample, [&](std::string_view text) {
        if (found.empty())
            found = firstIn(text);
    });
    return found;
}

} // namespace attune
