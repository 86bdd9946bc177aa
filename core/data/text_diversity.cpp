#include "core/data/text_diversity.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace attune {

namespace {

using WordList = std::vector<std::string>;
using GramCounts = std::map<std::string, double>;

std::string gramAt(const WordList& words, std::size_t begin, int n) {
    std::string gram;
    for (std::size_t i = begin; i < begin + static_cast<std::size_t>(n); ++i)
        gram += words[i] + '\n'; // words hold no line ends
    return gram;
}

GramCounts grams(const WordList& words, int n) {
    GramCounts counts;
    for (std::size_t i = 0; i + static_cast<std::size_t>(n) <= words.size(); ++i)
        ++counts[gramAt(words, i, n)];
    return counts;
}

double bleuOf(const std::vector<WordList>& texts, const std::vector<std::vector<GramCounts>>& counted, std::size_t which, int most) {
    const double length = static_cast<double>(texts[which].size());
    double logs = 0;
    int used = 0;
    for (int n = 1; n <= most; ++n) {
        const GramCounts& own = counted[which][static_cast<std::size_t>(n - 1)];
        double total = 0, matched = 0;
        for (const auto& [gram, count] : own) {
            double elsewhere = 0;
            for (std::size_t other = 0; other < texts.size(); ++other)
                if (other != which)
                    if (const auto found = counted[other][static_cast<std::size_t>(n - 1)].find(gram);
                        found != counted[other][static_cast<std::size_t>(n - 1)].end())
                        elsewhere = std::max(elsewhere, found->second);
            total += count;
            matched += std::min(count, elsewhere);
        }
        if (total == 0)
            break; // shorter than n words
        logs += std::log(std::max(matched, 0.1) / total);
        ++used;
    }
    double closest = 0;
    for (std::size_t other = 0; other < texts.size(); ++other) {
        const double size = static_cast<double>(texts[other].size());
        if (other != which && (closest == 0 || std::abs(size - length) < std::abs(closest - length) ||
                               (std::abs(size - length) == std::abs(closest - length) && size < closest)))
            closest = size;
    }
    const double penalty = length >= closest ? 1.0 : std::exp(1 - closest / length);
    return std::min(1.0, penalty * std::exp(logs / std::max(1, used)));
}

} // namespace

std::vector<std::string> wordsOf(std::string_view text) {
    WordList words;
    std::string word;
    const auto close = [&] {
        if (!word.empty())
            words.push_back(std::move(word));
        word.clear();
    };
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 'A' && byte <= 'Z')
            word += static_cast<char>(byte - 'A' + 'a');
        else if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80)
            word += c;
        else
            close();
    }
    close();
    return words;
}

double distinctN(std::span<const std::string> texts, int n) {
    std::set<std::string> different;
    double all = 0;
    for (const std::string& text : texts) {
        const WordList words = wordsOf(text);
        for (std::size_t i = 0; i + static_cast<std::size_t>(n) <= words.size(); ++i, ++all)
            different.insert(gramAt(words, i, n));
    }
    return all == 0 ? 1.0 : static_cast<double>(different.size()) / all;
}

double selfBleu(std::span<const std::string> texts, int most) {
    std::vector<WordList> words;
    for (const std::string& text : texts)
        if (WordList found = wordsOf(text); !found.empty())
            words.push_back(std::move(found));
    if (words.size() < 2)
        return 0;
    std::vector<std::vector<GramCounts>> counted;
    for (const WordList& text : words) {
        counted.emplace_back();
        for (int n = 1; n <= most; ++n)
            counted.back().push_back(grams(text, n));
    }
    double sum = 0;
    for (std::size_t i = 0; i < words.size(); ++i)
        sum += bleuOf(words, counted, i, most);
    return sum / static_cast<double>(words.size());
}

} // namespace attune
