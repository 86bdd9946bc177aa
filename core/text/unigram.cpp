#include "core/text/unigram.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

#include "core/text/json_fields.h"
#include "core/text/utf8.h"

namespace attune {

namespace {

constexpr double kUnknownPenalty = 10.0; // below the worst piece, as in sentencepiece

bool isAvoided(const std::vector<bool>* avoided, TokenId id) {
    return avoided && static_cast<std::size_t>(id) < avoided->size() && (*avoided)[static_cast<std::size_t>(id)];
}

// The number as the reference reads it from its decimal digits: two roundings where the nearest double needs one.
// Ties between ways of equal pieces are decided by that last bit.
double asReferenceReads(double value) {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, std::abs(value), std::chars_format::scientific).ptr;
    std::uint64_t digits = 0;
    int exponent = 0, decimals = 0;
    const char* at = text;
    for (; at < end && *at != 'e'; ++at)
        if (*at != '.') {
            digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
            decimals += at > text + 1 ? 1 : 0;
        }
    std::from_chars(at + (at + 1 < end && at[1] == '+' ? 2 : 1), end, exponent);
    exponent -= decimals;
    if (exponent < -22 || exponent > 22)
        return value; // powers of ten that are not exact are read in other ways
    const double power = std::pow(10.0, std::abs(exponent));
    const double read = exponent < 0 ? static_cast<double>(digits) / power : static_cast<double>(digits) * power;
    return value < 0 ? -read : read;
}

} // namespace

// One call. Where no piece reaches over, the best way up to there is final and is written out at once, so that memory
// depends on the longest knot of overlapping pieces and not on the text.
class Unigram::Run {
public:
    Run(const Unigram& model, const Pieces& pieces, const std::vector<bool>* avoided, Encoding& out)
        : m_model(model), m_pieces(pieces), m_avoided(avoided), m_out(out) {}

    Status piece(const TextRange& range) {
        const std::string_view text = m_pieces.piece(range);
        m_range = range;
        m_begin = 0;
        m_best.assign(1, {});
        m_unknownBegin = kNone;
        for (std::size_t at = 0; at < text.size();) {
            if (at - m_begin + 1 == m_best.size() && at > m_begin)
                ATTUNE_CHECK(settle(text, at));
            const double score = m_best[at - m_begin].score;
            const std::uint32_t character = utf8::decode(text, at).size;
            bool single = false;
            auto node = PieceTrie::root();
            for (std::size_t end = at; end < text.size() && m_model.m_trie.step(node, text[end]);) {
                ++end;
                const TokenId id = m_model.m_trie.value(node);
                if (id < 0 || isAvoided(m_avoided, id))
                    continue;
                offer(at, end, id, scoreOf(id, end - at) + score);
                single = single || end - at == character;
            }
            if (!single)
                offer(at, at + character, kUnknown, rounded(m_model.m_unknownScore + score));
            at += character;
        }
        ATTUNE_CHECK(settle(text, text.size()));
        return flushUnknown(text, text.size());
    }

private:
    static constexpr TokenId kUnknown = -1, kUnset = -2;
    static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
    struct Best { // of the ways to reach a place: the score and the last piece
        double score = 0;
        std::uint32_t begin = 0;
        TokenId id = kUnset;
    };

    double rounded(double score) const {
        return m_model.m_arithmetic == Arithmetic::Double ? score : static_cast<double>(static_cast<float>(score));
    }

    double scoreOf(TokenId id, std::size_t bytes) const {
        if (m_model.m_arithmetic == Arithmetic::Sentencepiece && m_model.m_always[static_cast<std::size_t>(id)])
            return static_cast<double>(static_cast<float>(static_cast<double>(bytes)) *
                                       static_cast<float>(m_model.m_maxScore)) -
                   0.1;
        return m_model.m_scores[static_cast<std::size_t>(id)];
    }

