#include "core/rewards/reward_mix.h"

#include "core/plan/catalog.h"

namespace attune {

namespace {

ParamSpec weightParam(const Described& reward) {
    ParamSpec spec;
    spec.key = reward.id + "_weight";
    spec.label = reward.title + ": weight";
    spec.help = reward.summary + " 0 leaves it out.";
    spec.defaultValue = 0.0;
    spec.min = -100, spec.max = 100;
    spec.ifTooHigh = "The other rewards hardly count.";
    spec.ifTooLow = "It hardly counts; below 0 the answer is rewarded for the opposite.";
    return spec;
}

} // namespace

std::vector<ParamSpec> RewardMix::params() {
    std::vector<ParamSpec> specs;
    for (const auto& reward : builtinRewards()) {
        const Described& described = reward->description();
        specs.push_back(weightParam(described));
        for (ParamSpec spec : described.params) {
            spec.key = described.id + "_" + spec.key;
            specs.push_back(std::move(spec));
        }
    }
    return specs;
}

Result<RewardMix> RewardMix::configured(const ParamMap& params) {
    RewardMix mix;
    for (const auto& reward : builtinRewards()) {
        const Described& described = reward->description();
        const ParamSpec weight = weightParam(described);
        const double wanted = paramDouble(params, {weight}, weight.key);
        if (wanted == 0)
            continue;
        ParamMap own;
        for (const ParamSpec& spec : described.params)
            if (const auto given = params.find(described.id + "_" + spec.key); given != params.end())
                own[spec.key] = given->second;
        ATTUNE_ASSIGN(std::unique_ptr<Reward> made, reward->configured(own));
        mix.m_parts.push_back({described.id, wanted, std::move(made)});
    }
    return mix;
}

std::string RewardMix::referenceProblem(std::string_view reference) const {
    for (const Part& part : m_parts)
        if (const std::string problem = part.reward->referenceProblem(reference); !problem.empty())
            return problem + " (the reward " + part.id + " needs that)";
    return {};
}

std::vector<double> RewardMix::scores(const RewardInput& input) const {
    std::vector<double> scores;
    for (const Part& part : m_parts)
        scores.push_back(part.reward->score(input));
    return scores;
}

double RewardMix::total(const std::vector<double>& scores) const {
    double sum = 0;
    for (std::size_t i = 0; i < m_parts.size(); ++i)
        sum += m_parts[i].weight * scores[i];
    return sum;
}

} // namespace attune
