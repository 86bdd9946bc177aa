#include "core/text/bpe.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <span>

#include "core/text/bpe_merge.h"
#include "core/text/byte_level.h"
#include "core/text/json_fields.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr std::string_view kMark = "\xE2\x96\x81"; // U+2581, the blank of sentencepiece

bool contains(const std::vector<bool>* set, TokenId id) {
    return set && static_cast<std::size_t>(id) < set->size() && (*set)[static_cast<std::size_t>(id)];
}

// "a b" or ["a", "b"].
std::optional<std::pair<std::string_view, std::string_view>> halves(const Json& merge) {
    if (merge.is_string()) {
        const std::string_view text = merge.get_ref<const std::string&>();
        const auto blank = text.find(' ');
        if (blank == std::string_view::npos || text.find(' ', blank + 1) != std::string_view::npos)
            return std::nullopt;
        return std::pair(text.substr(0, blank), text.substr(blank + 1));
    }
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
        return std::pair<std::string_view, std::string_view>(merge[0].get_ref<const std::string&>(),
                                                             merge[1].get_ref<const std::string&>());
    return std::nullopt;
}

} // namespace

// One call: borrowed cache and working memory.
class Bpe::Run {
public:
    Run(const Bpe& bpe, const Pieces& pieces, const std::vector<bool>* avoided, Encoding& out)
        : m_bpe(bpe), m_pieces(pieces), m_avoided(avoided), m_out(out), m_cache(bpe.m_caches) {}

    void piece(const TextRange& range) {
        const std::string_view text = m_pieces.piece(range);
        if (m_bpe.m_wholeWords) {
            const auto whole = m_pieces.rawBytes ? m_bpe.m_rawWords.find(text) : m_bpe.vocabulary().find(text);
            if (whole && !contains(m_avoided, *whole)) {
                emit(range.begin, {*whole, range.end - range.begin});
                return;
            }
        }
        if (!m_bpe.m_cutsAtMark || m_pieces.rawBytes) {
            word(range.begin, text);
            return;
        }
        std::size_t begin = 0;
        for (std::size_t at = text.find(kMark, 1); at != std::string_view::npos;
             at = text.find(kMark, at + kMark.size())) {
            const bool afterMark = at >= kMark.size() && text.substr(at - kMark.size(), kMark.size()) == kMark;
            if (afterMark)
                continue;
            word(range.begin + static_cast<std::uint32_t>(begin), text.substr(begin, at - begin));
            begin = at;
        }
        word(range.begin + static_cast<std::uint32_t>(begin), text.substr(begin));
    }

private:
    void emit(std::uint32_t position, BpeSymbol symbol) {
        m_out.ids.push_back(symbol.id);
        m_out.offsets.push_back(m_pieces.text.origin(position, position + symbol.bytes));
    }

    void word(std::uint32_t position, std::string_view text) {
        const bool small = text.size() <= WordCache::kMaxBytes;
        const std::uint64_t hash = small ? WordCache::hash(text) : 0;
        if (small) {
            const auto known = m_cache->find(text, hash);
            if (!known.empty() && !anyAvoided(known)) {
                for (const TokenId id : known) {
                    const std::uint32_t bytes = size(id);
                    emit(position, {id, bytes});
                    position += bytes;
                }
                return;
            }
        }
        merge(text, nullptr);
        if (anyAvoided(m_ids))
            merge(text, m_avoided);
        else if (small && m_regular)
            m_cache->put(text, hash, m_ids);
        for (const auto& symbol : m_symbols) {
            emit(position, symbol);
            position += symbol.bytes;
        }
    }

    bool anyAvoided(std::span<const TokenId> ids) const {
        return m_avoided && std::any_of(ids.begin(), ids.end(), [&](TokenId id) { return contains(m_avoided, id); });
    }

    void merge(std::string_view text, const std::vector<bool>* avoided) {
        m_symbols.clear();
        m_regular = true;
        if (m_pieces.rawBytes)
            for (const char byte : text)
                m_symbols.push_back({m_bpe.m_byteIds[static_cast<unsigned char>(byte)], 1});
        else
            split(text, avoided);
        m_merger.run(m_bpe.m_merges, m_symbols, avoided);
        m_ids.clear();
        for (const auto& symbol : m_symbols)
            m_ids.push_back(symbol.id);
    }

