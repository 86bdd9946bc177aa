// Any text as a tokenizer.json, then 0xFF and a text to encode, then 0xFF and a tokenizer_config.json. Ids are of the vocabulary, spans
// inside the text, and a text that is not trusted never yields a control token.
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using namespace attune;

void encodeAndDecode(const Tokenizer& tokenizer, std::string_view text, bool parseSpecial) {
    EncodeOptions options;
    options.addSpecialTokens = parseSpecial;
    options.parseSpecialTokens = parseSpecial;
    const auto encoding = tokenizer.encode(text, options);
    if (!encoding)
        return fuzz::requireReadable(encoding.error());
    fuzz::require(encoding->ids.size() == encoding->offsets.size(), "one span for each id");
    std::optional<TokenId> unknown;
    for (std::size_t i = 0; i < encoding->ids.size(); ++i) {
        const TokenId id = encoding->ids[i];
        fuzz::require(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocabularySize(), "an id is of the vocabulary");
        fuzz::require(encoding->offsets[i].begin <= encoding->offsets[i].end && encoding->offsets[i].end <= text.size(),
                      "a token stands inside the text");
        // A model may call the token for what it does not know special; that one alone may come out of a text.
        if (!parseSpecial && tokenizer.isSpecial(id)) {
            fuzz::require(!unknown || *unknown == id, "text that is not trusted yields no control token");
            unknown = id;
        }
        (void)tokenizer.tokenBytes(id);
    }
    const std::string decoded = tokenizer.decode(encoding->ids, false);
    fuzz::require(utf8::firstInvalid(decoded) == decoded.size(), "decoded text is UTF-8");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFolder folder;
    const auto input = fuzz::parts(data, size, 3);
    folder.put("tokenizer.json", input[0]);
    folder.put("tokenizer_config.json", input[2]);
    const auto tokenizer = Tokenizer::load(folder.path());
    if (!tokenizer) {
        fuzz::requireReadable(tokenizer.error());
        return 0;
    }
    for (const std::string_view text : {input[1], std::string_view("Hello <s> w\xC3\xB6rld, it's 12\n\n [MASK]<|end|>a\xCC\x81 \xE6\x97\xA5")})
        for (const bool parseSpecial : {true, false})
            encodeAndDecode(**tokenizer, text, parseSpecial);
    return 0;
}
