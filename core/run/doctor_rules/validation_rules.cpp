// Validation against training: rows learnt by heart.
#include <algorithm>
#include <cmath>

#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

constexpr std::size_t kRisingEvals = 2; // validations in a row above the best
constexpr double kRisingShare = 0.005;  // relative rise that counts, so that noise does not
constexpr double kMemorisedGap = 0.5;   // validation above training by this share of validation, with training near zero

std::optional<Finding> validationRising(const RunHistory& history) {
    const auto& evals = history.evals;
    const auto best = std::min_element(evals.begin(), evals.end(),
                                       [](const EvalFinished& a, const EvalFinished& b) { return a.loss < b.loss; });
    const auto after = static_cast<std::size_t>(evals.end() - best) - 1;
    const double margin = kRisingShare * std::abs(best->loss);
    const bool allAbove = std::all_of(best + 1, evals.end(), [&](const EvalFinished& e) { return e.loss > best->loss + margin; });
    if (after < kRisingEvals || !allAbove)
        return std::nullopt;
    // The checkpoint to go back to is the one at the best step, or the last one before it.
    const std::int64_t checkpoint = history.checkpointAt(best->step);
    const EvalFinished& now = evals.back();
    const bool reward = now.metrics.contains("reward"); // whose negative is the loss
    const double sign = reward ? -1 : 1;
    return Finding{"eval.rising",
                   now.loss > best->loss + 0.1 * std::abs(best->loss) ? Finding::Severity::Serious : Finding::Severity::Warning,
                   now.step,
                   std::string(reward ? "The validation reward has been falling" : "Validation loss has been rising") + " since step " +
                       std::to_string((best + 1)->step) + " (" + shortNumber(sign * best->loss) + " to " + shortNumber(sign * now.loss) + ")" +
                       (checkpoint >= 0 ? "; the best checkpoint is step " + std::to_string(checkpoint) + "." : "."),
                   checkpoint >= 0 ? "Stop and keep the checkpoint of step " + std::to_string(checkpoint) + "."
                                   : "Stop, and train again with fewer epochs.",
                   checkpoint >= 0 ? "" : "training.early_stopping_patience=2", checkpoint};
}

std::optional<Finding> rowsMemorised(const RunHistory& history) {
    constexpr std::size_t window = RunHistory::kWindow;
    if (history.steps.size() < window)
        return std::nullopt;
    const double training = history.averageLoss(history.steps.size() - window, window);
    const EvalFinished& eval = history.evals.back();
    if (!(training < 0.1 && eval.loss > 0.3 && eval.loss - training > kMemorisedGap * eval.loss))
        return std::nullopt;
    return Finding{"loss.memorised", Finding::Severity::Warning, eval.step,
                   "The training loss is almost zero (" + shortNumber(training) + ") while validation stays at " +
                       shortNumber(eval.loss) + ": the rows are being learnt by heart.",
                   "Fewer epochs or more varied rows.", "training.epochs=1"};
}

} // namespace

std::vector<DoctorRule> validationRules() {
    return {{DoctorRule::After::Validation, validationRising}, {DoctorRule::After::Validation, rowsMemorised}};
}

} // namespace attune