    void offer(std::size_t begin, std::size_t end, TokenId id, double score) {
        const std::size_t place = end - m_begin;
        if (place >= m_best.size())
            m_best.resize(place + 1);
        Best& best = m_best[place];
        if (best.id == kUnset || score > best.score)
            best = {rounded(score), static_cast<std::uint32_t>(begin - m_begin), id};
    }

    // Writes out the pieces of [m_begin, end) and begins anew there.
    Status settle(std::string_view text, std::size_t end) {
        m_way.clear();
        for (std::size_t at = end - m_begin; at > 0; at = m_best[at].begin)
            m_way.push_back({static_cast<std::uint32_t>(at), m_best[at].id});
        std::size_t begin = m_begin;
        for (auto step = m_way.rbegin(); step != m_way.rend(); ++step) {
            const std::size_t stepEnd = m_begin + step->end;
            const bool unknown = step->id == kUnknown || (m_model.m_unknown && step->id == *m_model.m_unknown);
            if (unknown && m_unknownBegin == kNone)
                m_unknownBegin = begin;
            if (!unknown) {
                ATTUNE_CHECK(flushUnknown(text, begin));
                emit(begin, stepEnd, step->id);
            }
            begin = stepEnd;
        }
        const double score = m_best[end - m_begin].score;
        m_best.assign(1, {});
        m_best[0].score = score;
        m_begin = end;
        return {};
    }

    // Neighbouring unknown characters are one token.
    Status flushUnknown(std::string_view text, std::size_t end) {
        if (m_unknownBegin == kNone)
            return {};
        const std::size_t begin = std::exchange(m_unknownBegin, kNone);
        const std::string_view unknown = text.substr(begin, end - begin);
        if (m_model.m_arithmetic == Arithmetic::Double)
            if (const auto id = m_model.vocabulary().find(unknown); id && !isAvoided(m_avoided, *id)) {
                emit(begin, end, *id);
                return {};
            }
        const auto hasByte = [&](char byte) { return m_model.m_fallbackIds[static_cast<unsigned char>(byte)] >= 0; };
        if (m_model.m_byteFallback && std::all_of(unknown.begin(), unknown.end(), hasByte)) {
            for (std::size_t at = begin; at < end; ++at)
                emit(at, at + 1, m_model.m_fallbackIds[static_cast<unsigned char>(text[at])]);
            return {};
        }
        if (!m_model.m_unknown)
            return fail(ErrorCode::InvalidData,
                        "The tokenizer has no token for \"" + std::string(utf8::prefix(unknown, 40)) +
                            "\" and none for unknown text",
                        "Remove these characters, or use a model whose vocabulary has them.");
        emit(begin, end, *m_model.m_unknown);
        return {};
    }

    void emit(std::size_t begin, std::size_t end, TokenId id) {
        m_out.ids.push_back(id);
        m_out.offsets.push_back(m_pieces.text.origin(m_range.begin + begin, m_range.begin + end));
    }

    struct Step {
        std::uint32_t end;
        TokenId id;
    };
    const Unigram& m_model;
    const Pieces& m_pieces;
    const std::vector<bool>* m_avoided;
    Encoding& m_out;
    TextRange m_range;
    std::size_t m_begin = 0;               // of m_best in the piece of text
    std::vector<Best> m_best;              // by place behind m_begin
    std::vector<Step> m_way;
    std::size_t m_unknownBegin = kNone;    // unknown characters that are not yet written
};

Status Unigram::tokenize(Pieces& pieces, const std::vector<bool>* avoided, Encoding& out) const {
    if (pieces.rawBytes)
        pieces.spellBytes();
    Run run(*this, pieces, avoided, out);
    for (const auto& range : pieces.ranges)
        ATTUNE_CHECK(run.piece(range));
    return {};
}

