// Scores of an answer against the expected text. Definitions are the field's: exact match and token F1 as SQuAD v1.1
// (lower case, punctuation and the articles a/an/the removed, white space collapsed; ASCII rules, other characters
// kept), ROUGE-L as rouge-score.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/eval/score.h"

namespace attune {

std::string normaliseAnswer(std::string_view text);
bool exactMatch(std::string_view answer, std::string_view expected); // after normaliseAnswer
/// Equal after trimming white space at both ends only.
bool strictMatch(std::string_view answer, std::string_view expected);
/// 2PR / (P + R) over the bag of normalised words; both empty: 1, one empty: 0.
double tokenF1(std::string_view answer, std::string_view expected);
/// ROUGE-L F1 (Lin 2004) as google-research rouge-score without stemming: lower case, every run of characters outside
/// [a-z0-9] splits, longest common subsequence of words, F with beta = 1. No words on a side: 0.
double rougeL(std::string_view answer, std::string_view expected);

/// "exact_match", "token_f1", "rouge_l" over pairs; answers and expected have the same length (else the shorter
/// counts).
std::vector<Score> textScores(std::span<const std::string> answers, std::span<const std::string> expected);

} // namespace attune
