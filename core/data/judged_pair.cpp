#include "core/data/judged_pair.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace attune {

namespace {

constexpr std::array<std::string_view, 12> kLeftWords{"left",     "a",        "1",        "first",      "model_a",     "answer_a",
                                                      "option_a", "chosen_a", "response_a", "response 1", "response_1", "answer 1"};
constexpr std::array<std::string_view, 12> kRightWords{"right",    "b",        "2",        "second",     "model_b",     "answer_b",
                                                       "option_b", "chosen_b", "response_b", "response 2", "response_2", "answer 2"};
constexpr std::array<std::string_view, 10> kTieWords{"tie",  "tied",    "equal",         "both",        "neither",
                                                     "same", "no majority", "tie (bothbad)", "both good", "both bad"};

std::string wordOf(const Json& cell) {
    std::string word;
    if (cell.is_string())
        word = cell.get<std::string>();
    else if (cell.is_number_integer())
        word = cell.dump();
    else if (cell.is_object() && cell.contains("selected") && cell["selected"].is_string()) // Label Studio's short form
        word = cell["selected"].get<std::string>();
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return word;
}

template <class Words>
bool has(const Words& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

} // namespace

bool isChoice(const Json& cell) {
    const std::string word = wordOf(cell);
    return has(kLeftWords, word) || has(kRightWords, word) || has(kTieWords, word);
}

RowResult<std::pair<std::string, std::string>> betterAndWorse(const Json& choice, const std::string& left,
                                                              const std::string& right, const std::string& field) {
    const std::string name = choice.is_string() ? choice.get<std::string>() : std::string();
    const std::string word = wordOf(choice);
    if (name == left || (name != right && has(kLeftWords, word)))
        return std::pair{left, right};
    if (name == right || has(kRightWords, word))
        return std::pair{right, left};
    if (has(kTieWords, word))
        return rowProblem(field, "no answer is better (" + word + ")");
    return rowProblem(field, "names neither the first answer nor the second");
}

bool isRanking(const Json& cell) {
    return cell.is_array() && cell.size() >= 2 && std::all_of(cell.begin(), cell.end(), [](const Json& item) {
               return item.is_object() && item.contains("rank") && item["rank"].is_number() && item.contains("value") &&
                      item["value"].is_string();
           });
}

RowResult<std::pair<std::string, std::string>> bestAndWorst(const Json& ranking, const std::string& field) {
    if (!isRanking(ranking))
        return rowProblem(field, ranking == "no majority" ? "the reviewers do not agree"
                                                          : "not a ranking (a list of rank and value)");
    const auto rank = [](const Json& a, const Json& b) { return a["rank"].get<double>() < b["rank"].get<double>(); };
    const auto [best, worst] = std::minmax_element(ranking.begin(), ranking.end(), rank);
    if (!rank(*best, *worst))
        return rowProblem(field, "all answers have the same rank");
    return std::pair{(*best)["value"].get<std::string>(), (*worst)["value"].get<std::string>()};
}

} // namespace attune
