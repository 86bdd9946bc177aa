#include "core/text/sentencepiece_file.h"

#include <cmath>
#include <cstring>

#include "core/base/files.h"
#include "core/text/json_fields.h"

namespace attune {

namespace {

// One message of protobuf's wire format: a row of numbered fields.
class WireMessage {
public:
    explicit WireMessage(std::string_view bytes) : m_bytes(bytes) {}

    struct Field {
        std::uint64_t number = 0;
        std::uint64_t value = 0; // of a varint
        float real = 0;          // of four bytes
        std::string_view bytes;  // of a text or an inner message
        unsigned wire = 0;
    };
    static constexpr unsigned kVarint = 0, kEight = 1, kBytes = 2, kFour = 5;

    /// The next field; false at the end or when the message is broken.
    bool next(Field& field) {
        if (m_bytes.empty() || m_broken)
            return false;
        std::uint64_t key = 0;
        m_broken = true;
        if (!varint(key))
            return false;
        field = {};
        field.number = key >> 3;
        field.wire = static_cast<unsigned>(key & 7);
        std::uint64_t size = 0;
        switch (field.wire) {
        case kVarint:
            if (!varint(field.value))
                return false;
            break;
        case kEight:
            size = 8;
            break;
        case kFour:
            size = 4;
            break;
        case kBytes:
            if (!varint(size))
                return false;
            break;
        default:
            return false;
        }
        if (size > m_bytes.size())
            return false;
        field.bytes = m_bytes.substr(0, size);
        m_bytes.remove_prefix(size);
        if (field.wire == kFour) {
            std::uint32_t bits = 0;
            for (unsigned i = 0; i < 4; ++i)
                bits |= static_cast<std::uint32_t>(static_cast<unsigned char>(field.bytes[i])) << (8 * i);
            std::memcpy(&field.real, &bits, 4);
        }
        m_broken = false;
        return true;
    }
    bool broken() const { return m_broken; }

private:
    bool varint(std::uint64_t& value) {
        for (unsigned shift = 0; shift < 64 && !m_bytes.empty(); shift += 7) {
            const auto byte = static_cast<unsigned char>(m_bytes.front());
            m_bytes.remove_prefix(1);
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80)
                return true;
        }
        return false;
    }
    std::string_view m_bytes;
    bool m_broken = false;
};

Result<VocabularyPiece> readPiece(std::string_view bytes, std::size_t id, const std::string& where) {
    VocabularyPiece piece;
    WireMessage message(bytes);
    std::uint64_t kind = 1;
    for (WireMessage::Field field; message.next(field);) {
        if (field.number == 1 && field.wire == WireMessage::kBytes)
            piece.text = field.bytes;
        else if (field.number == 2 && field.wire == WireMessage::kFour)
            piece.score = field.real;
        else if (field.number == 3 && field.wire == WireMessage::kVarint)
            kind = field.value;
    }
    if (message.broken() || piece.text.empty() || kind < 1 || kind > 6 || !std::isfinite(piece.score))
        return fields::broken(where, "piece " + std::to_string(id) + " is broken");
    piece.kind = static_cast<PieceKind>(kind);
    return piece;
}

struct TrainerSpec {
    std::uint64_t model = 1; // 1 unigram, 2 BPE, 3 words, 4 characters
    std::int32_t bos = 1, eos = 2, pad = -1;
};

Status readTrainer(std::string_view bytes, TrainerSpec& spec, TokenizerMaterial& material, const std::string& where) {
    WireMessage message(bytes);
    for (WireMessage::Field field; message.next(field);) {
        if (field.wire != WireMessage::kVarint)
            continue;
        switch (field.number) {
        case 3:
            spec.model = field.value;
            break;
        case 24:
            material.whitespaceAsSuffix = field.value != 0;
            break;
        case 41:
            spec.bos = static_cast<std::int32_t>(field.value);
            break;
        case 42:
            spec.eos = static_cast<std::int32_t>(field.value);
            break;
        case 43:
            spec.pad = static_cast<std::int32_t>(field.value);
            break;
        default:
            break;
        }
    }
    return message.broken() ? Status(fields::broken(where, "the trainer_spec is broken")) : Status();
}

Status readNormalizerSpec(std::string_view bytes, TokenizerMaterial& material, const std::string& where) {
    WireMessage message(bytes);
    for (WireMessage::Field field; message.next(field);) {
        if (field.number == 2 && field.wire == WireMessage::kBytes)
            material.charsmap = field.bytes;
        else if (field.number == 3 && field.wire == WireMessage::kVarint)
            material.addDummyPrefix = field.value != 0;
        else if (field.number == 4 && field.wire == WireMessage::kVarint)
            material.removeExtraWhitespaces = field.value != 0;
        else if (field.number == 5 && field.wire == WireMessage::kVarint)
            material.escapeWhitespaces = field.value != 0;
    }
    return message.broken() ? Status(fields::broken(where, "the normalizer_spec is broken")) : Status();
}

std::optional<TokenId> pieceId(std::int32_t id, const TokenizerMaterial& material) {
    if (id < 0 || static_cast<std::size_t>(id) >= material.pieces.size())
        return std::nullopt;
    return id;
}

} // namespace

Result<TokenizerMaterial> readSentencepiece(std::string_view file, const std::string& where) {
    TokenizerMaterial material;
    material.removeExtraWhitespaces = true; // protobuf's defaults
    TrainerSpec trainer;
    WireMessage message(file);
    for (WireMessage::Field field; message.next(field);) {
        if (field.wire != WireMessage::kBytes)
            continue;
        if (field.number == 1) {
            if (material.pieces.size() > kMaxTokenId)
                return fields::broken(where, "it has more than " + std::to_string(kMaxTokenId + 1) + " pieces");
            ATTUNE_ASSIGN(auto piece, readPiece(field.bytes, material.pieces.size(), where));
            material.pieces.push_back(std::move(piece));
        } else if (field.number == 2) {
            ATTUNE_CHECK(readTrainer(field.bytes, trainer, material, where));
        } else if (field.number == 3) {
            ATTUNE_CHECK(readNormalizerSpec(field.bytes, material, where));
        } else if (field.number == 5) {
            TokenizerMaterial inverse;
            ATTUNE_CHECK(readNormalizerSpec(field.bytes, inverse, where));
            if (!inverse.charsmap.empty())
                return fields::unknown(where, "a sentencepiece model with a denormalizer_spec");
        }
    }
    if (message.broken() || material.pieces.empty()) {
        // the original Llama 3 release gives this name to a list of base64 words and ranks
        const auto line = file.substr(0, file.find('\n'));
        const bool words = line.size() < 256 && line.find(' ') != std::string_view::npos &&
                           line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= ") ==
                               std::string_view::npos;
        if (words)
            return fields::unknown(where, "a tiktoken vocabulary (base64 words and ranks) without tokenizer.json");
        return fields::broken(where, "it is not a whole sentencepiece model");
    }
    if (trainer.model != 1 && trainer.model != 2)
        return fields::unknown(where, trainer.model == 3   ? "a sentencepiece model of type \"word\""
                                      : trainer.model == 4 ? "a sentencepiece model of type \"char\""
                                                           : "a sentencepiece model of an unknown type");
    material.model = trainer.model == 1 ? PieceModel::SentencepieceUnigram : PieceModel::SentencepieceBpe;
    material.bos = pieceId(trainer.bos, material);
    material.eos = pieceId(trainer.eos, material);
    material.pad = pieceId(trainer.pad, material);
    material.hash = hashBytes(file);
    return material;
}

} // namespace attune
