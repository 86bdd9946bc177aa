#include "core/objectives/objective_metrics.h"

namespace attune {

std::vector<MetricSpec> textMetricSpecs(bool leading) {
    return {{"mean_token_accuracy", "Tokens foreseen", "share", "Tokens whose likeliest choice is the right one; up is good.", leading},
            {"entropy", "Entropy", "nats", "How open the choice of the next token is; near 0 the model is sure of everything.", leading}};
}

std::vector<MetricSpec> pairMetricSpecs() {
    return joinedMetrics({{"rewards/margins", "Reward margin", "", "How much more the model now prefers the better answer than at its start; up is good."},
            {"rewards/accuracies", "Pairs told apart", "share", "Pairs whose better answer gained more than the worse one; half is chance."},
            {"rewards/chosen", "Reward of better answers", "", "How much likelier the better answers became; falling far below 0 is a warning."},
            {"rewards/rejected", "Reward of worse answers", "", "How much likelier the worse answers became; it should fall.", false},
            {"logps/chosen", "Log-probability of better answers", "nats", "Of a whole answer; when it falls, the model unlearns good answers too.", false},
            {"logps/rejected", "Log-probability of worse answers", "nats", "Of a whole answer.", false},
            {"logits/chosen", "Logits of better answers", "", "The mean before the softmax; a drift shows that the model changes as a whole.", false},
            {"logits/rejected", "Logits of worse answers", "", "The mean before the softmax.", false}},
                         textMetricSpecs(false));
}

std::vector<MetricSpec> markedMetricSpecs() {
    return joinedMetrics({{"rewards/margins", "Reward margin", "", "How much more answers marked good gained than those marked bad; up is good."},
            {"kl", "Distance from the start", "nats", "How far the model has moved from where it began, over a whole answer."},
            {"rewards/chosen", "Reward of good answers", "", "How much likelier answers marked good became."},
            {"rewards/rejected", "Reward of bad answers", "", "How much likelier answers marked bad became; it should fall.", false},
            {"logps/chosen", "Log-probability of good answers", "nats", "Of a whole answer.", false},
            {"logps/rejected", "Log-probability of bad answers", "nats", "Of a whole answer.", false},
            {"logits/chosen", "Logits of the answers", "", "The mean before the softmax.", false},
            {"logits/rejected", "Logits of mismatched answers", "", "The mean before the softmax.", false}},
                         textMetricSpecs(false));
}

std::vector<MetricSpec> scoreMetricSpecs() {
    return {{"rewards/accuracies", "Pairs told apart", "share", "Pairs whose better answer scores higher; half is chance."},
            {"rewards/margins", "Score margin", "", "The better answer's score less the worse one's; up is good."},
            {"rewards/chosen", "Score of better answers", "", "The mean score of the better answers.", false},
            {"rewards/rejected", "Score of worse answers", "", "The mean score of the worse answers.", false},
            {"rewards/mean", "Mean score", "", "Of all answers; centring holds it near 0.", false},
            {"rewards/pairs", "Pairs measured", "", "How many pairs the figures of a validation rest on.", false}};
}

std::vector<MetricSpec> practiceMetricSpecs() {
    return {{"reward", "Reward", "", "The mean score of the model's own answers; up is good, as long as the answers are."},
            {"completions/mean_length", "Answer length", "tokens", "How long the answers are; a drift without a reason is a warning."},
            {"kl", "Distance from the start", "nats", "How far each token's choice has moved from the start, where that is held against it."},
            {"entropy", "Entropy", "nats", "How open the choice of the next token is; near 0 the model always says the same."},
            {"frac_reward_zero_std", "Prompts that teach nothing", "share", "Prompts whose answers all score the same; down is good."},
            {"completions/clipped_ratio", "Answers cut off", "share", "Answers that reached the longest length before they ended.", false},
            {"reward_std", "Spread of rewards", "", "How different the scores of one prompt's answers are; at 0 there is nothing to learn from.", false},
            {"rewards/*/mean", "Reward: *", "", "The mean of this reward alone.", false},
            {"rewards/*/std", "Spread: *", "", "The spread of this reward alone.", false},
            {"completions/distinct_2", "Different word pairs", "share", "How varied the answers are; a fall means they become alike.", false},
            {"completions/min_length", "Shortest answer", "tokens", "Of the step.", false},
            {"completions/max_length", "Longest answer", "tokens", "Of the step.", false},
            {"reward_gain", "Gain in reward", "", "Validation: how much higher the same prompts score than at the start; up is good.", false},
            {"reward_gain/*", "Gain in reward, 95 %, *", "", "An end of the interval of the gain; only when both are above 0 the gain is beyond chance.", false},
            {"clip_ratio", "Updates held back", "share", "Tokens whose update was limited because it went too far.", false},
            {"compute/*_tokens", "Tokens: *", "tokens", "Tokens of this kind that the step cost.", false}};
}

std::vector<MetricSpec> ppoMetricSpecs() {
    return {{"objective/kl", "Distance of an answer from the start", "nats", "How far the model's answers have moved from the start, over a whole answer."},
            {"objective/rlhf_reward", "Reward less distance", "", "What PPO raises: the score less the price of the distance.", false},
            {"objective/non_score_reward", "Price of the distance", "", "What the distance from the start costs.", false},
            {"kl_coefficient", "KL coefficient", "", "The price of a nat of distance; the adaptive controller changes it.", false},
            {"loss/policy", "Policy loss", "", "Of the model that answers.", false},
            {"loss/value", "Value loss", "", "Of the head that foresees the reward; it should fall.", false},
            {"policy/approxkl", "Change per update", "nats", "How far one update moved the model.", false},
            {"val/clip_ratio", "Value updates held back", "share", "Values whose update was limited.", false}};
}

std::vector<MetricSpec> oddsMetricSpecs() {
    return {{"log_odds_chosen", "Log odds", "nats", "How much likelier the better answer is than the worse one; up is good."},
            {"log_odds_ratio", "Odds ratio term", "", "The part of the loss that prefers; it rises towards 0.", false}};
}

MetricSpec learnedMetricSpec() {
    return {"nll_loss", "Loss of better answers", "nats", "The part of the loss that is plain learning from the better answers.", false};
}

std::vector<MetricSpec> joinedMetrics(std::vector<MetricSpec> first, const std::vector<MetricSpec>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

} // namespace attune
