#include "core/data/sample_hash.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <utf8proc.h>
#include <xxhash.h>

#include "core/data/sample_text.h"

namespace attune {

namespace {

// Lengths before the texts, so that no two samples have the same bytes.
void append(std::string& bytes, std::string_view text) {
    const std::uint64_t size = text.size();
    for (int shift = 0; shift < 64; shift += 8)
        bytes += static_cast<char>(size >> shift & 0xFF);
    bytes += text;
}

// What changes how a text becomes tokens. Nothing for an ordinary text, so that hashes of earlier days stay what they were.
void appendMarks(std::string& bytes, int calls, bool learn) {
    if (calls > 0 || !learn)
        append(bytes, (learn ? "calls " : "context, calls ") + std::to_string(calls));
}

template <class Text>
std::string canonical(const Sample& sample, Text&& text) {
    std::string bytes;
    bytes.reserve(static_cast<std::size_t>(textBytes(sample)) + 128);
    bytes += static_cast<char>(sample.kind);
    bytes += static_cast<char>(sample.label);
    char margin[sizeof(double)];
    const double value = sample.margin == 0 ? 0.0 : sample.margin; // -0 is 0
    std::memcpy(margin, &value, sizeof margin);
    bytes.append(margin, sizeof margin);
    for (const Message& message : sample.messages) {
        append(bytes, message.role);
        append(bytes, text(message.content));
        appendMarks(bytes, message.toolCalls, message.learn);
    }
    append(bytes, "");
    append(bytes, text(sample.text));
    append(bytes, text(sample.chosen));
    append(bytes, text(sample.rejected));
    appendMarks(bytes, sample.chosenCalls, true);
    appendMarks(bytes, sample.rejectedCalls, true);
    return bytes;
}

bool isSpace(unsigned char c) {
    return c == ' ' || (c >= 9 && c <= 13);
}

std::string squeezed(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    bool space = false;
    for (const char c : text) {
        if (isSpace(static_cast<unsigned char>(c))) {
            space = !result.empty();
            continue;
        }
        if (space)
            result += ' ';
        space = false;
        result += c;
    }
    return result;
}

} // namespace

ContentHash hashOf(const std::string& bytes) {
    XXH128_canonical_t canonicalForm;
    XXH128_canonicalFromHash(&canonicalForm, XXH3_128bits(bytes.data(), bytes.size()));
    ContentHash hash;
    std::copy(std::begin(canonicalForm.digest), std::end(canonicalForm.digest), hash.begin());
    return hash;
}

ContentHash contentHash(const Sample& sample) {
    return hashOf(canonical(sample, [](const std::string& text) { return std::string_view(text); }));
}

ContentHash normalisedHash(const Sample& sample) {
    return hashOf(canonical(sample, normalisedText));
}

ContentHash promptHash(const Sample& sample) {
    if (sample.kind == SampleKind::Text)
        return hashOf(normalisedText(sample.text));
    return hashOf(normalisedText(promptText(sample)));
}

std::uint64_t low64(const ContentHash& hash) {
    std::uint64_t value;
    std::memcpy(&value, hash.data() + 8, sizeof value);
    return value;
}

std::string toHex(const ContentHash& hash) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : hash)
        (text += kDigits[byte >> 4]) += kDigits[byte & 15];
    return text;
}

std::string normalisedText(const std::string& text) {
    const bool ascii =
        std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (ascii) {
        std::string result = squeezed(text);
        std::transform(result.begin(), result.end(), result.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        return result;
    }
    utf8proc_uint8_t* mapped = nullptr;
    constexpr int options = UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_STABLE | UTF8PROC_CASEFOLD;
    const auto size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                     &mapped, static_cast<utf8proc_option_t>(options));
    if (size < 0)
        return squeezed(text);
    std::string result =
        squeezed(std::string_view(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)));
    std::free(mapped); // utf8proc allocates with malloc
    return result;
}

std::string SampleIds::next(const Sample& sample) {
    const ContentHash hash = contentHash(sample);
    const std::uint32_t occurrence = ++m_seen[low64(hash)];
    std::string id = toHex(hash).substr(16); // the half that is counted, so that ids cannot collide unnoticed
    if (occurrence > 1)
        id += "-" + std::to_string(occurrence);
    return id;
}

} // namespace attune
