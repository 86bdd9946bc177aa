// Building and checking the ParamSpecs of objectives.
#pragma once

#include <string>
#include <vector>

#include "core/base/param_spec.h"
#include "core/base/result.h"

namespace attune {

ParamSpec numberParam(std::string key, std::string label, double value, double min, double max, std::string help,
                      std::string ifTooHigh, std::string ifTooLow);
/// A whole number with a unit.
ParamSpec countParam(std::string key, std::string label, std::string unit, std::int64_t value, double min, double max, std::string help,
                     std::string ifTooHigh, std::string ifTooLow);
ParamSpec choiceParam(std::string key, std::string label, std::string value, std::vector<std::string> choices, std::string help);
/// A list of texts, empty by default.
ParamSpec listParam(std::string key, std::string label, std::string help);
ParamSpec switchParam(std::string key, std::string label, bool value, std::string help, std::string ifOn, std::string ifOff);
ParamSpec advancedParam(ParamSpec spec);
/// See ParamSpec::onlyWhen.
ParamSpec onlyWhenParam(std::string condition, ParamSpec spec);

/// Every value against its spec, and no key without one. Errors: InvalidArgument.
Status checkParams(const ParamMap& params, const std::vector<ParamSpec>& specs, const std::string& objective);

/// Several objectives have it: how far the model may move from the reference.
ParamSpec betaParam(double value, double max);
/// The share of plain learning from the better answers that is added to the loss.
ParamSpec learnChosenParam(std::string key, double value, std::string help);

} // namespace attune
