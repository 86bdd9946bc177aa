#include "core/text/pre_tokenizers.h"

#include <functional>
#include <map>

#include "core/text/byte_level.h"
#include "core/text/json_fields.h"
#include "core/text/pattern.h"
#include "core/text/reference_categories.h"
#include "core/text/unicode_scripts.h"
#include "core/text/utf8.h"
#include "core/text/word_scanner.h"

namespace attune {

namespace {

using PreTokenizerResult = Result<std::shared_ptr<const PreTokenizer>>;

enum class Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

Result<Behavior> readBehavior(const Json& description, const char* fallback, const std::string& where) {
    static const std::map<std::string, Behavior, std::less<>> names = {
        {"Removed", Behavior::Removed},
        {"Isolated", Behavior::Isolated},
        {"MergedWithPrevious", Behavior::MergedWithPrevious},
        {"MergedWithNext", Behavior::MergedWithNext},
        {"Contiguous", Behavior::Contiguous}};
    ATTUNE_ASSIGN(const auto name, fields::textOr(description, "behavior", fallback, where));
    const auto found = names.find(name);
    if (found == names.end())
        return fields::unknown(where, "the behavior \"" + name + "\"");
    return found->second;
}

struct Part {
    TextRange range;
    bool match;
};

// The matches and what lies between them, tiling [begin, end).
void tile(TextRange piece, const std::vector<TextRange>& matches, bool invert, std::vector<Part>& parts) {
    parts.clear();
    std::uint32_t at = piece.begin;
    for (const auto& match : matches) {
        if (match.begin > at)
            parts.push_back({{at, match.begin}, invert});
        parts.push_back({match, !invert});
        at = match.end;
    }
    if (at < piece.end)
        parts.push_back({{at, piece.end}, invert});
}

void add(std::vector<TextRange>& out, TextRange range) {
    if (range.begin < range.end)
        out.push_back(range);
}

void combine(const std::vector<Part>& parts, Behavior behavior, std::vector<TextRange>& out) {
    const std::size_t first = out.size();
    bool previous = false;
    switch (behavior) {
    case Behavior::Isolated:
        for (const auto& part : parts)
            add(out, part.range);
        return;
    case Behavior::Removed:
        for (const auto& part : parts)
            if (!part.match)
                add(out, part.range);
        return;
    case Behavior::MergedWithPrevious:
        for (const auto& part : parts) {
            if (part.match && !previous && out.size() > first)
                out.back().end = part.range.end;
            else
                add(out, part.range);
            previous = part.match;
        }
        return;
    case Behavior::MergedWithNext:
        for (std::size_t i = 0; i < parts.size(); ++i) {
            // a match joins what follows; in a row of matches only the last one does
            const bool joins = parts[i].match && i + 1 < parts.size() && !parts[i + 1].match;
            if (joins) {
                out.push_back({parts[i].range.begin, parts[i + 1].range.end});
                ++i;
            } else {
                add(out, parts[i].range);
            }
        }
        return;
    case Behavior::Contiguous:
        for (const auto& part : parts) {
            if (part.match == previous && out.size() > first)
                out.back().end = part.range.end;
            else
                add(out, part.range);
            previous = part.match;
        }
        return;
    }
}

// Cuts every piece where `find` finds something.
class SplitPreTokenizer final : public PreTokenizer {
public:
    using Find = std::function<Status(std::string_view, std::uint32_t base, std::vector<TextRange>&)>;
    SplitPreTokenizer(Find find, Behavior behavior, bool invert, bool tiles = false)
        : m_find(std::move(find)), m_behavior(behavior), m_invert(invert), m_tiles(tiles) {}

