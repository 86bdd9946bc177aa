#include "core/objectives/objective_params.h"

#include "core/plan/catalog.h"
#include "core/plan/param_check.h"

namespace attune {

ParamSpec numberParam(std::string key, std::string label, double value, double min, double max, std::string help,
                      std::string ifTooHigh, std::string ifTooLow) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.help = std::move(help);
    spec.defaultValue = value, spec.min = min, spec.max = max;
    spec.ifTooHigh = std::move(ifTooHigh), spec.ifTooLow = std::move(ifTooLow);
    return spec;
}

ParamSpec countParam(std::string key, std::string label, std::string unit, std::int64_t value, double min, double max, std::string help,
                     std::string ifTooHigh, std::string ifTooLow) {
    ParamSpec spec = numberParam(std::move(key), std::move(label), 0, min, max, std::move(help), std::move(ifTooHigh), std::move(ifTooLow));
    spec.unit = std::move(unit), spec.defaultValue = value;
    return spec;
}

ParamSpec choiceParam(std::string key, std::string label, std::string value, std::vector<std::string> choices, std::string help) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.help = std::move(help);
    spec.defaultValue = std::move(value), spec.choices = std::move(choices);
    return spec;
}

ParamSpec listParam(std::string key, std::string label, std::string help) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.help = std::move(help);
    spec.defaultValue = std::vector<std::string>{};
    return spec;
}

ParamSpec switchParam(std::string key, std::string label, bool value, std::string help, std::string ifOn, std::string ifOff) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.help = std::move(help);
    spec.defaultValue = value, spec.ifTooHigh = std::move(ifOn), spec.ifTooLow = std::move(ifOff);
    return spec;
}

ParamSpec advancedParam(ParamSpec spec) {
    spec.advanced = true;
    return spec;
}

ParamSpec onlyWhenParam(std::string condition, ParamSpec spec) {
    spec.onlyWhen = std::move(condition);
    return spec;
}

Status checkParams(const ParamMap& params, const std::vector<ParamSpec>& specs, const std::string& objective) {
    for (const auto& [key, value] : params) {
        const ParamSpec* spec = findParam(specs, key);
        if (!spec)
            return fail(ErrorCode::InvalidArgument, "The objective " + objective + " has no setting \"" + key + "\"",
                        "Leave it out.");
        ATTUNE_CHECK(checkParam(*spec, value, "objective." + key));
    }
    return {};
}

ParamSpec betaParam(double value, double max) {
    return numberParam("beta", "Beta", value, 0.001, max, "How closely the model must stay to where it began, the reference.",
                       "Little is learned: the model hardly leaves its start.",
                       "The model drifts far from its start and may write broken text.");
}

ParamSpec learnChosenParam(std::string key, double value, std::string help) {
    return numberParam(std::move(key), "Weight of plain learning", value, 0, 100, std::move(help),
                       "The comparison of the two answers hardly counts any more.",
                       "The better answers themselves may become less likely while the gap between the two still grows.");
}

} // namespace attune
