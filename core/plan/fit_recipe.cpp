#include "core/plan/fit_recipe.h"

#include <algorithm>
#include <functional>

#include "core/plan/data_fit.h"
#include "core/plan/param_check.h"
#include "core/plan/presets.h"

namespace attune {

namespace {

constexpr double kFitShare = 0.85;         // of the free memory: the desktop needs the rest
constexpr std::int64_t kLeastPiece = 128;     // tokens at once
constexpr std::int64_t kLengthStep = 64;      // lengths that are tried
constexpr double kWorthwhile = 0.98;          // a change must save at least 2 %

class Fitting {
public:
    Fitting(const ModelConfig& model, const Catalog& catalog, const DataShape& data, const Computer& computer, double measuredShare)
        : m_model(model), m_catalog(catalog), m_data(data), m_computer(computer), m_scale(std::max(1.0, measuredShare)),
          m_limit(static_cast<std::int64_t>(kFitShare * static_cast<double>(computer.freeMemoryBytes))) {}

    std::int64_t limit() const { return m_limit; }
    MemoryEstimate memory(const RunConfig& config) const { return estimateMemory(m_model, config, m_catalog, m_data, m_computer); }
    double bytes(const RunConfig& config) const { return m_scale * static_cast<double>(memory(config).total()); }
    bool fits(const RunConfig& config) const { return bytes(config) <= static_cast<double>(m_limit); }

    using Step = std::function<void(RunConfig&)>;
    /// Keeps the step when it saves memory.
    void attempt(RunConfig& config, std::vector<Step>& steps, const Step& step) const {
        if (fits(config))
            return;
        RunConfig changed = config;
        step(changed);
        if (changed == config || bytes(changed) > kWorthwhile * bytes(config))
            return;
        config = std::move(changed);
        steps.push_back(step);
    }
    bool hasMethod(const std::string& id) const {
        return std::any_of(m_catalog.methods.begin(), m_catalog.methods.end(), [&](const MethodEntry& m) { return m.description.id == id; });
    }
    bool hasOptimizer(const std::string& id) const {
        return std::any_of(m_catalog.optimizers.begin(), m_catalog.optimizers.end(), [&](const OptimizerEntry& o) { return o.description.id == id; });
    }
    std::int64_t longest(const RunConfig& config) const {
        const std::int64_t wanted = paramInt(config.training, trainingParams().params, "max_length");
        std::int64_t length = m_data.longestTokens;
        for (const std::int64_t limit : {wanted, m_model.contextLength})
            if (limit > 0)
                length = std::min(length, limit);
        return length;
    }
    /// The longest length that fits, in steps; not below the average row, or most rows would be cut.
    void shorten(RunConfig& config) const {
        const auto average = static_cast<std::int64_t>(m_data.averageTokens);
        std::int64_t low = std::max<std::int64_t>(kLengthStep, (average + kLengthStep - 1) / kLengthStep * kLengthStep);
        for (std::int64_t length = (longest(config) - 1) / kLengthStep * kLengthStep; length >= low; length -= kLengthStep) {
            RunConfig shorter = config;
            shorter.training["max_length"] = length;
            if (fits(shorter) || length == low) {
                config = std::move(shorter);
                return;
            }
        }
    }

private:
    const ModelConfig& m_model;
    const Catalog& m_catalog;
    const DataShape& m_data;
    const Computer& m_computer;
    double m_scale;
    std::int64_t m_limit;
};

// Another method keeps the learning rate only where the user chose it.
void takeMethod(RunConfig& config, const std::string& id) {
    const ParamMap before = recommendedTraining(config.method.id, config.objective.id);
    config.method = {id, {}};
    for (const auto& [key, usual] : recommendedTraining(id, config.objective.id))
        if (const auto set = config.training.find(key); set != config.training.end() && before.contains(key) && set->second == before.at(key))
            set->second = usual;
}

std::string textOf(const RunConfig& config, const std::string& key) {
    return paramText(paramOr(config.training, trainingParams().params, key));
}

std::vector<FitChange> changesBetween(const RunConfig& before, const RunConfig& after) {
    std::vector<FitChange> changes;
    const auto add = [&](std::string field, std::string from, std::string to, const char* why) {
        if (from != to)
            changes.push_back({std::move(field), std::move(from), std::move(to), why});
    };
    add("method", before.method.id, after.method.id,
        after.method.id == "qlora" ? "The model is held in 4 bits; slower, and a little less exact." : "A small adapter is trained beside the frozen model.");
    add("training.activations", textOf(before, "activations"), textOf(after, "activations"),
        "Computed twice instead of kept: about a quarter slower, the same result.");
    add("training.micro_batch_tokens", textOf(before, "micro_batch_tokens"), textOf(after, "micro_batch_tokens"),
        "Fewer tokens at once: a little slower, the same rows a step.");
    add("optimizer", before.optimizer.id, after.optimizer.id, "The optimizer's memory is kept in 8 bits; the result is nearly the same.");
    add("training.max_length", textOf(before, "max_length"), textOf(after, "max_length"), "Longer rows are cut: the ends of their answers are not learned.");
    add("training.learning_rate", textOf(before, "learning_rate"), textOf(after, "learning_rate"), "Usual for the other method.");
    return changes;
}

} // namespace

FittedRecipe fitRecipe(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, const DataShape& data,
                       const Computer& computer, double measuredShare) {
    const Fitting fitting(model, catalog, data, computer, measuredShare);
    FittedRecipe fitted{config, {}, fitting.memory(config), {}, fitting.limit(), false};
    RunConfig& now = fitted.config;
    std::vector<Fitting::Step> steps;
    const auto attempt = [&](const Fitting::Step& step) { fitting.attempt(now, steps, step); };
    attempt([](RunConfig& c) { c.training["activations"] = std::string("recompute"); });
    for (std::int64_t piece = effectiveMicroBatchTokens(model, config) / 2; piece >= kLeastPiece; piece /= 2)
        attempt([piece](RunConfig& c) { c.training["micro_batch_tokens"] = piece; });
    if (fitting.hasOptimizer("adamw_8bit") && config.optimizer.id == "adamw")
        attempt([](RunConfig& c) { c.optimizer.id = "adamw_8bit", c.optimizer.params.erase("eps"); });
    for (const char* method : {"lora", "qlora"})
        if (fitting.hasMethod(method) && (now.method.id == "full" || now.method.id == "lora"))
            attempt([method](RunConfig& c) { takeMethod(c, method); });
    // Prompts of rewards need room for the answers behind them.
    if (const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id); !objective || !objective->ownAnswers)
        attempt([&](RunConfig& c) { fitting.shorten(c); });
    fitted.fits = fitting.fits(now);
    // The last step may have made earlier ones needless: each is left out where the rest fits without it.
    for (std::size_t i = 0; fitted.fits && i < steps.size();) {
        RunConfig without = config;
        for (std::size_t other = 0; other < steps.size(); ++other)
            if (other != i)
                steps[other](without);
        if (fitting.fits(without)) {
            now = std::move(without);
            steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
            ++i;
        }
    }
    fitted.changes = changesBetween(config, now);
    fitted.after = fitting.memory(now);
    return fitted;
}

} // namespace attune
