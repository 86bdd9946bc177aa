#include "ui/widgets/word_diff.h"

#include <algorithm>

#include <QStringView>

namespace attune {
namespace {

enum class CharClass { Space, Word, Sign };

CharClass classOf(QChar c) {
    if (c.isSpace())
        return CharClass::Space;
    return c.isLetterOrNumber() || c == QLatin1Char('_') || c.isSurrogate() || c.isMark() ? CharClass::Word
                                                                                          : CharClass::Sign;
}

/// Words, runs of white space, and single signs; together they are the whole text.
std::vector<QStringView> words(const QString& text) {
    std::vector<QStringView> result;
    const QStringView all(text);
    for (qsizetype begin = 0; begin < all.size();) {
        const CharClass kind = classOf(all[begin]);
        qsizetype end = begin + 1;
        while (kind != CharClass::Sign && end < all.size() && classOf(all[end]) == kind)
            ++end;
        result.push_back(all.mid(begin, end - begin));
        begin = end;
    }
    return result;
}

void add(std::vector<DiffPiece>& pieces, DiffPiece::Kind kind, QStringView text) {
    if (!pieces.empty() && pieces.back().kind == kind)
        pieces.back().text += text;
    else
        pieces.push_back({kind, text.toString()});
}

} // namespace

std::vector<DiffPiece> wordDiff(const QString& left, const QString& right, int maxEdits) {
    using Kind = DiffPiece::Kind;
    const std::vector<QStringView> a = words(left), b = words(right);
    std::size_t prefix = 0;
    while (prefix < a.size() && prefix < b.size() && a[prefix] == b[prefix])
        ++prefix;
    std::size_t suffix = 0;
    while (suffix < a.size() - prefix && suffix < b.size() - prefix &&
           a[a.size() - 1 - suffix] == b[b.size() - 1 - suffix])
        ++suffix;
    const int n = int(a.size() - prefix - suffix), m = int(b.size() - prefix - suffix);
    const auto wordA = [&](int i) { return a[prefix + std::size_t(i)]; };
    const auto wordB = [&](int i) { return b[prefix + std::size_t(i)]; };

    // Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): furthest[k] is how far diagonal k got with d
    // edits. The rows of all d are kept to walk back, which bounds memory by maxEdits squared.
    const int limit = std::min(n + m, maxEdits);
    std::vector<std::vector<int>> history;
    std::vector<int> furthest(std::size_t(2 * limit + 3), 0);
    const auto at = [&](std::vector<int>& row, int k) -> int& { return row[std::size_t(k + limit + 1)]; };
    int edits = -1;
    for (int d = 0; d <= limit && edits < 0; ++d) {
        history.push_back(furthest);
        for (int k = -d; k <= d; k += 2) {
            const bool down = k == -d || (k != d && at(furthest, k - 1) < at(furthest, k + 1));
            int x = down ? at(furthest, k + 1) : at(furthest, k - 1) + 1;
            int y = x - k;
            while (x < n && y >= 0 && y < m && wordA(x) == wordB(y)) {
                ++x;
                ++y;
            }
            at(furthest, k) = x;
            if (x >= n && y >= m) {
                edits = d;
                break;
            }
        }
    }

    std::vector<std::pair<Kind, QStringView>> middle; // back to front
    if (edits < 0) {
        for (int i = m; i-- > 0;)
            middle.emplace_back(Kind::OnlyRight, wordB(i));
        for (int i = n; i-- > 0;)
            middle.emplace_back(Kind::OnlyLeft, wordA(i));
    } else {
        int x = n, y = m;
        for (int d = edits; d >= 0; --d) {
            std::vector<int>& row = history[std::size_t(d)];
            const int k = x - y;
            const bool down = k == -d || (k != d && at(row, k - 1) < at(row, k + 1));
            const int previousK = down ? k + 1 : k - 1;
            const int previousX = d == 0 ? 0 : at(row, previousK);
            const int previousY = d == 0 ? 0 : previousX - previousK;
            while (x > previousX && y > previousY) {
                middle.emplace_back(Kind::Same, wordA(x - 1));
                --x;
                --y;
            }
            if (d == 0)
                break;
            if (down)
                middle.emplace_back(Kind::OnlyRight, wordB(previousY));
            else
                middle.emplace_back(Kind::OnlyLeft, wordA(previousX));
            x = previousX;
            y = previousY;
        }
    }

    std::vector<DiffPiece> pieces;
    for (std::size_t i = 0; i < prefix; ++i)
        add(pieces, Kind::Same, a[i]);
    // Within one change the left words come first, whatever order the walk found them in.
    QString onlyLeft, onlyRight;
    const auto flush = [&] {
        if (!onlyLeft.isEmpty())
            add(pieces, Kind::OnlyLeft, onlyLeft);
        if (!onlyRight.isEmpty())
            add(pieces, Kind::OnlyRight, onlyRight);
        onlyLeft.clear();
        onlyRight.clear();
    };
    for (auto piece = middle.rbegin(); piece != middle.rend(); ++piece) {
        if (piece->first == Kind::Same) {
            flush();
            add(pieces, Kind::Same, piece->second);
        } else {
            (piece->first == Kind::OnlyLeft ? onlyLeft : onlyRight) += piece->second;
        }
    }
    flush();
    for (std::size_t i = 0; i < suffix; ++i)
        add(pieces, Kind::Same, a[a.size() - suffix + i]);
    return pieces;
}

} // namespace attune
