// What a step's answers look like as numbers, under the names the field's libraries log them by. Torch-free arithmetic.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/objectives/rollout.h"
#include "core/run/generate_request.h"

namespace attune {

/// reward and reward_std (mean over the groups of the spread within one, n - 1), rewards/<id>/mean and /std over all answers,
/// completions/mean_length, min_length, max_length (tokens), completions/clipped_ratio (share cut off at the longest length),
/// completions/distinct_2 (distinct pairs of neighbouring tokens among all of them; answers that repeat themselves lower it).
/// `names` of the scores that each answer has.
void addAnswerMetrics(std::map<std::string, double>& metrics, std::span<const std::string> names,
                      std::span<const std::vector<double>> scores, std::span<const Rollout> rollouts, std::span<const GeneratedText> answers);

} // namespace attune
