// Any bytes as a sentencepiece model.
#include "core/text/sentencepiece_file.h"
#include "core/text/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    auto material = readSentencepiece({reinterpret_cast<const char*>(data), size}, "input");
    if (!material) {
        fuzz::requireReadable(material.error());
        return 0;
    }
    const auto tokenizer = buildTokenizer(std::move(*material), "input");
    if (!tokenizer)
        return 0;
    const std::string_view text = "Hello <s> w\xC3\xB6rld  12\n";
    if (const auto encoding = (*tokenizer)->encode(text)) {
        for (std::size_t i = 0; i < encoding->ids.size(); ++i) {
            fuzz::require(static_cast<std::size_t>(encoding->ids[i]) < (*tokenizer)->vocabularySize(), "an id is of the vocabulary");
            fuzz::require(encoding->offsets[i].end <= text.size(), "a token stands inside the text");
        }
        (void)(*tokenizer)->decode(encoding->ids, false);
    }
    return 0;
}
