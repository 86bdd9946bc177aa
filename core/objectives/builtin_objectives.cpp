#include "core/objectives/dpo.h"
#include "core/objectives/grpo.h"
#include "core/objectives/kto.h"
#include "core/objectives/orpo.h"
#include "core/objectives/ppo.h"
#include "core/objectives/reward.h"
#include "core/objectives/sft.h"
#include "core/objectives/simpo.h"

namespace attune {

const std::vector<std::unique_ptr<Objective>>& builtinObjectives() {
    static const std::vector<std::unique_ptr<Objective>> objectives = [] {
        std::vector<std::unique_ptr<Objective>> all;
        all.push_back(std::make_unique<SftObjective>());
        all.push_back(std::make_unique<DpoObjective>());
        all.push_back(std::make_unique<KtoObjective>());
        all.push_back(std::make_unique<OrpoObjective>());
        all.push_back(std::make_unique<SimpoObjective>(SimpoObjective::Kind::Simpo));
        all.push_back(std::make_unique<SimpoObjective>(SimpoObjective::Kind::Cpo));
        all.push_back(std::make_unique<RewardObjective>());
        all.push_back(std::make_unique<GrpoObjective>());
        all.push_back(std::make_unique<PpoObjective>());
        all.push_back(std::make_unique<PretrainObjective>());
        return all;
    }();
    return objectives;
}

const Objective* findObjective(std::string_view id) {
    for (const auto& objective : builtinObjectives())
        if (objective->description().id == id)
            return objective.get();
    return nullptr;
}

} // namespace attune
