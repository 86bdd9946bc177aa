#include "core/text/token_model.h"

#include "core/text/bpe.h"
#include "core/text/json_fields.h"
#include "core/text/unigram.h"
#include "core/text/word_piece.h"

namespace attune {

namespace {

// Older files leave "type" out; the members tell.
std::string kindOf(const Json& description) {
    if (const Json* type = fields::member(description, "type"); type && type->is_string())
        return type->get<std::string>();
    if (fields::member(description, "merges"))
        return "BPE";
    if (const Json* vocabulary = fields::member(description, "vocab"); vocabulary && vocabulary->is_array())
        return "Unigram";
    return fields::member(description, "max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

} // namespace

Result<std::shared_ptr<const TokenModel>> readTokenModel(const Json& description, const std::string& where) {
    if (!description.is_object())
        return fields::broken(where, "must be an object");
    const std::string kind = kindOf(description);
    if (kind == "BPE")
        return Bpe::read(description, where);
    if (kind == "Unigram")
        return Unigram::read(description, where);
    if (kind == "WordPiece")
        return WordPiece::read(description, where);
    if (kind == "WordLevel")
        return readWordLevel(description, where);
    return fields::unknown(where, "the model type \"" + kind + "\"");
}

} // namespace attune
