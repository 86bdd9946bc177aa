// Recipe text as a plain tree: YAML without anchors, aliases, tags or several documents, with limits on size, depth and
// number of values, so that a hostile file is an error before it costs memory. Used by run_config only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace attune {

struct RecipeNode {
    enum class Kind { Null, Scalar, List, Map } kind = Kind::Null;
    int line = 0;                                            // 1-based
    std::string text;                                        // Scalar
    std::vector<RecipeNode> list;                            // List
    std::vector<std::pair<std::string, RecipeNode>> entries; // Map, in file order, keys unique
};

inline constexpr std::size_t kMaxRecipeBytes = 1 << 20;
inline constexpr std::size_t kMaxRecipeDepth = 8;
inline constexpr std::size_t kMaxRecipeValues = 20000;

/// Errors: InvalidData with the line; `what` names the file.
Result<RecipeNode> parseRecipeTree(std::string_view yaml, std::string_view what);

} // namespace attune