    // Bytes of text that a token of a regular word covers.
    std::uint32_t size(TokenId id) const {
        const auto token = *m_bpe.vocabulary().token(id);
        if (!m_pieces.rawBytes)
            return static_cast<std::uint32_t>(token.size());
        std::uint32_t characters = 0;
        for (const char byte : token)
            characters += utf8::isContinuation(byte) ? 0 : 1;
        return characters;
    }

    void split(std::string_view text, const std::vector<bool>* avoided) {
        const bool marks = !m_bpe.m_prefix.empty() || !m_bpe.m_suffix.empty();
        m_regular = !marks;
        std::optional<BpeSymbol> unknown; // not yet written, because the next one may join it
        const auto flush = [&] {
            if (unknown)
                m_symbols.push_back(*unknown);
            unknown.reset();
        };
        for (std::size_t at = 0; at < text.size();) {
            const std::uint32_t bytes = utf8::decode(text, at).size;
            std::string_view symbol = text.substr(at, bytes);
            if (marks) {
                m_spelled.clear();
                if (at > 0)
                    m_spelled += m_bpe.m_prefix;
                m_spelled += symbol;
                if (at + bytes == text.size())
                    m_spelled += m_bpe.m_suffix;
                symbol = m_spelled;
            }
            at += bytes;
            const TokenId id = lookup(symbol, avoided);
            if (id >= 0) {
                flush();
                m_symbols.push_back({id, bytes});
            } else if (m_bpe.m_byteFallback && hasFallback(symbol)) {
                flush();
                m_regular = false;
                for (const char byte : symbol)
                    m_symbols.push_back({m_bpe.m_fallbackIds[static_cast<unsigned char>(byte)], 1});
                if (symbol.size() > bytes) // prefix and suffix cover no text
                    for (std::size_t i = m_symbols.size() - symbol.size() + bytes; i < m_symbols.size(); ++i)
                        m_symbols[i].bytes = 0;
            } else if (m_bpe.m_unknown) {
                m_regular = false;
                if (unknown && m_bpe.m_fuseUnknown) {
                    unknown->bytes += bytes;
                } else {
                    flush();
                    unknown = BpeSymbol{*m_bpe.m_unknown, bytes};
                }
            } else {
                // the reference drops what it cannot spell; its bytes go to the token before
                m_regular = false;
                if (!m_symbols.empty())
                    m_symbols.back().bytes += bytes;
            }
        }
        flush();
    }

    TokenId lookup(std::string_view symbol, const std::vector<bool>* avoided) const {
        TokenId id = -1;
        if (symbol.size() == 1 && static_cast<unsigned char>(symbol[0]) < 128)
            id = m_bpe.m_asciiIds[static_cast<unsigned char>(symbol[0])];
        else if (const auto found = m_bpe.vocabulary().find(symbol))
            id = *found;
        return id >= 0 && (contains(avoided, id) || m_bpe.isBlocked(id)) ? -1 : id;
    }

    bool hasFallback(std::string_view symbol) const {
        for (const char byte : symbol)
            if (m_bpe.m_fallbackIds[static_cast<unsigned char>(byte)] < 0)
                return false;
        return true;
    }

    const Bpe& m_bpe;
    const Pieces& m_pieces;
    const std::vector<bool>* m_avoided;
    Encoding& m_out;
    WordCachePool::Loan m_cache;
    BpeMerger m_merger;
    std::vector<BpeSymbol> m_symbols;
    std::vector<TokenId> m_ids;
    std::string m_spelled;
    bool m_regular = true; // the tokens' own lengths add up to the word: it may be cached
};

Status Bpe::tokenize(Pieces& pieces, const std::vector<bool>* avoided, Encoding& out) const {
    if (pieces.rawBytes && !m_byteLevel)
        pieces.spellBytes();
    Run run(*this, pieces, avoided, out);
    for (const auto& range : pieces.ranges)
        run.piece(range);
    return {};
}

