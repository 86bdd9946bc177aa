#include "core/model_files/gguf_pre_tokenizers.h"

#include <algorithm>
#include <array>
#include <vector>

namespace attune {

namespace {

// The expressions are those of the models' own tokenizer.json files.
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kIdeographs = "[一-龥ࠀ-一가-퟿]+";
constexpr const char* kIdeographsKana = "[一-龥぀-ゟ゠-ヿ]+";
constexpr const char* kDeepseekLetters =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
constexpr const char* kDeepseekPunctuation = "\\s?[!-/:-~！-／：-～‘-‟　-。]+";
constexpr const char* kDeepseek3 =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

Json splitAt(const char* expression) {
    return {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}};
}

Json byteLevelPart(bool splits) {
    return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", splits}};
}

Json digitsPart(bool single) {
    return {{"type", "Digits"}, {"individual_digits", single}};
}

// One after the other, then the bytes' alphabet.
Json sequenceOf(std::vector<Json> parts, bool gpt2Words) {
    parts.push_back(byteLevelPart(gpt2Words));
    return {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}};
}

enum class Words { Gpt2, Llama3, Qwen2, Qwen35, Digits, Gpt4o, Tekken, Falcon, DeepseekLlm, DeepseekCoder, Deepseek3 };

Json wordsPart(Words words) {
    switch (words) {
    case Words::Gpt2:
        return byteLevelPart(true);
    case Words::Llama3:
        return sequenceOf({splitAt(kLlama3)}, false);
    case Words::Qwen2:
        return sequenceOf({splitAt(kQwen2)}, false);
    case Words::Qwen35:
        return sequenceOf({splitAt(kQwen35)}, false);
    case Words::Digits:
        return sequenceOf({digitsPart(true)}, true);
    case Words::Gpt4o:
        return sequenceOf({splitAt(kGpt4o)}, false);
    case Words::Tekken:
        return sequenceOf({splitAt(kTekken)}, false);
    case Words::Falcon: {
        Json parts = Json::array({{{"type", "Punctuation"}, {"behavior", "Contiguous"}}, byteLevelPart(true), digitsPart(false),
                                  splitAt("[0-9][0-9][0-9]")});
        return {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}};
    }
    case Words::DeepseekLlm:
        return sequenceOf({splitAt("[\r\n]"), splitAt(kDeepseekLetters), splitAt(kDeepseekPunctuation), splitAt(R"(\s+$)"),
                           splitAt(kIdeographs), digitsPart(true)},
                          false);
    case Words::DeepseekCoder:
        return sequenceOf({splitAt("[\r\n]"), splitAt(R"(\s?\p{L}+)"), splitAt(R"(\s?\p{P}+)"), splitAt(kIdeographs), digitsPart(true)}, false);
    case Words::Deepseek3:
        return sequenceOf({splitAt(R"(\p{N}{1,3})"), splitAt(kIdeographsKana), splitAt(kDeepseek3)}, false);
    }
    return {};
}

struct PreEntry {
    const char* name;
    Words words;
    bool nfc = false, wholeWords = false, addsBos = false;
};
// For each way of splitting the name that an export writes comes first.
constexpr std::array<PreEntry, 34> kPreTokenizers{{{"gpt-2", Words::Gpt2},
                                                   {"phi-2", Words::Gpt2},
                                                   {"jais", Words::Gpt2},
                                                   {"exaone4", Words::Gpt2},
                                                   {"gigachat", Words::Gpt2},
                                                   {"mpt", Words::Gpt2, true},
                                                   {"olmo", Words::Gpt2, true},
                                                   {"llama-bpe", Words::Llama3, false, true, true},
                                                   {"llama3", Words::Llama3, false, true, true},
                                                   {"llama-v3", Words::Llama3, false, true, true},
                                                   {"falcon3", Words::Llama3, false, true, true},
                                                   {"pixtral", Words::Llama3, false, true, true},
                                                   {"lfm2", Words::Llama3, false, true, true},
                                                   {"dbrx", Words::Llama3},
                                                   {"smaug-bpe", Words::Llama3},
                                                   {"qwen2", Words::Qwen2, true},
                                                   {"deepseek-r1-qwen", Words::Qwen2, true},
                                                   {"megrez", Words::Qwen2, true},
                                                   {"stablelm2", Words::Qwen2, true},
                                                   {"qwen35", Words::Qwen35},
                                                   {"smollm", Words::Digits},
                                                   {"starcoder", Words::Digits},
                                                   {"refact", Words::Digits},
                                                   {"command-r", Words::Digits, true},
                                                   {"codeshell", Words::Digits},
                                                   {"exaone", Words::Digits},
                                                   {"minerva-7b", Words::Digits},
                                                   {"gpt-4o", Words::Gpt4o},
                                                   {"llama4", Words::Gpt4o},
                                                   {"tekken", Words::Tekken, false, true, true},
                                                   {"falcon", Words::Falcon},
                                                   {"deepseek-llm", Words::DeepseekLlm},
                                                   {"deepseek-coder", Words::DeepseekCoder},
                                                   {"deepseek-v3", Words::Deepseek3}}};

