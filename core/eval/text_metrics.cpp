#include "core/eval/text_metrics.h"

#include <algorithm>
#include <map>

namespace attune {

namespace {

// ASCII only and independent of the locale; bytes of other characters pass unchanged.
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
bool isPunctuation(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> result;
    std::string word;
    for (const char c : text) {
        if (!isSpace(c)) {
            word += c;
        } else if (!word.empty()) {
            result.push_back(std::move(word));
            word.clear();
        }
    }
    if (!word.empty())
        result.push_back(std::move(word));
    return result;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && isSpace(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && isSpace(text.back()))
        text.remove_suffix(1);
    return text;
}

std::vector<std::string> rougeWords(std::string_view text) {
    std::string clean;
    for (const char c : text) {
        const char l = lower(c);
        clean += (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') ? l : ' ';
    }
    return words(clean);
}

double f1(double common, std::size_t answer, std::size_t expected) {
    if (common <= 0)
        return 0;
    const double precision = common / static_cast<double>(answer), recall = common / static_cast<double>(expected);
    return 2 * precision * recall / (precision + recall);
}

} // namespace

std::string normaliseAnswer(std::string_view text) {
    std::string clean;
    for (const char c : text)
        if (!isPunctuation(c))
            clean += lower(c);
    std::string result;
    for (const std::string& word : words(clean))
        if (word != "a" && word != "an" && word != "the")
            result += (result.empty() ? "" : " ") + word;
    return result;
}

bool exactMatch(std::string_view answer, std::string_view expected) {
    return normaliseAnswer(answer) == normaliseAnswer(expected);
}

bool strictMatch(std::string_view answer, std::string_view expected) {
    return trimmed(answer) == trimmed(expected);
}

double tokenF1(std::string_view answer, std::string_view expected) {
    const auto given = words(normaliseAnswer(answer)), wanted = words(normaliseAnswer(expected));
    if (given.empty() || wanted.empty())
        return given.empty() && wanted.empty() ? 1 : 0;
    std::map<std::string_view, int> left;
    for (const std::string& word : wanted)
        ++left[word];
    double common = 0;
    for (const std::string& word : given)
        if (const auto found = left.find(word); found != left.end() && found->second > 0)
            --found->second, ++common;
    return f1(common, given.size(), wanted.size());
}

double rougeL(std::string_view answer, std::string_view expected) {
    const auto given = rougeWords(answer), wanted = rougeWords(expected);
    if (given.empty() || wanted.empty())
        return 0;
    std::vector<std::size_t> row(wanted.size() + 1, 0);
    for (const std::string& word : given) {
        std::size_t diagonal = 0;
        for (std::size_t j = 0; j < wanted.size(); ++j) {
            const std::size_t above = row[j + 1];
            row[j + 1] = word == wanted[j] ? diagonal + 1 : std::max(above, row[j]);
            diagonal = above;
        }
    }
    return f1(static_cast<double>(row.back()), given.size(), wanted.size());
}

std::vector<Score> textScores(std::span<const std::string> answers, std::span<const std::string> expected) {
    std::vector<double> exact, overlap, rouge;
    for (std::size_t i = 0; i < std::min(answers.size(), expected.size()); ++i) {
        exact.push_back(exactMatch(answers[i], expected[i]) ? 1 : 0);
        overlap.push_back(tokenF1(answers[i], expected[i]));
        rouge.push_back(rougeL(answers[i], expected[i]));
    }
    return {summarise("exact_match", "Exact match", std::move(exact)),
            summarise("token_f1", "Token F1", std::move(overlap)), summarise("rouge_l", "ROUGE-L", std::move(rouge))};
}

} // namespace attune
