#include "core/data/control_tokens.h"

#include <algorithm>
#include <cstring>

#include "core/base/space.h"
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

std::string_view ControlTokens::at(std::string_view text, std::size_t place) const {
    const auto [begin, end] = m_byFirst[static_cast<unsigned char>(text[place])];
    for (std::size_t i = begin; i < end; ++i)
        if (text.compare(place, m_spellings[i].size(), m_spellings[i]) == 0)
            return m_spellings[i];
    return {};
}

std::string_view ControlTokens::firstIn(std::string_view text) const {
    for (std::size_t i = 0; i < text.size(); ++i)
        if (const auto found = at(text, i); !found.empty())
            return found;
    return {};
}

std::string ControlTokens::without(std::string_view text) const {
    std::size_t longest = 0;
    for (const std::string& spelling : m_spellings)
        longest = std::max(longest, spelling.size());
    // bytes[0, kept) are done, bytes[next, size) are to come. What stands before a removed token is looked at again, since it may
    // spell another together with what follows.
    std::string bytes(text);
    std::size_t kept = 0, next = 0;
    while (next < bytes.size()) {
        if (const std::size_t size = at(bytes, next).size()) {
            const std::size_t again = std::min(kept, longest - 1);
            next += size;
            std::memmove(bytes.data() + next - again, bytes.data() + kept - again, again);
            kept -= again;
            next -= again;
        } else {
            bytes[kept++] = bytes[next++];
        }
    }
    if (kept == bytes.size())
        return bytes;
    bytes.resize(kept);
    return std::string(trimmed(bytes));
}

Sample ControlTokens::without(Sample sample) const {
    for (Message& message : sample.messages)
        message.content = without(message.content);
    for (std::string* text : {&sample.text, &sample.chosen, &sample.rejected})
        *text = without(*text);
    return sample;
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
