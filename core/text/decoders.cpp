#include "core/text/decoders.h"

#include <algorithm>
#include <optional>

#include "core/text/byte_level.h"
#include "core/text/json_fields.h"
#include "core/text/pattern.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

using DecoderResult = Result<std::shared_ptr<const Decoder>>;

void fuse(std::vector<std::string>& tokens) {
    std::string all;
    for (const auto& token : tokens)
        all += token;
    tokens.assign(1, std::move(all));
}

void replaceAll(std::string& text, std::string_view from, std::string_view to) {
    std::string out;
    std::size_t begin = 0;
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, begin)) {
        out.append(text, begin, at - begin);
        out += to;
        begin = at + from.size();
    }
    if (begin > 0) {
        out.append(text, begin, std::string::npos);
        text = std::move(out);
    }
}

// Each token by itself; the same inside a text unless said otherwise.
class EachDecoder : public Decoder {
public:
    void apply(std::vector<std::string>& tokens) const override {
        for (std::size_t i = 0; i < tokens.size(); ++i)
            one(tokens[i], i == 0, i + 1 == tokens.size());
    }
    void applyInside(std::string& token) const override { one(token, false, false); }

private:
    virtual void one(std::string& token, bool first, bool last) const = 0;
};

class SequenceDecoder final : public Decoder {
public:
    std::vector<std::shared_ptr<const Decoder>> parts;
    void apply(std::vector<std::string>& tokens) const override {
        for (const auto& part : parts)
            part->apply(tokens);
    }
    void applyInside(std::string& token) const override {
        for (const auto& part : parts)
            part->applyInside(token);
    }
};

class ByteLevelDecoder final : public Decoder {
public:
    void apply(std::vector<std::string>& tokens) const override {
        std::string bytes;
        for (auto& token : tokens) {
            applyInside(token);
            bytes += token;
        }
        tokens.assign(1, utf8::replaceInvalid(bytes));
    }
    void applyInside(std::string& token) const override {
        if (auto raw = byte_level::decode(token))
            token = std::move(*raw);
    }
};

class ByteFallbackDecoder final : public Decoder {
public:
    void apply(std::vector<std::string>& tokens) const override {
        std::vector<std::string> out;
        std::string run;
        const auto flush = [&] {
            if (run.empty())
                return;
            if (utf8::firstInvalid(run) == run.size())
                out.push_back(run);
            else // one mark for each byte, as in the reference
                out.insert(out.end(), run.size(), "\xEF\xBF\xBD");
            run.clear();
        };
        for (auto& token : tokens) {
            if (const auto byte = byteOf(token)) {
                run += *byte;
            } else {
                flush();
                out.push_back(std::move(token));
            }
        }
        flush();
        tokens = std::move(out);
    }
    void applyInside(std::string& token) const override {
        if (const auto byte = byteOf(token))
            token.assign(1, *byte);
    }

private:
    static std::optional<char> byteOf(std::string_view token) { // <0xAB>
        if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>')
            return std::nullopt;
        const auto digit = [](char c) {
            return c >= '0' && c <= '9'   ? c - '0'
                   : c >= 'A' && c <= 'F' ? c - 'A' + 10
                   : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                          : -1;
        };
        const int high = digit(token[3]), low = digit(token[4]);
        if (high < 0 || low < 0)
            return std::nullopt;
        return static_cast<char>(high * 16 + low);
    }
};

class FuseDecoder final : public Decoder {
public:
    void apply(std::vector<std::string>& tokens) const override { fuse(tokens); }
    void applyInside(std::string&) const override {}
};

class ReplaceDecoder final : public EachDecoder {
public:
    ReplaceDecoder(Pattern pattern, std::string content)
        : m_pattern(std::move(pattern)), m_content(std::move(content)) {}

private:
    void one(std::string& token, bool, bool) const override {
        std::vector<TextRange> matches;
        if (!m_pattern.findAll(token, 0, matches) || matches.empty())
            return; // a pattern that gives up leaves the token as it is: decoding never fails
        std::string out;
        std::size_t at = 0;
        for (const auto& match : matches) {
            out.append(token, at, match.begin - at);
            out += m_content;
            at = match.end;
        }
        out.append(token, at, std::string::npos);
        token = std::move(out);
    }
    Pattern m_pattern;
    std::string m_content;
};

class StripDecoder final : public EachDecoder {
public:
    StripDecoder(std::string content, std::uint64_t start, std::uint64_t stop)
        : m_content(std::move(content)), m_start(start), m_stop(stop) {}
    void applyInside(std::string&) const override {} // only the ends of a text are stripped

private:
    void one(std::string& token, bool, bool) const override {
        std::string_view left = token;
        for (std::uint64_t i = 0; i < m_start && left.starts_with(m_content); ++i)
            left.remove_prefix(m_content.size());
        for (std::uint64_t i = 0; i < m_stop && left.ends_with(m_content); ++i)
            left.remove_suffix(m_content.size());
        if (left.size() != token.size())
            token = std::string(left);
    }
    std::string m_content;
    std::uint64_t m_start, m_stop;
};

class MetaspaceDecoder final : public EachDecoder {
public:
    MetaspaceDecoder(std::string mark, bool dropsFirst) : m_mark(std::move(mark)), m_dropsFirst(dropsFirst) {}

private:
    void one(std::string& token, bool first, bool) const override {
        if (first && m_dropsFirst && token.starts_with(m_mark))
            token.erase(0, m_mark.size());
        replaceAll(token, m_mark, " ");
    }
    std::string m_mark;
    bool m_dropsFirst;
};

