// How much a set of texts repeats itself: signs of a model that has collapsed. Words are runs of letters, digits and bytes
// above ASCII, in lower case. Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

std::vector<std::string> wordsOf(std::string_view text);
/// distinct-n (Li et al. 2016): different n-grams of all texts by all their n-grams, in (0, 1]; 1 where there is none.
double distinctN(std::span<const std::string> texts, int n);
/// Self-BLEU (Zhu et al. 2018): the mean of each text's BLEU against all others, in [0, 1]; 1 means that all are the same.
/// BLEU as Papineni et al. 2002 with n-grams up to `most`, clipped counts, brevity penalty by the closest length, and 0.1 in
/// place of a count of zero (Chen and Cherry 2014, method 1). Texts without words are left out; fewer than two give 0.
double selfBleu(std::span<const std::string> texts, int most = 4);

} // namespace attune
