#include "core/run/doctor.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/run/doctor_rewards.h"

namespace attune {

namespace {

// What counts as what. Steps are optimizer steps.
constexpr std::size_t kWindow = 20;        // steps averaged before something is said about the loss
constexpr std::int64_t kFlatAfter = 100;   // steps without any gain
constexpr double kFlatGain = 0.01;         // relative
constexpr double kDivergeFactor = 1.5;     // average loss against the best average so far
constexpr std::size_t kRisingEvals = 2;    // validations in a row above the best
constexpr double kRisingShare = 0.005;     // relative rise that counts, so that noise does not
constexpr std::int64_t kClippedSteps = 50; // nearly all of so many steps clipped hard
constexpr double kClippedShare = 0.9, kClippedHard = 4;
constexpr double kMemorisedGap = 0.5; // validation above training by this share of validation, with training near zero

std::string shortNumber(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 3);
    return {text.data(), end.ptr};
}

double averageLoss(const std::vector<StepFinished>& steps, std::size_t begin, std::size_t count) {
    double sum = 0;
    for (std::size_t i = begin; i < begin + count; ++i)
        sum += steps[i].loss;
    return sum / static_cast<double>(count);
}

} // namespace

void Doctor::note(Finding finding, std::vector<Finding>& fresh) {
    const auto known =
        std::find_if(m_findings.begin(), m_findings.end(), [&](const Finding& f) { return f.id == finding.id; });
    if (known == m_findings.end()) {
        m_findings.push_back(finding);
        fresh.push_back(std::move(finding));
        return;
    }
    const bool worse = finding.severity > known->severity;
    *known = finding;
    if (worse)
        fresh.push_back(std::move(finding));
}

std::vector<Finding> Doctor::add(const TrainingEvent& event) {
    std::vector<Finding> fresh;
    if (const auto* step = std::get_if<StepFinished>(&event)) {
        onStep(*step, fresh);
    } else if (const auto* eval = std::get_if<EvalFinished>(&event)) {
        if (eval->name == "validation")
            onEval(*eval, fresh);
    } else if (const auto* checkpoint = std::get_if<CheckpointSaved>(&event)) {
        m_checkpoints.push_back(checkpoint->step);
    } else if (const auto* warning = std::get_if<WarningRaised>(&event);
               warning && warning->id.starts_with("numerical.")) {
        ++m_skipped;
        note({"numerical.skipped", m_skipped >= 3 ? Finding::Severity::Serious : Finding::Severity::Warning,
              warning->step,
              std::to_string(m_skipped) + (m_skipped == 1 ? " step was" : " steps were") +
                  " refused because the numbers overflowed, the last one at step " + std::to_string(warning->step) +
                  ".",
              "Lower the learning rate; if it goes on, compute in f32.",
              m_learningRate > 0 ? "training.learning_rate=" + shortNumber(m_learningRate / 3) : ""},
             fresh);
    }
    return fresh;
}

