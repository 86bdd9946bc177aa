#include "core/rewards/regex_reward.h"

#include "core/plan/catalog.h"
#include "core/rewards/reward_params.h"
#include "core/text/utf8.h"

namespace attune {

RegexReward::RegexReward() {
    m_description.id = "regex";
    m_description.title = "Fits a pattern";
    m_description.summary = "The answer fits a regular expression that you write.";
    m_description.params = {
        rewardParam("pattern", "Pattern: expression", std::string(), "A regular expression (Oniguruma, as in Ruby), for example ^ORD-[0-9]{6}$."),
        rewardParam("whole", "Pattern: whole answer", false, "The expression must fit the whole answer instead of a part of it."),
    };
}

Result<std::unique_ptr<Reward>> RegexReward::configured(const ParamMap& params) const {
    auto made = std::make_unique<RegexReward>();
    std::string pattern = paramString(params, m_description.params, "pattern");
    if (pattern.empty())
        return fail(ErrorCode::InvalidArgument, "regex_pattern is empty, but regex_weight is not 0",
                    "Write the expression that a good answer fits, or set regex_weight to 0.");
    if (paramBool(params, m_description.params, "whole"))
        pattern = "\\A(?:" + pattern + ")\\s*\\z"; // some models end an answer with a line break
    auto regex = Regex::compile(pattern, "regex_pattern");
    if (!regex)
        return fail(ErrorCode::InvalidArgument, regex.error().message, "Correct the expression.");
    made->m_regex = std::move(*regex);
    return made;
}

double RegexReward::score(const RewardInput& input) const {
    if (!m_regex || utf8::firstInvalid(input.answer) != input.answer.size())
        return 0;
    const auto found = m_regex->contains(input.answer);
    return found && *found ? 1 : 0;
}

} // namespace attune
