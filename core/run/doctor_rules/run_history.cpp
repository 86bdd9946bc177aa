#include "core/run/doctor_rules/run_history.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/plan/data_fit.h"
#include "core/plan/presets.h"

namespace attune {

DoctorFacts DoctorFacts::of(const RunConfig& config, const Catalog& catalog) {
    DoctorFacts facts;
    facts.learningRate = effectiveLearningRate(config);
    facts.maxGradientNorm = paramDouble(config.training, trainingParams().params, "max_grad_norm");
    facts.forgettingLimit = acceptanceLimits(config).generalRise;
    facts.objective = config.objective.id;
    facts.objectiveParams = config.objective.params;
    if (const ObjectiveEntry* entry = findObjectiveEntry(catalog, config.objective.id))
        for (const ParamSpec& spec : entry->description.params)
            facts.objectiveParams.emplace(spec.key, spec.defaultValue);
    return facts;
}

double DoctorFacts::number(const std::string& key, double otherwise) const {
    const auto found = objectiveParams.find(key);
    if (found == objectiveParams.end())
        return otherwise;
    if (const auto* value = std::get_if<double>(&found->second))
        return *value;
    const auto* whole = std::get_if<std::int64_t>(&found->second);
    return whole ? static_cast<double>(*whole) : otherwise;
}

void RunHistory::add(const TrainingEvent& event) {
    if (const auto* step = std::get_if<StepFinished>(&event)) {
        // After a resume steps come again; what was judged from the first time would count twice.
        while (!steps.empty() && steps.back().step >= step->step)
            steps.pop_back();
        while (!m_windowMeans.empty() && (m_windowMeans.size() - 1) * (kWindow / 2) + kWindow > steps.size())
            m_windowMeans.pop_back();
        steps.push_back(*step);
        if (steps.size() >= kWindow && (steps.size() - kWindow) % (kWindow / 2) == 0)
            m_windowMeans.push_back(averageLoss(steps.size() - kWindow, kWindow));
    } else if (const auto* eval = std::get_if<EvalFinished>(&event)) {
        if (eval->name != "validation" && eval->name != "general")
            return;
        std::vector<EvalFinished>& set = eval->name == "general" ? general : evals;
        while (!set.empty() && set.back().step >= eval->step)
            set.pop_back();
        set.push_back(*eval);
    } else if (const auto* checkpoint = std::get_if<CheckpointSaved>(&event)) {
        checkpoints.push_back(checkpoint->step);
    } else if (const auto* sample = std::get_if<SampleGenerated>(&event)) {
        answers[sample->step][sample->index] = *sample;
    } else if (const auto* warning = std::get_if<WarningRaised>(&event)) {
        if (warning->id.starts_with("numerical."))
            warnings.push_back(*warning);
    }
}

double RunHistory::averageLoss(std::size_t begin, std::size_t count) const {
    double sum = 0;
    for (std::size_t i = begin; i < begin + count; ++i)
        sum += steps[i].loss;
    return sum / static_cast<double>(count);
}

double RunHistory::bestLoss() const {
    double best = averageLoss(steps.size() - kWindow, kWindow);
    for (std::size_t i = 0; i < m_windowMeans.size() && i * (kWindow / 2) + kWindow < steps.size(); ++i)
        best = std::min(best, m_windowMeans[i]);
    return best;
}

namespace {
// A metric stands in every step or in none: where it is missing, a long run must not be searched to its other end at each step.
constexpr std::size_t kLookedAt = 20; // steps for each one wanted
} // namespace

std::optional<double> RunHistory::recent(const std::string& metric, std::size_t count) const {
    double sum = 0;
    std::size_t found = 0;
    std::size_t left = kLookedAt * count;
    for (auto step = steps.rbegin(); step != steps.rend() && found < count && left > 0; ++step, --left)
        if (const auto value = step->metrics.find(metric); value != step->metrics.end())
            sum += value->second, ++found;
    return found == count ? std::optional(sum / static_cast<double>(count)) : std::nullopt;
}

std::optional<double> RunHistory::first(const std::string& metric, std::size_t count) const {
    double sum = 0;
    std::size_t found = 0;
    std::size_t left = kLookedAt * count;
    for (auto step = steps.begin(); step != steps.end() && found < count && left > 0; ++step, --left)
        if (const auto value = step->metrics.find(metric); value != step->metrics.end())
            sum += value->second, ++found;
    return found == count ? std::optional(sum / static_cast<double>(count)) : std::nullopt;
}

std::string RunHistory::metricOf(std::initializer_list<const char*> names) const {
    if (!steps.empty())
        for (const char* name : names)
            if (steps.back().metrics.contains(name))
                return name;
    return {};
}

std::int64_t RunHistory::checkpointAt(std::int64_t step) const {
    std::int64_t found = -1;
    for (const std::int64_t each : checkpoints)
        if (each <= step)
            found = std::max(found, each);
    return found;
}

std::string shortNumber(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 3);
    return {text.data(), end.ptr};
}

} // namespace attune
