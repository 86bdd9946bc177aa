// What a run has said so far, as the doctor's rules look at it. Values after a resume replace those they repeat.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/param_spec.h"
#include "core/plan/acceptance.h"
#include "core/run/training_event.h"

namespace attune {

struct RunConfig;
struct Catalog;

/// Of the recipe, as far as rules need it.
struct DoctorFacts {
    double learningRate = 0;    // 0 = unknown: no change of it is offered
    double maxGradientNorm = 1; // 0 = clipping is off
    std::string objective;      // id, "" = unknown
    ParamMap objectiveParams;   // with the defaults
    double forgettingLimit = AcceptanceLimits{}.generalRise;
    static DoctorFacts of(const RunConfig& config, const Catalog& catalog);
    double number(const std::string& key, double otherwise) const; // of the objective
    bool has(const std::string& key) const { return objectiveParams.contains(key); }
};

class RunHistory {
public:
    /// Steps averaged before something is said about a curve.
    static constexpr std::size_t kWindow = 20;

    DoctorFacts facts;
    std::vector<StepFinished> steps;
    std::vector<EvalFinished> evals;       // of the set "validation"
    std::vector<EvalFinished> general;     // of the general data
    std::vector<std::int64_t> checkpoints; // steps
    std::vector<WarningRaised> warnings;   // "numerical." ones
    std::map<std::int64_t, std::map<int, SampleGenerated>> answers; // by step, then by prompt

    void add(const TrainingEvent& event);

    double averageLoss(std::size_t begin, std::size_t count) const;
    /// The lowest average over a window of steps before the newest kWindow.
    double bestLoss() const;
    /// Mean of a step's metric over the newest, or the first, `count` steps that have it. Nothing with fewer.
    std::optional<double> recent(const std::string& metric, std::size_t count = kWindow) const;
    std::optional<double> first(const std::string& metric, std::size_t count = kWindow) const;
    /// The first of these metrics that the newest step has, "" = none.
    std::string metricOf(std::initializer_list<const char*> names) const;
    /// The newest checkpoint at or before `step`, -1 = none.
    std::int64_t checkpointAt(std::int64_t step) const;

private:
    std::vector<double> m_windowMeans; // of [i kWindow / 2, i kWindow / 2 + kWindow)
};

/// "0.0012", "1.4": three digits.
std::string shortNumber(double value);

} // namespace attune