// Blanks in front of punctuation and English contractions go.
void cleanUp(std::string& token) {
    static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
        {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
        {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (const auto& [from, to] : kRules)
        replaceAll(token, from, to);
}

class WordPieceDecoder final : public EachDecoder {
public:
    WordPieceDecoder(std::string prefix, bool cleanup) : m_prefix(std::move(prefix)), m_cleanup(cleanup) {}

private:
    void one(std::string& token, bool first, bool) const override {
        if (!first) {
            if (token.starts_with(m_prefix))
                token.erase(0, m_prefix.size());
            else
                token.insert(0, " ");
        }
        if (m_cleanup)
            cleanUp(token);
    }
    std::string m_prefix;
    bool m_cleanup;
};

class SuffixDecoder final : public EachDecoder { // "BPEDecoder"
public:
    explicit SuffixDecoder(std::string suffix) : m_suffix(std::move(suffix)) {}

private:
    void one(std::string& token, bool, bool last) const override { replaceAll(token, m_suffix, last ? "" : " "); }
    std::string m_suffix;
};

// Connectionist temporal classification (Graves et al. 2006): equal neighbours are one, then the padding goes.
class CtcDecoder final : public Decoder {
public:
    CtcDecoder(std::string pad, std::string delimiter, bool cleanup)
        : m_pad(std::move(pad)), m_delimiter(std::move(delimiter)), m_cleanup(cleanup) {}
    void apply(std::vector<std::string>& tokens) const override {
        tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
        for (std::string& token : tokens)
            applyInside(token);
        std::erase(tokens, std::string());
    }
    void applyInside(std::string& token) const override {
        replaceAll(token, m_pad, "");
        if (!m_cleanup)
            return;
        cleanUp(token);
        replaceAll(token, m_delimiter, " ");
    }

private:
    std::string m_pad, m_delimiter;
    bool m_cleanup;
};

DecoderResult readDecoderSequence(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(const Json* parts, fields::list(description, "decoders", where));
    auto sequence = std::make_shared<SequenceDecoder>();
    for (std::size_t i = 0; i < parts->size(); ++i) {
        ATTUNE_ASSIGN(auto part, readDecoder((*parts)[i], where + ".decoders[" + std::to_string(i) + "]"));
        if (part)
            sequence->parts.push_back(std::move(part));
    }
    return sequence;
}

DecoderResult readMetaspace(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(auto mark, fields::textOr(description, "replacement", "\xE2\x96\x81", where));
    ATTUNE_ASSIGN(const bool prefix, fields::flag(description, "add_prefix_space", true, where));
    ATTUNE_ASSIGN(const auto scheme, fields::textOr(description, "prepend_scheme", prefix ? "always" : "never", where));
    if (mark.empty())
        return fields::broken(where, "\"replacement\" is empty");
    return std::make_shared<MetaspaceDecoder>(std::move(mark), scheme != "never");
}

} // namespace

DecoderResult readDecoder(const Json& description, const std::string& where) {
    if (description.is_null())
        return nullptr;
    ATTUNE_ASSIGN(const auto type, fields::text(description, "type", where));
    if (type == "Sequence")
        return readDecoderSequence(description, where);
    if (type == "ByteLevel")
        return std::make_shared<ByteLevelDecoder>();
    if (type == "ByteFallback")
        return std::make_shared<ByteFallbackDecoder>();
    if (type == "Fuse")
        return std::make_shared<FuseDecoder>();
    if (type == "Replace") {
        ATTUNE_ASSIGN(auto pattern, Pattern::read(description, "pattern", where));
        ATTUNE_ASSIGN(auto content, fields::text(description, "content", where));
        return std::make_shared<ReplaceDecoder>(std::move(pattern), std::move(content));
    }
    if (type == "Strip") {
        ATTUNE_ASSIGN(auto content, fields::text(description, "content", where));
        ATTUNE_ASSIGN(const auto start, fields::count(description, "start", 1u << 20, where));
        ATTUNE_ASSIGN(const auto stop, fields::count(description, "stop", 1u << 20, where));
        if (content.empty())
            return fields::broken(where, "\"content\" is empty");
        return std::make_shared<StripDecoder>(std::move(content), start, stop);
    }
    if (type == "Metaspace")
        return readMetaspace(description, where);
    if (type == "WordPiece") {
        ATTUNE_ASSIGN(auto prefix, fields::textOr(description, "prefix", "##", where));
        ATTUNE_ASSIGN(const bool cleanup, fields::flag(description, "cleanup", true, where));
        return std::make_shared<WordPieceDecoder>(std::move(prefix), cleanup);
    }
    if (type == "CTC") {
        ATTUNE_ASSIGN(auto pad, fields::textOr(description, "pad_token", "<pad>", where));
        ATTUNE_ASSIGN(auto delimiter, fields::textOr(description, "word_delimiter_token", "|", where));
        ATTUNE_ASSIGN(const bool cleanup, fields::flag(description, "cleanup", true, where));
        if (pad.empty() || delimiter.empty())
            return fields::broken(where, "\"pad_token\" or \"word_delimiter_token\" is empty");
        return std::make_shared<CtcDecoder>(std::move(pad), std::move(delimiter), cleanup);
    }
    if (type == "BPEDecoder") {
        ATTUNE_ASSIGN(auto suffix, fields::textOr(description, "suffix", "</w>", where));
        if (suffix.empty())
            return fields::broken(where, "\"suffix\" is empty");
        return std::make_shared<SuffixDecoder>(std::move(suffix));
    }
    return fields::unknown(where, "the decoder \"" + type + "\"");
}

} // namespace attune
