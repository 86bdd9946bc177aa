// One rule of the doctor: a function of what a run has said so far. Without state, so that a doctor is a value. One file per
// family and one line per family in builtin_rules.cpp; each rule has a test with a run that it must speak about and one that
// it must not.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/run/doctor.h"
#include "core/run/doctor_rules/run_history.h"

namespace attune {

struct DoctorRule {
    enum class After { Step, Validation, GeneralProbe, Answers, Warning } after; // which events it is asked after
    std::function<std::optional<Finding>(const RunHistory&)> judge;
};

std::vector<DoctorRule> lossRules();
std::vector<DoctorRule> gradientRules();
std::vector<DoctorRule> validationRules();
std::vector<DoctorRule> forgettingRules();
std::vector<DoctorRule> preferenceRules();
std::vector<DoctorRule> divergenceRules();
std::vector<DoctorRule> rewardRules();
std::vector<DoctorRule> lengthRules();
std::vector<DoctorRule> collapseRules();
std::vector<DoctorRule> formatRules();

const std::vector<DoctorRule>& builtinDoctorRules();

// Fixes that several rules offer; "" where the recipe's value is not known.
/// The learning rate times `factor`.
std::string rateTimes(const RunHistory& history, double factor);
/// The knob of the objective that holds the model to its start, times `factor`: beta, or what it is called there.
std::string holdTighter(const RunHistory& history, double factor);

/// Watched answers of one checkpoint.
struct WatchedAnswers {
    std::int64_t step = -1;
    std::vector<std::string> answers, expected; // expected: "" where none is known
};
/// Of every step with answers to the same prompts as the newest, in order; the newest last.
std::vector<WatchedAnswers> watchedAnswers(const RunHistory& history);

} // namespace attune
