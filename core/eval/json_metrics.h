// Scores of answers that have to be one JSON record: is it valid, does it have exactly the expected keys, is each field
// right.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/eval/score.h"

namespace attune {

struct JsonAnswer {
    bool valid = false;  // strict: the whole answer (white space around it aside) is one JSON object with exactly the
                         // expected keys
    bool parses = false; // it is one JSON object
    std::string problem; // in words, when not valid
    std::vector<std::string> missing, extra; // keys
    Json object;                             // when it parses
};
JsonAnswer readJsonAnswer(std::string_view answer, std::span<const std::string> expectedKeys);

struct JsonFieldRule {
    std::string key;
    enum class Compare { Exact, RougeL } compare = Compare::Exact; // Exact: same JSON value (strings byte for byte)
};
/// Scores "json.valid", then "field.<key>" per rule (an answer that is not valid scores 0 in every field), then
/// "json.record" (valid and every Exact field right). Errors: InvalidData naming the row whose expected text is not a
/// JSON object.
Result<std::vector<Score>> jsonScores(std::span<const std::string> answers, std::span<const std::string> expected,
                                      std::span<const JsonFieldRule> rules);

} // namespace attune