void Unigram::prepare(const std::vector<bool>& matches) {
    std::vector<std::pair<std::string_view, std::int32_t>> pieces;
    for (std::size_t id = 0; id < matches.size(); ++id)
        if (matches[id])
            pieces.emplace_back(*vocabulary().token(static_cast<TokenId>(id)), static_cast<std::int32_t>(id));
    m_trie = PieceTrie(std::move(pieces));
    for (unsigned byte = 0; byte < 256; ++byte) {
        char name[8];
        std::snprintf(name, sizeof name, "<0x%02X>", byte);
        m_fallbackIds[byte] = vocabulary().find(name).value_or(-1);
    }
}

Result<std::shared_ptr<const TokenModel>> Unigram::read(const Json& description, const std::string& where) {
    ATTUNE_ASSIGN(const Json* vocab, fields::list(description, "vocab", where));
    if (vocab->empty())
        return fields::broken(where, "\"vocab\" is empty");
    Vocabulary vocabulary;
    std::vector<double> scores;
    scores.reserve(vocab->size());
    for (std::size_t id = 0; id < vocab->size(); ++id) {
        const Json& entry = (*vocab)[id];
        const std::string here = where + ".vocab[" + std::to_string(id) + "]";
        if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
            return fields::broken(here, "must be a piece and its score");
        const auto& text = entry[0].get_ref<const std::string&>();
        if (text.size() > kMaxPieceBytes)
            return fields::unknown(here, "a piece of more than " + std::to_string(kMaxPieceBytes) + " bytes");
        const double score = entry[1].get<double>();
        if (!std::isfinite(score))
            return fields::broken(here, "the score is not finite");
        if (!vocabulary.add(text, id) && !vocabulary.addRepeated(text, id, true))
            return fields::broken(here, "the piece does not fit into the vocabulary");
        scores.push_back(asReferenceReads(score));
    }
    const std::shared_ptr<Unigram> model(new Unigram(std::move(vocabulary)));
    ATTUNE_ASSIGN(model->m_byteFallback, fields::flag(description, "byte_fallback", false, where));
    if (fields::member(description, "unk_id")) {
        ATTUNE_ASSIGN(const auto unknown, fields::count(description, "unk_id", vocab->size() - 1, where));
        model->m_unknown = static_cast<TokenId>(unknown);
    }
    model->m_unknownScore = *std::min_element(scores.begin(), scores.end()) - kUnknownPenalty;
    model->m_scores = std::move(scores);
    model->prepare(std::vector<bool>(vocab->size(), true));
    return model;
}

Result<std::shared_ptr<const TokenModel>> Unigram::fromPieces(const std::vector<VocabularyPiece>& pieces,
                                                              std::optional<TokenId> unknown, const std::string& where) {
    ATTUNE_ASSIGN(auto vocabulary, Vocabulary::fromPieces(pieces, where));
    const std::shared_ptr<Unigram> model(new Unigram(std::move(vocabulary)));
    model->m_arithmetic = Arithmetic::Sentencepiece;
    model->m_unknown = unknown;
    std::vector<bool> matches(pieces.size());
    model->m_always.resize(pieces.size());
    float lowest = std::numeric_limits<float>::max(), highest = std::numeric_limits<float>::lowest();
    for (std::size_t id = 0; id < pieces.size(); ++id) {
        const auto& piece = pieces[id];
        if (piece.text.size() > kMaxPieceBytes)
            return fields::unknown(where, "a piece of more than " + std::to_string(kMaxPieceBytes) + " bytes");
        model->m_scores.push_back(static_cast<double>(piece.score));
        matches[id] = piece.kind == PieceKind::Normal || piece.kind == PieceKind::UserDefined;
        model->m_always[id] = piece.kind == PieceKind::UserDefined;
        if (piece.kind == PieceKind::Normal) {
            lowest = std::min(lowest, piece.score);
            highest = std::max(highest, piece.score);
        }
        model->m_byteFallback = model->m_byteFallback || piece.kind == PieceKind::Byte;
    }
    model->m_unknownScore = static_cast<double>(lowest - static_cast<float>(kUnknownPenalty));
    model->m_maxScore = static_cast<double>(highest);
    model->prepare(matches);
    return model;
}

} // namespace attune