    Status apply(Pieces& pieces) const override {
        std::vector<TextRange> out, matches;
        std::vector<Part> parts;
        const bool plain = m_tiles && (m_invert ? m_behavior == Behavior::Removed : m_behavior == Behavior::Isolated);
        for (const auto& range : pieces.ranges) {
            if (plain) {
                ATTUNE_CHECK(m_find(pieces.piece(range), range.begin, out));
                continue;
            }
            matches.clear();
            ATTUNE_CHECK(m_find(pieces.piece(range), range.begin, matches));
            tile(range, matches, m_invert, parts);
            combine(parts, m_behavior, out);
        }
        pieces.ranges = std::move(out);
        return {};
    }

private:
    Find m_find;
    Behavior m_behavior;
    bool m_invert;
    bool m_tiles; // the matches are never empty and leave nothing between them
};

class SequencePreTokenizer final : public PreTokenizer {
public:
    std::vector<std::shared_ptr<const PreTokenizer>> parts;
    Status apply(Pieces& pieces) const override {
        for (const auto& part : parts) {
            if (pieces.rawBytes)
                pieces.spellBytes(); // the next one must see the characters
            ATTUNE_CHECK(part->apply(pieces));
        }
        return {};
    }
};

// Puts `prefix` before the pieces that `wants` names.
template <class Wants>
void prepend(Pieces& pieces, std::string_view prefix, const Wants& wants) {
    AlignedBuilder builder(pieces.text);
    for (auto& range : pieces.ranges) {
        const auto begin = static_cast<std::uint32_t>(builder.size());
        if (wants(range))
            builder.replace(range.begin, range.begin, prefix);
        builder.keep(range.begin, range.end);
        range = {begin, static_cast<std::uint32_t>(builder.size())};
    }
    pieces.text = builder.finish();
}

class ByteLevelPreTokenizer final : public PreTokenizer {
public:
    ByteLevelPreTokenizer(bool prefixSpace, bool split) : m_prefixSpace(prefixSpace) {
        if (split)
            m_scanner = WordScanner::forPattern(WordScanner::gpt2Pattern());
    }
    Status apply(Pieces& pieces) const override {
        if (m_prefixSpace)
            prepend(pieces, " ", [&](const TextRange& range) { return pieces.piece(range).front() != ' '; });
        if (m_scanner) {
            std::vector<TextRange> out;
            for (const auto& range : pieces.ranges)
                m_scanner->findAll(pieces.piece(range), range.begin, out);
            pieces.ranges = std::move(out);
        }
        pieces.rawBytes = true;
        return {};
    }

private:
    bool m_prefixSpace;
    std::optional<WordScanner> m_scanner;
};

class MetaspacePreTokenizer final : public PreTokenizer {
public:
    enum class Prepend { Always, First, Never };
    MetaspacePreTokenizer(std::string mark, Prepend scheme, bool split)
        : m_mark(std::move(mark)), m_scheme(scheme),
          m_split([pattern = Pattern::plain(m_mark)](
                      std::string_view text, std::uint32_t base,
                      std::vector<TextRange>& out) { return pattern.findAll(text, base, out); },
                  Behavior::MergedWithNext, false),
          m_cuts(split) {}
    Status apply(Pieces& pieces) const override {
        AlignedBuilder builder(pieces.text);
        for (auto& range : pieces.ranges) {
            const auto piece = pieces.piece(range);
            const auto begin = static_cast<std::uint32_t>(builder.size());
            const bool marked = piece.front() == ' ' || piece.starts_with(m_mark);
            if (!marked &&
                (m_scheme == Prepend::Always || (m_scheme == Prepend::First && pieces.text.originOf(range.begin) == 0)))
                builder.replace(range.begin, range.begin, m_mark);
            std::uint32_t kept = range.begin;
            for (std::uint32_t at = range.begin; at < range.end; ++at) {
                if (pieces.text.view()[at] != ' ')
                    continue;
                builder.keep(kept, at);
                builder.replace(at, at + 1, m_mark);
                kept = at + 1;
            }
            builder.keep(kept, range.end);
            range = {begin, static_cast<std::uint32_t>(builder.size())};
        }
        pieces.text = builder.finish();
        return m_cuts ? m_split.apply(pieces) : Status();
    }

private:
    std::string m_mark;
    Prepend m_scheme;
    SplitPreTokenizer m_split;
    bool m_cuts;
};

class FixedLengthPreTokenizer final : public PreTokenizer {
public:
    explicit FixedLengthPreTokenizer(std::uint64_t length) : m_length(length) {}
    Status apply(Pieces& pieces) const override {
        std::vector<TextRange> out;
        for (const auto& range : pieces.ranges) {
            std::uint32_t begin = range.begin;
            std::uint64_t count = 0;
            for (std::uint32_t at = range.begin; at < range.end;) {
                at += utf8::decode(pieces.text.view(), at).size;
                if (++count == m_length || at == range.end) {
                    add(out, {begin, at});
                    begin = at;
                    count = 0;
                }
            }
        }
        pieces.ranges = std::move(out);
        return {};
    }

private:
    std::uint64_t m_length;
};

// Cuts where the script changes; characters of no script go with what stands before them, and are dropped at the beginning, as in the
// reference.
class ScriptPreTokenizer final : public PreTokenizer {
public:
    Status apply(Pieces& pieces) const override {
        std::vector<TextRange> out;
        for (const auto& range : pieces.ranges) {
            std::optional<std::uint32_t> begin;
            int last = 0;
            for (std::uint32_t at = range.begin; at < range.end;) {
                const auto c = utf8::decode(pieces.text.view(), at);
                const int script = reference::scriptOf(c.value);
                if (script != 0 && script != last) {
                    if (begin)
                        add(out, {*begin, at});
                    begin = at;
                    last = script;
                }
                at += c.size;
            }
            if (begin)
                add(out, {*begin, range.end});
        }
        pieces.ranges = std::move(out);
        return {};
    }
};

// A match is one character of a class.
SplitPreTokenizer::Find eachOf(bool (*isMatch)(char32_t)) {
    return [isMatch](std::string_view text, std::uint32_t base, std::vector<TextRange>& out) -> Status {
        for (std::size_t at = 0; at < text.size();) {
            const auto c = utf8::decode(text, at);
            if (isMatch(c.value))
                out.push_back({base + static_cast<std::uint32_t>(at), base + static_cast<std::uint32_t>(at) + c.size});
            at += c.size;
        }
        return {};
    };
}

SplitPreTokenizer::Find finder(Pattern pattern) {
    return [pattern = std::move(pattern)](std::string_view text, std::uint32_t base, std::vector<TextRange>& out) {
        return pattern.findAll(text, base, out);
    };
}

std::shared_ptr<const PreTokenizer> split(SplitPreTokenizer::Find find, Behavior behavior, bool invert = false) {
    return std::make_shared<SplitPreTokenizer>(std::move(find), behavior, invert);
}

PreTokenizerResult readPreTokenizerSequence(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(const Json* parts, fields::list(description, "pretokenizers", where));
    auto sequence = std::make_shared<SequencePreTokenizer>();
    for (std::size_t i = 0; i < parts->size(); ++i) {
        ATTUNE_ASSIGN(auto part, readPreTokenizer((*parts)[i], where + ".pretokenizers[" + std::to_string(i) + "]"));
        if (part)
            sequence->parts.push_back(std::move(part));
    }
    return sequence;
}

PreTokenizerResult readSplit(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(auto pattern, Pattern::read(description, "pattern", where));
    ATTUNE_ASSIGN(const auto behavior, readBehavior(description, "Isolated", where));
    ATTUNE_ASSIGN(const bool invert, fields::flag(description, "invert", false, where));
    if (const auto scanner = WordScanner::forPattern(pattern.source()))
        return std::make_shared<SplitPreTokenizer>(
            [scanner](std::string_view text, std::uint32_t base, std::vector<TextRange>& out) -> Status {
                scanner->findAll(text, base, out);
                return {};
            },
            behavior, invert, true);
    return split(finder(std::move(pattern)), behavior, invert);
}

PreTokenizerResult readMetaspace(const Json& description, const std::string& where) {
    using Scheme = MetaspacePreTokenizer::Prepend;
    ATTUNE_ASSIGN(auto mark, fields::textOr(description, "replacement", "\xE2\x96\x81", where));
    if (mark.empty())
        return fields::broken(where, "\"replacement\" is empty");
    ATTUNE_ASSIGN(const bool prefix, fields::flag(description, "add_prefix_space", true, where));
    ATTUNE_ASSIGN(const auto scheme, fields::textOr(description, "prepend_scheme", prefix ? "always" : "never", where));
    ATTUNE_ASSIGN(const bool cuts, fields::flag(description, "split", true, where));
    if (scheme != "always" && scheme != "first" && scheme != "never")
        return fields::unknown(where, "the prepend_scheme \"" + scheme + "\"");
    const auto kind = scheme == "always" ? Scheme::Always : scheme == "first" ? Scheme::First : Scheme::Never;
    return std::make_shared<MetaspacePreTokenizer>(std::move(mark), kind, cuts);
}

} // namespace

void Pieces::spellBytes() {
    rawBytes = false;
    AlignedBuilder builder(text);
    for (auto& range : ranges) {
        const auto begin = static_cast<std::uint32_t>(builder.size());
        for (std::uint32_t at = range.begin; at < range.end; ++at)
            builder.replace(at, at + 1, byte_level::character(static_cast<unsigned char>(text.view()[at])));
        range = {begin, static_cast<std::uint32_t>(builder.size())};
    }
    text = builder.finish();
}

PreTokenizerResult readPreTokenizer(const Json& description, const std::string& where) {
    if (description.is_null())
        return nullptr;
    ATTUNE_ASSIGN(const auto type, fields::text(description, "type", where));
    if (type == "Sequence")
        return readPreTokenizerSequence(description, where);
    if (type == "ByteLevel") {
        ATTUNE_ASSIGN(const bool prefix, fields::flag(description, "add_prefix_space", true, where));
        ATTUNE_ASSIGN(const bool cuts, fields::flag(description, "use_regex", true, where));
        return std::make_shared<ByteLevelPreTokenizer>(prefix, cuts);
    }
    if (type == "Split")
        return readSplit(description, where);
    if (type == "Metaspace")
        return readMetaspace(description, where);
    if (type == "Digits") {
        ATTUNE_ASSIGN(const bool single, fields::flag(description, "individual_digits", false, where));
        constexpr auto isNumber = [](char32_t c) { return utf8::isNumeric(c) || reference::isNewNumber(c); };
        return split(eachOf(isNumber), single ? Behavior::Isolated : Behavior::Contiguous);
    }
    if (type == "Punctuation") {
        ATTUNE_ASSIGN(const auto behavior, readBehavior(description, "Isolated", where));
        return split(eachOf(reference::isPunctuation), behavior);
    }
    if (type == "Whitespace") {
        ATTUNE_ASSIGN(auto words, Regex::compile(R"(\w+|[^\w\s]+)", where));
        return split([words](std::string_view text, std::uint32_t base,
                             std::vector<TextRange>& out) { return words.findAll(text, base, out); },
                     Behavior::Removed, true);
    }
    if (type == "WhitespaceSplit")
        return split(eachOf(utf8::isWhitespace), Behavior::Removed);
    if (type == "CharDelimiterSplit") {
        ATTUNE_ASSIGN(auto pattern, Pattern::read(description, "delimiter", where));
        return split(finder(std::move(pattern)), Behavior::Removed);
    }
    if (type == "UnicodeScripts")
        return std::make_shared<ScriptPreTokenizer>();
    if (type == "FixedLength") {
        ATTUNE_ASSIGN(const auto length, fields::count(description, "length", 1u << 30, where));
        if (length == 0)
            return fields::broken(where, "\"length\" must not be 0");
        return std::make_shared<FixedLengthPreTokenizer>(length);
    }
    if (type == "BertPreTokenizer") {
        auto sequence = std::make_shared<SequencePreTokenizer>();
        sequence->parts.push_back(split(eachOf(utf8::isWhitespace), Behavior::Removed));
        sequence->parts.push_back(split(eachOf(reference::isPunctuation), Behavior::Isolated));
        return sequence;
    }
    return fields::unknown(where, "the pre-tokenizer \"" + type + "\"");
}

} // namespace attune
