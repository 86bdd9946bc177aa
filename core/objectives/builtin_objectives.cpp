#include "core/objectives/sft.h"

namespace attune {

const std::vector<std::unique_ptr<Objective>>& builtinObjectives() {
    static const std::vector<std::unique_ptr<Objective>> objectives = [] {
        std::vector<std::unique_ptr<Objective>> all;
        all.push_back(std::make_unique<SftObjective>());
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