void Doctor::onStep(const StepFinished& step, std::vector<Finding>& fresh) {
    // After a resume steps come again; what was judged from the first time would count twice.
    while (!m_steps.empty() && m_steps.back().step >= step.step)
        m_steps.pop_back();
    m_steps.push_back(step);
    if (!std::isfinite(step.loss)) {
        note({"loss.diverging", Finding::Severity::Serious, step.step,
              "The loss is not a number any more at step " + std::to_string(step.step) + ".",
              "Stop and start again with a smaller learning rate.",
              m_learningRate > 0 ? "training.learning_rate=" + shortNumber(m_learningRate / 10) : ""},
             fresh);
        return;
    }
    if (step.metrics.contains("reward")) { // the loss of own answers stays near zero however they change
        for (Finding& finding : rewardFindings(m_steps, m_learningRate))
            note(std::move(finding), fresh);
        return;
    }
    const std::size_t count = m_steps.size();
    if (count < 2 * kWindow)
        return;
    const double now = averageLoss(m_steps, count - kWindow, kWindow);
    double best = now;
    for (std::size_t begin = 0; begin + kWindow < count; begin += kWindow / 2)
        best = std::min(best, averageLoss(m_steps, begin, kWindow));
    const double first = averageLoss(m_steps, 0, kWindow);
    if (now > kDivergeFactor * best && now > best + 0.1) {
        const bool early = now > first;
        note({early ? "learning_rate.high" : "loss.diverging",
              early ? Finding::Severity::Serious : Finding::Severity::Warning, step.step,
              "The training loss rose from " + shortNumber(best) + " to " + shortNumber(now) +
                  (early ? ", above where it began: the learning rate is too high." : "."),
              "Start again with a third of the learning rate, or a longer warm-up.",
              m_learningRate > 0 ? "training.learning_rate=" + shortNumber(m_learningRate / 3) : ""},
             fresh);
    } else if (step.step >= kFlatAfter && count >= static_cast<std::size_t>(kFlatAfter) &&
               first - now < kFlatGain * first && std::abs(now - first) < 0.05 * first) {
        note({"loss.flat", Finding::Severity::Warning, step.step,
              "The training loss has hardly moved in " + std::to_string(step.step) + " steps (" + shortNumber(first) +
                  " to " + shortNumber(now) + ").",
              "Raise the learning rate, or check in the loss view that the right text is trained.",
              m_learningRate > 0 ? "training.learning_rate=" + shortNumber(m_learningRate * 3) : ""},
             fresh);
    }
    if (m_clip > 0 && count >= static_cast<std::size_t>(kClippedSteps)) {
        const auto hard = std::count_if(m_steps.end() - kClippedSteps, m_steps.end(),
                                        [&](const StepFinished& s) { return s.gradientNorm > kClippedHard * m_clip; });
        if (static_cast<double>(hard) > kClippedShare * static_cast<double>(kClippedSteps))
            note({"gradient.clipped", Finding::Severity::Note, step.step,
                  "Nearly every step is shortened by gradient clipping, to less than a quarter of its length.",
                  "A smaller learning rate with a higher clipping limit often learns better.", ""},
                 fresh);
    }
}

void Doctor::onEval(const EvalFinished& eval, std::vector<Finding>& fresh) {
    if (eval.metrics.contains("reward"))
        return; // its loss is the negative reward; the rules below compare losses as shares
    while (!m_evals.empty() && m_evals.back().step >= eval.step)
        m_evals.pop_back();
    m_evals.push_back(eval);
    const auto best = std::min_element(m_evals.begin(), m_evals.end(),
                                       [](const EvalFinished& a, const EvalFinished& b) { return a.loss < b.loss; });
    const auto after = static_cast<std::size_t>(m_evals.end() - best) - 1;
    const bool allAbove = std::all_of(best + 1, m_evals.end(),
                                      [&](const EvalFinished& e) { return e.loss > best->loss * (1 + kRisingShare); });
    if (after >= kRisingEvals && allAbove) {
        // The checkpoint to go back to is the one at the best step, or the last one before it.
        std::int64_t checkpoint = -1;
        for (const std::int64_t step : m_checkpoints)
            if (step <= best->step)
                checkpoint = std::max(checkpoint, step);
        const std::int64_t since = (best + 1)->step;
        const bool serious = eval.loss > best->loss * 1.1;
        note({"eval.rising", serious ? Finding::Severity::Serious : Finding::Severity::Warning, eval.step,
              "Validation loss has been rising since step " + std::to_string(since) + " (" + shortNumber(best->loss) +
                  " to " + shortNumber(eval.loss) + ")" +
                  (checkpoint >= 0 ? "; the best checkpoint is step " + std::to_string(checkpoint) + "." : "."),
              checkpoint >= 0 ? "Stop and keep the checkpoint of step " + std::to_string(checkpoint) + "."
                              : "Stop, and train again with fewer epochs.",
              "", checkpoint},
             fresh);
    }
    if (m_steps.size() >= kWindow) {
        const double training = averageLoss(m_steps, m_steps.size() - kWindow, kWindow);
        if (training < 0.1 && eval.loss > 0.3 && eval.loss - training > kMemorisedGap * eval.loss)
            note({"loss.memorised", Finding::Severity::Warning, eval.step,
                  "The training loss is almost zero (" + shortNumber(training) + ") while validation stays at " +
                      shortNumber(eval.loss) + ": the rows are being learnt by heart.",
                  "Fewer epochs or more varied rows.", "training.epochs=1"},
                 fresh);
    }
}

} // namespace attune