Result<std::shared_ptr<const TokenModel>> Bpe::read(const Json& description, const std::string& where) {
    const Json* vocab = fields::member(description, "vocab");
    if (!vocab)
        return fields::broken(where, "\"vocab\" is missing");
    ATTUNE_ASSIGN(auto vocabulary, Vocabulary::read(*vocab, where + ".vocab"));
    const std::shared_ptr<Bpe> bpe(new Bpe(std::move(vocabulary)));
    ATTUNE_CHECK(bpe->readOptions(description, where));
    ATTUNE_CHECK(bpe->readMerges(description, where));
    bpe->prepareBytes();
    return bpe;
}

Status Bpe::readOptions(const Json& description, const std::string& where) {
    if (const Json* dropout = fields::member(description, "dropout"))
        if (!dropout->is_number() || dropout->get<double>() != 0.0)
            return fields::unknown(where, "\"dropout\" (random tokenization)");
    ATTUNE_ASSIGN(m_prefix, fields::textOr(description, "continuing_subword_prefix", "", where));
    ATTUNE_ASSIGN(m_suffix, fields::textOr(description, "end_of_word_suffix", "", where));
    ATTUNE_ASSIGN(m_fuseUnknown, fields::flag(description, "fuse_unk", false, where));
    ATTUNE_ASSIGN(m_byteFallback, fields::flag(description, "byte_fallback", false, where));
    ATTUNE_ASSIGN(m_wholeWords, fields::flag(description, "ignore_merges", false, where));
    if (fields::member(description, "unk_token")) {
        ATTUNE_ASSIGN(const auto unknown, fields::text(description, "unk_token", where));
        m_unknown = vocabulary().find(unknown);
        if (!m_unknown && !unknown.empty())
            return fields::broken(where, "the unk_token \"" + unknown.substr(0, 80) + "\" is not in the vocabulary");
    }
    return {};
}

Status Bpe::addMerge(std::size_t rank, std::string_view left, std::string_view right, std::vector<TokenId>& results,
                     const std::string& where) {
    const auto broken = [&](const std::string& what) {
        return fields::broken(where + ".merges[" + std::to_string(rank) + "]", what);
    };
    if (right.size() < m_prefix.size())
        return broken("its right token is shorter than the continuing_subword_prefix");
    std::string joined(left);
    joined += right.substr(m_prefix.size());
    TokenId ids[3];
    const std::string_view names[] = {left, right, joined};
    for (int i = 0; i < 3; ++i) {
        const auto id = vocabulary().find(names[i]);
        if (!id)
            return broken("the token \"" + std::string(utf8::prefix(names[i], 80)) + "\" is not in the vocabulary");
        ids[i] = *id;
    }
    m_merges.set(ids[0], ids[1], {static_cast<std::uint32_t>(rank), ids[2]});
    results.push_back(ids[2]);
    return {};
}

Status Bpe::readMerges(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(const Json* merges, fields::list(description, "merges", where));
    m_merges = PairMap(merges->size());
    std::vector<TokenId> results;
    results.reserve(merges->size());
    for (std::size_t rank = 0; rank < merges->size(); ++rank) {
        const auto pair = halves((*merges)[rank]);
        if (!pair)
            return fields::broken(where + ".merges[" + std::to_string(rank) + "]",
                                  "must be two tokens with one blank between them");
        ATTUNE_CHECK(addMerge(rank, pair->first, pair->second, results, where));
    }
    prepareCuts(results);
    return {};
}

