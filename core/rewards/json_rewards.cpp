#include "core/rewards/json_rewards.h"

#include <algorithm>

#include "core/eval/json_metrics.h"
#include "core/plan/catalog.h"
#include "core/rewards/reward_params.h"

namespace attune {

JsonReward::JsonReward() {
    m_description.id = "json";
    m_description.title = "Valid JSON";
    m_description.summary = "The answer is one JSON object with the keys you name.";
    m_description.params = {
        rewardParam("keys", "JSON: required keys", std::vector<std::string>{},
                    "Keys the object must have; half of the reward is for being an object, half for the share of these keys."),
        rewardParam("only_keys", "JSON: no other keys", false, "Every key beyond the required ones counts like a missing one."),
    };
}

Result<std::unique_ptr<Reward>> JsonReward::configured(const ParamMap& params) const {
    auto made = std::make_unique<JsonReward>();
    made->m_keys = paramList(params, m_description.params, "keys");
    made->m_onlyKeys = paramBool(params, m_description.params, "only_keys");
    return made;
}

double JsonReward::score(const RewardInput& input) const {
    const JsonAnswer answer = readJsonAnswer(input.answer, m_keys);
    if (!answer.parses)
        return 0;
    if (m_keys.empty())
        return 1;
    const auto keys = static_cast<double>(m_keys.size());
    const auto wrong = static_cast<double>(answer.missing.size() + (m_onlyKeys ? answer.extra.size() : 0));
    return 0.5 + 0.5 * std::max(0.0, 1 - wrong / keys);
}

JsonFieldsReward::JsonFieldsReward() {
    m_description.id = "json_fields";
    m_description.title = "Right JSON fields";
    m_description.summary = "The share of the fields of the row's own answer, a JSON object, that are right.";
}

Result<std::unique_ptr<Reward>> JsonFieldsReward::configured(const ParamMap&) const {
    return std::make_unique<JsonFieldsReward>();
}

std::string JsonFieldsReward::referenceProblem(std::string_view reference) const {
    const JsonAnswer wanted = readJsonAnswer(reference, {});
    return wanted.parses && !wanted.object.empty() ? "" : "its own answer is not a JSON object with fields";
}

double JsonFieldsReward::score(const RewardInput& input) const {
    const JsonAnswer wanted = readJsonAnswer(input.reference, {}), answer = readJsonAnswer(input.answer, {});
    if (!wanted.parses || !answer.parses || wanted.object.empty())
        return 0;
    double right = 0;
    for (const auto& [key, value] : wanted.object.items()) {
        const auto given = answer.object.find(key);
        right += given != answer.object.end() && *given == value;
    }
    return right / static_cast<double>(wanted.object.size());
}

} // namespace attune
