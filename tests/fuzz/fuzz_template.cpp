// Any text as a chat template, then 0xFF and the variables as JSON (a conversation where they are missing). What was rendered is tiled by
// its pieces, and nothing of a marked message is taken for the template's own.
#include "core/text/chat_template.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using namespace attune;

OrderedJson conversation() {
    return {{"messages",
             {{{"role", "system"}, {"content", "\xE2\x91\xA0 Be brief."}},
              {{"role", "user"}, {"content", "\xE2\x91\xA0 Hello"}},
              {{"role", "assistant"}, {"content", "\xE2\x91\xA0 yo\n"}},
              {{"role", "user"}, {"content", " \xE2\x91\xA0x \xE2\x91\xA0"}}}},
            {"tools", {{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", {{"a", 1.5}}}}}}}},
            {"documents", nullptr},
            {"bos_token", "<s>"},
            {"eos_token", "</s>"}};
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const OrderedJson usual = conversation();
    const auto input = fuzz::parts(data, size, 2);
    OrderedJson variables = usual;
    if (!input[1].empty()) {
        JsonLimits limits;
        limits.maxBytes = 4096;
        auto given = parseOrderedJson(input[1], "variables", limits);
        if (given && given->is_object())
            variables = std::move(*given);
    }
    const auto parsed = ChatTemplate::parse(input[0]);
    if (!parsed) {
        fuzz::requireReadable(parsed.error());
        return 0;
    }
    RenderOptions options;
    options.addGenerationPrompt = size % 2 == 0;
    options.limits.maxSteps = 50'000; // the same code, sooner at its end
    options.limits.maxOutputBytes = std::size_t{1} << 16;
    const auto chat = parsed->render(variables, options);
    if (!chat) {
        fuzz::requireReadable(chat.error());
        return 0;
    }
    const bool marked = input[1].empty() && input[0].find("\xE2\x91\xA0") == std::string_view::npos &&
                        input[0].find('\\') == std::string_view::npos;
    std::size_t at = 0;
    for (const RenderedPiece& piece : chat->pieces) {
        fuzz::require(piece.begin == at && piece.end > piece.begin, "pieces tile the text");
        at = piece.end;
        if (marked && piece.origin == TextOrigin::Template)
            fuzz::require(chat->text.substr(piece.begin, piece.end - piece.begin).find("\xE2\x91\xA0") == std::string::npos,
                          "content is never taken for the template's own text");
    }
    fuzz::require(at == chat->text.size(), "pieces cover the text");
    return 0;
}