// What a pre-tokenizer does, without what makes no difference to the ids (offsets, nesting, defaults written out).
void canonicalParts(const Json& part, std::vector<std::string>& out) {
    if (!part.is_object() || !part.contains("type"))
        return;
    const auto flagOr = [&](const char* key, bool fallback) {
        const auto found = part.find(key);
        return found != part.end() && found->is_boolean() ? found->get<bool>() : fallback;
    };
    const Json& type = part["type"];
    if (type == "Sequence" && part.contains("pretokenizers") && part["pretokenizers"].is_array()) {
        for (const Json& each : part["pretokenizers"])
            canonicalParts(each, out);
    } else if (type == "ByteLevel") {
        out.push_back(std::string("bytes") + (flagOr("use_regex", true) ? " words" : "") + (flagOr("add_prefix_space", true) ? " prefix" : ""));
    } else if (type == "Digits") {
        out.push_back(flagOr("individual_digits", false) ? "digit" : "digits");
    } else if (type == "Split" && part.contains("pattern") && part["pattern"].is_object() && part["pattern"].contains("Regex") &&
               part.value("behavior", Json("Isolated")) == "Isolated" && !flagOr("invert", false)) {
        const Json& expression = part["pattern"]["Regex"];
        out.push_back(expression == R"(\p{N})" || expression == R"(\d)" ? "digit" : "split " + expression.dump());
    } else {
        out.push_back(part.dump());
    }
}

std::vector<std::string> canonicalParts(const Json& preTokenizer) {
    std::vector<std::string> parts;
    canonicalParts(preTokenizer, parts);
    return parts;
}

} // namespace

std::optional<GgufPreTokenizer> ggufPreTokenizer(std::string_view name) {
    const auto found = std::find_if(kPreTokenizers.begin(), kPreTokenizers.end(), [&](const PreEntry& entry) { return entry.name == name; });
    if (found == kPreTokenizers.end())
        return std::nullopt;
    return GgufPreTokenizer{found->nfc ? Json{{"type", "NFC"}} : Json(), wordsPart(found->words), found->wholeWords, found->addsBos};
}

std::optional<std::string> ggufPreTokenizerName(const Json& tokenizerJson) {
    const auto part = [&](const char* key) {
        const auto found = tokenizerJson.find(key);
        return found == tokenizerJson.end() ? Json() : *found;
    };
    const Json normalizer = part("normalizer"), model = part("model");
    const bool nfc = normalizer.is_object() && normalizer.value("type", Json()) == "NFC";
    if (!normalizer.is_null() && !nfc)
        return std::nullopt;
    const bool wholeWords = model.is_object() && model.value("ignore_merges", Json(false)) == Json(true);
    const auto wanted = canonicalParts(part("pre_tokenizer"));
    // llama.cpp does not normalise at all: a name whose models use NFC where this one does, else any with equal splitting.
    for (const bool strict : {true, false})
        for (const PreEntry& entry : kPreTokenizers)
            if (entry.wholeWords == wholeWords && (entry.nfc == nfc || !strict) && canonicalParts(wordsPart(entry.words)) == wanted)
                return entry.name;
    return std::nullopt;
}

} // namespace attune
