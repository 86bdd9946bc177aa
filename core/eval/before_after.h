// Base against tuned on the same held-out rows: both answer every row greedily, every answer is scored, differences are paired.
// Uses the model only through Engine; worker thread.
#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/data/sample.h"
#include "core/eval/json_metrics.h"
#include "core/eval/score.h"
#include "core/run/generate_request.h"

namespace attune {

class Engine;

struct BeforeAfterRequest {
    std::string model, adapter; // adapter: run folder or PEFT folder
    std::vector<Sample> rows;   // conversations whose last message is the expected answer
    std::int64_t maxTokens = 256;
    std::string precision = "auto";
};

struct BeforeAfter {
    std::vector<std::string> expected, base, tuned; // per row
    std::vector<ScoreChange> changes;
};

/// The scores that fit the expected answers: when all of them are JSON objects with the same keys, validity and one score per field
/// (fields that hold long free text by ROUGE-L, all others exactly), otherwise exact match, token F1 and ROUGE-L.
Result<std::vector<Score>> taskScores(std::span<const std::string> answers, std::span<const std::string> expected);

/// The conversation without its expected answer, as a prompt.
Prompt promptOf(const Sample& sample);
const std::string& expectedAnswer(const Sample& sample);

/// Greedy answers of one model. `progress` gets the share of finished rows.
Result<std::vector<std::string>> answerRows(Engine& engine, const std::string& model, const std::string& adapter,
                                            const BeforeAfterRequest& request, std::stop_token stop,
                                            const std::function<void(double)>& progress);

Result<BeforeAfter> evaluateBeforeAfter(Engine& engine, const BeforeAfterRequest& request, std::stop_token stop,
                                        const std::function<void(double, const char* what)>& progress);

} // namespace attune
