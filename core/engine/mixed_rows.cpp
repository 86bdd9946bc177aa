#include "core/engine/mixed_rows.h"

#include <algorithm>
#include <set>

#include "core/base/rng.h"

namespace attune {

namespace {

constexpr std::uint64_t kMixStream = 0x5245504C41590000u; // "REPLAY": streams of their own, one for each step

std::int64_t lengthOf(const TokenDataset::Row& row) { return static_cast<std::int64_t>(row.ids.size()); }

void addPiece(TokenDataset& data, TokenDataset::Row row) {
    row.targets = std::count(row.trained.begin() + 1, row.trained.end(), true);
    data.tokens += lengthOf(row), data.targets += row.targets;
    data.longest = std::max(data.longest, lengthOf(row));
    data.rows.push_back(std::move(row));
}

} // namespace

TokenDataset inPieces(TokenDataset data, std::int64_t longest) {
    TokenDataset cut;
    for (TokenDataset::Row& row : data.rows) {
        const bool text = std::find(row.trained.begin() + 1, row.trained.end(), false) == row.trained.end();
        if (!text || lengthOf(row) <= longest) {
            addPiece(cut, std::move(row));
            continue;
        }
        // Of nearly equal length: a last piece of a few tokens would teach nothing.
        const std::int64_t pieces = (lengthOf(row) + longest - 1) / longest;
        for (std::int64_t i = 0; i < pieces; ++i) {
            const auto begin = i * lengthOf(row) / pieces, end = (i + 1) * lengthOf(row) / pieces;
            TokenDataset::Row piece;
            piece.source = row.source;
            piece.ids.assign(row.ids.begin() + begin, row.ids.begin() + end);
            piece.trained.assign(piece.ids.size(), true);
            addPiece(cut, std::move(piece));
        }
    }
    return cut;
}

std::vector<std::uint32_t> mixedRowsOfStep(const TokenDataset& rows, double share, std::uint64_t seed, std::int64_t step,
                                           std::int64_t taskTokens) {
    double left = share / (1 - share) * static_cast<double>(taskTokens);
    Rng rng(seed, kMixStream + static_cast<std::uint64_t>(step));
    std::vector<std::uint32_t> chosen;
    std::set<std::uint32_t> used;
    while (left > 0) {
        if (used.size() == rows.rows.size())
            used.clear();
        auto row = static_cast<std::uint32_t>(rng.below(rows.rows.size()));
        while (used.contains(row)) // the next one that is free: cheap also where few are left
            row = static_cast<std::uint32_t>((row + 1) % rows.rows.size());
        const auto length = static_cast<double>(lengthOf(rows.rows[row]));
        if (length > left && rng.uniform() >= left / length)
            break;
        used.insert(row);
        chosen.push_back(row);
        left -= length;
    }
    return chosen;
}

} // namespace attune
