// Word-level difference of two texts as data: which words both have, which only one. No widgets; any thread.
#pragma once

#include <vector>

#include <QString>

namespace attune {

struct DiffPiece {
    enum class Kind { Same, OnlyLeft, OnlyRight } kind = Kind::Same;
    QString text; // with its white space, so that concatenating a side gives the text back
};

/// Shortest edit by words (Myers); beyond `maxEdits` the rest is reported as replaced, so hostile input costs bounded
/// time.
std::vector<DiffPiece> wordDiff(const QString& left, const QString& right, int maxEdits = 2000);

} // namespace attune