Result<std::shared_ptr<const TokenModel>> Bpe::fromScores(const std::vector<VocabularyPiece>& pieces,
                                                          std::optional<TokenId> unknown, const std::string& where) {
    ATTUNE_ASSIGN(auto vocabulary, Vocabulary::fromPieces(pieces, where));
    const std::shared_ptr<Bpe> bpe(new Bpe(std::move(vocabulary)));
    bpe->m_unknown = unknown;
    bpe->m_fuseUnknown = true;
    bpe->m_blocked.resize(pieces.size());
    std::vector<float> scores; // best first; pieces of one score share a rank
    for (std::size_t id = 0; id < pieces.size(); ++id) {
        bpe->m_blocked[id] = pieces[id].kind != PieceKind::Normal && pieces[id].kind != PieceKind::Unused;
        bpe->m_byteFallback = bpe->m_byteFallback || pieces[id].kind == PieceKind::Byte;
        scores.push_back(pieces[id].score);
    }
    std::sort(scores.begin(), scores.end(), std::greater<>());
    scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
    struct Join {
        TokenId left, right;
        PairMap::Merge merge;
    };
    std::vector<Join> joins;
    std::vector<TokenId> results;
    const auto usable = [&](const std::optional<TokenId>& half) {
        return half && !bpe->m_blocked[static_cast<std::size_t>(*half)];
    };
    for (std::size_t id = 0; id < pieces.size(); ++id) {
        const std::string_view text = pieces[id].text;
        if (bpe->m_blocked[id] || bpe->vocabulary().find(text) != static_cast<TokenId>(id))
            continue;
        if (text.size() > kMaxPieceBytes)
            return fields::unknown(where, "a piece of more than " + std::to_string(kMaxPieceBytes) + " bytes");
        const auto rank =
            std::lower_bound(scores.begin(), scores.end(), pieces[id].score, std::greater<>()) - scores.begin();
        bool built = false;
        for (std::size_t cut = utf8::decode(text, 0).size; cut < text.size(); cut += utf8::decode(text, cut).size) {
            const auto left = bpe->vocabulary().find(text.substr(0, cut));
            const auto right = bpe->vocabulary().find(text.substr(cut));
            // a character that is no piece could be joined too, but has no id to do it with
            const bool leftFits = usable(left) || utf8::decode(text, 0).size == cut;
            const bool rightFits = usable(right) || utf8::decode(text, cut).size == text.size() - cut;
            if (usable(left) && usable(right)) {
                joins.push_back({*left, *right, {static_cast<std::uint32_t>(rank), static_cast<TokenId>(id)}});
                built = true;
            } else if (leftFits && rightFits) {
                return fields::unknown(where, "the piece \"" + std::string(utf8::prefix(text, 40)) +
                                                  "\" with a character that is no piece itself");
            }
        }
        if (built && pieces[id].kind == PieceKind::Unused)
            return fields::unknown(where, "the unused piece \"" + std::string(utf8::prefix(text, 40)) + "\"");
        if (built)
            results.push_back(static_cast<TokenId>(id));
    }
    bpe->m_merges = PairMap(joins.size());
    for (const Join& join : joins)
        bpe->m_merges.set(join.left, join.right, join.merge);
    bpe->prepareCuts(results);
    bpe->prepareBytes();
    return bpe;
}

void Bpe::prepareBytes() {
    const auto idOf = [&](std::string_view token) { return vocabulary().find(token).value_or(-1); };
    m_byteLevel = m_prefix.empty() && m_suffix.empty();
    for (unsigned byte = 0; byte < 256; ++byte) {
        char name[8];
        std::snprintf(name, sizeof name, "<0x%02X>", byte);
        m_fallbackIds[byte] = idOf(name);
        m_byteIds[byte] = idOf(byte_level::character(static_cast<unsigned char>(byte)));
        m_byteLevel = m_byteLevel && m_byteIds[byte] >= 0;
        const char character = static_cast<char>(byte);
        if (byte < 128)
            m_asciiIds[byte] = idOf(std::string_view(&character, 1));
    }
    if (!m_byteLevel || !m_wholeWords)
        return;
    for (std::size_t id = 0; id < vocabulary().idEnd(); ++id)
        if (const auto token = vocabulary().token(static_cast<TokenId>(id)))
            if (const auto raw = byte_level::decode(*token))
                m_rawWords.add(*raw, id);
}

void Bpe::prepareCuts(const std::vector<TokenId>& results) {
    m_cutsAtMark = !m_wholeWords && m_prefix.empty() && m_suffix.empty() && vocabulary().find(kMark);
    for (std::size_t i = 0; m_cutsAtMark && i < results.size(); ++i) {
        const auto token = *vocabulary().token(results[i]);
        for (auto at = token.find(kMark, 1); at != std::string_view::npos; at = token.find(kMark, at + kMark.size()))
            if (at < kMark.size() || token.substr(at - kMark.size(), kMark.size()) != kMark)
                m_cutsAtMark = false;
    }
}

} // namespace attune
