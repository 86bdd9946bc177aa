#include "core/text/tokenizer_bench.h"

#include <chrono>

namespace attune {

Result<TokenizerSpeed> measureTokenizer(const Tokenizer& tokenizer, std::string_view text, double seconds) {
    if (text.empty())
        return fail(ErrorCode::InvalidArgument, "There is no text to measure with",
                    "Give a text file that is not empty.");
    ATTUNE_ASSIGN(const auto warm, tokenizer.encode(text));
    TokenizerSpeed speed;
    speed.tokens = warm.ids.size();
    const auto start = std::chrono::steady_clock::now();
    double elapsed = 0;
    do {
        ATTUNE_ASSIGN(const auto encoding, tokenizer.encode(text));
        ++speed.passes;
        elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    } while (elapsed < seconds);
    speed.bytesPerSecond = static_cast<double>(text.size()) * speed.passes / elapsed;
    speed.tokensPerSecond = static_cast<double>(speed.tokens) * speed.passes / elapsed;
    return speed;
}

} // namespace attune
