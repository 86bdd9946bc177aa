// The tokens beside the model's vocabulary: control tokens and whatever a publisher added. They are found in the text
// before the model sees it. Immutable after building; safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/json.h"
#include "core/text/normalizers.h"
#include "core/text/vocabulary.h"

namespace attune {

struct AddedToken {
    std::string content;
    TokenId id = 0;
    bool special = false, normalized = false, leftStrip = false, rightStrip = false, singleWord = false;

    /// From an entry of added_tokens, or of added_tokens_decoder (`id` then comes from its key). Errors: InvalidData.
    static Result<AddedToken> read(const Json& description, std::optional<std::uint64_t> id, const std::string& where);
};

/// A stretch of text, or (id) an added token in it.
struct Segment {
    std::size_t begin = 0, end = 0;
    std::optional<TokenId> id;
};

class AddedTokens {
public:
    /// A content given before is ignored. Errors: InvalidData (two contents with one id).
    Status add(AddedToken token, const std::string& where);
    /// Call once after the last add; `normalizer` (may be null) is applied to the contents that are matched after it.
    Status finish(const Normalizer* normalizer);

    /// Cuts text at the tokens matched before (or after) normalisation; segments tile the text, none is empty. With
    /// `parseSpecial` false, special tokens stay text.
    void split(std::string_view text, bool afterNormalization, bool parseSpecial, std::vector<Segment>& out) const;
    bool anyAfterNormalization() const { return !m_normalized.empty(); }

    const AddedToken* byId(TokenId id) const;
    const AddedToken* byContent(std::string_view content) const;
    const std::vector<AddedToken>& all() const { return m_tokens; }

private:
    // Longest match by walking a tree of bytes.
    class Matcher {
    public:
        void add(std::string_view content, std::size_t token);
        bool empty() const { return m_nodes.size() == 1; }
        /// The longest token at `at`; size 0 when none.
        std::pair<std::size_t, std::size_t> longest(std::string_view text, std::size_t at) const; // token, size
        bool mayBegin(char byte) const { return m_first[static_cast<unsigned char>(byte)]; }

    private:
        struct Node {
            std::vector<std::pair<char, std::uint32_t>> children;
            std::int32_t token = -1;
        };
        std::vector<Node> m_nodes = std::vector<Node>(1);
        std::vector<bool> m_first = std::vector<bool>(256);
    };

    std::vector<AddedToken> m_tokens;
    std::unordered_map<std::string, std::size_t> m_byContent;
    std::unordered_map<TokenId, std::size_t> m_byId;
    Matcher m_raw, m_normalized;
};

} // namespace attune
