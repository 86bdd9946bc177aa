#include "core/text/bpe.h"
#include "core/text/charsmap.h"
#include "core/text/hf_tokenizer.h"
#include "core/text/json_fields.h"
#include "core/text/tokenizer_material.h"
#include "core/text/unigram.h"

namespace attune {

namespace {

constexpr std::string_view kWordStart = "\xE2\x96\x81"; // U+2581

// A user-defined piece that is written like a control token ("<|im_end|>", "<end_of_turn>") must not come out of a
// message; markup such as "<table>" may.
bool isWrittenAsControl(std::string_view text) {
    return (text.starts_with("<|") && text.ends_with("|>")) || text == "<start_of_turn>" || text == "<end_of_turn>" ||
           text == "<start_of_image>" || text == "<end_of_image>";
}

std::string textOf(const TokenizerMaterial& material, const std::optional<TokenId>& id) {
    if (!id || *id < 0 || static_cast<std::size_t>(*id) >= material.pieces.size())
        return {};
    return material.pieces[static_cast<std::size_t>(*id)].text;
}

Json sentencepieceDecoder(const TokenizerMaterial& material) {
    if (material.model == PieceModel::SentencepieceUnigram)
        return {{"type", "Sequence"},
                {"decoders",
                 {{{"type", "ByteFallback"}},
                  {{"type", "Metaspace"},
                   {"replacement", kWordStart},
                   {"prepend_scheme", material.addDummyPrefix ? "always" : "never"}}}}};
    Json parts = {{{"type", "Replace"}, {"pattern", {{"String", kWordStart}}}, {"content", " "}},
                  {{"type", "ByteFallback"}},
                  {{"type", "Fuse"}}};
    if (material.addDummyPrefix)
        parts.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1u}, {"stop", 0u}});
    return {{"type", "Sequence"}, {"decoders", parts}};
}

Status buildSentencepiece(const TokenizerMaterial& material, TokenizerParts& parts, const std::string& where) {
    SentencepieceRules rules;
    rules.addDummyPrefix = material.addDummyPrefix;
    rules.removeExtraWhitespaces = material.removeExtraWhitespaces;
    rules.escapeWhitespaces = material.escapeWhitespaces;
    rules.whitespaceAsSuffix = material.whitespaceAsSuffix;
    rules.prefixFirstOnly = material.prefixFirstOnly;
    if (!material.charsmap.empty()) {
        ATTUNE_ASSIGN(rules.charsmap, Charsmap::read(material.charsmap, where));
    }
    for (const auto& piece : material.pieces)
        if (piece.kind == PieceKind::UserDefined)
            rules.userDefined.push_back(piece.text);
    parts.normalizer = sentencepieceNormalizer(std::move(rules));
    auto unknown = material.unknown;
    for (std::size_t id = 0; id < material.pieces.size() && !unknown; ++id)
        if (material.pieces[id].kind == PieceKind::Unknown)
            unknown = static_cast<TokenId>(id);
    if (material.model == PieceModel::SentencepieceUnigram) {
        ATTUNE_ASSIGN(parts.model, Unigram::fromPieces(material.pieces, unknown, where));
    } else {
        ATTUNE_ASSIGN(parts.model, Bpe::fromScores(material.pieces, unknown, where));
    }
    ATTUNE_ASSIGN(parts.decoder, readDecoder(sentencepieceDecoder(material), where));
    return {};
}

// Control pieces and user-defined ones. Sentencepiece looks for the latter in the prepared text.
Status addPieces(const TokenizerMaterial& material, TokenizerParts& parts, const std::string& where) {
    for (const auto& token : material.config.addedTokens) {
        const auto known = parts.model->vocabulary().find(token.content);
        const bool userDefined = known && material.pieces[static_cast<std::size_t>(*known)].kind == PieceKind::UserDefined;
        AddedToken copy = token;
        copy.id = known.value_or(token.id);
        copy.normalized = userDefined;
        ATTUNE_CHECK(parts.added.add(std::move(copy), where));
    }
    for (std::size_t id = 0; id < material.pieces.size(); ++id) {
        const auto& piece = material.pieces[id];
        const bool control = piece.kind == PieceKind::Control || piece.kind == PieceKind::Unknown;
        if (piece.text.empty() || (!control && piece.kind != PieceKind::UserDefined))
            continue;
        AddedToken token;
        token.content = piece.text;
        token.id = static_cast<TokenId>(id);
        token.special = control || isWrittenAsControl(piece.text);
        token.normalized = !control;
        if (!parts.added.byId(token.id))
            ATTUNE_CHECK(parts.added.add(std::move(token), where));
    }
    return parts.added.finish(nullptr); // contents are matched as they are written
}

} // namespace

Result<std::shared_ptr<const Tokenizer>> buildTokenizer(TokenizerMaterial material, const std::string& where) {
    if (material.pieces.size() > kMaxTokenId)
        return fields::broken(where, "it has more than " + std::to_string(kMaxTokenId) + " pieces");
    for (const auto& id : {material.bos, material.eos, material.pad, material.unknown})
        if (id && (*id < 0 || static_cast<std::size_t>(*id) >= material.pieces.size()))
            return fields::broken(where, "the special token id " + std::to_string(*id) + " is no piece");
    TokenizerParts parts;
    ATTUNE_CHECK(buildSentencepiece(material, parts, where));
    ATTUNE_CHECK(addPieces(material, parts, where));
    parts.config = std::move(material.config);
    const std::pair<std::string*, std::optional<TokenId>> named[] = {{&parts.config.bosToken, material.bos},
                                                                     {&parts.config.eosToken, material.eos},
                                                                     {&parts.config.padToken, material.pad}};
    for (const auto& [text, id] : named)
        if (text->empty())
            *text = textOf(material, id);
    const auto idOf = [&](const std::string& text) { return parts.model->vocabulary().find(text); };
    if (const auto bos = idOf(parts.config.bosToken); bos && parts.config.addBos.value_or(material.addBos))
        parts.frame.before.push_back(*bos);
    if (const auto eos = idOf(parts.config.eosToken); eos && parts.config.addEos.value_or(material.addEos))
        parts.frame.after.push_back(*eos);
    parts.hash = material.hash;
    return std::make_shared<const HfTokenizer>(std::move(parts));
}

} // namespace attune
